"""Who opens a file that is refused: heard in a thread of its own, since one of them may be the gate itself.

The kernel opens an event's file for the gate. On an overlay that opens the file in its layer as well, and
where that one is refused, too, the gate would wait for its own answer.
"""

import contextlib
import math
import os
import threading
import time
from collections import OrderedDict, deque
from typing import Final

from aipolicy.enforce.guard.book import File
from aipolicy.platforms.linux_calls import ready_of, wake_pipe
from aipolicy.platforms.linux_permission import Event, PermissionGroup, parse_events

_MOST_WATCHED: Final = 20_000
_STACK: Final = 1 << 18
"""Bytes: all of the gate's memory is locked."""
_LOOK_S: Final = 3600.0


class Openings:
    """Answers the gate's own openings, and hands on all others. group: the one of openings."""

    def __init__(self, group: PermissionGroup) -> None:
        self._group = group
        self._arrived: deque[Event] = deque()
        self._read, self._wake = wake_pipe()
        self._since: float | None = None
        self._watched: OrderedDict[tuple[int, int, int], int] = OrderedDict()

    def start(self) -> None:
        threading.stack_size(_STACK)
        threading.Thread(target=self._run, name="openings", daemon=True).start()

    def fileno(self) -> int:
        """Readable while there is something to `take`."""
        return self._read

    def take(self) -> list[Event]:
        os.read(self._read, 4096)
        return [self._arrived.popleft() for _ in range(len(self._arrived))]

    def stuck_for(self, now: float) -> float:
        """Seconds since the kernel began to open a file for us."""
        return 0.0 if (since := self._since) is None else now - since

    def watch(self, fd: int, file: File) -> None:
        """Be asked of openings of this file, unless another filesystem has the same: of an overlay and its
        layer one will do, and with both the kernel would ask while it opens the file of an event.
        """
        same = file.size, file.mtime_ns, file.ctime_ns
        if self._watched.setdefault(same, file.device) != file.device:
            return
        self._watched.move_to_end(same)
        while len(self._watched) > _MOST_WATCHED:
            self._watched.popitem(last=False)
        self._group.ask_for_opens(fd)

    def leave(self, fd: int, file: File) -> None:
        """Undo it."""
        self._watched.pop((file.size, file.mtime_ns, file.ctime_ns), None)
        self._group.leave_opens(fd)

    def _run(self) -> None:
        own = os.getpid()
        try:
            while True:
                ready_of([self._group.fileno()], _LOOK_S)
                self._since = time.monotonic()
                events = tuple(parse_events(self._group.read()))
                self._since = None
                for event in events:
                    self._hear(event, own)
        finally:  # whatever it was: the gate ends, and lets everybody go
            self._since = -math.inf

    def _hear(self, event: Event, own: int) -> None:
        if event.pid == own and event.fd >= 0:
            self._group.answer(event.fd, allow=True)
            os.close(event.fd)
            return
        self._arrived.append(event)
        with contextlib.suppress(BlockingIOError):  # it is full: enough was said
            os.write(self._wake, b"x")
