"""Opening users' files: the only place that does, so that no file a user made can hang, mislead or flood us.

Only regular files, never through a symbolic link (`places.resolve` comes first), never more than the cap.
"""

import errno
import io
import json
import os
import stat
from types import TracebackType
from typing import Final

from aipolicy.core.model import Unseen
from aipolicy.core.wire import printable
from aipolicy.examine.openat2 import IN_ROOT, NO_SYMLINKS, ON_THIS_MOUNT, openat2

MIB: Final = 1 << 20
NO_SUCH_FILE: Final = "no such file"


def _flag(name: str) -> int:
    value: int = getattr(os, name, 0)  # each operating system has its own set
    return value


_NO_FOLLOW: Final = _flag("O_NOFOLLOW")
_NO_LINKS_MACOS: Final = _flag("O_NOFOLLOW_ANY")
_PATH_ONLY: Final = _flag("O_PATH") | _flag("O_CLOEXEC")
_FOLDER: Final = _PATH_ONLY | _flag("O_DIRECTORY")
# O_NONBLOCK: neither a FIFO without a writer nor another's lease makes us wait
_FLAGS: Final = (
    os.O_RDONLY
    | _flag("O_NONBLOCK")
    | _flag("O_NOCTTY")
    | _flag("O_CLOEXEC")
    | _flag("O_BINARY")
    | _flag("O_NOINHERIT")
)
_REASONS: Final = {
    errno.ENOENT: NO_SUCH_FILE,
    errno.ENOTDIR: NO_SUCH_FILE,
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ELOOP: "a symbolic link",
    errno.ENXIO: "not a regular file",
    errno.ENODEV: "not a regular file",
    errno.EISDIR: "not a regular file",
    errno.EAGAIN: "in use by a program that will not share it",
    errno.ENAMETOOLONG: "its name is too long",
}
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR})


class CannotLook(Exception):
    """We could not look into `place`; `absent` where there is nothing there to look into."""

    def __init__(self, place: str, reason: str, *, absent: bool = False) -> None:
        super().__init__(f"{printable(place)}: {reason}")
        self.place = place
        self.reason = reason
        self.absent = absent

    def unseen(self) -> Unseen:
        """The same as a record."""
        return Unseen(place=printable(self.place), reason=self.reason)


def cannot_look(place: str, error: OSError | ValueError) -> CannotLook:
    """The error of a system call as a reason. ValueError: a name no file can have, such as one with a NUL."""
    if isinstance(error, ValueError):
        return CannotLook(place, "not a file name", absent=True)
    number = error.errno or 0
    reason = _REASONS.get(number) or os.strerror(number).lower()
    return CannotLook(place, reason, absent=number in _ABSENT)


class OpenFile:
    """A regular file, open for reading. path: as it was asked for. status: what fstat said at first."""

    def __init__(self, fd: int, path: str, status: os.stat_result) -> None:
        self.path = path
        self.status = status
        self._file = open(fd, "rb", buffering=0)  # noqa: SIM115  closed by __exit__

    def __enter__(self) -> "OpenFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def stream(self) -> io.FileIO:
        """For libraries that want a file; it is closed with this one."""
        return self._file

    def fileno(self) -> int:
        return self._file.fileno()

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill `buffer` from `offset` on; how many bytes came, 0 at the end."""
        try:
            self._file.seek(offset)
            return self._file.readinto(buffer) or 0
        except OSError as error:
            raise cannot_look(self.path, error) from error

    def read(self, size: int, offset: int = 0) -> bytes:
        """At most `size` bytes from `offset` on."""
        buffer = bytearray(min(size, max(0, self.status.st_size - offset)))
        view, done = memoryview(buffer), 0
        while done < len(buffer) and (got := self.read_into(view[done:], offset + done)):
            done += got
        return bytes(view[:done])


class Neighbour:
    """A regular file that was found from a folder, not yet open for reading. path: relative to the folder."""

    def __init__(self, fd: int, path: str, status: os.stat_result) -> None:
        self.path = path
        self.status = status
        self._fd = fd

    def __enter__(self) -> "Neighbour":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def open(self) -> OpenFile:
        """The same file, whatever lies at its path by now."""
        return open_linked(f"/proc/self/fd/{self._fd}", self.path)


def neighbour(folder: int, path: str) -> Neighbour:
    """The regular file at `path`, relative to the descriptor `folder`, or CannotLook.

    No link is followed and no mount entered, so that a name that somebody wrote into a file leads neither
    onto a device nor into a network folder that hangs. Linux 5.6 and later only.
    """
    call = openat2()
    if call is None:
        raise CannotLook(path, "this system has no openat2")
    try:
        fd = call(path, _PATH_ONLY, ON_THIS_MOUNT, folder)
    except (OSError, ValueError) as error:
        raise cannot_look(path, error) from error
    try:
        status = os.fstat(fd)
        _refuse_special(path, status)
        return Neighbour(fd, path, status)
    except BaseException:
        os.close(fd)
        raise


def open_regular(path: str, *, limit: int | None = None, root_fd: int | None = None) -> OpenFile:
    """Open the regular file at the absolute `path`, or raise CannotLook.

    No part of `path` may be a symbolic link. limit: the largest size. root_fd: the folder that `path` starts
    in (the root of a container); there links are followed, but never out of it.
    """
    try:
        if root_fd is None:
            _refuse_special(
                path, os.lstat(path)
            )  # so that no device is even opened: opening can have effects
            fd = _open(path)
        else:
            fd = _open_in(root_fd, path)
    except (OSError, ValueError) as error:
        raise cannot_look(path, error) from error
    try:
        status = os.fstat(fd)
        _refuse_special(path, status)
        if limit is not None and status.st_size > limit:
            raise CannotLook(path, f"larger than {_amount(limit)}")
        return OpenFile(fd, path, status)
    except BaseException:
        os.close(fd)
        raise


def open_linked(link: str, shown_path: str) -> OpenFile:
    """The regular file behind a link of the kernel (/proc/PID/exe), which users cannot make."""
    try:
        fd = os.open(link, _FLAGS)
    except (OSError, ValueError) as error:
        raise cannot_look(shown_path, error) from error
    try:
        status = os.fstat(fd)
        _refuse_special(shown_path, status)
        return OpenFile(fd, shown_path, status)
    except BaseException:
        os.close(fd)
        raise


def open_folder(path: str, root_fd: int | None = None) -> int:
    """A descriptor of the folder at `path`, good for nothing but opening what lies in it. Raises OSError.

    root_fd: as for `open_regular`.
    """
    call = openat2()
    if root_fd is None or call is None:
        return os.open(path, _FOLDER)
    return call(path, _FOLDER, IN_ROOT, root_fd)


def is_folder(path: str) -> bool:
    """Whether a folder lies at `path`; a link is none, as where it leads may hang."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def read_head(path: str, size: int, root_fd: int | None = None) -> bytes:
    """The first `size` bytes, however large the file is."""
    with open_regular(path, root_fd=root_fd) as file:
        return file.read(size)


def read_bytes(path: str, limit: int = MIB, root_fd: int | None = None) -> bytes:
    """The whole file, refused where it is larger than `limit`."""
    with open_regular(path, limit=limit, root_fd=root_fd) as file:
        return file.read(limit)


def read_text(path: str, limit: int = MIB, root_fd: int | None = None) -> str:
    """The whole file as text; what is not UTF-8 is replaced."""
    return read_bytes(path, limit, root_fd).decode("utf-8-sig", "replace")


def read_json(path: str, limit: int = MIB, root_fd: int | None = None) -> dict[str, object]:
    """The JSON object in the file; CannotLook where it is none or nested too deeply."""
    return parse_json(path, read_bytes(path, limit, root_fd))


def parse_json(path: str, data: bytes) -> dict[str, object]:
    """As tolerant as the tools' own runtimes, so that what they accept does not blind us."""
    try:
        found = json.loads(data.decode("utf-8-sig", "replace"), strict=False, parse_int=float)
    except RecursionError:
        raise CannotLook(path, "nested too deeply") from None
    except ValueError:
        raise CannotLook(path, "not valid JSON") from None
    if not isinstance(found, dict):
        raise CannotLook(path, "not a JSON object")
    return found


def _open(path: str) -> int:
    call = openat2()
    if call is not None:
        return call(path, _FLAGS, NO_SYMLINKS, None)
    if _NO_LINKS_MACOS or not _NO_FOLLOW:  # macOS has a flag for all parts of a path, Windows has neither
        return os.open(path, _FLAGS | _NO_LINKS_MACOS)
    return open_by_parts(path)


def open_by_parts(path: str) -> int:
    """Without openat2: each folder is opened from the one before it, none through a link."""
    *folders, name = [part for part in path.split("/") if part] or ["."]
    folder = os.open("/", _FOLDER)
    try:
        for part in folders:
            inner = os.open(part, _FOLDER | _NO_FOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(name, _FLAGS | _NO_FOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def _open_in(root_fd: int, path: str) -> int:
    call = openat2()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    found = call(path, _PATH_ONLY, IN_ROOT, root_fd)
    try:
        _refuse_special(path, os.fstat(found))
        return os.open(f"/proc/self/fd/{found}", _FLAGS)
    finally:
        os.close(found)


def _refuse_special(path: str, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise CannotLook(path, "a symbolic link")
    if not stat.S_ISREG(status.st_mode):
        raise CannotLook(path, "not a regular file")


def _amount(size: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (MIB, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:g} {name}"
    return f"{size} bytes"
