"""System calls that Python knows on Linux or POSIX only, typed, so that what uses them imports everywhere."""

import ctypes
import errno
import os
import select
import signal
import stat
import threading
import time
from typing import Any, Final, NamedTuple

_os: Any = os  # typeshed hides these names on other systems
_select: Any = select
_signal: Any = signal
_time: Any = time

NAME_TOO_LONG: Final = "/(a path of more than 4095 bytes)"
"""Where a program lies that the kernel names to nobody: d_path(9) ends at PATH_MAX."""


def link_target(link: str) -> str:
    """Where a link of /proc leads, or NAME_TOO_LONG. OSError: it leads nowhere, or may not be seen."""
    try:
        return os.readlink(link)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return NAME_TOO_LONG


def effective_uid() -> int:
    return int(_os.geteuid())


def system_names() -> tuple[str, str, str]:
    """Host name, kernel release and processor architecture, uname(2); not made printable yet."""
    names = _os.uname()
    return str(names.nodename), str(names.release), str(names.machine)


def seconds_since_boot() -> float:
    """Sleep included, whatever the clock is set to: CLOCK_BOOTTIME of clock_gettime(2)."""
    return float(_time.clock_gettime(_time.CLOCK_BOOTTIME))


def is_ready(fd: int) -> bool:
    """Whether a descriptor is readable now, poll(2)."""
    poll = _select.poll()
    poll.register(fd, _select.POLLIN)
    return bool(poll.poll(0))


class UrgentPoll:
    """poll(2) on one descriptor for POLLPRI, kept ready for a question that any thread asks often."""

    def __init__(self, fd: int) -> None:
        self._poll = _select.poll()
        self._poll.register(fd, _select.POLLPRI)
        self._lock = threading.Lock()

    def __call__(self) -> bool:
        with self._lock:  # Python refuses two polls of one object at a time
            return bool(self._poll.poll(0))


def ready_of(fds: list[int], timeout_s: float, urgent: int = -1) -> list[int]:
    """Those of several descriptors that poll(2) reports: readable, or of `urgent` a change (POLLPRI)."""
    poll = _select.poll()
    for fd in fds:
        poll.register(fd, _select.POLLIN)
    if urgent >= 0:
        poll.register(urgent, _select.POLLPRI)  # mountinfo is readable at any time
    return [int(fd) for fd, _event in poll.poll(max(timeout_s, 0.0) * 1000)]


def pidfd_open(pid: int) -> int:
    return int(_os.pidfd_open(pid, 0))


def pidfd_signal(fd: int, number: int) -> None:
    _signal.pidfd_send_signal(fd, number)


TERM = int(signal.SIGTERM)
KILL = 9
CONT = int(getattr(signal, "SIGCONT", 18))
_ENDING = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")
ENDING = tuple(getattr(signal, name) for name in _ENDING if hasattr(signal, name))
"""What asks a process to end in order; SIGBREAK is how our service of Windows does."""
STOPPING = tuple(getattr(signal, name) for name in ("SIGTSTP", "SIGTTIN", "SIGTTOU") if hasattr(signal, name))
"""What a terminal stops its programs with; SIGSTOP cannot be ignored."""


def ending() -> tuple[int, ...]:
    """ENDING without what we were told to ignore, as nohup(1) does with SIGHUP."""
    return tuple(n for n in ENDING if n in ENDING[:2] or signal.getsignal(n) is not signal.SIG_IGN)


def wake_pipe() -> tuple[int, int]:
    """A pipe of which neither end ever blocks."""
    read, write = _os.pipe2(open_flags("O_NONBLOCK", "O_CLOEXEC"))
    return int(read), int(write)


class Device(NamedTuple):
    """A character device file."""

    number: int
    numbers: tuple[int, int]
    uid: int


def device_at(path: str | int) -> Device | None:
    """What a path or descriptor is, when it is a character device; a link is not followed."""
    try:
        found: Any = os.fstat(path) if isinstance(path, int) else os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISCHR(found.st_mode):
        return None
    number = int(found.st_rdev)
    return Device(number=number, numbers=(int(_os.major(number)), int(_os.minor(number))), uid=found.st_uid)


def open_flags(*names: str) -> int:
    """O_ flags by name, e.g. "O_NOCTTY"; those another system lacks count as 0."""
    flags = 0
    for name in names:
        flags |= int(getattr(os, name, 0))
    return flags


def libc() -> Any:
    """The C library; each caller sets argtypes of what it calls."""
    return ctypes.CDLL(None, use_errno=True)
