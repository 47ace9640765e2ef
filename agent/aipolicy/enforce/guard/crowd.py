"""Starts that the kernel has told of and nobody has answered yet, where they are many: people take turns.

No I/O.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final

from aipolicy.platforms.linux_permission import Event

_MOST_A_TURN: Final = 16
"""Then the gate looks whether there is news, as of another person's start."""


class Crowd:
    """By person, those who came first first."""

    def __init__(self) -> None:
        self._by_person: OrderedDict[int, deque[Event]] = OrderedDict()
        self._number = 0

    def add(self, uid: int, event: Event) -> None:
        self._by_person.setdefault(uid, deque()).append(event)
        self._number += 1

    def some(self) -> Iterator[Event]:
        """Those whose turn it is; they are no longer here."""
        for _ in range(min(_MOST_A_TURN, self._number)):
            uid, events = self._by_person.popitem(last=False)
            self._number -= 1
            yield events.popleft()
            if events:
                self._by_person[uid] = events

    def __len__(self) -> int:
        return self._number
