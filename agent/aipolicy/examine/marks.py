"""Content marks, versions and interpreters in a file: one pass of hyperscan, both encodings together.

Which marks there are is the catalog's affair; what follows from them is identify's.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from aipolicy.core.tool import VERSION_WINDOW, Mark, VersionMark, read_version
from aipolicy.examine.data import Readable, Reading
from aipolicy.examine.interpreters import COUNTED, INTERPRETER_MARKS, interpreter_in
from aipolicy.examine.lists_of_marks import marks_by_block, may_hold_a_list, outside_lists
from aipolicy.examine.patterns import compiled, literal, scan

MOST_PLACES: Final = 5_000
"""How many places of versions' prefixes are looked at: a hostile file could consist of nothing else, and each
costs a call of ours. (Claude Code has 320.)"""

_ALL: Final = "all"
_FIRST_PLACES: Final = "the first place of each"
_BLOCKS: Final = "marks, block by block"
_WIDTHS: Final = (1, 2)
"""Bytes per character: ASCII (or UTF-8), and UTF-16."""


class Found(NamedTuple):
    """marks: ids in the catalog's order. version: of the tool with most marks. whole: all was read.

    interpreter: the family of interpreters that the file is one of.
    """

    marks: tuple[str, ...] = ()
    version: str | None = None
    whole: bool = True
    interpreter: str | None = None


class _Sought(NamedTuple):
    """One literal in one encoding. every: each place counts, not only the first.

    skip: how many bytes lie between the end of `literal` and the text behind it.
    """

    of: Mark | VersionMark
    literal: bytes
    width: int
    skip: int
    every: bool


class _Hit(NamedTuple):
    """Number of what was sought, and where its literal ends in the file."""

    number: int
    end: int


class MarkSearch:
    """Searches files for one set of marks; each thread compiles its own databases (10 ms, 0.2 MB).

    digest: names the set, so that facts found with another set count as unknown.
    """

    def __init__(self, marks: tuple[Mark, ...], versions: tuple[VersionMark, ...] = ()) -> None:
        self._sought = (
            *(_sought(mark, mark.literal, width) for mark in marks for width in _WIDTHS),
            *(_sought(mark, mark.literal, 1, every=mark.literal in COUNTED) for mark in INTERPRETER_MARKS),
            *(_sought(one, one.before, width, every=True) for one in versions for width in _WIDTHS),
        )
        self._marks = marks
        self._own = threading.local()
        self.digest = _digest((*marks, *INTERPRETER_MARKS), versions)

    def search(self, file: Readable, most_bytes: int) -> Found:
        """One pass, and one more where a list may stand or the file is made to keep us busy. CannotLook."""
        reading = Reading(file, most_bytes)
        hits: set[_Hit] = set()
        if not _scan(self._database(_ALL, self._sought), reading, hits):
            reading = Reading(file, most_bytes)
            _scan(self._database(_FIRST_PLACES, self._sought), reading, hits)
        places = [(self._sought[hit.number], hit.end) for hit in sorted(hits)]
        counts = Counter(sought.of for sought, _ in places)
        marks = tuple(mark.id for mark in counts if isinstance(mark, Mark) and mark not in INTERPRETER_MARKS)
        literals = {mark.literal: counts[mark] for mark in INTERPRETER_MARKS if mark in counts}
        interpreter = interpreter_in(literals, file.status.st_size)
        if may_hold_a_list(marks):
            own = self._outside_lists(Reading(file, most_bytes))
            marks = tuple(mark for mark in marks if mark in own)
        return Found(marks, _version(file, places, marks), reading.whole, interpreter)

    def _outside_lists(self, reading: Reading) -> frozenset[str]:
        of_tools = self._sought[: len(self._marks) * len(_WIDTHS)]
        database = self._database(_BLOCKS, of_tools)
        longest = max(len(sought.literal) for sought in of_tools)

        def marks_in(block: memoryview) -> set[str]:
            found: set[str] = set()

            def matched(number: int, _from: int, _to: int, _flags: int, _context: object) -> None:
                found.add(self._marks[number // len(_WIDTHS)].id)

            database.scan(block, match_event_handler=matched)
            return found

        blocks: dict[int, frozenset[str]] = {}
        for number, marks in marks_by_block(reading, longest, marks_in):
            blocks[number] = blocks.get(number, frozenset()) | marks
        return outside_lists(blocks)

    def _database(self, name: str, sought: Sequence[_Sought]) -> Any:
        """This thread's own: hyperscan's scratch space must not be shared."""
        databases: dict[str, Any] = self._own.__dict__.setdefault("databases", {})
        if name not in databases:
            once = [name != _ALL or not one.every for one in sought]
            databases[name] = compiled([literal(one.literal) for one in sought], once, block=name == _BLOCKS)
        return databases[name]


def _version(file: Readable, places: Iterable[tuple[_Sought, int]], marks: tuple[str, ...]) -> str | None:
    """The first that stands behind a prefix of the tool with most marks."""
    leading = _leading(marks)
    for sought, end in sorted(places, key=lambda place: place[1]):
        if not isinstance(sought.of, VersionMark) or sought.of.tool not in leading:
            continue
        raw = file.read(VERSION_WINDOW * sought.width, end + sought.skip)
        text = raw.decode("latin-1" if sought.width == 1 else "utf-16-le", "replace")
        if version := read_version(text, sought.of):
            return version
    return None


def _sought(of: Mark | VersionMark, text: str, width: int, *, every: bool = False) -> _Sought:
    """UTF-16LE without its last NUL: hyperscan looks for the ends of literals first, and programs are so full
    of what ends in NULs that the whole search took 1.3 times as long. So UTF-16BE is found as well.
    """
    literal = text.encode("utf-8" if width == 1 else "utf-16-le")
    skip = 1 if width > 1 and literal.endswith(b"\0") else 0
    return _Sought(of, literal[: len(literal) - skip], width, skip, every)


def _scan(database: Any, reading: Reading, hits: set[_Hit]) -> bool:
    """Add what is found to `hits`; False where there were too many and the search was given up."""
    most = len(hits) + MOST_PLACES

    def note(number: int, end: int) -> bool:
        hits.add(_Hit(number, end))
        return len(hits) > most

    return scan(database, reading, note)


def _leading(marks: Iterable[str]) -> frozenset[str]:
    """The tools with most marks."""
    counts = Counter(mark.partition(":")[0] for mark in marks)
    most = max(counts.values(), default=0)
    return frozenset(tool for tool, count in counts.items() if count == most)


def _digest(marks: tuple[Mark, ...], versions: tuple[VersionMark, ...]) -> str:
    digest = hashlib.sha256(b"4")  # the method of this module, and what of a file is searched
    for part in (
        *(f"{m.id}\0{m.literal}" for m in marks),
        *(f"{v.tool}\0{v.before}\0{v.pattern}" for v in versions),
    ):
        encoded = part.encode("utf-8", "backslashreplace")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:16]
