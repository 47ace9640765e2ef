"""Which AI tools of the catalog a rule of another product is about."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from aipolicy.core.model import Record
from aipolicy.core.shapes import may_be_the_same, normal_pypi
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.tool import Kind as Evidence
from aipolicy.core.tool import Tool
from aipolicy.core.tools import Catalog
from aipolicy.importers.foreign import Clue, ForeignRule, Kind

NOT_AI: Final = "it is not about an AI tool of the catalog"
_SUFFIXES: Final = (".exe", ".app", ".appimage", ".cmd", ".ps1", ".msi", ".dmg")
_PACKAGES: Final = (
    Evidence.NPM,
    Evidence.PYPI,
    Evidence.EXTENSION,
    Evidence.PLUGIN,
    Evidence.BREW,
    Evidence.DEB,
    Evidence.RPM,
    Evidence.SNAP,
    Evidence.FLATPAK,
    Evidence.BUNDLE,
)
_EXTENSION: Final = re.compile(r"([a-z0-9-]+\.[a-z0-9_-]+)-\d.*", re.IGNORECASE)


class Match(Record, frozen=True, kw_only=True):
    """selector: as a policy writes it. note: what IT should look at. no: why nothing fits."""

    selector: str = ""
    note: str = ""
    no: str = ""


class _Fitting(NamedTuple):
    """The tools that one clue fits. by_name: by nothing but a file's name, which others may bear, too."""

    tools: frozenset[str]
    by_name: bool = False


def match(rule: ForeignRule, catalog: Catalog) -> Match:
    """The selector for what the rule is about."""
    if rule.no:
        return Match(no=rule.no)
    fitting = [_fitting(clue, catalog) for clue in rule.clues]
    tools = frozenset.intersection(*(one.tools for one in fitting)) if fitting else frozenset()
    signers = [clue for clue in rule.clues if clue.kind is Kind.SIGNER]
    tools = _of_that_bundle(rule, catalog) or tools
    if not tools:
        return Match(no=_nothing(rule, fitting, catalog))
    if len(signers) == len(rule.clues):
        return _whole_vendor(tools, signers[0].value, catalog)
    if len(tools) > 1:
        return Match(no=f"it fits {_listed(tools)}: name the one that is meant")
    (tool,) = tools
    weak = all(one.by_name for one in fitting)
    return Match(
        selector=tool, note="by the name of its file only: other programs may bear it" if weak else ""
    )


def _of_that_bundle(rule: ForeignRule, catalog: Catalog) -> frozenset[str]:
    """Tools that state the rule's bundle id, which nobody else has; not those that somebody else signs."""
    said = {clue.kind: clue.value for clue in rule.clues}
    if not {Kind.BUNDLE, Kind.SIGNER} <= said.keys():
        return frozenset()
    return _where(
        catalog,
        lambda tool: (
            _has(tool, said[Kind.BUNDLE], Evidence.BUNDLE)
            and (not any(tool.values(Evidence.SIGNER)) or _has(tool, said[Kind.SIGNER], Evidence.SIGNER))
        ),
    )


def _whole_vendor(tools: frozenset[str], signer: str, catalog: Catalog) -> Match:
    """A rule about all that somebody signs is one about all that this vendor makes."""
    vendors = {catalog.by_id[tool].vendor for tool in tools}
    if len(vendors) > 1:
        return Match(no=f"{signer} signs tools of {_listed(vendors)}: name those that are meant")
    (vendor,) = vendors
    made = {tool.id for tool in catalog.tools if tool.vendor == vendor}
    return Match(
        selector=f"vendor:{vendor}", note=f"all AI tools of {vendor}: {_listed(made)}, however signed"
    )


def _nothing(rule: ForeignRule, fitting: list[_Fitting], catalog: Catalog) -> str:
    signed = [
        one for clue, one in zip(rule.clues, fitting, strict=True) if clue.kind is Kind.SIGNER and one.tools
    ]
    if signed:
        return f"no AI tool of the catalog by that signer ({_listed(signed[0].tools)}) has that name"
    if any(clue.kind is Kind.WORD for clue in rule.clues):
        known = (*catalog.known.ids, *catalog.known.aliases)
        return NOT_AI + did_you_mean(rule.clues[0].value.lower(), known)
    return NOT_AI


def _listed(words: Iterable[str]) -> str:
    *most, last = sorted(words)
    return f"{', '.join(most)} and {last}" if most else last


# --- one clue -----------------------------------------------------------------------------------------------


def _fitting(clue: Clue, catalog: Catalog) -> _Fitting:
    match clue.kind:
        case Kind.SIGNER:
            return _Fitting(_where(catalog, lambda tool: _has(tool, clue.value, Evidence.SIGNER)))
        case Kind.BUNDLE:
            return _Fitting(_where(catalog, lambda tool: _is_bundle(tool, clue.value)))
        case Kind.PRODUCT:
            return _Fitting(_where(catalog, lambda tool: _is_called(tool, clue.value)))
        case Kind.PROGRAM:
            return _Fitting(_where(catalog, lambda tool: _starts_as(tool, clue.value)), by_name=True)
        case Kind.WORD:
            return _Fitting(_word(clue.value, catalog))
        case Kind.PATH:
            return _path(clue.value, catalog)


def _where(catalog: Catalog, fits: Callable[[Tool], bool]) -> frozenset[str]:
    return frozenset(tool.id for tool in catalog.tools if fits(tool))


def _has(tool: Tool, word: str, *kinds: Evidence) -> bool:
    return word.casefold() in (value.casefold() for kind in kinds for value in tool.values(kind))


def _is_called(tool: Tool, name: str) -> bool:
    name = name.casefold()
    return name in (tool.name.casefold(), tool.id, tool.id.replace("-", " "), *tool.aliases)


def _is_bundle(tool: Tool, bundle: str) -> bool:
    """A program without a bundle is signed with an id of the vendor's choice, which ends in its name."""
    last = bundle.rpartition(".")[2]
    return _has(tool, bundle, Evidence.BUNDLE) or _is_called(tool, last) or _starts_as(tool, last)


def _starts_as(tool: Tool, file: str) -> bool:
    return _bare(file) in (_bare(value) for value in tool.values(Evidence.EXECUTABLE))


def _bare(file: str) -> str:
    """The name of a file without what an operating system adds to it."""
    file = file.casefold()
    return next((file.removesuffix(suffix) for suffix in _SUFFIXES if file.endswith(suffix)), file)


def _word(word: str, catalog: Catalog) -> frozenset[str]:
    """The most exact meaning that fits anything: an id or name, a package, the name of a program."""
    meanings = (
        lambda tool: _is_called(tool, word),
        lambda tool: _has(tool, word, *_PACKAGES),
        lambda tool: _starts_as(tool, word),
    )
    return next((found for fits in meanings if (found := _where(catalog, fits))), frozenset())


# --- paths --------------------------------------------------------------------------------------------------


def _path(path: str, catalog: Catalog) -> _Fitting:
    parts = [part for part in re.split(r"[/\\]+", path) if part]
    package = _where(catalog, lambda tool: any(_has(tool, name, kind) for kind, name in _packages(parts)))
    if package:
        return _Fitting(package)
    plain = "/" + "/".join(parts)
    places = _where(catalog, lambda tool: any(_meets(plain, value) for value in tool.values(Evidence.PATH)))
    if places:
        return _Fitting(places)
    names = [part for part in parts if part != "*"]
    last = names[-1] if names else ""
    bundles = [part for part in names if part.casefold().endswith(".app")]
    named = _where(catalog, lambda tool: any(_is_called(tool, _bare(name)) for name in bundles))
    return _Fitting(named or _where(catalog, lambda tool: _starts_as(tool, last)), by_name=True)


def _meets(path: str, shape: str) -> bool:
    """Whether a file of this path has the tool's shape, or a folder of this path holds such files."""
    return may_be_the_same(path, shape) or (path.endswith("/*") and may_be_the_same(path[:-2], shape))


def _packages(parts: list[str]) -> Iterator[tuple[Evidence, str]]:
    """Packages by the folders that they lie in."""
    for number, (folder, name) in enumerate(pairwise(parts), 1):
        if folder == "node_modules":
            scoped = name.startswith("@") and number + 1 < len(parts)
            yield Evidence.NPM, f"{name}/{parts[number + 1]}" if scoped else name
        elif folder in ("site-packages", "dist-packages"):
            yield Evidence.PYPI, normal_pypi(name.partition("-")[0])
        elif folder == "extensions" and (found := _EXTENSION.fullmatch(name)):
            yield Evidence.EXTENSION, found[1]
