"""A process of ours goes into the root of another one and never comes out again."""

import contextlib
import ctypes
import os
from typing import Any, Final

from aipolicy.platforms.linux_calls import KILL, libc, open_flags
from aipolicy.platforms.linux_mounts import Mount, parse_mountinfo
from aipolicy.platforms.linux_roots import LARGEST_MOUNTINFO
from aipolicy.platforms.machine import Root

_CAP_DAC_READ_SEARCH: Final = 2  # linux/capability.h: read every file and folder, change none
_CAPABILITY_VERSION_3: Final = 0x20080522
_PR_SET_NO_NEW_PRIVS: Final = 38  # sys/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_NICE: Final = 10


def enter(root: Root, proc: str = "/proc") -> tuple[Mount, ...]:
    """From here on every path of this process starts in `root`, and of its rights only that to read is left.

    Whoever else wants the processor goes first. The mounts there are returned. ProcessLookupError: its
    processes have ended. Only for a process that does nothing else, has loaded all its modules and has no
    descriptor of a folder: the files there are anybody's.
    """
    fd, mounts = _opened(root, proc)
    posix: Any = os  # typeshed hides these on Windows
    posix.fchdir(fd)
    posix.chroot(".")
    posix.nice(_NICE)
    os.close(fd)
    _keep_the_right_to_read()
    return mounts


def end_with_parent() -> None:
    """This process is killed when the thread that started it ends."""
    calls: Any = libc()
    calls.prctl(_PR_SET_PDEATHSIG, KILL, 0, 0, 0)


def _opened(root: Root, proc: str) -> tuple[int, tuple[Mount, ...]]:
    for pid in root.pids:
        with contextlib.suppress(OSError):
            process = os.open(f"{proc}/{pid}", os.O_RDONLY | open_flags("O_DIRECTORY"))  # never a reused pid
            try:
                fd = os.open("root", open_flags("O_PATH", "O_DIRECTORY"), dir_fd=process)
                status = os.fstat(fd)
                with open(os.open("mountinfo", os.O_RDONLY, dir_fd=process), "rb") as file:
                    mounts = parse_mountinfo(file.read(LARGEST_MOUNTINFO))
                if (status.st_dev, status.st_ino) == (root.device, root.inode):
                    return fd, mounts
                os.close(fd)
            finally:
                os.close(process)
    raise ProcessLookupError(3, "No such process")


def _keep_the_right_to_read() -> None:
    """A link to /proc/PID/root of a process outside, in a container that sees it, opens nothing now."""

    class Header(ctypes.Structure):
        _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))

    class Data(ctypes.Structure):
        _fields_ = (
            ("effective", ctypes.c_uint32),
            ("permitted", ctypes.c_uint32),
            ("inheritable", ctypes.c_uint32),
        )

    calls: Any = libc()
    kept = 1 << _CAP_DAC_READ_SEARCH
    header = Header(_CAPABILITY_VERSION_3, 0)
    data = (Data * 2)(Data(kept, kept, 0), Data(0, 0, 0))
    failed = calls.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if failed or calls.capset(ctypes.byref(header), data):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
