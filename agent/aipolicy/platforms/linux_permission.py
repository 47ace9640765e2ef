"""fanotify(7) permission events: the kernel asks before a program starts, and waits for the answer.

Only the system calls. What to answer is the guard's affair; see enforce/guard/gate.py.
"""

import contextlib
import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from aipolicy.platforms.linux_calls import open_flags
from aipolicy.platforms.linux_fanotify import prepared_libc

# include/uapi/linux/fanotify.h
_CLOEXEC: Final = 0x1
_NONBLOCK: Final = 0x2
_CLASS_CONTENT: Final = 0x4
_UNLIMITED_QUEUE: Final = 0x10
_UNLIMITED_MARKS: Final = 0x20
_ADD: Final = 0x1
_REMOVE: Final = 0x2
_IGNORED_MASK: Final = 0x20
_FLUSH: Final = 0x80
_FILESYSTEM: Final = 0x100
_EVICTABLE: Final = 0x200
_IGNORE: Final = 0x400

CLOSE_WRITE: Final = 0x8
OVERFLOW: Final = 0x4000
OPEN_PERM: Final = 0x10000
OPEN_EXEC_PERM: Final = 0x40000

_ALLOW: Final = 1
_DENY: Final = 2
_EVENT: Final = struct.Struct("=IBBHQii")
_ANSWER: Final = struct.Struct("=iI")
_AT_FDCWD: Final = -100
MOST_AT_ONCE: Final = 64
"""Events read at once: each brings a descriptor with it."""


class Event(NamedTuple):
    """fd: the file, open for reading; -1 where events were lost. pid: who opens or executes it."""

    fd: int
    pid: int
    mask: int

    @property
    def asks(self) -> bool:
        """Whether somebody waits for the answer."""
        return bool(self.mask & (OPEN_PERM | OPEN_EXEC_PERM))


def parse_events(buffer: bytes) -> Iterator[Event]:
    """struct fanotify_event_metadata, one after the other."""
    at = 0
    while at + _EVENT.size <= len(buffer):
        length, _version, _reserved, _metadata, mask, fd, pid = _EVENT.unpack_from(buffer, at)
        if length < _EVENT.size:
            return
        yield Event(fd=fd, pid=pid, mask=mask)
        at += length


class PermissionGroup:
    """A group that answers. OSError where the kernel or our rights do not allow it (CAP_SYS_ADMIN).

    Its end, by close() or the end of the process, lets everybody go on who waits.
    """

    def __init__(self) -> None:
        self._libc = prepared_libc()
        # An event that finds no room in a bounded queue is allowed; in this one the waiting wait.
        flags = _CLOEXEC | _NONBLOCK | _CLASS_CONTENT | _UNLIMITED_QUEUE | _UNLIMITED_MARKS
        # NONBLOCK: an event's file is opened for us, and a lease on it (F_SETLEASE, fcntl(2)) would hold us
        # up for as long as its holder likes. So that one start is refused by the kernel, and ends the lease.
        opened = open_flags("O_RDONLY", "O_LARGEFILE", "O_CLOEXEC", "O_NONBLOCK")
        self._fd = self._checked(self._libc.fanotify_init(flags, opened))
        self._ignore = _IGNORE

    def ask_for_filesystem(self, path: str) -> None:
        """Be asked of every exec on the filesystem that `path` lies on, in every mount namespace."""
        self._mark(_ADD | _FILESYSTEM, OPEN_EXEC_PERM, path=path)

    def let_pass(self, fd: int) -> None:
        """Not be asked of this file again until it is written to.

        A write drops the mark. A store through a shared mapping does not, so its end is listened to
        (CLOSE_WRITE comes before the file can be executed). The kernel may drop both with the inode.
        """
        self._mark(_ADD | _EVICTABLE, CLOSE_WRITE, fd=fd)
        try:
            self._mark(_ADD | self._ignore | _EVICTABLE, OPEN_EXEC_PERM, fd=fd)
        except OSError as error:
            if error.errno != errno.EINVAL or self._ignore != _IGNORE:
                raise
            self._ignore = _IGNORED_MASK  # before Linux 6.0
            self._mark(_ADD | self._ignore | _EVICTABLE, OPEN_EXEC_PERM, fd=fd)

    def ask_again(self, fd: int) -> None:
        """Undo let_pass. CLOSE_WRITE stays, and so the mark: the kernel lets pass who meets one that goes."""
        with contextlib.suppress(FileNotFoundError):
            self._mark(_REMOVE | self._ignore, OPEN_EXEC_PERM, fd=fd)

    def ask_for_opens(self, fd: int) -> None:
        """Be asked of every opening of this one file. fd: may be opened with O_PATH."""
        self._mark(_ADD, OPEN_PERM, path=f"/proc/self/fd/{fd}")

    def leave_opens(self, fd: int) -> None:
        """Undo ask_for_opens."""
        with contextlib.suppress(FileNotFoundError):
            self._mark(_REMOVE, OPEN_PERM, fd=fd)

    def forget_files(self) -> None:
        """Drop what was said of single files; the filesystems stay.

        Who is about to execute a file whose mark goes at that moment is let pass by the kernel
        (fsnotify_prepare_user_wait): so files that are refused have no mark in this group.
        """
        self._mark(_FLUSH, 0, path="/")

    def read(self) -> bytes:
        """Events that are there; empty when there are none."""
        try:
            return os.read(self._fd, _EVENT.size * MOST_AT_ONCE)
        except BlockingIOError:
            return b""

    def answer(self, fd: int, *, allow: bool) -> None:
        """Answer the event that brought `fd`; the descriptor stays open."""
        with contextlib.suppress(FileNotFoundError):  # answered already, or who asked was killed meanwhile
            os.write(self._fd, _ANSWER.pack(fd, _ALLOW if allow else _DENY))

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _mark(self, flags: int, mask: int, *, path: str | None = None, fd: int = _AT_FDCWD) -> None:
        name = None if path is None else os.fsencode(path)
        self._checked(self._libc.fanotify_mark(self._fd, flags, mask, fd, name))

    def _checked(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return int(result)
