"""From a piece of evidence to the tools it speaks for: a look costs the same however long the catalog is."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from aipolicy.core.model import PackageRef, Record
from aipolicy.core.shapes import Shape, normal_pypi, shape_of
from aipolicy.core.tool import Kind, Tool

PACKAGE_KINDS: Final = {
    "npm": (Kind.NPM, Kind.CARRIER),
    "pypi": (Kind.PYPI,),
    "deb": (Kind.DEB,),
    "rpm": (Kind.RPM,),
    "brew": (Kind.BREW,),
    "snap": (Kind.SNAP,),
    "flatpak": (Kind.FLATPAK,),
    "vscode-extension": (Kind.EXTENSION,),
    "jetbrains-plugin": (Kind.PLUGIN,),
    "app": (Kind.PRODUCT,),
    "electron": (Kind.ELECTRON,),
}
"""The kinds of evidence that are packages, by the ecosystem that PackageRef names."""


class Clue(Record, frozen=True, kw_only=True):
    """One piece of evidence that was met: it speaks for `tool`."""

    tool: str
    kind: Kind
    value: str


class Index(Record, frozen=True, kw_only=True):
    """values: (kind, value) to the tools that have it. marks: a mark's id to its clue. shapes: all places."""

    values: Mapping[tuple[Kind, str], tuple[str, ...]]
    marks: Mapping[str, Clue]
    shapes: tuple[tuple[str, Shape], ...]

    def clues(self, kind: Kind, value: str) -> Iterator[Clue]:
        """What one value says."""
        for tool in self.values.get((kind, value), ()):
            yield Clue(tool=tool, kind=kind, value=value)

    def package(self, package: PackageRef) -> Iterator[Clue]:
        """What belonging to a package says."""
        for kind in PACKAGE_KINDS.get(package.ecosystem, ()):
            for clue in self.clues(kind, same_name(kind, package.name)):
                yield Clue(tool=clue.tool, kind=kind, value=package.name)

    def path(self, path: str) -> Iterator[Clue]:
        """What the place says."""
        for tool, shape in self.shapes:
            if shape.matches(path):
                yield Clue(tool=tool, kind=Kind.PATH, value=shape.text)

    def path_version(self, tool: str, path: str) -> str | None:
        """The version that the place states."""
        matching = (shape for owner, shape in self.shapes if owner == tool and shape.matches(path))
        return next((version for shape in matching if (version := shape.version(path))), None)


def same_name(kind: Kind, name: str) -> str:
    """The name as its ecosystem compares it."""
    if kind is Kind.PYPI:
        return normal_pypi(name)
    return name.lower() if kind is Kind.EXTENSION else name


def index_of(tools: Iterable[Tool]) -> Index:
    """The index over all evidence of all tools."""
    values: dict[tuple[Kind, str], tuple[str, ...]] = {}
    marks: dict[str, Clue] = {}
    shapes: list[tuple[str, Shape]] = []
    for tool in tools:
        for rule in tool.evidence:
            for value in rule.values:
                key = (rule.kind, same_name(rule.kind, value))
                values[key] = (*values.get(key, ()), tool.id)
                if rule.kind is Kind.BUNDLE:
                    product = (Kind.PRODUCT, value)
                    values[product] = (*values.get(product, ()), tool.id)
                if rule.kind is Kind.PATH:
                    shapes.append((tool.id, shape_of(value)))
        for mark in tool.marks:
            marks[mark.id] = Clue(tool=tool.id, kind=Kind.CONTENT, value=mark.literal)
    return Index(values=values, marks=marks, shapes=tuple(shapes))
