"""Content marks and embedded versions in a file: one pass of hyperscan, ASCII and UTF-16LE together.

Which marks there are is the catalog's affair; what follows from them is identify's.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import hyperscan

from aipolicy.core.tool import VERSION_WINDOW, Mark, VersionMark, read_version
from aipolicy.examine.data import Reading
from aipolicy.examine.files import OpenFile
from aipolicy.examine.lists_of_marks import marks_by_block, may_hold_a_list, outside_lists

_MOST_PLACES: Final = 1000
"""How many occurrences of a version's prefix are looked at: a hostile file could consist of nothing else."""


class Found(NamedTuple):
    """marks: ids in the catalog's order. version: of the tool with most marks. whole: all was read."""

    marks: tuple[str, ...] = ()
    version: str | None = None
    whole: bool = True


class _Place(NamedTuple):
    """Where the text behind a version's prefix begins, and in which encoding it is."""

    offset: int
    mark: VersionMark
    width: int


class MarkSearch:
    """Searches files for one set of marks; each thread compiles its own database (5 ms, 0.1 MB).

    digest: names the set, so that facts found with another set count as unknown.
    """

    def __init__(self, marks: tuple[Mark, ...], versions: tuple[VersionMark, ...] = ()) -> None:
        self._marks = marks
        self._versions = versions
        self._own = threading.local()
        self.digest = _digest(marks, versions)

    def search(self, file: OpenFile, most_bytes: int) -> Found:
        """One pass, a second from the first prefix of a version on, and a third where a list may stand.

        Raises CannotLook.
        """
        if not self._marks:
            return Found()
        reading = Reading(file, most_bytes)
        hits: dict[int, int] = {}
        _scan(self._database("all"), reading, 0, hits.setdefault)
        marks = tuple(dict.fromkeys(mark.id for i, mark in enumerate(self._marks) if i in hits))
        if may_hold_a_list(marks):
            own = self._outside_lists(Reading(file, most_bytes))
            marks = tuple(mark for mark in marks if mark in own)
        return Found(marks, self._version(file, most_bytes, marks, hits), reading.whole)

    def _outside_lists(self, reading: Reading) -> frozenset[str]:
        database = self._database("blocks")
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

    def _version(
        self, file: OpenFile, most_bytes: int, marks: tuple[str, ...], hits: dict[int, int]
    ) -> str | None:
        leading = _leading(marks)
        asked = [id_ for id_, mark, _ in self._prefixes() if mark.tool in leading and id_ in hits]
        if not asked:
            return None
        longest = max(len(mark.before) * width for _, mark, width in self._prefixes())
        start = max(0, min(hits[id_] for id_ in asked) - longest)
        for place in self._places(Reading(file, most_bytes), start, frozenset(asked)):
            raw = file.read(VERSION_WINDOW * place.width, place.offset)
            text = raw.decode("latin-1" if place.width == 1 else "utf-16-le", "replace")
            if version := read_version(text, place.mark):
                return version
        return None

    def _places(self, reading: Reading, start: int, asked: frozenset[int]) -> Iterator[_Place]:
        prefixes = {id_: (mark, width) for id_, mark, width in self._prefixes()}
        seen = 0
        found: list[tuple[int, int]] = []

        def note(id_: int, offset: int) -> None:
            if id_ in asked and len(found) < _MOST_PLACES:
                found.append((offset, id_))

        for _ in _scan_by_piece(self._database("versions"), reading, start, note):
            yield from (_Place(offset, *prefixes[id_]) for offset, id_ in sorted(found))
            seen += len(found)
            found.clear()
            if seen >= _MOST_PLACES:
                return

    def _prefixes(self) -> Iterator[tuple[int, VersionMark, int]]:
        """Each version mark in both encodings: id (behind those of the marks), mark, bytes per character."""
        for i, mark in enumerate(self._versions):
            yield len(self._marks) + 2 * i, mark, 1
            yield len(self._marks) + 2 * i + 1, mark, 2

    def _database(self, which: str) -> Any:
        """This thread's own: hyperscan's scratch space must not be shared."""
        known = getattr(self._own, which, None)
        if known is None:
            versions = [(id_, _encoded(mark.before, width)) for id_, mark, width in self._prefixes()]
            marks = [
                (i, _encoded(mark.literal, width)) for i, mark in enumerate(self._marks) for width in (1, 2)
            ]
            if which == "versions":
                known = _compiled(versions, 0)
            elif which == "blocks":
                known = _compiled(marks, hyperscan.HS_FLAG_SINGLEMATCH, hyperscan.HS_MODE_BLOCK)
            else:
                known = _compiled(marks + versions, hyperscan.HS_FLAG_SINGLEMATCH)
            setattr(self._own, which, known)
        return known


def _encoded(text: str, width: int) -> bytes:
    return text.encode("utf-8" if width == 1 else "utf-16-le")


def _compiled(
    patterns: list[tuple[int, bytes]], flags: int, mode: int = int(hyperscan.HS_MODE_STREAM)
) -> Any:
    """As expressions of escaped bytes: the binding's literal mode ends each literal at its first NUL."""
    database = hyperscan.Database(mode=mode)
    database.compile(
        expressions=["".join(f"\\x{byte:02x}" for byte in literal).encode() for _, literal in patterns],
        ids=[id_ for id_, _ in patterns],
        elements=len(patterns),
        flags=[flags] * len(patterns),
    )
    return database


def _scan(database: Any, reading: Reading, start: int, note: Any) -> None:
    for _ in _scan_by_piece(database, reading, start, note):
        pass


def _scan_by_piece(database: Any, reading: Reading, start: int, note: Any) -> Iterator[None]:
    """`note(id, offset in the file behind the match)` for each match; yields after each piece."""
    shift = 0  # from a place in the stream to its place in the file
    fed = 0

    def matched(id_: int, _from: int, to: int, _flags: int, _context: object) -> None:
        note(id_, to + shift)

    with database.stream(match_event_handler=matched) as stream:
        for piece in reading.pieces(start):
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
