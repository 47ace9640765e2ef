"""Whether a filesystem shows by a file's times that it changed: those in memory do not, fstatfs(2).

Only the first store to each page of a shared mapping moves a timestamp there, as the page is never written
back (measured on Linux 6.18, nor does the end of the mapping): nothing read of such a file may be kept.
"""

import functools
import sys
from collections.abc import Callable
from typing import Final

_IN_MEMORY: Final = frozenset({0x01021994, 0x858458F6, 0x958458F6})
"""TMPFS_MAGIC, RAMFS_MAGIC, HUGETLBFS_MAGIC (linux/magic.h); ext4 moves the times at the next store after it
wrote the page back."""
_STRUCT_BYTES: Final = 256


def is_in_memory(fd: int) -> bool:
    """Whether the open file lies on such a filesystem; False where that cannot be asked."""
    call = _fstatfs()
    return call is not None and call(fd) in _IN_MEMORY


@functools.cache
def _fstatfs() -> Callable[[int], int] | None:
    import ctypes

    try:
        library = ctypes.CDLL(None, use_errno=True)
        fstatfs = library.fstatfs
    except (AttributeError, OSError, TypeError):  # Windows
        return None

    def call(fd: int) -> int:
        answer = ctypes.create_string_buffer(_STRUCT_BYTES)
        if fstatfs(fd, answer) != 0:
            return 0
        # its first field, f_type, is as long as the machine's word but on s390x
        return int.from_bytes(answer.raw[:4], sys.byteorder)

    return call
