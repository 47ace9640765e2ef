"""The small notations of a tool file: {a,b} alternatives, path shapes, and names of Python packages."""

import re
from functools import cache

from aipolicy.core.model import Record

_ALTERNATIVES = re.compile(r"\{([^{}]*,[^{}]*)\}")
_PART = re.compile(r"\*|\{version\}|[^*{]+|\{")
VERSION_PART = "{version}"


def alternatives(text: str) -> tuple[str, ...]:
    """`a{b,c}` as `ab` and `ac`; braces without a comma stay."""
    found = _ALTERNATIVES.search(text)
    if found is None:
        return (text,)
    before, after = text[: found.start()], text[found.end() :]
    return tuple(
        whole for choice in found.group(1).split(",") for whole in alternatives(f"{before}{choice}{after}")
    )


def glob_of(shape: str) -> str:
    """The path shape as a plain glob."""
    return shape.replace(VERSION_PART, "*")


def sample_of(shape: str) -> str:
    """A path that the shape matches."""
    path = f"/home/u{shape[1:]}" if shape.startswith("~/") else shape
    return path.replace(VERSION_PART, "1.0.0").replace("*", "x")


def normal_pypi(name: str) -> str:
    """The name of a Python package as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


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
    home = text.startswith("~/")
    parts = _PART.findall(text[1:] if home else text)
    pattern = ("(?:/[^/]+)+" if home else "") + "".join(_pattern(part) for part in parts)
    literal = max((part for part in parts if part not in ("*", VERSION_PART)), key=len, default="")
    return Shape(text=text, literal=literal, pattern=pattern)


def _pattern(part: str) -> str:
    if part == "*":
        return "[^/]*"
    if part == VERSION_PART:
        return r"(?P<version>\d[0-9A-Za-z.+_]*(?:-[0-9A-Za-z.+_]+)*?)"
    return re.escape(part)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
