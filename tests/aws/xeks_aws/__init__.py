"""The AWS that xeks is tested against: two accounts, in one process. See ../README.md."""
