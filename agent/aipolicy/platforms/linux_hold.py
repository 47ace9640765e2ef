"""A grip on one Linux process by pidfd: a signal through it never meets another one with that pid."""

import contextlib
import errno
import os
from collections.abc import Callable

from aipolicy.core.model import Unseen
from aipolicy.platforms.linux_calls import CONT, KILL, TERM, is_ready, pidfd_open, pidfd_signal
from aipolicy.platforms.machine import Image


class PidfdHold:
    """Implements machine.Hold with pidfd_open(2)."""

    def __init__(self, pid: int, fd: int, image_of: Callable[[int], Image | None]) -> None:
        self.pid = pid
        self._fd = fd
        self._image_of = image_of

    def image(self) -> Image | None:
        # Read between two looks at the pidfd: /proc is asked by number, and the number may have a new owner.
        found = None if self.ended() else self._image_of(self.pid)
        return None if self.ended() else found

    def terminate(self) -> None:
        pidfd_signal(self._fd, TERM)
        # A stopped process keeps TERM pending until it goes on. To a running one CONT means nothing.
        with contextlib.suppress(ProcessLookupError):
            pidfd_signal(self._fd, CONT)

    def kill(self) -> None:
        pidfd_signal(self._fd, KILL)

    def ended(self) -> bool:
        """A zombie has ended: the pidfd is readable once all threads are gone, whoever has yet to reap it."""
        return is_ready(self._fd)

    def fileno(self) -> int | None:
        return self._fd

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def hold(pid: int, image_of: Callable[[int], Image | None]) -> PidfdHold | Unseen | None:
    try:
        fd = pidfd_open(pid)
    except ProcessLookupError:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:  # a thread's id, or no pid at all
            return None
        return Unseen(place=f"process {pid}", reason=os.strerror(error.errno or 0).lower())
    return PidfdHold(pid, fd, image_of)
