"""A plain list: one name a line, as a spreadsheet's column or a wiki page gives it."""

import csv
import io

from aipolicy.importers.foreign import Clue, ForeignRule, Kind, NotReadable


def read(data: bytes) -> list[ForeignRule]:
    """Each line, or its first cell, as a rule that bans. `#` begins a comment. Raises NotReadable."""
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotReadable(f"this is not UTF-8 (byte {error.start})") from error
    rules: list[ForeignRule] = []
    for number, line in enumerate(text.splitlines(), 1):
        word = _first_cell(line.partition("#")[0]).lstrip("-*•\u2013 \t").strip()
        if word:
            rules.append(ForeignRule(at=f"line {number}", says=word[:80], clues=(_clue(word),)))
    return rules


def _first_cell(line: str) -> str:
    delimiter = next((mark for mark in (";", "\t", ",") if mark in line), ",")
    try:
        return next(iter(next(csv.reader(io.StringIO(line), delimiter=delimiter), [])), "")
    except csv.Error:  # a NUL, a cell of 100 kB
        return line


def _clue(word: str) -> Clue:
    looks_like_a_path = word.startswith(("/", "~", "%", "C:\\"))
    return Clue(kind=Kind.PATH if looks_like_a_path else Kind.WORD, value=word)
