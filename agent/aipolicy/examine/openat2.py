"""openat2(2): open a file so that no symbolic link on the way can lead elsewhere.

Linux 5.6 and later; `files.py` knows what to do without it.
"""

import functools
import os
from collections.abc import Callable
from typing import Final

NO_SYMLINKS: Final = 0x04
"""RESOLVE_NO_SYMLINKS; includes RESOLVE_NO_MAGICLINKS."""
IN_ROOT: Final = 0x02 | 0x10
"""RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT: links are followed, as if the given folder were the root."""

ON_THIS_MOUNT: Final = 0x01 | NO_SYMLINKS
"""RESOLVE_NO_XDEV too: nothing that is mounted is entered, for it may hang."""

_SYSCALL: Final = 437  # the same on every architecture
_AT_FDCWD: Final = -100

Opener = Callable[[str, int, int, int | None], int]
"""(path, flags, resolve, folder's descriptor) -> descriptor; raises OSError, or ValueError of a NUL."""


@functools.cache
def openat2() -> Opener | None:
    """The call, or None where kernel, sandbox or operating system do not have it."""
    if not hasattr(os, "pidfd_open"):  # Linux alone has it; elsewhere the number means another call
        return None
    import ctypes

    class How(ctypes.Structure):
        _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))

    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t)

    def call(path: str, flags: int, resolve: int, folder: int | None) -> int:
        how = How(flags, 0, resolve)
        at = _AT_FDCWD if folder is None else folder
        name = os.fsencode(path)
        if b"\0" in name:  # where the kernel would take the name to end
            raise ValueError("embedded null byte")
        fd = syscall(_SYSCALL, at, name, ctypes.byref(how), ctypes.sizeof(how))
        if fd < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
        return int(fd)

    try:
        os.close(call("/", os.O_RDONLY, NO_SYMLINKS, None))
    except OSError:  # ENOSYS before 5.6, EPERM in some sandboxes
        return None
    return call
