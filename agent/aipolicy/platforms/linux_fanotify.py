"""fanotify(7) for directory changes, without file descriptors: marks, handles and the records it sends.

No permission events here: this group only listens, and nobody ever waits for it.
"""

import ctypes
import errno
import os
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from aipolicy.platforms.linux_calls import libc, open_flags

_CLOEXEC: Final = 0x1
_NONBLOCK: Final = 0x2
_REPORT_DIR_FID: Final = 0x400
_REPORT_NAME: Final = 0x800
_ADD: Final = 0x1
_REMOVE: Final = 0x2
_ONLYDIR: Final = 0x8
_FILESYSTEM: Final = 0x100

ATTRIB: Final = 0x4
CLOSE_WRITE: Final = 0x8
MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
OVERFLOW: Final = 0x4000
ON_CHILD: Final = 0x08000000
ONDIR: Final = 0x40000000

APPEARS: Final = CREATE | MOVED_TO | ONDIR
CHANGES: Final = APPEARS | MOVED_FROM | DELETE | CLOSE_WRITE | ATTRIB | ON_CHILD

_AT_FDCWD: Final = -100
_MAX_HANDLE: Final = 128
_METADATA: Final = 24
_DFID_NAME: Final = 2
_DFID: Final = 3


class Change(NamedTuple):
    """One record. folder: handle of the folder it happened in. name: what in it."""

    mask: int
    folder: bytes
    name: bytes


def parse_records(buffer: bytes) -> Iterator[Change]:
    """struct fanotify_event_metadata with info records behind; of these the folder with a name counts."""
    at = 0
    while at + _METADATA <= len(buffer):
        length = int.from_bytes(buffer[at : at + 4], "little")
        if length < _METADATA:
            return
        mask = int.from_bytes(buffer[at + 8 : at + 16], "little")
        folder, name = _folder_and_name(buffer, at + _METADATA, min(at + length, len(buffer)))
        yield Change(mask, folder, name)
        at += length


def _folder_and_name(buffer: bytes, at: int, end: int) -> tuple[bytes, bytes]:
    while at + 4 <= end:
        kind, size = buffer[at], int.from_bytes(buffer[at + 2 : at + 4], "little")
        if size < 4:
            break
        if kind in (_DFID_NAME, _DFID):
            # header 4, fsid 8, handle_bytes 4, handle_type 4, handle, name and NUL
            handle_end = at + 20 + int.from_bytes(buffer[at + 12 : at + 16], "little")
            name = buffer[handle_end : at + size].partition(b"\0")[0] if kind == _DFID_NAME else b""
            return buffer[at + 12 : handle_end], name
        at += size
    return b"", b""


class Fanotify:
    """A listening group. OSError where the kernel or our rights do not allow it."""

    def __init__(self) -> None:
        self._libc = prepared_libc()
        flags = _CLOEXEC | _NONBLOCK | _REPORT_DIR_FID | _REPORT_NAME
        self._fd = self._checked(self._libc.fanotify_init(flags, open_flags("O_RDONLY", "O_LARGEFILE")))

    def mark_filesystem(self, path: str, mask: int) -> None:
        """The whole filesystem that `path` lies on, in every mount namespace."""
        self._mark(_ADD | _FILESYSTEM, path, mask)

    def mark_folder(self, path: str, mask: int) -> None:
        self._mark(_ADD | _ONLYDIR, path, mask)

    def unmark_folder(self, path: str, mask: int) -> None:
        self._mark(_REMOVE | _ONLYDIR, path, mask)

    def handle(self, path: str) -> bytes:
        """What a record calls this folder: length, type and handle of name_to_handle_at(2)."""
        start = _MAX_HANDLE.to_bytes(4, "little")
        room = ctypes.create_string_buffer(start, 8 + _MAX_HANDLE)
        mount_id = ctypes.c_int()
        call = self._libc.name_to_handle_at
        self._checked(call(_AT_FDCWD, os.fsencode(path), room, ctypes.byref(mount_id), 0))
        return room.raw[: 8 + int.from_bytes(room.raw[0:4], "little")]

    def read(self) -> bytes:
        """Records that are there; empty when there are none."""
        try:
            return os.read(self._fd, 1 << 18)
        except BlockingIOError:
            return b""

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _mark(self, flags: int, path: str, mask: int) -> None:
        self._checked(self._libc.fanotify_mark(self._fd, flags, mask, _AT_FDCWD, os.fsencode(path)))

    def _checked(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return int(result)


def prepared_libc() -> Any:
    """The C library, with what fanotify needs; OSError (ENOSYS) on another system."""
    try:
        library = libc()
        library.fanotify_init.argtypes = [ctypes.c_uint, ctypes.c_uint]
        library.fanotify_mark.argtypes = [
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint64,
            ctypes.c_int,
            ctypes.c_char_p,
        ]
        library.name_to_handle_at.argtypes = [
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.POINTER(ctypes.c_int),
            ctypes.c_int,
        ]
    except (AttributeError, TypeError, OSError) as error:  # a libc without them, or another system
        raise OSError(errno.ENOSYS, "no fanotify here") from error
    return library
