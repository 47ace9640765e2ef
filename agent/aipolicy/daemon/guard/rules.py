"""The rules that the guard's classifier judges by: the last good policy, the brakes, the first sights, the
machine's tags and the catalog, from root's state folder.

The daemon keeps them there; the classifier only reads, so that it judges the same after a restart of the
machine, without daemon or network.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aipolicy.central.policy_source import LastGood
from aipolicy.core.ceiling import lowered
from aipolicy.core.policy import Policy, PolicyErrors, parse
from aipolicy.core.timetable import Timetable
from aipolicy.core.tools import Catalog
from aipolicy.daemon.ceilings import in_force, sources
from aipolicy.daemon.directory import Directory
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.daemon.moments import turn_of_groups
from aipolicy.platforms.machine import Machine
from aipolicy.state import sights, tags

_DIRECTORY_WAIT_S: Final = 0.5
"""Programs wait meanwhile."""


class GuardRules:
    """policy: None while there is no good one, and then nothing is refused. now: UTC."""

    def __init__(
        self,
        state: Path,
        catalog: Catalog,
        machine: Machine,
        hostname: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._state = state
        self._last_good = LastGood(state)
        self._ceilings = sources(state)
        self._catalog = catalog
        self._now = now
        self._surroundings = Surroundings(
            device="",
            hostname=hostname,
            os=machine.os,
            groups=Directory(machine.groups_of, _DIRECTORY_WAIT_S).groups,
            first_seen=self._first_seen,
        )
        self._stamp: tuple[tuple[int, ...], ...] = ()
        self._written: Policy | None = None
        self._digest = ""
        self._sights: sights.ByTool = {}
        self._timetable: Timetable | None = None
        self.policy: Policy | None = None
        self.number = 0
        """Names these rules: another after each change, and after each moment that changes verdicts."""

    def refresh(self) -> bool:
        """Look whether there are others by now, or the same say something else; whether it is so."""
        self._read()
        policy = self._written and lowered(self._written, in_force(self._ceilings))
        passed = self._timetable.passed(self._now()) if self._timetable else ()
        turn = turn_of_groups(policy, self._now()) if policy else ()
        named = f"{self._digest} {self._catalog.version} {policy.modes if policy else ''} {passed} {turn} "
        named += str(sorted(self._surroundings.tags or ()))
        number = int(hashlib.sha256(named.encode()).hexdigest()[:12], 16)
        changed = number != self.number
        self.policy, self.number = policy, number
        return changed

    def judge(self) -> Judge | None:
        """The judge by these rules."""
        if self.policy is None:
            return None
        return Judge(catalog=self._catalog, policy=self.policy, surroundings=self._surroundings)

    def until(self) -> float | None:
        """When they may say something else, seconds since 1970; None where nothing in them does."""
        at = self._timetable.next(self._now()) if self._timetable is not None else None
        return None if at is None else at.timestamp()

    def _read(self) -> None:
        """The last good policy and the first sights, where they are others by now."""
        stamp = self._last_good.stamp(), sights.stamp(self._state), tags.stamp(self._state)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._take_policy()
        self._sights = sights.read(self._state)
        self._surroundings = replace(self._surroundings, tags=tags.read(self._state))
        self._timetable = Timetable(self._written, self._sights) if self._written else None

    def _take_policy(self) -> None:
        kept = self._last_good.load()
        if kept is None or kept.sha256 == self._digest:  # removed or damaged: the one before stays in force
            return
        try:
            self._written = parse(kept.content, kept.name, self._catalog.known)
        except PolicyErrors:  # of another version of ours: what was refused stays until there is a good one
            return
        self._digest = kept.sha256

    def _first_seen(self, tool: str) -> Mapping[str, datetime]:
        return self._sights.get(tool, {})
