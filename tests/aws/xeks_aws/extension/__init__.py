"""The in-process extension that makes ministack answer as AWS does where xeks is concerned.

One file per service holds its rules; each cites the AWS rule it follows. `install` puts the extension in place.
"""

from . import dispatch


def install() -> None:
    """Load every service's handlers and put the extension between ministack's front door and its services."""

    dispatch.install()
