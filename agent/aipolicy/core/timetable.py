"""The moments at which a policy says something else although nobody changed it: a day, the end of a grace.

Whoever keeps verdicts asks whether such a moment has passed since, and judges anew.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import datetime

from aipolicy.core.policy import Policy

FirstSights = Mapping[str, Mapping[str, datetime]]
"""By tool and by the id of the entry with a grace: when that tool was first seen under that entry."""


class Timetable:
    """Of one policy and the first sights of one moment."""

    def __init__(self, policy: Policy, first_sights: FirstSights) -> None:
        self._moments = tuple(sorted({*_days(policy), *_grace_ends(policy, first_sights.values())}))

    def passed(self, now: datetime) -> tuple[datetime, ...]:
        """The moments that have passed: while they are the same, so is every verdict."""
        return self._moments[: bisect_right(self._moments, now)]

    def next(self, now: datetime) -> datetime | None:
        """The next one; None where there is none."""
        at = bisect_right(self._moments, now)
        return self._moments[at] if at < len(self._moments) else None


def _days(policy: Policy) -> Iterable[datetime]:
    for entry in policy.entries:
        if entry.begins is not None:
            yield entry.begins
        if entry.ends is not None:
            yield entry.ends
    for exemption in policy.exemptions:
        yield exemption.ends


def _grace_ends(policy: Policy, first_sights: Iterable[Mapping[str, datetime]]) -> Iterable[datetime]:
    graces = {entry.id: entry.grace for entry in policy.entries if entry.grace is not None}
    if not graces:
        return
    for by_entry in first_sights:
        for entry, at in by_entry.items():
            if entry in graces:
                yield at + graces[entry]
