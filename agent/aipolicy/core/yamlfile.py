"""Strict YAML: text in, nodes with line and column out, every scalar as text, every error at once.

It reads the C parser's events and builds the nodes itself: PyYAML's own loaders crash on deep nesting, let
the last of two equal keys win and turn `no` into False. What the nodes mean is left to the caller.
"""

from collections.abc import Callable
from typing import Any, Final

import yaml

from aipolicy.core.model import Record
from aipolicy.core.plaintext import plain_text
from aipolicy.core.problem import Code, Problem, Problems, annotate, shown
from aipolicy.core.unsafe import UNSAFE, unsafe_character
from aipolicy.core.yaml_syntax import TOO_DEEP, explain_syntax

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "Mapping",
    "Node",
    "Problem",
    "Problems",
    "Scalar",
    "Sequence",
    "YamlErrors",
    "annotate",
    "load",
    "read",
]

MAX_BYTES: Final = 4_000_000
"""Room for 100,000 entries with a reason each; a policy is a page."""
MAX_DEPTH: Final = 16


class YamlErrors(Exception):
    """The file is refused; `problems` says everything that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class Scalar(Record, frozen=True, kw_only=True, gc=False):
    """A text. plain: written without quotes, so that a plain empty one is a value left out."""

    text: str
    line: int
    column: int
    plain: bool = True

    @property
    def missing(self) -> bool:
        """Whether nothing is written here at all, as after `banned:`."""
        return self.plain and not self.text


class Sequence(Record, frozen=True, kw_only=True, gc=False):
    """A list."""

    items: "tuple[Node, ...]"
    line: int
    column: int


class Mapping(Record, frozen=True, kw_only=True, gc=False):
    """Keys and values in the order of the file; no key stands twice."""

    items: "tuple[tuple[Scalar, Node], ...]"
    line: int
    column: int

    def get(self, key: str) -> "Node | None":
        """The value of `key`, None where the file does not have it."""
        return next((value for name, value in self.items if name.text == key), None)


Node = Mapping | Sequence | Scalar


def load(text: bytes | str, filename: str, *, limit: int = MAX_BYTES) -> Node:
    """The file's one document. Raises YamlErrors, and nothing else, whatever the text."""
    root, problems = read(text, filename, limit=limit)
    if problems or root is None:
        raise YamlErrors(problems.all())
    return root


def read(text: bytes | str, filename: str, *, limit: int = MAX_BYTES) -> tuple[Node | None, Problems]:
    """What could be read and what is wrong, for a caller that adds its own problems to these.

    The root is None where nothing could be read; then there is at least one problem.
    """
    decoded, problems = plain_text(text, filename, limit)
    if decoded is None:
        return None, problems
    builder = _Builder(problems)
    try:
        builder.read(decoded)
    except _Stop:
        return builder.root, problems
    except yaml.YAMLError as error:
        problems.add_at(*explain_syntax(error, builder.open_flow, decoded))
        return None, problems
    if builder.root is None and not problems:
        message, suggestion = "the file is empty or holds only comments", "write one key at least"
        problems.add_at(1, 1, Code.EMPTY, message, suggestion)
    return builder.root, problems


class _Stop(Exception):
    """No error but the end of reading: the problem is noted already."""


class _Open:
    """A list or mapping whose end has not come yet. refused: its last key may not be one; drop the value."""

    __slots__ = ("column", "flow", "items", "key", "keys", "line", "mapping", "refused")

    def __init__(self, event: Any, mapping: bool) -> None:
        self.line: int = event.start_mark.line + 1
        self.column: int = event.start_mark.column + 1
        self.flow: bool = bool(event.flow_style)
        self.mapping = mapping
        self.items: list[Any] = []
        self.keys: dict[str, int] = {}
        self.key: Scalar | None = None
        self.refused = False

    def closed(self) -> Node:
        if self.mapping:
            return Mapping(items=tuple(self.items), line=self.line, column=self.column)
        return Sequence(items=tuple(self.items), line=self.line, column=self.column)


class _Builder:
    """Turns events into nodes. A refused node is None: dropped, so that one mistake is one error."""

    def __init__(self, problems: Problems) -> None:
        self.root: Node | None = None
        self._problems = problems
        self._documents = 0
        self._last = 1, 1
        self._open: list[_Open] = []
        self._takers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.SequenceStartEvent: lambda event: self._start(event, False),
            yaml.MappingStartEvent: lambda event: self._start(event, True),
            yaml.SequenceEndEvent: self._end,
            yaml.MappingEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }

    def read(self, text: str) -> None:
        """Takes every event until the end, a _Stop or a YAMLError."""
        self._last = text.count("\n") + 1, len(text) - text.rfind("\n")
        next_event, takers = yaml.CSafeLoader(text).get_event, self._takers
        while (event := next_event()) is not None:
            taker = takers.get(type(event))
            if taker is not None:
                taker(event)

    @property
    def open_flow(self) -> tuple[int, int, str] | None:
        """Line, column and bracket of the innermost `[` or `{` that is still open."""
        if not self._open or not self._open[-1].flow:
            return None
        innermost = self._open[-1]
        return innermost.line, innermost.column, "{" if innermost.mapping else "["

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._note(event, Code.SECOND_DOCUMENT, "a second document starts here", "one file, one document")
            raise _Stop
        if event.tags:
            self._note(event, Code.TAG, "%TAG is not used here", "remove it")

    def _scalar(self, event: Any) -> None:
        if event.anchor is not None or event.tag is not None:
            self._properties(event)
        mark, text, style = event.start_mark, event.value, event.style
        if style == '"' and (unsafe := UNSAFE.search(text)):  # from an escape such as "\u202e"
            self._note(event, Code.CHARACTER, unsafe_character(unsafe[0]), "remove it")
        line, column = mark.line + 1, mark.column + 1
        if not text and not style:  # libyaml puts what is left out where the next thing begins
            line, column = min((line, column), self._last)
        self._add(Scalar(text=text, line=line, column=column, plain=not style))

    def _start(self, event: Any, mapping: bool) -> None:
        if len(self._open) >= MAX_DEPTH:
            self._note(event, Code.TOO_DEEP, *TOO_DEEP)
            raise _Stop
        self._properties(event)
        self._open.append(_Open(event, mapping))

    def _end(self, event: Any) -> None:
        self._add(self._open.pop().closed())

    def _alias(self, event: Any) -> None:
        message = f"{shown('*' + event.anchor)} is an alias, and aliases are not used here"
        self._note(event, Code.ANCHOR, message, 'quote the text; every tool is "*"')
        self._add(None)

    def _properties(self, event: Any) -> None:
        if event.anchor is not None:
            message = f"{shown('&' + event.anchor)} is an anchor, and anchors are not used here"
            self._note(event, Code.ANCHOR, message, "remove it, or quote the text")
        if event.tag is not None:
            message = f"the tag {shown(event.tag)} is not used here: every scalar is text"
            self._note(event, Code.TAG, message, "remove it, or quote the text")

    def _add(self, node: Node | None) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if not parent.mapping:
            if node is not None:
                parent.items.append(node)
        elif parent.refused:
            parent.refused = False
        elif parent.key is None:
            self._key(parent, node)
        else:
            if node is not None:
                parent.items.append((parent.key, node))
            parent.key = None

    def _key(self, parent: _Open, node: Node | None) -> None:
        parent.refused = True
        if node is None:
            return
        if not isinstance(node, Scalar):
            self._say(
                node.line, node.column, Code.KEY, "a list or a mapping cannot be a key", "write a text there"
            )
        elif node.missing:
            self._say(node.line, node.column, Code.KEY, "a key is missing before the ':'", "")
        elif node.plain and node.text == "<<":
            message = "merge keys (<<) are not used here"
            self._say(node.line, node.column, Code.ANCHOR, message, "write the keys out")
        elif node.text in parent.keys:
            message = f"the key {shown(node.text)} stands twice, first in line {parent.keys[node.text]}"
            self._say(node.line, node.column, Code.DUPLICATE_KEY, message, "keep one of them")
        else:
            parent.keys[node.text] = node.line
            parent.key = node
            parent.refused = False

    def _note(self, event: Any, code: Code, message: str, suggestion: str) -> None:
        self._say(event.start_mark.line + 1, event.start_mark.column + 1, code, message, suggestion)

    def _say(self, line: int, column: int, code: Code, message: str, suggestion: str) -> None:
        self._problems.add_at(line, column, code, message, suggestion)
        if self._problems.full:
            raise _Stop
