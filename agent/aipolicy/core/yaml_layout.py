"""A right YAML file with all that its nodes leave out: comments, blank lines, quotes and brackets.

Each comment is put to the thing that it is about: above it, beside it, or at the end of a list or mapping.
What is done with them is left to normal_form.py.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

_HEADER: Final = re.compile(r"[|>][-+0-9]*[ \t]*(#.*)?")
_END_OF_FILE: Final = -1


class Place(NamedTuple):
    """Line and column, both from 0, as the parser counts them."""

    line: int
    column: int


class Part:
    """A text, a list or a mapping.

    style: of a text: empty, ' " | or >. several: a text on more than one line. written: the lines of a > text
    without their indentation. flow: a list or mapping in brackets. items: what is in it.
    head: comments behind its opening. foot: comments, and "" for blank lines, at its end.
    """

    __slots__ = (
        "end",
        "flow",
        "foot",
        "head",
        "items",
        "mapping",
        "several",
        "start",
        "style",
        "text",
        "written",
    )

    def __init__(self, start: Place, end: Place) -> None:
        self.start, self.end = start, end
        self.text: str | None = None
        self.style = ""
        self.mapping = self.flow = self.several = False
        self.written: list[str] = []
        self.items: list[Item] = []
        self.head: list[str] = []
        self.foot: list[str] = []


class Item:
    """An item of a list, or a key with its value.

    above: the comments above it, and "" for blank lines. beside: those in its line.
    """

    __slots__ = ("above", "beside", "key", "value")

    def __init__(self, key: Part | None, value: Part) -> None:
        self.key, self.value = key, value
        self.above: list[str] = []
        self.beside: list[str] = []

    @property
    def start(self) -> Place:
        """Where it begins; of an item of a list, where that what is behind the dash begins."""
        return (self.key or self.value).start


class _Comment(NamedTuple):
    place: Place
    text: str


class _Mark(NamedTuple):
    """Something that a comment may be about. chain: the blocks around it, the outermost first."""

    place: Place
    kind: str  # item, value, open, close, text
    part: Part
    item: Item | None
    chain: tuple[Part, ...]


def layout(text: str) -> Part:
    """The root of a text that the loader found right."""
    lines = text.split("\n")
    reader = _Reader(text, lines)
    root = reader.part()
    comments = sorted([*_between(text, reader.spans), *_behind_headers(lines, reader.texts)])
    _attach(comments, root, lines, reader.kept)
    return root


class _Reader:
    """Builds the parts. spans: where texts stand, as offsets. kept: lines that belong to a `|+` text."""

    def __init__(self, text: str, lines: list[str]) -> None:
        self._lines = lines
        self._events = iter(yaml.parse(text, Loader=yaml.CSafeLoader))
        self.spans: list[tuple[int, int]] = []
        self.texts: list[Part] = []
        self.kept: set[int] = set()
        next(self._events), next(self._events)  # the stream and its document begin

    def part(self) -> Part:
        return self._part(next(self._events))

    def _part(self, event: Any) -> Part:
        part = Part(_place(event.start_mark), _place(event.end_mark))
        if isinstance(event, yaml.ScalarEvent):
            self._text(event, part)
        else:
            self._items(event, part)
        return part

    def _text(self, event: Any, part: Part) -> None:
        part.text, part.style = event.value, event.style or ""
        part.several = part.end.line > part.start.line
        self.spans.append((event.start_mark.index, event.end_mark.index))
        self.texts.append(part)
        if part.style in ("|", ">") and event.value.endswith("\n\n"):
            self.kept.update(range(part.start.line, part.end.line))
        if part.style == ">":
            part.written = _folded(self._lines[part.start.line : part.end.line + bool(part.end.column)], part)

    def _items(self, event: Any, part: Part) -> None:
        part.flow, part.mapping = bool(event.flow_style), isinstance(event, yaml.MappingStartEvent)
        for inner in self._events:
            if isinstance(inner, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                part.end = _place(inner.end_mark)
                return
            key = self._part(inner) if part.mapping else None
            part.items.append(Item(key, self.part() if part.mapping else self._part(inner)))


def _folded(lines: list[str], part: Part) -> list[str]:
    """The lines of a > text; none where a digit says how far it is indented, since then nothing shows it."""
    header, *lines = lines
    if re.search(r"[0-9]", header[part.start.column :].partition("#")[0]):
        return []
    indent = next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), 0)
    written = [line[indent:] for line in lines]
    while written and not written[-1]:
        written.pop()
    return written


def _place(mark: Any) -> Place:
    return Place(mark.line, mark.column)


def _between(text: str, spans: list[tuple[int, int]]) -> Iterator[_Comment]:
    """The comments outside of texts: there every # begins one."""
    lines = [0, *(found.end() for found in re.finditer("\n", text))]
    at = 0
    for start, end in (*spans, (len(text), len(text))):
        while (sign := text.find("#", at, start)) >= 0:
            at = text.find("\n", sign)
            at = len(text) if at < 0 else at
            line = bisect_right(lines, sign) - 1
            place = Place(line, sign - lines[line])
            yield _Comment(place, text[sign:at].rstrip())
        at = max(at, end)


def _behind_headers(lines: list[str], texts: list[Part]) -> Iterator[_Comment]:
    """The comments behind `|` and `>`."""
    for part in texts:
        if part.style in ("|", ">"):
            found = _HEADER.match(lines[part.start.line], part.start.column)
            if found and found[1]:
                yield _Comment(Place(part.start.line, found.start(1)), found[1].rstrip())


def _attach(comments: list[_Comment], root: Part, lines: list[str], kept: set[int]) -> None:
    """Gives every comment and every blank line to the thing it belongs to."""
    waiting = iter(comments)
    comment = next(waiting, None)
    last: _Mark | None = None
    for mark in (*_marks(root, None, ()), None):
        gap: list[_Comment] = []
        while comment is not None and (mark is None or comment.place < mark.place):
            gap.append(comment)
            comment = next(waiting, None)
        _place_gap(gap, last, mark, root, _Lines(lines, kept))
        last = mark


def _marks(part: Part, item: Item | None, chain: tuple[Part, ...]) -> Iterator[_Mark]:
    """In the order of the file."""
    if part.text is not None:
        yield _Mark(part.end, "text", part, item, chain)
        return
    if part.flow:
        yield _Mark(part.start, "open", part, item, chain)
    inner = chain if part.flow else (*chain, part)
    for each in part.items:
        yield _Mark(each.start, "item", part, each, inner)
        if each.key is not None:
            yield _Mark(each.key.end, "text", each.key, each, inner)
            if each.value.text is not None or each.value.flow:
                yield _Mark(each.value.start, "value", each.value, each, inner)
        yield from _marks(each.value, each, inner)
    if part.flow:
        yield _Mark(part.end, "close", part, item, chain)


class _Lines(NamedTuple):
    lines: list[str]
    kept: set[int]

    def blank_above(self, line: int) -> bool:
        """Whether the line above is blank, and not a part of a text."""
        above = line - 1
        return above >= 0 and not self.lines[above].strip() and above not in self.kept

    def begins_group(self, place: Place) -> bool:
        """Whether an item is the first thing in its line but for dashes, and the line above is blank."""
        before = self.lines[place.line][: place.column]
        return not before.strip(" -?") and self.blank_above(place.line)

    def alone(self, comment: _Comment) -> bool:
        """Whether nothing else stands in its line."""
        return not self.lines[comment.place.line][: comment.place.column].strip()


def _place_gap(
    gap: list[_Comment], last: _Mark | None, mark: _Mark | None, root: Part, source: _Lines
) -> None:
    """What stands between two marks."""
    lowest = None
    for comment in gap:
        beside = _beside(comment, last) if not source.alone(comment) else None
        if beside is not None:
            beside.append(comment.text)
            continue
        lowest = _ended(comment, last, mark, root, lowest)
        into = lowest.foot if lowest is not None else _above(mark, root)
        _add(into, comment.text, blank=source.blank_above(comment.place.line))
    if mark is not None and mark.kind == "item" and source.begins_group(mark.place):
        _add_blank(_above(mark, root))


def _add_blank(into: list[str]) -> None:
    if not into or into[-1]:
        into.append("")


def _add(into: list[str], text: str, *, blank: bool) -> None:
    if blank:
        _add_blank(into)
    into.append(text)


def _beside(comment: _Comment, last: _Mark | None) -> list[str] | None:
    """Where a comment goes that stands behind something in the same line."""
    if last is None or last.place.line != comment.place.line:
        return None
    if last.kind == "open":
        return last.part.head
    if last.kind == "text" and last.item is not None and last.part is last.item.key:
        value = last.item.value  # `key: # comment`, and the value below
        return last.item.beside if value.text is not None or value.flow else value.head
    if last.kind in ("text", "close") and last.item is not None:
        return last.item.beside
    if last.kind in ("value", "item") and last.item is not None and last.item.value.style in ("|", ">"):
        return last.item.beside
    return None


def _ended(
    comment: _Comment, last: _Mark | None, mark: _Mark | None, root: Part, lowest: Part | None
) -> Part | None:
    """The block at whose end it stands, as its indentation says; None where it is about what follows."""
    if mark is not None and mark.kind == "close":
        return mark.part
    if mark is not None and mark.kind != "item":
        return None
    around = mark.part if mark is not None else None
    if around is not None and around.flow:
        return None
    floor = around.start.column if around is not None else _END_OF_FILE
    if comment.place.column <= floor or last is None:
        return None if mark is not None else root
    blocks = last.chain
    if around is not None and around in blocks:
        blocks = blocks[blocks.index(around) + 1 :]
    if lowest is not None and lowest in blocks:
        blocks = blocks[: blocks.index(lowest) + 1]
    fitting = [block for block in blocks if floor < block.start.column <= comment.place.column]
    if not fitting:
        return None if mark is not None else root
    return max(fitting, key=lambda block: block.start.column)  # of equals the outermost


def _above(mark: _Mark | None, root: Part) -> list[str]:
    if mark is None:
        return root.foot
    if mark.item is None:  # the bracket with which the file begins
        return root.items[0].above if root.items else root.head
    return mark.item.above
