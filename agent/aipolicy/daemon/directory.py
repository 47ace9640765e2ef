"""Which groups people are in, asked of the operating system without waiting long for a directory service.

The look-up may hang for minutes. It runs in a thread, and who asks gets an answer in time, if only that it is
not known: then nothing is blocked that depends on it.
"""

import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from aipolicy.platforms.slow_answers import SlowAnswers

GOOD_FOR_S: Final = 600.0
"""How long an answer counts. A person who joins a group is judged by it that much later."""
_AGAIN_S: Final = 60.0
"""How soon to ask again what could not be answered."""
_MOST_KEPT: Final = 10_000


class _Answer(NamedTuple):
    groups: frozenset[str] | None
    until: float


class Directory:
    """ask: the groups of a login name; may take long, raises OSError or LookupError. Threads share it.

    wait_s: how long one who asks waits at most. now: monotonic seconds.
    """

    def __init__(
        self,
        ask: Callable[[str], frozenset[str]],
        wait_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wait_s = wait_s
        self._now = now
        self._lock = threading.Lock()
        self._answers: dict[str, _Answer] = {}
        self._asked = SlowAnswers("groups", ask, self._keep, self._lock)
        self.unanswered: str = ""
        """The person whose groups could not be learnt last; empty while all can."""

    def groups(self, user: str) -> frozenset[str] | None:
        """The groups of a login name; None where they are not known, or not in time."""
        with self._lock:
            known = self._answers.get(user)
            if known is not None and self._now() < known.until:
                return known.groups
            answered = self._asked.begin(user)
        if answered is None or not answered.wait(self._wait_s):
            return self._too_late(user)
        with self._lock:
            known = self._answers.get(user)
            return known.groups if known is not None else None

    def _too_late(self, user: str) -> frozenset[str] | None:
        """Not known for a while, so that the next who ask do not wait, or until it answers after all."""
        with self._lock:
            known = self._answers.get(user)
            if known is not None and self._now() < known.until:  # just now
                return known.groups
            self._answers[user] = _Answer(None, self._now() + _AGAIN_S)
            self.unanswered = user
            return None

    def _keep(self, user: str, groups: frozenset[str] | None) -> None:
        while len(self._answers) >= _MOST_KEPT:
            del self._answers[next(iter(self._answers))]
        good_for_s = _AGAIN_S if groups is None else GOOD_FOR_S
        self._answers[user] = _Answer(groups, self._now() + good_for_s)
        if groups is None:
            self.unanswered = user
        elif self.unanswered == user:
            self.unanswered = ""
