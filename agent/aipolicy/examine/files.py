"""Opening users' files: the only place that does, so that no file a user made can hang, mislead or flood us.

Only regular files, never through a symbolic link (`places.resolve` comes first), never more than the cap.
"""

import errno
import io
import itertools
import json
import os
import stat
from types import TracebackType
from typing import Final

from aipolicy.core.model import Unseen
from aipolicy.core.wire import printable
from aipolicy.examine.openat2 import NO_SYMLINKS, ON_THIS_MOUNT, openat2
from aipolicy.examine.root import Root

MIB: Final = 1 << 20
NO_SUCH_FILE: Final = "no such file"
MOST_NAMES: Final = 20_000
"""Of one folder; a site-packages folder of everything that data science uses has 2,000."""


def _flag(name: str) -> int:
    value: int = getattr(os, name, 0)  # each operating system has its own set
    return value


_NO_FOLLOW: Final = _flag("O_NOFOLLOW")
_NO_LINKS_MACOS: Final = _flag("O_NOFOLLOW_ANY")
_PATH_ONLY: Final = _flag("O_PATH") | _flag("O_CLOEXEC")
_ITSELF: Final = _PATH_ONLY | _NO_FOLLOW
_FOLDER: Final = _PATH_ONLY | _flag("O_DIRECTORY")
_LISTED: Final = os.O_RDONLY | _flag("O_DIRECTORY") | _flag("O_CLOEXEC")
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


def open_regular(path: str, *, limit: int | None = None, root: Root | None = None) -> OpenFile:
    """Open the regular file at the absolute `path`, or raise CannotLook.

    No part of `path` may be a symbolic link. limit: the largest size. root: where `path` begins.
    """
    try:
        if root is None:
            _refuse_special(
                path, os.lstat(path)
            )  # so that no device is even opened: opening can have effects
            fd = _open(path)
        else:
            fd = _open_in(root, path)
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


def open_folder(path: str, root: Root | None = None) -> int:
    """A descriptor of the folder at `path`, good for nothing but opening what lies in it. Raises OSError."""
    return os.open(path, _FOLDER) if root is None else root.open(path, _FOLDER)


def names_in(path: str, root: Root | None = None) -> list[str]:
    """At most MOST_NAMES of the names in the folder at `path`, sorted; none where it may not be read."""
    try:
        folder = path if root is None else root.open(path, _LISTED)
        try:
            with os.scandir(folder) as entries:
                return sorted(entry.name for entry in itertools.islice(entries, MOST_NAMES))
        finally:
            if isinstance(folder, int):
                os.close(folder)
    except (OSError, ValueError):
        return []


def status_at(path: str, root: Root | None = None) -> os.stat_result | None:
    """Of what lies at `path`, a link itself; None where nothing does."""
    try:
        if root is None:
            return os.lstat(path)
        found = root.open(path, _ITSELF)
        try:
            return os.fstat(found)
        finally:
            os.close(found)
    except (OSError, ValueError):
        return None


def link_at(path: str, root: Root | None = None) -> str | None:
    """Where the symbolic link at `path` leads, as it says; None where none lies there."""
    try:
        if root is None:
            return os.readlink(path)
        found = root.open(path, _ITSELF)
        try:
            return os.readlink("", dir_fd=found)
        finally:
            os.close(found)
    except (OSError, ValueError):
        return None


def is_folder(path: str, root: Root | None = None) -> bool:
    """Whether a folder lies at `path`; a link is none, as where it leads may hang."""
    found = status_at(path, root)
    return found is not None and stat.S_ISDIR(found.st_mode)


def read_head(path: str, size: int, root: Root | None = None) -> bytes:
    """The first `size` bytes, however large the file is."""
    with open_regular(path, root=root) as file:
        return file.read(size)


def read_bytes(path: str, limit: int = MIB, root: Root | None = None) -> bytes:
    """The whole file, refused where it is larger than `limit`."""
    with open_regular(path, limit=limit, root=root) as file:
        return file.read(limit)


def read_text(path: str, limit: int = MIB, root: Root | None = None) -> str:
    """The whole file as text; what is not UTF-8 is replaced."""
    return read_bytes(path, limit, root).decode("utf-8-sig", "replace")


def read_json(path: str, limit: int = MIB) -> dict[str, object]:
    """The JSON object in the file; CannotLook where it is none or nested too deeply."""
    return parse_json(path, read_bytes(path, limit))


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


def _open_in(root: Root, path: str) -> int:
    found = root.open(path, _PATH_ONLY)
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
