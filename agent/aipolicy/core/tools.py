"""The catalog: all tools together, and what observers look for on their behalf.

The texts come from aipolicy.tools (or from IT's own folder); one file is read by toolfile.py.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from aipolicy.core.conflicts import conflicts
from aipolicy.core.evidence_index import Index, index_of
from aipolicy.core.model import PackageRef, Record
from aipolicy.core.selector import KnownTools
from aipolicy.core.shapes import glob_of, normal_pypi
from aipolicy.core.tool import Kind, Mark, Tool, ToolFile, VersionMark
from aipolicy.core.toolfile import parse_tool_file
from aipolicy.core.yamlfile import Problem, YamlErrors

_SHORTEST_HINT: Final = 3
"""Names of one or two letters appear all the time; such an install is seen by its package instead."""


class Wanted(Record, frozen=True, kw_only=True):
    """What observers look for, so that nothing else is ever looked at or reported.

    npm, pypi, deb, rpm, brew, snap, flatpak: package names (pypi normalised as PEP 503 says; npm with the
    packages that carry a whole tool along). extensions: publisher.name in lower case. plugins: JetBrains
    plugin ids. executables: names of program files. titles: names that running tools give themselves.
    paths: globs of installed files, `~/` being each home and `*` never matching a slash. marks, versions:
    what to search program files for.
    install_names: names of files and folders whose appearance hints at an install.
    apps: bundle ids and package names of Electron applications.
    """

    npm: frozenset[str]
    pypi: frozenset[str]
    deb: frozenset[str]
    rpm: frozenset[str]
    brew: frozenset[str]
    snap: frozenset[str] = frozenset()
    flatpak: frozenset[str] = frozenset()
    apps: frozenset[str] = frozenset()
    extensions: frozenset[str]
    plugins: frozenset[str]
    executables: frozenset[str]
    titles: frozenset[str] = frozenset()
    paths: tuple[str, ...]
    marks: tuple[Mark, ...]
    versions: tuple[VersionMark, ...]
    install_names: frozenset[str]

    def is_of(self, package: PackageRef | None) -> bool:
        """Whether a file of this package is of interest for that alone."""
        match package:
            case PackageRef(ecosystem="pypi"):
                return normal_pypi(package.name) in self.pypi
            case PackageRef(ecosystem="npm"):
                return package.name in self.npm
            case PackageRef(ecosystem="app" | "electron"):
                return package.name in self.apps
        return False


class Catalog(Record, frozen=True, kw_only=True):
    """All tools. version: the first 12 hex digits of the SHA-256 over all texts.

    by_id, known, wanted, index: the same tools by id, as a policy names them, as observers look for them,
    and by their evidence.
    """

    version: str
    tools: tuple[Tool, ...]
    by_id: Mapping[str, Tool]
    known: KnownTools
    wanted: Wanted
    index: Index


def catalog_from(
    texts: Mapping[str, str], own: Mapping[str, str] | None = None, shared: Collection[str] = ()
) -> Catalog:
    """The catalog of all these files (name to text). Raises YamlErrors with every error of every file.

    own: IT's files, which may add to the others but not change them. shared: strings known to be in other
    programs. Where two files claim the same, the later one is wrong.
    """
    own = own or {}
    files, problems = read_files({**texts, **own})
    problems += conflicts(files, {**texts, **own}, own=own.keys(), shared=shared)
    if problems:
        raise YamlErrors(tuple(problems))
    return catalog_of(_together(files), _version({**texts, **own}))


def read_files(texts: Mapping[str, str]) -> tuple[list[ToolFile], list[Problem]]:
    """What every file says, and what is wrong with the form of any."""
    files: list[ToolFile] = []
    problems: list[Problem] = []
    for filename, text in texts.items():
        try:
            files.append(parse_tool_file(text, filename))
        except YamlErrors as errors:
            problems += errors.problems
    return files, problems


def _together(files: Iterable[ToolFile]) -> Iterator[Tool]:
    """Each tool with what extends it, ours first: what is said first about a kind of evidence stays."""
    files = tuple(files)
    for file in files:
        if not file.extends:
            more = [other.tool for other in files if other.extends and other.tool.id == file.tool.id]
            yield _extended(file.tool, more) if more else file.tool


def _extended(tool: Tool, more: Iterable[Tool]) -> Tool:
    for part in more:
        known = {(rule.kind, value) for rule in tool.evidence for value in rule.values}
        new = (rule for rule in part.evidence if not {(rule.kind, v) for v in rule.values} <= known)
        tool = replace(
            tool,
            aliases=tuple(dict.fromkeys((*tool.aliases, *part.aliases))),
            evidence=(*tool.evidence, *new),
            sources=(*tool.sources, *part.sources),
            examples=(*tool.examples, *part.examples),
            not_=(*tool.not_, *part.not_),
        )
    return tool


def catalog_of(tools: Iterable[Tool], version: str) -> Catalog:
    """The catalog of tools that are read already."""
    ordered = tuple(sorted(tools, key=lambda tool: tool.id))
    return Catalog(
        version=version,
        tools=ordered,
        by_id={tool.id: tool for tool in ordered},
        known=_known(ordered),
        wanted=_wanted(ordered),
        index=index_of(ordered),
    )


def _version(texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for filename, text in sorted(texts.items()):
        for part in (filename, text):
            encoded = part.encode("utf-8", "backslashreplace")
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:12]


def _known(tools: Iterable[Tool]) -> KnownTools:
    tools = tuple(tools)
    return KnownTools(
        ids=frozenset(tool.id for tool in tools),
        aliases={alias: tool.id for tool in tools for alias in tool.aliases},
        vendors=frozenset(tool.vendor for tool in tools),
        categories=frozenset(tool.category for tool in tools),
        names={tool.id: tool.name for tool in tools},
    )


def _wanted(tools: Iterable[Tool]) -> Wanted:
    tools = tuple(tools)

    def values(*kinds: Kind) -> frozenset[str]:
        return frozenset(value for tool in tools for kind in kinds for value in tool.values(kind))

    npm = values(Kind.NPM, Kind.CARRIER)
    pypi = frozenset(map(normal_pypi, values(Kind.PYPI)))
    extensions = frozenset(value.lower() for value in values(Kind.EXTENSION))
    executables = values(Kind.EXECUTABLE)
    paths = tuple(dict.fromkeys(glob_of(value) for tool in tools for value in tool.values(Kind.PATH)))
    snap, flatpak = values(Kind.SNAP), values(Kind.FLATPAK)
    packages = npm | pypi | extensions | snap | flatpak | values(Kind.DEB, Kind.RPM, Kind.BREW)
    return Wanted(
        npm=npm,
        pypi=pypi,
        deb=values(Kind.DEB),
        rpm=values(Kind.RPM),
        brew=values(Kind.BREW),
        snap=snap,
        flatpak=flatpak,
        apps=values(Kind.BUNDLE, Kind.ELECTRON),
        extensions=extensions,
        plugins=values(Kind.PLUGIN),
        executables=executables,
        titles=values(Kind.TITLE),
        paths=paths,
        marks=tuple(mark for tool in tools for mark in tool.marks),
        versions=tuple(mark for tool in tools for mark in tool.versions),
        install_names=_hints(packages | executables | frozenset(paths)),
    )


def _hints(names: Iterable[str]) -> frozenset[str]:
    """The last part of every name; Python's metadata folders write a dash as an underscore."""
    last = {name.rpartition("/")[2] for name in names}
    last |= {name.replace("-", "_") for name in last}
    return frozenset(name for name in last if len(name) >= _SHORTEST_HINT and "*" not in name)
