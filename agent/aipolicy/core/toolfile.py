"""Reads one tool file: strict YAML in, a Tool out, or every error at once with line and column.

What holds between files (two tools with the same evidence) is conflicts.py's, whether the examples come out
as they say is toolcheck.py's.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from aipolicy.core import toolexample
from aipolicy.core.problem import shown
from aipolicy.core.shapes import MOST_ALTERNATIVES, VERSION_PART, alternatives
from aipolicy.core.tool import (
    CATEGORIES,
    PLAIN_VERSION,
    STATED,
    Example,
    Kind,
    Rule,
    Source,
    Stop,
    Tool,
    ToolFile,
    VersionMark,
)
from aipolicy.core.toolreader import Reader
from aipolicy.core.toolsources import Sourced, sources
from aipolicy.core.yamlfile import Mapping as YamlMapping
from aipolicy.core.yamlfile import Node, Scalar, YamlErrors, read

NEEDED: Final = ("id", "name", "vendor", "category", "evidence", "sources", "examples", "not")
KEYS: Final = (*NEEDED, "aliases", "stop", "same-code", "smallest", "versions")
EXTENSION_KEYS: Final = ("extends", "aliases", "evidence", "sources", "examples", "not")
"""An extension only adds: it has no word for who makes the tool, what it is and how it is stopped."""
SHORTEST_MARK: Final = 12
"""A shorter literal turns up by chance in files of hundreds of megabytes."""
MAX_BYTES: Final = 256_000

_SOURCED: Final = (*STATED, "versions", "smallest")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NAME_ONLY = frozenset({Kind.EXECUTABLE, Kind.TITLE, Kind.SIGNER, Kind.DEB, Kind.RPM})
"""Anybody may call a program or a system's package so, and a vendor signs other software, too."""
_ANOTHER_MARK = "choose a longer text that stands in this tool's own files only"
_REAL_EVIDENCE = "add an npm or PyPI package, an extension id, content marks or an installed path"
_MOST_DIGITS: Final = 12
_MOST_STARS: Final = 3
_MOST_REPEATS: Final = 5
_BIN_FOLDER = re.compile(r"(~|/usr|/usr/local|/opt|~/\.local)?/s?bin")


def parse_tool_file(text: str, filename: str) -> ToolFile:
    """What the file says of a tool. Raises YamlErrors with every error of the file."""
    root, problems = read(text, filename, limit=MAX_BYTES)
    found = _file(root, Reader(problems), filename) if root is not None else None
    if problems or found is None:
        raise YamlErrors(problems.all())
    return found


def _file(root: Node, reader: Reader, filename: str) -> ToolFile | None:
    extends = isinstance(root, YamlMapping) and root.get("extends") is not None
    if extends:
        top = reader.mapping(root, "a file that extends a tool", EXTENSION_KEYS)
    else:
        top = reader.mapping(root, "a tool file", KEYS, needed=NEEDED)
    if top is None:
        return None
    tool = _extension(top, reader, filename) if extends else _tool(top, reader, filename)
    words = (top.get("extends" if extends else "id"), *reader.items(top.get("aliases")))
    return ToolFile(
        tool=tool,
        extends=extends,
        words={node.text: (node.line, node.column) for node in words if isinstance(node, Scalar)},
    )


def _extension(top: YamlMapping, reader: Reader, filename: str) -> Tool:
    tool_id = _identifier(top.get("extends"), reader)
    evidence = tuple(_evidence(top.get("evidence"), reader, extends=True))
    sources = _sources(top, reader, evidence)
    if evidence and top.get("sources") is None:
        message = "a file that adds evidence needs the key 'sources'"
        reader.problems.add(top, "T004", message, "add `sources:` with where each kind is known from")
    return Tool(
        id=tool_id,
        name="",
        vendor="",
        category="",
        aliases=tuple(_identifier(node, reader) for node in reader.items(top.get("aliases"))),
        evidence=evidence,
        sources=sources,
        examples=_examples(top.get("examples"), reader, tool_id, (), positive=True),
        not_=_examples(top.get("not"), reader, tool_id, (), positive=False),
        file=filename,
        lines={key.text: key.line for key, _value in top.items},
    )


def _tool(top: YamlMapping, reader: Reader, filename: str) -> Tool:
    tool_id = _identifier(top.get("id"), reader)
    evidence = tuple(_evidence(top.get("evidence"), reader))
    versions = tuple(_versions(top.get("versions"), reader, tool_id))
    return Tool(
        id=tool_id,
        name=reader.text(top.get("name")),
        vendor=_identifier(top.get("vendor"), reader),
        category=reader.one_of(top.get("category"), CATEGORIES, "category"),
        aliases=tuple(_identifier(node, reader) for node in reader.items(top.get("aliases"))),
        stop=Stop(reader.one_of(top.get("stop"), tuple(Stop), "way to stop") or Stop.TERMINATE),
        same_code=tuple(_identifier(node, reader) for node in reader.items(top.get("same-code"))),
        evidence=evidence,
        smallest=_smallest(top.get("smallest"), reader, evidence),
        versions=versions,
        sources=_sources(top, reader, evidence, versions),
        examples=_examples(top.get("examples"), reader, tool_id, versions, positive=True),
        not_=_examples(top.get("not"), reader, tool_id, versions, positive=False),
        file=filename,
        lines={key.text: key.line for key, _value in top.items},
    )


def _identifier(node: Node | None, reader: Reader) -> str:
    text = reader.text(node)
    if text and not _ID.fullmatch(text) and node is not None:
        reader.problems.add(
            node, "T003", f"{shown(text)} is no identifier", "lower-case letters, digits and single dashes"
        )
    return text


# --- evidence --------------------------------------------------------------------------------------------


def _evidence(node: Node | None, reader: Reader, *, extends: bool = False) -> Iterator[Rule]:
    block = reader.mapping(node, "evidence", STATED) if node is not None else None
    if block is None:
        return
    kinds = set()
    for key, values in block.items:
        if key.text not in STATED:
            continue
        kind = Kind(key.text)
        for value in reader.items(values):
            kinds.add(kind)
            if isinstance(value, Scalar) and (rule := _rule(kind, value, reader)):
                yield rule
    if kinds <= _NAME_ONLY and not extends:
        message = "a name alone is no evidence: anybody may use it" if kinds else "there is no evidence"
        reader.problems.add(block, "T010", message, _REAL_EVIDENCE)


def _rule(kind: Kind, node: Scalar, reader: Reader) -> Rule | None:
    text = reader.text(node)
    if not text:
        return None
    values = (text,) if kind is Kind.CONTENT else alternatives(text)
    if len(values) > MOST_ALTERNATIVES:
        fault = f"it stands for more than {MOST_ALTERNATIVES} names"
        message = f"{shown(text)} is no {kind} evidence: {fault}"
        reader.problems.add(node, "T011", message, "write the names that there are, on several lines")
        return None
    for value in values:
        fault = _FAULTS[kind](value)
        if fault:
            message = f"{shown(value)} is no {kind} evidence: {fault}"
            advice = _ANOTHER_MARK if kind is Kind.CONTENT else "write it as it is on a machine, or remove it"
            reader.problems.add(node, "T011", message, advice)
            return None
    return Rule(kind=kind, value=text, values=values, line=node.line, column=node.column)


def _shaped(pattern: str, fault: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)
    return lambda value: "" if compiled.fullmatch(value) else fault


def _mark_fault(value: str) -> str:
    if len(value) < SHORTEST_MARK:
        return f"it is shorter than {SHORTEST_MARK} characters and turns up by chance"
    return "" if value.isascii() and value.isprintable() else "a mark is printable ASCII"


def _path_fault(value: str) -> str:
    folder, _, name = value.rpartition("/")
    if not value.startswith(("/", "~/")) or "//" in value or "/../" in value or not name:
        return "a path starts with / or ~/ and names a file"
    if value.count(VERSION_PART) > 1 or set("{}?[]") & set(value.replace(VERSION_PART, "")):
        return "only * and one {version} stand for something"
    if any(part.count("*") > _MOST_STARS for part in value.split("/")):
        return f"more than {_MOST_STARS} * in one name take too long to compare"
    if _BIN_FOLDER.fullmatch(folder):
        return "in a folder for all programs it is a name like any other; write it as executable"
    return ""


_ANY = _shaped(r"\S.*", "it is empty")
_NPM = _shaped(r"(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*", "npm has no such names")
_SYSTEM = _shaped(r"[A-Za-z0-9][A-Za-z0-9+._-]*", "no package has such a name")
_FAULTS: Final[Mapping[Kind, Callable[[str], str]]] = {
    Kind.CONTENT: _mark_fault,
    Kind.NPM: _NPM,
    Kind.CARRIER: _NPM,
    Kind.PYPI: _shaped(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", "PyPI has no such names"),
    Kind.EXTENSION: _shaped(r"[a-z0-9-]+\.[a-z0-9._-]+", "write publisher.name in lower case"),
    Kind.PLUGIN: _ANY,
    Kind.BREW: _SYSTEM,
    Kind.SNAP: _shaped(r"[a-z0-9-]*[a-z][a-z0-9-]*", "no snap has such a name"),
    Kind.FLATPAK: _shaped(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*){2,}", "write the app id, as com.example.App"),
    Kind.DEB: _SYSTEM,
    Kind.RPM: _SYSTEM,
    Kind.PATH: _path_fault,
    Kind.BUNDLE: _shaped(r"[A-Za-z0-9._-]+", "it is no bundle id"),
    Kind.ELECTRON: _shaped(r"(@[\w.-]+/)?[\w.-]+", "write the name in the application's package.json"),
    Kind.SIGNER: _ANY,
    Kind.EXECUTABLE: _shaped(r"[^/\\\s]+", "write the file's name only"),
    Kind.TITLE: _ANY,
}


def _versions(node: Node | None, reader: Reader, tool_id: str) -> Iterator[VersionMark]:
    for item in reader.items(node):
        mark = reader.mapping(item, "a version mark", ("before", "pattern"), needed=("before",))
        if mark is None:
            continue
        pattern = reader.text(mark.get("pattern")) if mark.get("pattern") else PLAIN_VERSION
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            reader.problems.add(item, "T012", f"the pattern is no regular expression: {error}")
            continue
        if groups > 1:
            reader.problems.add(item, "T012", "the pattern has more than one group", "mark the version alone")
        if _may_take_for_ever(pattern):
            message = "the pattern repeats a group, or more than five times, and may take for ever to compare"
            reader.problems.add(item, "T012", message, r"write it like '(\d+\.\d+\.\d+)'")
        if before := reader.text(mark.get("before")):
            yield VersionMark(tool=tool_id, before=before, pattern=pattern, line=mark.line)


def _may_take_for_ever(pattern: str) -> bool:
    """Whether a file that anybody may write could keep `re` busy: a repeat in a repeat, or many in a row."""
    bare = re.sub(r"\\.|\[\^?\]?[^]]*\]", "x", pattern)
    return re.search(r"\)[*+{]", bare) is not None or len(re.findall(r"[*+{]", bare)) > _MOST_REPEATS


def _smallest(node: Node | None, reader: Reader, evidence: tuple[Rule, ...]) -> int:
    """Bytes; 0 where the file does not say."""
    if node is None:
        return 0
    text = reader.text(node)
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        reader.problems.add(node, "T013", f"{shown(text)} is no number of bytes", "write digits only")
        return 0
    if not {Kind.CONTENT, Kind.PATH} <= {rule.kind for rule in evidence}:
        message = "`smallest` says something of a tool with content marks and an installed path only"
        reader.problems.add(node, "T014", message, "remove it, or add the evidence")
    return int(text)


# --- sources and examples --------------------------------------------------------------------------------


def _sources(
    top: YamlMapping, reader: Reader, evidence: tuple[Rule, ...], versions: tuple[VersionMark, ...] = ()
) -> tuple[Source, ...]:
    """Of every value that says what the tool looks like."""
    values = [
        Sourced(kind=rule.kind, value=rule.value, line=rule.line, column=rule.column) for rule in evidence
    ]
    values += [Sourced(kind="versions", value=mark.before, line=mark.line, column=1) for mark in versions]
    smallest = top.get("smallest")
    if isinstance(smallest, Scalar):
        values.append(
            Sourced(kind="smallest", value=smallest.text, line=smallest.line, column=smallest.column)
        )
    return sources(top.get("sources"), reader, values, _SOURCED)


def _examples(
    node: Node | None, reader: Reader, tool_id: str, versions: tuple[VersionMark, ...], *, positive: bool
) -> tuple[Example, ...]:
    return tuple(
        example
        for item in reader.items(node)
        if isinstance(item, YamlMapping)
        for example in toolexample.examples(item, reader, tool_id, versions, positive=positive)
    )
