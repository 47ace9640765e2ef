"""What of ours stands in the vendors' files, kept in the state folder: only that is ever taken away again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from aipolicy.core.model import Record
from aipolicy.enforce.controls.tree import Ours
from aipolicy.state.files import read_small, write_safely

_FILE: Final = "controls.json"
_LIMIT: Final = 16 << 20


class OursIn(Record, frozen=True, kw_only=True):
    """What of ours is in one file.

    created: whether the file is ours. before: the text that we found, null where it is not known any more:
    others changed the file since, or our memory was lost. written: SHA-256 of what we wrote last.
    """

    ours: Ours = Ours()
    created: bool = False
    before: str | None = None
    written: str = ""


class _Kept(Record, frozen=True, kw_only=True):
    """folders: those that we made."""

    schema: str = "aipolicy.controls/1"
    files: Mapping[str, OursIn] = {}
    folders: tuple[str, ...] = ()


class Memory:
    """By file. A change is on disk before it is made in the file: what was put there is never forgotten."""

    def __init__(self, state: Path) -> None:
        self._path = state / _FILE
        kept = self._load()
        self._files = dict(kept.files)
        self._folders = kept.folders

    def of(self, path: str) -> OursIn | None:
        return self._files.get(path)

    def paths(self) -> tuple[str, ...]:
        return tuple(self._files)

    def folders_of(self, path: str) -> tuple[str, ...]:
        """The folders above the file that we made, innermost first."""
        return tuple(sorted((one for one in self._folders if _above(one, path)), key=len, reverse=True))

    def keep(self, path: str, ours: OursIn, folders: tuple[str, ...] = ()) -> None:
        """Remember what is ours in the file, and the folders that are about to be made. Raises OSError."""
        self._write({**self._files, path: ours}, tuple(dict.fromkeys((*self._folders, *folders))))

    def forget(self, path: str) -> None:
        """Nothing in the file is ours any more. Raises OSError."""
        files = {name: ours for name, ours in self._files.items() if name != path}
        self._write(files, tuple(one for one in self._folders if any(_above(one, name) for name in files)))

    def _write(self, files: dict[str, OursIn], folders: tuple[str, ...]) -> None:
        if (files, folders) == (self._files, self._folders):
            return
        write_safely(self._path, msgspec.json.encode(_Kept(files=files, folders=folders)))
        self._files, self._folders = files, folders

    def _load(self) -> _Kept:
        """Nothing where the file is damaged: our words are known again, the rest stays as IT's."""
        try:
            content = read_small(self._path, _LIMIT)
            return msgspec.json.decode(content, type=_Kept) if content else _Kept()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return _Kept()


def _above(folder: str, path: str) -> bool:
    return path.startswith((f"{folder}/", f"{folder}\\"))
