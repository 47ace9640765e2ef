"""The files that a script loads, and those that they load: a tool's code often lies beside its entry script.

Of JavaScript that is what a file names relative to itself (`imports`), of Python the package that is started
(`python_imports`); never a library by its name. An application that depends on a tool's package, or lists
marks, is not the tool, while one that loads a copy of the tool's code from its own folder runs that code.
What the marks in so many files are worth is `core.content`'s affair.
"""

import os
import posixpath
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from aipolicy.core.content import is_proof
from aipolicy.core.model import FileFacts, FileKind
from aipolicy.core.wire import printable
from aipolicy.examine.files import MIB, CannotLook, Neighbour, neighbour
from aipolicy.examine.imports import ImportSearch
from aipolicy.examine.python_imports import is_python, modules_in, place_of
from aipolicy.examine.remembered import identity_of

MOST_FILES: Final = 128
MOST_BYTES: Final = 64 * MIB
MOST_LOOKUPS: Final = 1_024
"""Of one script and all that it loads, breadth first, which also bounds the depth.

The largest bundle in chunks known has 40 files and 27 MB; of an unbundled tool the marks are chosen among the
first 128 files.
"""
_MOST_REMEMBERED: Final = 20_000

_DATA: Final = (".json", ".node", ".wasm", ".css")
_CODE: Final = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx")
_ENDINGS: Final = (".js", ".ts", ".cjs", ".mjs", "/index.js", "/index.ts")
"""What node and bun put behind a name."""


class Imported:
    """Threads may share it.

    facts: the facts of one file by itself. is_fresh: whether a file may change without its times showing it.
    """

    def __init__(
        self, facts: Callable[[Neighbour], FileFacts], is_fresh: Callable[[os.stat_result], bool]
    ) -> None:
        self._facts = facts
        self._is_fresh = is_fresh
        self._search = ImportSearch()
        self._names: dict[tuple[int, ...], _Names] = {}

    def of(self, script: FileFacts, path: str, folder: int) -> tuple[FileFacts, ...]:
        """Those with marks, in the order in which they are met; no more once they prove a tool.

        path: of the script, as whoever runs it names it. folder: a descriptor of the folder it lies in.
        """
        if script.kind is not FileKind.SCRIPT or is_proof(script):
            return ()
        base, name = os.path.split(path)
        found: list[FileFacts] = []
        for place, facts in self._loaded(folder, name, base):
            if facts.marks:
                shown = printable(os.path.normpath(os.path.join(base, place)))
                found.append(msgspec.structs.replace(facts, path=shown))
                if is_proof(msgspec.structs.replace(script, imported=tuple(found))):
                    break
        return tuple(found)

    def _loaded(self, folder: int, script: str, base: str) -> Iterator[tuple[str, FileFacts]]:
        """Each file with its place, relative to `base`, the script's folder; but for the script itself."""
        folder_name = os.path.basename(base)
        waiting: deque[tuple[str, ...]] = deque([(script,)])
        named = {script}
        met: set[tuple[int, int]] = set()
        lookups = _Budget(MOST_LOOKUPS)
        left = MOST_BYTES
        while waiting and len(met) < MOST_FILES:
            near = _first(folder, waiting.popleft(), lookups)
            if near is None:
                continue
            with near:
                file = (near.status.st_dev, near.status.st_ino)
                if file in met or near.status.st_size > left:
                    continue
                met.add(file)
                left -= near.status.st_size
                try:
                    if near.path != script:
                        yield near.path, self._facts(near)
                    names = self._names_in(near)
                except CannotLook:
                    continue
            for named_places in names.places(near.path, folder_name):
                places = tuple(_below_root(place, base) for place in named_places)
                if places[0] not in named and len(named) < MOST_LOOKUPS:
                    named.add(places[0])
                    waiting.append(places)

    def _names_in(self, near: Neighbour) -> "_Names":
        identity = identity_of(near.status)
        known = self._names.get(identity)
        if known is None:
            with near.open() as file:
                python = is_python(near.path, file)
                names = modules_in(file) if python else self._search.search(file, MOST_BYTES)
            known = _Names(python, names)
            if not self._is_fresh(near.status):
                if len(self._names) >= _MOST_REMEMBERED:
                    self._names.clear()
                self._names[identity] = known
        return known


class _Budget:
    def __init__(self, left: int) -> None:
        self._left = left

    def spend(self) -> bool:
        """Whether there was something left."""
        self._left -= 1
        return self._left >= 0


class _Names(NamedTuple):
    """What a file says that it loads; see `imports` and `python_imports`."""

    python: bool
    names: tuple[str, ...]

    def places(self, importer: str, folder: str) -> Iterator[tuple[str, ...]]:
        """For each name the places where its file is looked for, in that order, as `importer` is given.

        folder: the name of the entry script's.
        """
        for name in self.names:
            if self.python:
                if (module := place_of(name, importer, folder)) is not None:
                    yield f"{module}.py", f"{module}/__init__.py"
            else:
                place = posixpath.normpath(posixpath.join(posixpath.dirname(importer), name))
                if tried := tuple(_javascript(place)):
                    yield tried


def _below_root(place: str, base: str) -> str:
    """As whoever runs the script finds it: nothing lies above its own root, though of ours something may."""
    if not place.startswith("../"):
        return place
    return posixpath.relpath(posixpath.normpath(f"{base}/{place}"), base)


def _first(folder: int, places: tuple[str, ...], lookups: _Budget) -> Neighbour | None:
    """The file that is loaded under a name."""
    for place in places:
        if not lookups.spend():
            return None
        try:
            return neighbour(folder, place)
        except CannotLook:
            continue
    return None


def _javascript(name: str) -> Iterator[str]:
    """As node and bun look for it; what is loaded as data is left out."""
    ending = posixpath.splitext(name)[1]
    if ending not in _DATA:  # node takes everything else for code, whatever its name
        yield name
    if ending == ".js":
        yield f"{name[:-3]}.ts"  # as TypeScript writes the name of what it will become
    if ending not in _CODE:
        yield from (name + more for more in _ENDINGS)
