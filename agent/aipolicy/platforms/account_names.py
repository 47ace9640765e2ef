"""What accounts are called, asked of the operating system without waiting long for a directory service.

The look-up may hang for minutes, while programs wait to start. A name that is not known in time is known to
the next who ask, once there is an answer.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from aipolicy.platforms.slow_answers import SlowAnswers

_AGAIN_S: Final = 60.0
"""After one look-up that took too long nobody waits for another one of the same account for so long."""
_NONE_FOR_S: Final = 5.0
"""How long an account has no name: those of a container mostly have none, and of these there may be many."""
_MOST_NAMELESS: Final = 10_000


class AccountNames:
    """ask: the name of an account's number, None where it has none. patience_s: how long who asks waits.
    Threads share it. now: monotonic seconds.
    """

    def __init__(
        self,
        ask: Callable[[int], str | None],
        patience_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience_s = patience_s
        self._now = now
        self._lock = threading.Lock()
        self._names: dict[int, str] = {}
        self._nameless: dict[int, float] = {}
        self._asked = SlowAnswers("name", ask, self._keep, self._lock)

    def of(self, uid: int) -> str | None:
        """None where the account has no name, or it was not told in time."""
        with self._lock:
            if (name := self._names.get(uid)) is not None or self._now() < self._nameless.get(uid, 0.0):
                return name
            told = self._asked.begin(uid)
        if told is None or told.wait(self._patience_s):
            return self._names.get(uid)
        with self._lock:
            if uid not in self._names:
                self._has_none(uid, _AGAIN_S)
            return self._names.get(uid)

    def _has_none(self, uid: int, for_s: float) -> None:
        if len(self._nameless) >= _MOST_NAMELESS:
            self._nameless.clear()
        self._nameless[uid] = self._now() + for_s

    def _keep(self, uid: int, name: str | None) -> None:
        if name is not None:
            self._names[uid] = name
        else:
            self._has_none(uid, _NONE_FOR_S)
