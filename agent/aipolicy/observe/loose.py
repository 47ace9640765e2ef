"""Executable files as large as a tool, outside of every folder of programs: which ones a walk notes.

Asking a file for its size costs more than all else in a walk, and nearly all files of a developer are
sources. Those that are called like one are asked in turns: each in the first look of a daemon, then in one
look of TURNS, for somebody may hide a program under such a name.
"""

import os
import zlib
from typing import Final

SMALLEST: Final = 1 << 20
"""Bytes. The smallest native tool known has 60 MB; a smaller file is judged in a folder of programs only."""
TURNS: Final = 16

_EXECUTABLE: Final = 0o111
_IMAGES: Final = (".appimage", ".pyz", ".pyzw", ".pex")
_NO_PROGRAMS: Final = frozenset(
    {
        "bmp", "c", "cc", "cfg", "cjs", "class", "cpp", "cs", "css", "csv", "d", "gif", "go", "gz", "h",
        "hpp", "html", "ico", "ini", "java", "jpeg", "jpg", "js", "json", "jsonl", "jsx", "kt", "lock", "log",
        "map", "md", "mjs", "mts", "o", "pdf", "php", "png", "po", "py", "pyc", "pyi", "rb", "rlib", "rmeta",
        "rs", "rst", "scala", "scss", "sql", "svg", "swift", "toml", "ts", "tsx", "ttf", "txt", "vue", "webp",
        "woff", "woff2", "xml", "yaml", "yml", "zip",
    }
)  # fmt: skip


class Disguises:
    """What the looks of one daemon know of files that are called like no program and are as large as one."""

    def __init__(self) -> None:
        self._looks = -1
        self._found: dict[tuple[str, int | None], list[str]] = {}
        self._below: dict[str, list[str]] = {}

    def next_look(self) -> None:
        """Another look begins."""
        self._looks += 1

    def are_due(self, folder: str) -> bool:
        """Whether the files of this folder are asked in this look."""
        return self._looks <= 0 or zlib.crc32(os.fsencode(folder)) % TURNS == self._looks % TURNS

    def others(self, top: str, owner: int | None, seen: list[str]) -> list[str]:
        """Of those that earlier walks from `top` saw, the ones that `seen` lacks and that are still there.

        owner: whose walk it is, where several share one top folder.
        """
        here = set(seen)
        known = self._found.get((top, owner), ())
        before = [path for path in known if path not in here and os.path.lexists(path)]
        self._found[top, owner] = [path for path in seen if is_disguised(path)] + before
        return before

    def keep_below(self, folder: str, found: list[str]) -> None:
        """What was found below a folder that is looked through in turns."""
        if found:
            self._below[folder] = found
        else:
            self._below.pop(folder, None)

    def below(self, folder: str) -> list[str]:
        """Of what was kept, the files that are still there."""
        return [path for path in self._below.get(folder, ()) if os.path.lexists(path)]


def is_disguised(name: str) -> bool:
    """Whether a file of this name is hardly ever a program."""
    return name[name.rfind(".") + 1 :] in _NO_PROGRAMS


def is_image(name: str) -> bool:
    """Whether it is called like a whole application in one file: downloaded, or told to Python, it needs no
    mode, and whatever its size it brings its own code along.
    """
    return name.lower().endswith(_IMAGES)


def is_as_a_program(entry: "os.DirEntry[str]") -> bool:
    """Whether it is an executable file as large as a tool, or an application in one file."""
    try:
        if not entry.is_file(follow_symlinks=False):
            return False
        if is_image(entry.name):
            return True
        status = entry.stat(follow_symlinks=False)
    except OSError:  # gone since it was listed
        return False
    return status.st_size >= SMALLEST and bool(status.st_mode & _EXECUTABLE)
