"""A plain list: one name a line, as a spreadsheet's column or a wiki page gives it."""

import csv
import io
import re
from typing import Final

from aipolicy.importers.foreign import Clue, ForeignRule, Kind, NotReadable

_ITEM: Final = re.compile(r"^(?:[-*•\u2013]\s*|\d{1,4}[.)]\s+|\[[ xX]?\]\s+)+")
"""`- `, `12. `, `[ ] `."""


def read(data: bytes) -> list[ForeignRule]:
    """Each line, or its first cell, as a rule that bans. `#` begins a comment. Raises NotReadable."""
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotReadable(f"this is not UTF-8 (byte {error.start})") from error
    rules: list[ForeignRule] = []
    for number, line in enumerate(text.splitlines(), 1):
        word = _plain(_first_cell(line.partition("#")[0]))
        if word:
            rules.append(ForeignRule(at=f"line {number}", says=word[:80], clues=(_clue(word),)))
    return rules


def _plain(cell: str) -> str:
    """Without what begins an item of a list, and with usual blanks: pages and sheets have others."""
    cell = " ".join(cell.split())
    return _ITEM.sub("", cell)


def _first_cell(line: str) -> str:
    line = line.strip().removeprefix("|")  # a row of a table in Markdown
    delimiter = next((mark for mark in (";", "\t", "|", ",") if mark in line), ",")
    try:
        return next(iter(next(csv.reader(io.StringIO(line), delimiter=delimiter), [])), "")
    except csv.Error:  # a NUL, a cell of 100 kB
        return line


def _clue(word: str) -> Clue:
    looks_like_a_path = word.startswith(("/", "~", "%", "C:\\"))
    return Clue(kind=Kind.PATH if looks_like_a_path else Kind.WORD, value=word)
