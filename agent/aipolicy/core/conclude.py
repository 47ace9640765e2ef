"""From clues to findings: what the finding says.

The clues are identify's part, how sure they make us is weigh's.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from aipolicy.core.content import embedded_version
from aipolicy.core.evidence_index import Clue
from aipolicy.core.model import Confidence, Evidence, FileFacts, Finding, Owner, PackageRef, Record, State
from aipolicy.core.tool import Kind, Tool
from aipolicy.core.tools import Catalog
from aipolicy.core.weigh import ORDER, OWN_PACKAGE, STORE, SYSTEM_PACKAGE, weigh

_IN_YARNS_STORE: Final = re.compile(
    r"\.store/(@?[\w.-]+?)-(?:npm-\d[\w.+-]*|virtual)-[0-9a-f]{10}/package(?:/|$)", re.ASCII
)
"""Where yarn's `nodeLinker: pnpm` puts the packages that node_modules links to."""
APPLICATIONS: Final = frozenset({"app", "electron"})
"""The ecosystems of what an Electron program says that it runs."""

NATIVE: Final = "native"
SCRIPT: Final = "script"
APPIMAGE: Final = "AppImage"
APPLICATION: Final = "application"
PROCESS: Final = "process"
CONTAINED: Final = "process in another namespace"
"""In a container, say: its path is one of that container."""

_STRENGTH: Final[dict[str, int]] = {kind: place for place, kind in enumerate(Kind)}


class Sight(Record, frozen=True, kw_only=True):
    """What was looked at, and the clues for whichever tool that were met there.

    whole: what was looked at is the package's code itself (the package, or its script being run) and not just
    any file that comes with it, such as a copy of ripgrep.
    under_its_name: the package lies where a package manager puts it; see `lies_under_its_name`.
    version: what it states of itself. file: facts of the file, None where a package was looked at.
    """

    owner: Owner
    path: str
    form: str
    clues: tuple[Clue, ...]
    whole: bool = False
    under_its_name: bool = True
    version: str | None = None
    file: FileFacts | None = None
    pid: int | None = None


def lies_under_its_name(package: PackageRef | None) -> bool:
    """False for an npm package that lies in a folder of another name; see `in_folder_of_its_name`."""
    return package is None or package.ecosystem != "npm" or in_folder_of_its_name(package.name, package.path)


def in_folder_of_its_name(npm_name: str, path: str) -> bool:
    """Whether node_modules has it under its own name, or yarn in its .store; true outside of node_modules.

    An alias (`npm install memo@npm:real-name`) lies under another name, but a foreign package.json beside
    other code looks the same: there the name alone makes nothing certain.
    """
    _, found, inner = path.rpartition("/node_modules/")
    if not found:
        return True
    kept = _IN_YARNS_STORE.match(inner)
    if kept is not None:
        return kept.group(1) == npm_name.replace("/", "-")
    return f"{inner}/".startswith(f"{npm_name}/")


def by_tool(clues: Iterable[Clue]) -> dict[str, list[Clue]]:
    """The clues of each tool, every clue once."""
    sorted_out: dict[str, list[Clue]] = {}
    for clue in dict.fromkeys(clues):
        sorted_out.setdefault(clue.tool, []).append(clue)
    return sorted_out


def conclude(sight: Sight, catalog: Catalog) -> tuple[Finding, ...]:
    """One finding per tool that the clues speak for, surest first."""
    found = []
    others: set[str] = set()
    for tool_id, its_clues in by_tool(sight.clues).items():
        confidence = weigh(its_clues, whole=sight.whole, under_its_name=sight.under_its_name)
        if confidence is None:
            continue
        tool = catalog.by_id[tool_id]
        found.append(_finding(tool, confidence, its_clues, sight, catalog))
        if confidence is Confidence.CERTAIN and any(clue.kind in OWN_PACKAGE for clue in its_clues):
            others.update(tool.same_code)
    return surest(finding for finding in found if finding.tool not in others)


def surest(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What certainly is one tool is not perhaps another: a program may mention its competitors."""
    ordered = sorted(findings, key=lambda finding: ORDER.index(finding.confidence))
    certain = [finding for finding in ordered if finding.confidence is Confidence.CERTAIN]
    first_of_each = {finding.tool: finding for finding in reversed(certain or ordered)}
    return tuple(reversed(first_of_each.values()))


def by_strength(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Each once, strongest first."""
    return tuple(sorted(set(evidence), key=lambda e: (_STRENGTH.get(e.kind, 0), e.value)))


def _finding(
    tool: Tool, confidence: Confidence, clues: Iterable[Clue], sight: Sight, catalog: Catalog
) -> Finding:
    kinds = {clue.kind for clue in clues}
    finding = Finding(
        tool=tool.id,
        name=tool.name,
        vendor=tool.vendor,
        category=tool.category,
        version=_version(tool, kinds, sight, catalog),
        state=State.INSTALLED if sight.pid is None else State.RUNNING,
        confidence=confidence,
        because=by_strength(Evidence(kind=clue.kind.value, value=clue.value) for clue in clues),
        owner=sight.owner,
        path=sight.path,
        form=sight.form,
        pid=sight.pid,
    )
    return _at_home(finding, kinds, sight)


def _version(tool: Tool, kinds: set[Kind], sight: Sight, catalog: Catalog) -> str | None:
    """What the file itself says before what its package says: anybody can write a package.json.

    The version of a package that carries the tool along, or that copied it, is not the tool's.
    """
    file = sight.file
    if file is not None and Kind.CONTENT in kinds:
        embedded = embedded_version(file, tool.id)
        if embedded is not None:
            return embedded
    if kinds & (OWN_PACKAGE | SYSTEM_PACKAGE | STORE | {Kind.BUNDLE, Kind.PRODUCT, Kind.ELECTRON}):
        stated = file.package.version if file is not None and file.package is not None else sight.version
        if stated is not None:
            return stated
    return catalog.index.path_version(tool.id, sight.path)


def _at_home(finding: Finding, kinds: set[Kind], sight: Sight) -> Finding:
    """A program of the tool's own package is found where the package lies; in another one it is embedded."""
    package = sight.file.package if sight.file is not None else None
    if package is None or sight.pid is not None:
        return finding
    if kinds & OWN_PACKAGE:
        return msgspec.structs.replace(finding, path=package.path, form=f"{package.ecosystem} package")
    if package.ecosystem in ("deb", "rpm", "brew", "snap", "flatpak"):
        return msgspec.structs.replace(finding, form=f"{package.ecosystem} package")
    if package.ecosystem in APPLICATIONS:
        return msgspec.structs.replace(finding, form=sight.form if sight.form == APPIMAGE else APPLICATION)
    return msgspec.structs.replace(finding, form=f"embedded in {package.name}")
