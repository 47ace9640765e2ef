"""What is wrong in a file that a person wrote, where, and what to write instead. Others find it."""

import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, Protocol, Self

from aipolicy.core.model import Record
from aipolicy.core.unsafe import escaped, visible
from aipolicy.core.wire import printable

MAX_PROBLEMS: Final = 1_000
"""Then reading stops: a wrong file of 100,000 entries must still be answered at once."""


class Code(StrEnum):
    """The stable codes of errors, each with the sentence that docs/policy.md shows for it."""

    meaning: str

    def __new__(cls, code: str, meaning: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    UNREADABLE = "E000", "The file cannot be read."
    TOO_LARGE = "E001", "The file is larger than 4 MB."
    ENCODING = "E002", "The file is not UTF-8."
    CHARACTER = "E003", "A control, bidirectional or invisible character is in the text."
    SYNTAX = "E004", "This is not YAML."
    EMPTY = "E005", "The file is empty or holds only comments."
    SECOND_DOCUMENT = "E006", "The file holds a second document after `---`."
    TOO_DEEP = "E007", "Lists and mappings are nested more than 16 deep."
    DUPLICATE_KEY = "E008", "The same key stands twice in one mapping."
    ANCHOR = "E009", "Anchors (`&name`), aliases (`*name`) and merge keys (`<<`) are not used here."
    TAG = "E010", "Tags (`!name`) and `%TAG` are not used here: every scalar is text."
    KEY = "E011", "A key is missing, or is a list or a mapping."
    TOO_MANY = "E012", "The file has more errors than are shown."
    WRONG_TYPE = "E020", "A list, a text or a mapping stands where another one belongs."
    NO_VALUE = "E021", "A key or a list item has no value."
    UNKNOWN_KEY = "E022", "No such key."
    # E023 said that `retention` was left to a later version; no other error ever gets its code.
    NO_RULE = "E024", "The policy says nothing about any tool; `banned: []` says that none is banned."
    UNKNOWN_TOOL = "E025", "The catalog has no such tool."
    UNKNOWN_VENDOR = "E026", "The catalog has no tool of such a vendor."
    UNKNOWN_CATEGORY = "E027", "The catalog has no such category."
    UNKNOWN_SELECTOR = "E028", 'A selector is a tool id, `vendor:`, `category:` or `"*"`.'
    NO_TOOL = "E029", "An entry that is a mapping needs `tool`."
    DUPLICATE_ENTRY = "E030", "The same selector stands twice in one list, both times without a condition."
    MODE = "E031", "`mode` is one of report, warn, block."
    ACTION = "E032", "The action is not one that is possible here."
    PLACEHOLDER = "E033", "A message holds a placeholder that does not exist, or a lone brace."
    NO_CONTACT = "E034", "A message uses `{contact}`, and the policy has no `contact`."
    TEXT_TOO_LONG = "E035", "A text is longer than 500 characters."
    TEXT_CONTROL = "E036", "A text holds a line break or a tab."
    DAY = "E037", "A day is written as year, month and day, `2026-10-01`, and must exist."
    SPAN = (
        "E038",
        "A span of time is written as hours, days or weeks, `48h`, `7d`, `2w`, of 366 days at most.",
    )
    NEVER = "E039", "`from` is after `until`, so the entry would never hold."
    OVERLAP = "E040", "Two entries of one list with the same selector would hold at the same time."
    VERSIONS = "E041", "`versions` is one or two bounds, as `>=1.7, <2` or `=1.7`."
    NEEDED = "E042", "A key that must be there is missing."
    SAME_NAME = "E043", "Two scopes have the same name."
    NO_AUDIENCE = "E044", "A scope does not say whom it is for."
    EMPTY_LIST = "E045", "A list of names is empty, so nobody is meant."
    PATTERN = (
        "E046",
        "A pattern stands where only names may, or is none: only `hosts` has patterns, of `*` and `?`.",
    )
    OS = "E047", "An operating system is one of linux, macos, windows."
    PERCENT = "E048", "`percent` and `rollout` are numbers from 0 to 100."
    ONE_TOOL = "E049", "A test is about one tool, by its id or an alias, with or without a version."
    PRIVACY = "E050", "`usernames` is plain or hash, and `paths` is home-relative."
    RETENTION = "E051", "`retention` is a number of days, `90d`, from 1d to 3650d."


class Problem(Record, frozen=True, kw_only=True):
    """One error in a file.

    file: as it was named to us. line, column: counted from 1, in characters. code: stable.
    message: what is wrong. suggestion: what to do, empty when nothing better is known.
    source_line: the line it stands in.
    """

    file: str
    line: int
    column: int
    code: str
    message: str
    suggestion: str = ""
    source_line: str = ""

    def __str__(self) -> str:
        return f"{printable(self.file)}:{self.line}:{self.column}: {self.message}"


class Placed(Protocol):
    """Anything that knows where it stands: every node of a YAML file does."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Problems:
    """Collects the errors of one file, so that all are shown at once."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._text = text
        self._lines: list[str] = []
        self._kept: list[Problem] = []

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def full(self) -> bool:
        """Whether to stop reading: further problems are not kept."""
        return len(self._kept) >= MAX_PROBLEMS

    def add(self, at: Placed, code: str, message: str, suggestion: str = "") -> None:
        """Notes a problem at a node."""
        self.add_at(at.line, at.column, code, message, suggestion)

    def add_at(self, line: int, column: int, code: str, message: str, suggestion: str = "") -> None:
        """Notes a problem at a place."""
        if self.full:
            return
        if not self._lines:  # a right file needs no lines
            self._lines = self._text.split("\n")
        source_line = self._lines[line - 1] if 0 < line <= len(self._lines) else ""
        self._kept.append(
            Problem(
                file=self.file,
                line=line,
                column=column,
                code=code,
                message=message,
                suggestion=suggestion,
                source_line=source_line,
            )
        )

    def all(self) -> tuple[Problem, ...]:
        """Every problem, in the order of the file."""
        found = sorted(self._kept, key=lambda p: (p.line, p.column))
        if self.full:
            last = Problem(
                file=self.file,
                line=found[-1].line,
                column=found[-1].column,
                code=Code.TOO_MANY,
                message=f"after {MAX_PROBLEMS:,} errors the rest of the file was not checked",
                suggestion="mend the ones above first",
            )
            found.append(last)
        return tuple(found)


_SHOWN: Final = 60


def shown(text: str) -> str:
    r"""A word of the file as an error quotes it: short, and ASCII, so that a Cyrillic `c` shows as \u0441."""
    cut = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return f"'{escaped(cut)}'"


_MARGIN: Final = "    "
_BEFORE: Final = 60
_AFTER: Final = 40


def annotate(problem: Problem) -> str:
    """The problem with its source line, a caret under the column and the suggestion."""
    lines = [f"{problem} [{problem.code}]"]
    if problem.source_line:
        start = problem.column - 1
        before, after = problem.source_line[:start], problem.source_line[start:]
        if len(before) > _BEFORE + _AFTER:
            before = "..." + before[-_BEFORE:]
        if len(after) > _AFTER + _BEFORE:
            after = after[:_AFTER] + "..."
        before, after = visible(before), visible(after)
        lines += [f"{_MARGIN}{before}{after}", f"{_MARGIN}{_blank(before)}^"]
    if problem.suggestion:
        lines.append(f"{_MARGIN}{problem.suggestion}")
    return "\n".join(lines)


def annotate_all(problems: Iterable[Problem]) -> str:
    """All of them, one below the other."""
    return "\n".join(map(annotate, problems))


def _blank(text: str) -> str:
    """As wide as `text` in a terminal, whatever its tab stops."""
    return "".join("\t" if char == "\t" else " " * _cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.east_asian_width(char) in "WF":
        return 2
    return 0 if unicodedata.category(char) in ("Mn", "Me", "Cf") else 1
