"""A pseudo terminal whose screen a test reads."""

import contextlib
import itertools
import os
import select
from types import TracebackType

from aipolicy.platforms.linux_calls import device_at
from aipolicy.platforms.machine import Terminal

_LONG_S = 90.0
"""How long to wait for what comes at once; only a failing test waits."""


class Pty:
    """path: the terminal's device file. terminal: as the agent knows it."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        self.path = os.ttyname(self.slave)
        self._marks = (f"<{number}>".encode() for number in itertools.count())
        self._behind_the_mark = b""

    @property
    def terminal(self) -> Terminal:
        device = device_at(self.path)
        assert device is not None
        return Terminal(path=self.path, device=device.number, uid=device.uid)

    def read(self) -> str:
        """All that was shown since the last time.

        The kernel hands it over in pieces, and a moment after it was written: a mark of ours ends it. What
        somebody else writes meanwhile, as sudo does for its own terminal, is for the next time.
        """
        mark, shown = next(self._marks), self._behind_the_mark
        os.write(self.slave, mark)
        while mark not in shown:
            assert select.select([self.master], [], [], _LONG_S)[0], shown
            shown += os.read(self.master, 1 << 16)
        shown, _, self._behind_the_mark = shown.partition(mark)
        return shown.decode(errors="replace")

    def __enter__(self) -> "Pty":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        os.close(self.slave)
        os.close(self.master)


def read_to_the_end(master: int) -> bytes:
    """All that is shown until nobody holds the other end any more. Who writes is never held up meanwhile."""
    shown = b""
    with contextlib.suppress(OSError):  # Linux: the other end is closed, and all is read
        while piece := os.read(master, 1 << 16):
            shown += piece
    return shown
