"""Configurations of tests that have many cases, with what must come of each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Update:
    """A configuration, and the one that it is changed to."""

    before: str
    after: str


@dataclass(frozen=True)
class Refusal:
    """A configuration that is refused, and words that the error must have."""

    hcl: str
    words: list[str]
