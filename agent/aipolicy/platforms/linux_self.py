"""What a process of ours does to itself so that nobody ever waits for it: memory, priority, descriptors."""

import contextlib
import ctypes
import importlib
import os
from typing import Any, Final

from aipolicy.platforms.linux_calls import KILL, libc

_PR_SET_PDEATHSIG: Final = 1
_MCL_CURRENT: Final = 1
_MCL_FUTURE: Final = 2
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


def allow_many_files() -> None:
    """Raise the number of descriptors: where one cannot be made, the kernel refuses the program that asks."""
    resource: Any = importlib.import_module("resource")  # Windows has none
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(hard, _MOST_FILES)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
