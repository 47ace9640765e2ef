"""The agent's own condition: what is wrong now, since when, and what to do about it."""

import threading
from collections.abc import Callable
from datetime import datetime

from aipolicy.core.model import Health
from aipolicy.core.status import Problem

_NOT_TOLD = frozenset({"server"})
"""An event that says the server cannot be reached reaches it when that is over: `status` says it instead."""


class Conditions:
    """What is wrong now, by part. A change is handed to `report` once; the threads share one instance."""

    def __init__(self, report: Callable[[Health], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._problems: dict[str, Problem] = {}

    def wrong(self, part: str, condition: str, detail: str, now: datetime, count: int = 0) -> None:
        """`part` is in a bad `condition`. Said again, it keeps its beginning and is not reported twice."""
        with self._lock:
            before = self._problems.get(part)
            same = before is not None and before.condition == condition
            since = before.since if same and before else now
            self._problems[part] = Problem(part=part, condition=condition, since=since, detail=detail)
        if not same and part not in _NOT_TOLD:
            self._report(Health(part=part, condition=condition, detail=detail, count=count))

    def well(self, part: str, condition: str, detail: str = "") -> None:
        """`part` is well again; reported only where it was not well before."""
        with self._lock:
            before = self._problems.pop(part, None)
        if before is not None and part not in _NOT_TOLD:
            self._report(Health(part=part, condition=condition, detail=detail))

    def problems(self) -> tuple[Problem, ...]:
        """What is wrong now, the oldest first."""
        with self._lock:
            return tuple(sorted(self._problems.values(), key=lambda p: p.since))
