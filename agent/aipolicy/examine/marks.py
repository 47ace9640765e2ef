"""Content marks and embedded versions in a file: one pass of hyperscan, ASCII and UTF-16LE together.

Which marks there are is the catalog's affair; what follows from them is identify's.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import hyperscan

from aipolicy.core.tool import VERSION_WINDOW, Mark, VersionMark, read_version
from aipolicy.examine.data import Reading
from aipolicy.examine.files import OpenFile
from aipolicy.examine.interpreters import INTERPRETER_MARKS, interpreter_in, split
from aipolicy.examine.lists_of_marks import marks_by_block, may_hold_a_list, outside_lists

_MOST_PLACES: Final = 1000
"""How many occurrences of a version's prefix are looked at: a hostile file could consist of nothing else."""

_MARKS: Final = "marks"
_BLOCKS: Final = "marks, block by block"
_WIDTHS: Final = (1, 2)
"""Bytes per character: ASCII (or UTF-8), and UTF-16LE."""

_Pattern = tuple[int, bytes]


class Found(NamedTuple):
    """marks: ids in the catalog's order. version: of the tool with most marks. whole: all was read.

    interpreter: the family of interpreters that the file is one of.
    """

    marks: tuple[str, ...] = ()
    version: str | None = None
    whole: bool = True
    interpreter: str | None = None


class _Place(NamedTuple):
    """Where the text behind a version's prefix begins, and in which encoding it is."""

    offset: int
    mark: VersionMark
    width: int


class MarkSearch:
    """Searches files for one set of marks; each thread compiles its own databases (5 ms, 0.1 MB).

    digest: names the set, so that facts found with another set count as unknown.
    """

    def __init__(self, marks: tuple[Mark, ...], versions: tuple[VersionMark, ...] = ()) -> None:
        self._of_tools = len(marks)
        self._marks = (*marks, *INTERPRETER_MARKS)
        self._versions = versions
        self._own = threading.local()
        self.digest = _digest(self._marks, versions)

    def search(self, file: OpenFile, most_bytes: int) -> Found:
        """One pass; in what holds marks another up to the version, and one more where a list may stand.

        Raises CannotLook. (The prefixes of versions in the first pass as well would make it twice as slow.)
        """
        reading = Reading(file, most_bytes)
        hits: dict[int, int] = {}
        for _ in _scan(self._database(_MARKS, self._literals), reading, hits.setdefault):
            pass
        marks, literals = split(dict.fromkeys(mark.id for i, mark in enumerate(self._marks) if i in hits))
        again = Reading(file, most_bytes)
        interpreter = interpreter_in(literals, file.status.st_size, again) if literals else None
        if may_hold_a_list(marks):
            own = self._outside_lists(Reading(file, most_bytes))
            marks = tuple(mark for mark in marks if mark in own)
        return Found(marks, self._version(file, most_bytes, marks), reading.whole, interpreter)

    def _outside_lists(self, reading: Reading) -> frozenset[str]:
        database = self._database(_BLOCKS, lambda: self._literals()[: self._of_tools * len(_WIDTHS)])
        longest = max(len(_encoded(mark.literal, 2)) for mark in self._marks)

        def scan(block: memoryview) -> set[str]:
            found: set[str] = set()

            def matched(id_: int, _from: int, _to: int, _flags: int, _context: object) -> None:
                found.add(self._marks[id_].id)

            database.scan(block, match_event_handler=matched)
            return found

        blocks: dict[int, frozenset[str]] = {}
        for number, marks in marks_by_block(reading, longest, scan):
            blocks[number] = blocks.get(number, frozenset()) | marks
        return outside_lists(blocks)

    def _version(self, file: OpenFile, most_bytes: int, marks: tuple[str, ...]) -> str | None:
        leading = _leading(marks)
        versions = tuple(version for version in self._versions if version.tool in leading)
        if not versions:
            return None
        for place in self._places(Reading(file, most_bytes), versions):
            raw = file.read(VERSION_WINDOW * place.width, place.offset)
            text = raw.decode("latin-1" if place.width == 1 else "utf-16-le", "replace")
            if version := read_version(text, place.mark):
                return version
        return None

    def _places(self, reading: Reading, versions: tuple[VersionMark, ...]) -> Iterator[_Place]:
        """Where the text begins that may state a version, in the order of the file."""
        prefixes = [(version, width) for version in versions for width in _WIDTHS]
        database = self._database(
            "\0".join(version.before for version in versions),
            lambda: [(id_, _encoded(version.before, width)) for id_, (version, width) in enumerate(prefixes)],
        )
        seen = 0
        found: list[tuple[int, int]] = []

        def note(id_: int, offset: int) -> None:
            if len(found) < _MOST_PLACES:
                found.append((offset, id_))

        for _ in _scan(database, reading, note):
            yield from (_Place(offset, *prefixes[id_]) for offset, id_ in sorted(found))
            seen += len(found)
            found.clear()
            if seen >= _MOST_PLACES:
                return

    def _literals(self) -> list[_Pattern]:
        return [(i, _encoded(mark.literal, width)) for i, mark in enumerate(self._marks) for width in _WIDTHS]

    def _database(self, name: str, patterns: Callable[[], list[_Pattern]]) -> Any:
        """This thread's own: hyperscan's scratch space must not be shared."""
        databases: dict[str, Any] = self._own.__dict__.setdefault("databases", {})
        if name not in databases:
            once = name in (_MARKS, _BLOCKS)  # of a mark the first place counts, of a prefix each one
            mode = hyperscan.HS_MODE_BLOCK if name == _BLOCKS else hyperscan.HS_MODE_STREAM
            databases[name] = _compiled(patterns(), hyperscan.HS_FLAG_SINGLEMATCH if once else 0, mode)
        return databases[name]


def _encoded(text: str, width: int) -> bytes:
    return text.encode("utf-8" if width == 1 else "utf-16-le")


def _compiled(patterns: list[_Pattern], flags: int, mode: int) -> Any:
    """As expressions of escaped bytes: the binding's literal mode ends each literal at its first NUL."""
    database = hyperscan.Database(mode=mode)
    database.compile(
        expressions=["".join(f"\\x{byte:02x}" for byte in literal).encode() for _, literal in patterns],
        ids=[id_ for id_, _ in patterns],
        elements=len(patterns),
        flags=[flags] * len(patterns),
    )
    return database


def _scan(database: Any, reading: Reading, note: Callable[[int, int], object]) -> Iterator[None]:
    """`note(id, offset in the file behind the match)` for each match; yields after each piece."""
    shift = 0  # from a place in the stream to its place in the file
    fed = 0

    def matched(id_: int, _from: int, to: int, _flags: int, _context: object) -> None:
        note(id_, to + shift)

    with database.stream(match_event_handler=matched) as stream:
        for piece in reading.pieces():
            if not piece.follows and fed:
                stream.scan(b"\0")  # a hole: what stands before and behind it is not one text
                fed += 1
            shift = piece.offset - fed
            stream.scan(piece.data)
            fed += len(piece.data)
            yield


def _leading(marks: Iterable[str]) -> frozenset[str]:
    """The tools with most marks."""
    counts = Counter(mark.partition(":")[0] for mark in marks)
    most = max(counts.values(), default=0)
    return frozenset(tool for tool, count in counts.items() if count == most)


def _digest(marks: tuple[Mark, ...], versions: tuple[VersionMark, ...]) -> str:
    digest = hashlib.sha256(b"2")  # the method of this module
    for part in (
        *(f"{m.id}\0{m.literal}" for m in marks),
        *(f"{v.tool}\0{v.before}\0{v.pattern}" for v in versions),
    ):
        encoded = part.encode("utf-8", "backslashreplace")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:16]
