"""Whose a namespace is, ioctl_nsfs(2)."""

import importlib
import os
from typing import Any, Final

from aipolicy.platforms.linux_calls import open_flags

_GET_USERS: Final = 0xB701
"""NS_GET_USERNS: the user namespace that owns this one."""


def of_our_users(path: str) -> bool:
    """Whether the namespace at `path` was made with the rights of our user namespace, so by root. In one of
    their own people mount what they like.
    """
    fcntl: Any = importlib.import_module("fcntl")  # there is none on Windows
    try:
        fd = os.open(path, os.O_RDONLY | open_flags("O_CLOEXEC"))
    except OSError:
        return False
    try:
        owner = fcntl.ioctl(fd, _GET_USERS)
    except OSError:
        return False
    finally:
        os.close(fd)
    try:
        there, here = os.fstat(owner), os.stat("/proc/self/ns/user")
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
    finally:
        os.close(owner)
