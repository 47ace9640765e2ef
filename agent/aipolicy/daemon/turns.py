"""Whose turn it is: processes whose program takes long to read wait, one at a time and person by person.

So nobody can keep the agent from everybody else's tools by running large programs.
"""

from collections import OrderedDict
from typing import Final

MOST_WAITING: Final = 200
"""Per person. Beyond it the oldest is forgotten until the next look at every process."""


class Turns:
    """Process ids that wait, by person (uid). Each waits once."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: OrderedDict[int, OrderedDict[int, None]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def wait(self, uid: int, pid: int) -> None:
        """Let `pid` of person `uid` wait for its turn."""
        mine = self._waiting.setdefault(uid, OrderedDict())
        mine[pid] = None
        if len(mine) > self._most:
            mine.popitem(last=False)

    def next(self) -> int | None:
        """The next one: of the person whose last turn is longest ago, the one that waits longest."""
        if not self._waiting:
            return None
        uid, mine = self._waiting.popitem(last=False)
        pid, _ = mine.popitem(last=False)
        if mine:
            self._waiting[uid] = mine  # behind everybody else
        return pid
