"""The files that the agent's settings stand in: one file, and a folder of drop-ins beside it.

Whoever may write one of them decides what root's agent does, so one that is not safely ours is refused. What
the keys mean is left to settings.py.
"""

import os
import stat
from typing import Final

from aipolicy.core import yamlfile
from aipolicy.core.model import Record
from aipolicy.core.problem import Code
from aipolicy.core.wire import printable

DROP_INS: Final = ".d"
"""Behind the file's name: `agent.yaml.d`."""
SUFFIX: Final = ".yaml"
MOST_FILES: Final = 200
_NEARLY: Final = ".yml"
_MEND: Final = "the agent's settings file and its drop-ins must be readable"


class SettingsFile(Record, frozen=True, kw_only=True):
    """One file. root: what stands in it, None where that is nothing but comments. wrong: why it is refused, a
    line each.
    """

    path: str
    root: yamlfile.Node | None = None
    wrong: tuple[str, ...] = ()


class _Refused(Exception):
    """A file or folder that cannot be read or is not to be trusted; the text names it and says what to do."""


def settings_files(config: str) -> tuple[SettingsFile, ...]:
    """`config` where it exists, then its drop-ins in the order of their names."""
    here = [_read(config, None)] if os.path.lexists(config) else []
    folder = config + DROP_INS
    try:
        return (*here, *(_read(path, folder) for path in _drop_ins(folder)))
    except _Refused as error:
        return (*here, SettingsFile(path=folder, wrong=(str(error),)))


def _read(path: str, folder: str | None) -> SettingsFile:
    try:
        root, problems = yamlfile.read(_content(path, folder), path)
    except _Refused as error:
        return SettingsFile(path=path, wrong=(str(error),))
    if all(problem.code == Code.EMPTY for problem in problems.all()):
        return SettingsFile(path=path, root=root)
    return SettingsFile(path=path, root=root, wrong=tuple(map(str, problems.all())))


def _drop_ins(folder: str) -> tuple[str, ...]:
    """Hidden files and other names, as editors and package managers leave them, are no drop-ins."""
    if not os.path.lexists(folder):
        return ()
    try:
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode):
            raise _Refused(f"{printable(folder)}: it is no folder: drop-ins lie in a folder of that name")
        _check_owner(folder, found)
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise _Refused(f"{printable(folder)}: {error.strerror}") from error
    nearly = [name for name in names if name.endswith(_NEARLY)]
    if nearly:
        path = printable(os.path.join(folder, nearly[0]))
        raise _Refused(f"{path}: it is not read: the names of drop-ins end in {SUFFIX}")
    drop_ins = tuple(os.path.join(folder, name) for name in names if name.endswith(SUFFIX))
    if len(drop_ins) > MOST_FILES:
        raise _Refused(f"{printable(folder)}: more than {MOST_FILES} files")
    return drop_ins


def _content(path: str, folder: str | None) -> bytes:
    """folder: that of the drop-ins, which a link may not lead out of; None for the file that was named."""
    place = os.path.realpath(path)
    if folder is not None and not place.startswith(os.path.join(os.path.realpath(folder), "")):
        raise _Refused(f"{printable(path)}: a link out of the folder, to {printable(place)}")
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)  # a FIFO would hold us
    try:
        descriptor = os.open(place, flags)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise _Refused(f"{printable(path)}: it is no regular file")
            _check_owner(path, found)
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(yamlfile.MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _Refused(f"{printable(path)}: {error.strerror}: {_MEND}") from error


def _check_owner(path: str, found: os.stat_result) -> None:
    """Ours or root's, and nobody else may write to it. Windows knows neither."""
    uid: int | None = getattr(os, "geteuid", lambda: None)()
    if uid is None:
        return
    if found.st_uid not in (0, uid):
        raise _Refused(
            f"{printable(path)}: it belongs to uid {found.st_uid}: whoever owns it decides what the agent "
            f"does: chown root {printable(path)}"
        )
    group: int = getattr(os, "getegid", lambda: 0)()
    if found.st_mode & (stat.S_IWOTH | (0 if found.st_gid in (0, group) else stat.S_IWGRP)):
        raise _Refused(
            f"{printable(path)}: others may write to it (mode {found.st_mode & 0o7777:04o}): "
            f"chmod go-w {printable(path)}"
        )
