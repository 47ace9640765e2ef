"""The small notations of a tool file: {a,b} alternatives, path shapes, and names of Python packages."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Final

from aipolicy.core.model import Record

MOST_ALTERNATIVES: Final = 256
"""In one line of evidence; a hundred pairs of braces would stand for more names than fit in any memory."""

_ALTERNATIVES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_PART = re.compile(r"\*|\{version\}|[^*{]+|\{")
VERSION_PART = "{version}"
_ONE_WORD: Final = re.compile(r"[a-z0-9]+", re.IGNORECASE | re.ASCII)


def alternatives(text: str) -> tuple[str, ...]:
    """`a{b,c}` as `ab` and `ac`; braces without a comma stay. At most one more than MOST_ALTERNATIVES."""
    return tuple(islice(_written_out(text), MOST_ALTERNATIVES + 1))


def _written_out(text: str) -> Iterator[str]:
    found = _ALTERNATIVES.search(text)
    if found is None:
        yield text
        return
    before, after = text[: found.start()], text[found.end() :]
    for choice in found.group(1).split(","):
        yield from _written_out(f"{before}{choice}{after}")


def glob_of(shape: str) -> str:
    """The path shape as a plain glob."""
    return shape.replace(VERSION_PART, "*")


def normal_pypi(name: str) -> str:
    """The name of a Python package as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def may_be_anybodys(name: str) -> bool:
    """Whether a project of one's own may bear this name of a package by chance: `llm`, `droid`.

    Whoever has a scope or several words in it means the tool, or a copy of it.
    """
    return _ONE_WORD.fullmatch(name) is not None


class Shape(Record, frozen=True, kw_only=True):
    """A path shape, ready to compare. literal: its longest fixed part, a quick first test."""

    text: str
    literal: str
    pattern: str

    def matches(self, path: str) -> bool:
        """Whether `path` has this shape."""
        return self.literal in path and _compiled(self.pattern).fullmatch(path) is not None

    def version(self, path: str) -> str | None:
        """The part of `path` that stands for {version}, None where the shape has none."""
        found = _compiled(self.pattern).fullmatch(path)
        return found.groupdict().get("version") if found else None


def shape_of(text: str) -> Shape:
    """`~/` stands for any home, so it matches under any folder: where homes lie is the machine's affair."""
    parts = _PART.findall(text.removeprefix("~"))
    literal = max((part for part in parts if part not in ("*", VERSION_PART)), key=len, default="")
    return Shape(text=text, literal=literal, pattern=_home(text) + "".join(map(_pattern, parts)))


def regex_of(text: str) -> str:
    """The shape as a regular expression that any engine reads: no named or lazy groups, few escapes."""
    return _home(text) + "".join(map(_plain_pattern, _PART.findall(text.removeprefix("~"))))


def may_be_the_same(one: str, other: str) -> bool:
    """Whether some path has both shapes; {version} counts as any name."""
    first, second = glob_of(one).lstrip("~").split("/")[1:], glob_of(other).lstrip("~").split("/")[1:]
    if len(first) < len(second):
        first, second, one, other = second, first, other, one
    more = len(first) - len(second)
    if more and not other.startswith("~/"):
        return False
    if not more and one.startswith("~/") != other.startswith("~/"):
        return False  # a home is one folder at least
    return all(map(_names_meet, first[more:], second))


def _names_meet(one: str, other: str) -> bool:
    """Whether some name fits both globs."""
    reached = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        at, there = waiting.pop()
        steps = []
        star, other_star = one[at : at + 1] == "*", other[there : there + 1] == "*"
        if star:
            steps.append((at + 1, there))
        if other_star:
            steps.append((at, there + 1))
        if at < len(one) and there < len(other):
            if star or other_star:
                steps.append((at + (not star), there + (not other_star)))
            elif one[at] == other[there]:
                steps.append((at + 1, there + 1))
        waiting += (step for step in steps if step not in reached)
        reached.update(steps)
    return (len(one), len(other)) in reached


def _home(text: str) -> str:
    return "(?:/[^/]+)+" if text.startswith("~/") else ""


def _plain_pattern(part: str) -> str:
    if part == "*":
        return "[^/]*"
    if part == VERSION_PART:
        return r"[0-9][0-9A-Za-z.+_]*(?:-[0-9A-Za-z.+_]+)*"
    return re.sub(r"[][\\^$.|?*+(){}]", r"\\\g<0>", part)


def _pattern(part: str) -> str:
    if part == "*":
        return "[^/]*"
    if part == VERSION_PART:
        return r"(?P<version>\d[0-9A-Za-z.+_]*(?:-[0-9A-Za-z.+_]+)*?)"
    return re.escape(part)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
