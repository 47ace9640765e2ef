"""Which findings are about one and the same thing, and the one finding that is left of them.

An install shows itself as a package, as its parts and as the programs in it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from aipolicy.core.conclude import NATIVE, SCRIPT, by_strength, in_folder_of_its_name
from aipolicy.core.evidence_index import Clue
from aipolicy.core.model import Evidence, Finding
from aipolicy.core.place import IN_CONTAINER
from aipolicy.core.tool import Kind
from aipolicy.core.weigh import surer, weigh
from aipolicy.core.wire import finding_key

_IN_NODE_MODULES: Final = "/node_modules/"
_IN_PNPMS_STORE: Final = "/.pnpm/"


def in_order(finding: Finding) -> tuple[str | int, ...]:
    """A sort key: the outcome must not hang on the order in which observers happen to look."""
    owner, version, pid = finding.owner.uid, finding.version or "", finding.pid or 0
    return (finding.tool, finding.state, owner, finding.path, finding.form, version, pid, finding.confidence)


def one_per_program(findings: Iterable[Finding]) -> list[Finding]:
    """Processes of one owner that run the same program; the lowest process id stays."""
    found: dict[str, Finding] = {}
    for finding in sorted(findings, key=lambda f: (f.pid or 0, f.version or "")):
        key = finding_key(finding)
        found[key] = merged(found[key], finding) if key in found else finding
    return list(found.values())


def one_per_install(findings: Iterable[Finding]) -> list[Finding]:
    """The outermost package or file stands for what is a part of it."""
    kept: list[Finding] = []
    places: dict[
        tuple[str, int, str], list[int]
    ] = {}  # what could hold a finding, by where it could be found
    for finding in sorted(findings, key=lambda f: (len(f.path), in_order(f))):
        candidates = sorted({index for key in _where_it_could_be(finding) for index in places.get(key, ())})
        for index in candidates:
            if _is_part(finding, kept[index]):
                kept[index] = merged(kept[index], finding)
                break
        else:
            for key in _where_it_is(finding):
                places.setdefault(key, []).append(len(kept))
            kept.append(finding)
    return kept


def merged(main: Finding, part: Finding) -> Finding:
    """`main` with the evidence of `part`, and as sure as both together make us."""
    because = by_strength((*main.because, *part.because))
    confidence = surer(main.confidence, part.confidence)
    if because not in (main.because, part.because):  # what one of them has was weighed with all its facts
        named = all(in_folder_of_its_name(e.value, main.path) for e in because if e.kind == Kind.NPM)
        together = weigh(clues_in(main.tool, because), whole=False, under_its_name=named)
        confidence = surer(confidence, together)
    return replace(
        main,
        because=because,
        confidence=confidence,
        version=main.version or part.version,
        form=part.form if _is_plain(main.form) and not _is_plain(part.form) else main.form,
    )


def clues_in(tool: str, because: Iterable[Evidence]) -> tuple[Clue, ...]:
    """The evidence of a finding as the clues that it came from."""
    return tuple(Clue(tool=tool, kind=Kind(e.kind), value=e.value) for e in because)


def kinds_of(finding: Finding) -> frozenset[str]:
    """The kinds of evidence it has."""
    return frozenset(evidence.kind for evidence in finding.because)


# --- parts -----------------------------------------------------------------------------------------------
# Thousands of projects may hold the same package, so a finding is held only against those in its own places:
# the folders above it, and for npm, which lays a tool's program for each processor in a package of its own
# beside the main one, the same tree of node_modules and the same version.


def _where_it_is(finding: Finding) -> Iterator[tuple[str, int, str]]:
    tool, uid = finding.tool, finding.owner.uid
    yield tool, uid, finding.path
    tree = _node_modules_of(finding)
    if tree is not None:
        yield tool, uid, f"{tree}\0{_core(finding.version)}"
        yield tool, uid, f"{tree}\0"  # of any version


def _where_it_could_be(finding: Finding) -> Iterator[tuple[str, int, str]]:
    tool, uid, path = finding.tool, finding.owner.uid, finding.path
    while path:
        yield tool, uid, path
        path = path.rpartition("/")[0]
    tree = _node_modules_of(finding)
    if tree is None:
        return
    if finding.version is None:
        yield tool, uid, f"{tree}\0"
    else:
        yield tool, uid, f"{tree}\0{_core(finding.version)}"
        yield tool, uid, f"{tree}\0{_core(None)}"


def _node_modules_of(finding: Finding) -> str | None:
    tree, found, _rest = finding.path.partition(_IN_NODE_MODULES)
    if not found or Kind.NPM not in kinds_of(finding):
        return None
    return tree.partition(_IN_PNPMS_STORE)[0]  # pnpm's global packages have a node_modules each


def _core(version: str | None) -> str:
    """`0.169.0-linux-x64` is the build of 0.169.0 for one system."""
    return "?" if version is None else version.partition("-")[0]


def _is_part(finding: Finding, outer: Finding) -> bool:
    """Where both are found at one place they are one whatever they state; two versions are two installs."""
    return finding.path == outer.path or _same_version(finding.version, outer.version)


def _same_version(one: str | None, other: str | None) -> bool:
    if one is None or other is None or one == other:
        return True
    return one.startswith(f"{other}-") or other.startswith(f"{one}-")


def _is_plain(form: str) -> bool:
    """Whether the form says only what the file is; how it was installed says more."""
    form = form.removesuffix(IN_CONTAINER)
    return form in (NATIVE, SCRIPT) or form.endswith(" package")
