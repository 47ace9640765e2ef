"""The vendors' settings files on this disk: looked at, written and removed, in folders of root's alone.

Whoever may write to a folder of the path could swap what we look at for what we write, so such a path is left
alone; within a root-only one nobody else can be in the way.
"""

import contextlib
import os
import stat
from pathlib import Path

from aipolicy.core.model import Record
from aipolicy.examine.files import CannotLook, open_regular
from aipolicy.platforms.machine import Machine
from aipolicy.state.files import sync_folder, temporary_of, write_safely

_LIMIT = 256 << 10
_SHARED = 0o644
_FOLDER = 0o755  # Gemini CLI skips a file whose folder others may write to


class Blocked(Exception):
    """The file is not ours to touch; the text says why and what to do."""


class Looked(Record, frozen=True, kw_only=True):
    """A settings file. text: null where there is none. mode, owner: as they are to stay.

    hidden: the part of its path that people's tools cannot read, empty where they can.
    """

    text: str | None
    hidden: str = ""
    mode: int = _SHARED
    owner: tuple[int, int] | None = None


def at(machine: Machine, file: str) -> str:
    """Where a vendor's file lies on this machine."""
    return os.path.join(machine.root, file.lstrip("/"))


def look(machine: Machine, path: str) -> Looked:
    """The file at `path`. Raises Blocked where it, or its folder, is not root's alone."""
    if (why := machine.out_of_reach(path)) is not None:
        raise Blocked(f"{path}: {why}")
    there = path
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if os.path.islink(there):
        raise Blocked(f"{there}: a symbolic link, which is not followed: put the file or folder itself there")
    if not machine.root_only(there):
        raise Blocked(
            f"{there}: others than root may change it: chown root:root and chmod go-w, also above it"
        )
    if there != path:
        if not os.path.isdir(there):
            raise Blocked(f"{there}: not a folder")
        return Looked(text=None)
    try:
        with open_regular(path, limit=_LIMIT) as file:
            text = file.read(_LIMIT).decode()
            status = file.status
    except CannotLook as error:
        raise Blocked(str(error)) from error
    except UnicodeDecodeError as error:
        raise Blocked(f"{path}: not UTF-8") from error
    owner = (status.st_uid, status.st_gid)
    return Looked(text=text, hidden=_hidden(path, machine), mode=status.st_mode & 0o7777, owner=owner)


def _hidden(path: str, machine: Machine) -> str:
    """What of the path keeps others from reading the file: the tools that are to obey run as anybody."""
    wanted = stat.S_IROTH
    while path.rstrip("/\\") != machine.root.rstrip("/\\"):
        if not os.stat(path, follow_symlinks=False).st_mode & wanted:
            return path
        path, wanted = os.path.dirname(path), stat.S_IXOTH
    return ""


def put(path: str, text: str, like: Looked) -> None:
    """Writes the file, whole or not at all, with the folders that are missing. Raises OSError."""
    for folder in reversed(missing_folders(path)):
        os.mkdir(folder)
        os.chmod(folder, _FOLDER)
    write_safely(Path(path), text.encode(), mode=like.mode, owner=like.owner)


def missing_folders(path: str) -> tuple[str, ...]:
    """The folders that `put` would make, innermost first."""
    found: list[str] = []
    folder = os.path.dirname(path)
    while not os.path.lexists(folder):
        found.append(folder)
        folder = os.path.dirname(folder)
    return tuple(found)


def remove(path: str, folders: tuple[str, ...]) -> None:
    """Removes the file, and of `folders` (innermost first) those that are empty now. Raises OSError."""
    tidy(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    for folder in folders:
        try:
            os.rmdir(folder)
        except OSError:
            return  # somebody else's files are in it
        sync_folder(Path(folder).parent)


def tidy(path: str) -> None:
    """Removes what a kill in the middle of `put` left beside the file. Raises OSError."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(temporary_of(Path(path)))
