"""Notices that a moment has passed from which on the policy in force says something else."""

from collections.abc import Callable
from datetime import datetime

from aipolicy.core.policy import Policy
from aipolicy.core.timetable import Timetable
from aipolicy.daemon.directory import GOOD_FOR_S
from aipolicy.state.sights import Sights


class Moments:
    """One thread asks. policy: the one in force."""

    def __init__(self, policy: Callable[[], Policy], sights: Sights) -> None:
        self._policy = policy
        self._sights = sights
        self._made_of: tuple[Policy, int] | None = None
        self._timetable = Timetable(policy(), {})
        self._passed: tuple[datetime | int, ...] | None = None

    def one_passed(self, now: datetime) -> bool:
        """Whether one has since the last call, or the clock was put back before one; no at the first."""
        policy, changes = self._policy(), self._sights.changes
        again = self._made_of is not None and self._made_of[0] is policy
        if self._made_of is None or not again or self._made_of[1] != changes:
            self._made_of = policy, changes
            self._timetable = Timetable(policy, self._sights.all())
        before, self._passed = self._passed, (*self._timetable.passed(now), *turn_of_groups(policy, now))
        return again and before != self._passed


def turn_of_groups(policy: Policy, now: datetime) -> tuple[int, ...]:
    """Another one each time that people's groups are to be asked for again, where the policy does."""
    return (int(now.timestamp() // GOOD_FOR_S),) if policy.asks_for_groups else ()
