"""The agent's own condition: what is wrong now, since when, and what to do about it."""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from aipolicy.core.model import Health
from aipolicy.core.status import Problem

_NOT_TOLD = frozenset({"server"})
"""An event that says the server cannot be reached reaches it when that is over: `status` says it instead."""


_BY_THE_SPOOL = frozenset(("spool", told) for told in ("overflow", "refused", "damaged", "set aside"))
"""What the spool tells of itself, beside what is told here of the disk under it."""

_BEGUN_ANEW = frozenset(("spool", told) for told in ("damaged", "set aside"))
"""What was told before that is not known here any more."""


class Conditions:
    """What is wrong now, by part. A change is handed to `report` once; the threads share one instance."""

    def __init__(self, report: Callable[[Health], None], told: Iterable[Health] = ()) -> None:
        """told: what was told before, oldest first, so that a restart tells nothing that did not change."""
        self._report = report
        self._lock = threading.Lock()
        self._problems: dict[str, Problem] = {}
        told = tuple(told)
        self._forgotten = any((h.part, h.condition) in _BEGUN_ANEW for h in told)
        self._told = {h.part: h.condition for h in told if (h.part, h.condition) not in _BY_THE_SPOOL}

    def wrong(self, part: str, condition: str, detail: str, now: datetime, count: int = 0) -> None:
        """`part` is in a bad `condition`. Said again, it keeps its beginning and is not reported twice."""
        with self._lock:
            before = self._problems.get(part)
            since = before.since if before is not None and before.condition == condition else now
            self._problems[part] = Problem(part=part, condition=condition, since=since, detail=detail)
            news = self._is_news(part, condition)
        if news:
            self._report(Health(part=part, condition=condition, detail=detail, count=count))

    def well(self, part: str, condition: str, detail: str = "") -> None:
        """`part` is well again; reported only where something else was told before, or may have been."""
        with self._lock:
            self._problems.pop(part, None)
            news = (part in self._told or self._forgotten) and self._is_news(part, condition)
        if news:
            self._report(Health(part=part, condition=condition, detail=detail))

    def problems(self) -> tuple[Problem, ...]:
        """What is wrong now, the oldest first."""
        with self._lock:
            return tuple(sorted(self._problems.values(), key=lambda p: p.since))

    def _is_news(self, part: str, condition: str) -> bool:
        if part in _NOT_TOLD or self._told.get(part) == condition:
            return False
        self._told[part] = condition
        return True
