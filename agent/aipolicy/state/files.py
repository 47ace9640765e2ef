"""Small files of our own in the state folder: written whole or not at all, read without following links."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# Absent on Windows, where no link can be put into a folder that only we may write.
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_OURS = 0o600


def write_safely(
    path: Path, content: bytes, *, mode: int = _OURS, owner: tuple[int, int] | None = None
) -> None:
    """Put `content` at `path` so that a reader, a crash or a full disk leaves the old file or the new one.

    `open(path, "w")` would empty the file before it finds the disk full. owner: uid and gid, ours if not
    given. Raises OSError.
    """
    with replacing(path) as file:
        file.write(content)
        file.flush()
        if owner is not None and (give := getattr(os, "fchown", None)) is not None:
            give(file.fileno(), *owner)
        if mode != _OURS:  # whatever the umask, and after a change of owner, which clears bits of it
            os.chmod(temporary_of(path), mode)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file for us alone that takes the place of `path` when all is written, and is gone where that failed.

    One writer per file: the name of the temporary file is fixed, so that a kill leaves at most one behind.
    Raises OSError.
    """
    temporary = temporary_of(path)
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, _OURS)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def temporary_of(path: Path) -> Path:
    """Where is written first, and what a kill may leave behind."""
    return path.with_name(f".{path.name}.new")


def read_small(path: Path, limit: int) -> bytes | None:
    """The bytes of a regular file of ours, None where there is none or it is something else or too large.

    Raises OSError where it is there and cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = file.read(limit + 1)
    return content if len(content) <= limit else None


def stamp(path: Path) -> tuple[int, ...]:
    """Another one after each `write_safely`, which makes a new file; empty where there is none."""
    try:
        return identity(os.lstat(path))
    except OSError:
        return ()


def identity(found: os.stat_result) -> tuple[int, ...]:
    """Which file it is, in which state: what is compared of two looks at a place."""
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut; no effect where folders don't open (Windows)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some filesystems refuse to sync a folder; the rename itself was done
    finally:
        os.close(descriptor)
