"""One AI tool as its file describes it: who makes it, what gives it away, and the examples that prove it.

Reading the file is toolfile.py's part, holding observations against it is identify.py's.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final

from aipolicy.core.model import Confidence, Observation, Record

CATEGORIES: Final = ("cli", "editor", "extension", "desktop", "local-model")
"""What a tool is for the person who uses it; a tool of several forms has the category of its main one."""

VERSION_WINDOW: Final = 96
"""How many characters after a version mark the version stands at the latest."""

PLAIN_VERSION: Final = r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?"
"""The pattern of a version mark that gives none."""


class Kind(StrEnum):
    """The kinds of evidence, strongest first; purl's own word for it where there is one."""

    CONTENT = "content"
    NPM = "npm"
    PYPI = "pypi"
    EXTENSION = "vscode-extension"
    PLUGIN = "jetbrains-plugin"
    CARRIER = "carrier"
    BREW = "brew"
    SNAP = "snap"
    FLATPAK = "flatpak"
    DEB = "deb"
    RPM = "rpm"
    PRODUCT = "product"
    PATH = "path"
    BUNDLE = "bundle"
    ELECTRON = "electron"
    SIGNER = "signer"
    PLACE = "place"
    EXECUTABLE = "executable"
    TITLE = "title"


STATED: Final = tuple(kind for kind in Kind if kind not in (Kind.PLACE, Kind.PRODUCT))
"""What a tool file may state. A `place` is a path at which a file lies that cannot be the tool, a `product` a
bundle id in the product.json of an Electron program.
"""


class Stop(StrEnum):
    """How a running one is stopped: an editor with unsaved files is not ended, only the next start denied."""

    TERMINATE = "terminate"
    DENY_NEW = "deny-new"


class Mark(Record, frozen=True, kw_only=True):
    """A literal that stands in the tool's own file and in no other. id: "tool:literal"."""

    id: str
    literal: str


class VersionMark(Record, frozen=True, kw_only=True):
    """Where a tool's own file says its version.

    The VERSION_WINDOW characters after each `before`, in the encoding in which `before` was found (ASCII or
    UTF-16LE), are searched for `pattern`; the version is group 1 where the pattern has one, else the match.
    The first place that matches counts. A file has the version of `tool` only if marks of `tool` are in it.
    line: where the tool file says so.
    """

    tool: str
    before: str
    pattern: str = PLAIN_VERSION
    line: int = 0


def read_version(after: str, mark: VersionMark) -> str | None:
    """The version in `after`, the text that follows `mark.before` in a file; None where there is none."""
    found = re.search(mark.pattern, after[:VERSION_WINDOW])
    if found is None:
        return None
    return found.group(1) if found.re.groups else found.group()


def version_in(text: str, marks: Iterable[VersionMark]) -> str | None:
    """The version that `text` states, read as VersionMark says."""
    for mark in marks:
        for after in text.split(mark.before)[1:]:
            version = read_version(after, mark)
            if version is not None:
                return version
    return None


class Source(Record, frozen=True, kw_only=True):
    """Where values are known from.

    kind: of evidence, else "versions" or "smallest". values: as the file has them.
    verified: run, or read in a public source; else it is an analogy or a memory.
    """

    kind: str
    values: tuple[str, ...]
    text: str
    verified: bool = True


class Rule(Record, frozen=True, kw_only=True):
    """One line of evidence.

    value: as the file has it. values: the same with its {a,b} alternatives written out. line, column: where.
    """

    kind: Kind
    value: str
    values: tuple[str, ...]
    line: int = 0
    column: int = 0


class Example(Record, frozen=True, kw_only=True):
    """What must (or, under `not`, must not) be recognised.

    saw: what was observed, together. expect: how sure, None under `not`.
    version: the version that must be read, None where the example does not say.
    text: what stands in the file, from which that was read. line: where it stands.
    """

    saw: tuple[Observation, ...]
    expect: Confidence | None
    version: str | None = None
    text: str = ""
    line: int = 0


class Tool(Record, frozen=True, kw_only=True):
    """A tool. One id covers every form of the product: command line, extension, desktop application.

    aliases: other words a policy may use. stop: how it is stopped. evidence: what gives it away.
    smallest: bytes; a file below that without any of its marks is none of its programs, wherever it lies; 0
    where nothing is known: see `content.is_hollow`. versions: where its files say their version.
    examples, not_: what must and what must not be recognised.
    same_code: tools whose content marks are in this one's files, too; its own package tells it from them.
    sources: where each value is known from. file: the file that says all this. lines: where its keys stand.
    """

    id: str
    name: str
    vendor: str
    category: str
    aliases: tuple[str, ...] = ()
    stop: Stop = Stop.TERMINATE
    same_code: tuple[str, ...] = ()
    evidence: tuple[Rule, ...]
    smallest: int = 0
    versions: tuple[VersionMark, ...] = ()
    examples: tuple[Example, ...] = ()
    not_: tuple[Example, ...] = ()
    sources: tuple[Source, ...] = ()
    file: str = ""
    lines: Mapping[str, int] = {}

    def values(self, kind: Kind) -> Iterator[str]:
        """Every value of one kind, alternatives written out."""
        return (value for rule in self.evidence if rule.kind is kind for value in rule.values)

    def known_from(self, kind: Kind) -> str:
        """The sources of one kind in one text."""
        texts = (source.text for source in self.sources if source.kind == kind)
        return "; ".join(dict.fromkeys(texts))

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Its content marks."""
        return tuple(Mark(id=f"{self.id}:{value}", literal=value) for value in self.values(Kind.CONTENT))


class ToolFile(Record, frozen=True, kw_only=True):
    """What one file says. extends: it only adds to the tool of this id, which another file describes.

    words: where its id and its aliases stand, line and column.
    """

    tool: Tool
    extends: bool
    words: Mapping[str, tuple[int, int]]
