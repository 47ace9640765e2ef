"""The state folder: who may own it and what it is called when something is wrong with it."""

import os
import stat
from pathlib import Path


class StateError(Exception):
    """The state folder cannot be used. The text names the path and says what to do."""


def prepare_folder(path: str) -> Path:
    """The state folder, created for us alone where it is missing.

    Whoever may write in it could feed the agent a token, a policy or a ledger, so a folder that somebody else
    owns or may write to is refused. Raises StateError; OSError where the disk is full or read-only, which the
    agent survives without a folder.
    """
    folder = Path(path)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise StateError(
            f"{path}: {error.strerror}: give a folder that you may write to, by --state"
        ) from error
    _check(path, os.lstat(folder))
    return folder


def _check(path: str, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise StateError(f"{path}: is a symbolic link: give the folder itself, by --state")
    if not stat.S_ISDIR(found.st_mode):
        raise StateError(f"{path}: is not a folder: give another one, by --state")
    me = my_uid()
    if me is not None and found.st_uid != me:
        raise StateError(
            f"{path}: belongs to uid {found.st_uid}, not to uid {me} who runs this: "
            f"chown it, or give another folder by --state"
        )
    if me is not None and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StateError(
            f"{path}: others may write to it (mode {found.st_mode & 0o777:04o}): chmod 0700 {path}"
        )


def my_uid() -> int | None:
    """The effective user id; None where the system has no such thing (Windows)."""
    geteuid = getattr(os, "geteuid", None)
    return None if geteuid is None else int(geteuid())
