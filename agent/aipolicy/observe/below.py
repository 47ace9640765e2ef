"""Large executable files, and packages in packages, below folders that a walk knows and does not enter.

node_modules, site-packages, .git, the trash and caches hold most of a developer's files and hardly a program.
All of them are looked through in the first look of a daemon, then each in one look of TURNS.
"""

import os
from collections.abc import Callable
from typing import Final

from aipolicy.observe.loose import Disguises, is_disguised

LARGE: Final = 16 << 20
"""Bytes. Packages bring many smaller programs, and the smallest native tool known has 60 MB."""
MODULES: Final = "/node_modules"

_EXECUTABLE: Final = 0o111


class Below:
    """Looks through one folder after the other, `most` entries in all. out_of_reach: see Machine.

    packages: npm packages, or their scopes, for which a node_modules folder is of interest.
    """

    def __init__(
        self,
        disguises: Disguises,
        out_of_reach: Callable[[str], str | None],
        most: int,
        packages: frozenset[str] = frozenset(),
    ) -> None:
        self._disguises = disguises
        self._packages = packages
        self._out_of_reach = out_of_reach
        self._left = most
        self.is_exhausted = False
        """Whether more lay there than was looked at."""

    def found_in(self, folder: str) -> list[str]:
        """The large executable files below, and node_modules folders with a package of interest.

        Between its turns, those that are still there.
        """
        if not self._disguises.are_due(folder):
            return self._disguises.below(folder)
        found: list[str] = []
        waiting = [folder]
        while waiting:
            inner = waiting.pop()
            if self._out_of_reach(inner) is None:
                waiting += self._look_into(inner, found)
            if self._left <= 0:
                self.is_exhausted = True
                break
        self._disguises.keep_below(folder, found)
        return found

    def _look_into(self, folder: str, found: list[str]) -> list[str]:
        """The folders in it; what is found is added to `found`."""
        folders = []
        packages = self._packages if folder.endswith(MODULES) else frozenset()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._left -= 1
                    if self._left < 0:
                        break
                    if entry.name in packages and found[-1:] != [folder]:
                        found.append(folder)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif not is_disguised(entry.name) and _is_large(entry):
                        found.append(entry.path)
        except OSError:  # closed to us: what is in it was never promised
            pass
        return folders


def _is_large(entry: "os.DirEntry[str]") -> bool:
    try:
        if not entry.is_file(follow_symlinks=False):
            return False
        status = entry.stat(follow_symlinks=False)
    except OSError:  # gone since it was listed
        return False
    return status.st_size >= LARGE and bool(status.st_mode & _EXECUTABLE)
