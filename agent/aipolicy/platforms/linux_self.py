"""What a process of ours does to itself: its memory, priority, descriptors, end, and mounts of its own."""

import contextlib
import ctypes
import importlib
import os
from collections.abc import Callable
from typing import Any, Final

from aipolicy.platforms.linux_calls import KILL, libc

_PR_SET_PDEATHSIG: Final = 1
_MCL_CURRENT: Final = 1
_MCL_FUTURE: Final = 2
_CLONE_NEWNS: Final = 0x20000
_MS_REC: Final = 0x4000
_MS_PRIVATE: Final = 0x40000
_MNT_DETACH: Final = 2
_MOST_FILES: Final = 65_536


_os: Any = os  # typeshed hides these names on other systems


def fork() -> int:
    """fork(2): 0 in the child."""
    return int(_os.fork())


def die_with_parent(parent: int) -> bool:
    """Be killed when the parent ends, prctl(2); False where it has ended already."""
    libc().prctl(_PR_SET_PDEATHSIG, KILL, 0, 0, 0)
    return os.getppid() == parent


def stay_in_memory() -> bool:
    """Never wait for a disk to bring a page of ours back, mlockall(2)."""
    call: Any = libc().mlockall
    call.argtypes = [ctypes.c_int]
    return int(call(_MCL_CURRENT | _MCL_FUTURE)) == 0


def outlive_others() -> None:
    """Be the last that a machine short of memory or time takes from, proc_pid_oom_score_adj(5)."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("-900")
    with contextlib.suppress(OSError):
        _os.setpriority(_os.PRIO_PROCESS, 0, -15)


def allow_many_files() -> int:
    """Raise the number of descriptors: where one cannot be made, the kernel refuses the program that asks.

    Returns how many there may be.
    """
    resource: Any = importlib.import_module("resource")  # Windows has none
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(hard, _MOST_FILES)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError):
        most = hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return int(most)


def folder_of_ones_own(place: str) -> None:
    """An empty filesystem at `place` that only this process and its children see. OSError: it may not be.

    unshare(2), mount(2): it goes with the last of them.
    """
    library = libc()
    library.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
    steps: tuple[Callable[[], int], ...] = (
        lambda: library.unshare(_CLONE_NEWNS),
        lambda: library.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None),
        lambda: library.mount(b"aipolicy", os.fsencode(place), b"tmpfs", 0, b"size=64m,mode=700"),
    )
    for step in steps:
        if step() != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def leave_folder(place: str) -> None:
    """Take that filesystem away again, umount2(2), also while something in it is still open."""
    library = libc()
    library.umount2.argtypes = [ctypes.c_char_p, ctypes.c_int]
    if library.umount2(os.fsencode(place), _MNT_DETACH) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
