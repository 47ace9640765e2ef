"""Whose turn it is: processes whose program takes long to read wait, one at a time and person by person.

So nobody can keep the agent from everybody else's tools by running large programs, nor the machine busy with
reading them: after each the person rests for some time.
"""

from collections import OrderedDict
from typing import Final

MOST_WAITING: Final = 200
"""Per person. Beyond it the oldest is forgotten until the next look at every process."""
REST: Final = 3.0
"""How many times as long as the reading took: one person costs a quarter of one processor at most."""


class Turns:
    """Process ids that wait, by person (uid). Each waits once."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: OrderedDict[int, OrderedDict[int, None]] = OrderedDict()
        self._rests: dict[int, float] = {}

    def ready(self, now: float) -> bool:
        """Whether somebody's turn has come. now: monotonic seconds."""
        return any(self._rests.get(uid, now) <= now for uid in self._waiting)

    def wait(self, uid: int, pid: int) -> None:
        """Let `pid` of person `uid` wait for its turn."""
        mine = self._waiting.setdefault(uid, OrderedDict())
        mine[pid] = None
        if len(mine) > self._most:
            mine.popitem(last=False)

    def next(self, now: float) -> tuple[int, int] | None:
        """Person and process: of the person whose last turn is longest ago, the one that waits longest."""
        self._rests = {uid: until for uid, until in self._rests.items() if until > now}
        uid = next((uid for uid in self._waiting if uid not in self._rests), None)
        if uid is None:
            return None
        mine = self._waiting.pop(uid)
        pid, _ = mine.popitem(last=False)
        if mine:
            self._waiting[uid] = mine  # behind everybody else
        return uid, pid

    def took(self, uid: int, seconds: float, now: float) -> None:
        """What a turn of this person cost."""
        self._rests[uid] = now + REST * seconds
