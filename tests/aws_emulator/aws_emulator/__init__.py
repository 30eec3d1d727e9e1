"""An emulated AWS: three accounts in one process, for the tests. See ../README.md."""
