"""What goes on for some seconds after an event, on demand: a write is not answered yet, or not noticed everywhere.

IAM user guide, "Troubleshoot IAM: Changes that I make are not always immediately visible": what one part of IAM knows,
another learns later. `consistency` delays whole views of IAM; here is what only single calls show.
Owns: for how long each kind of event goes on, and which events still do. Must not know: which calls ask.
"""

import time


class Lag:
    """A kind of event that goes on for `seconds`; with 0 it is over at once."""

    def __init__(self, at_start: float = 0.0):
        self.at_start = self.seconds = at_start
        self._until: dict[tuple, float] = {}

    def set_seconds(self, seconds: float) -> None:
        """From now on; what has happened is over."""
        self.seconds = seconds
        self.forget()

    def begin(self, *event: str) -> None:
        self._until[event] = time.monotonic() + self.seconds

    def left(self, *event: str) -> float:
        """For how many seconds it still goes on; 0 if it is over."""
        return max(0.0, self._until.get(event, 0.0) - time.monotonic())

    def forget(self) -> None:
        self._until.clear()


#: A write to an object of IAM is not answered yet: (account, kind, name).
WRITES = Lag(0.005)
#: What was attached to a role, or the role in an instance profile, was removed: (id of the role or profile, what).
REMOVALS = Lag()
#: A role or an instance profile was created: (its unique id,).
NEW_ARNS = Lag()
#: An access entry was deleted: (account, region, cluster, principal).
DELETED_ENTRIES = Lag()
#: An access entry was created, and the API servers do not know it (EKS user guide, "Create access entries": "might take
#: several seconds to be effective"): (account, region, cluster, principal).
NEW_ENTRIES = Lag()
#: An update of a cluster began: (its id,).
NEW_UPDATES = Lag()

_ALL = (WRITES, REMOVALS, NEW_ARNS, DELETED_ENTRIES, NEW_ENTRIES, NEW_UPDATES)


def reset() -> None:
    """As after the start: nothing goes on."""
    for lag in _ALL:
        lag.set_seconds(lag.at_start)


def forget() -> None:
    """After a restore: what has happened belongs to a state that is gone."""
    for lag in _ALL:
        lag.forget()
