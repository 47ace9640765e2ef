"""What several observations say together: more evidence for a finding, and one finding for one thing.

It makes no finding of nothing and takes no evidence away.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from aipolicy.core.conclude import NATIVE, SCRIPT, by_strength, surer, weigh
from aipolicy.core.evidence_index import Clue
from aipolicy.core.model import Confidence, Evidence, Finding, Observation, Package, State
from aipolicy.core.tool import Kind
from aipolicy.core.tools import Catalog
from aipolicy.core.wire import finding_key

_ROOT: Final = 0
_SYSTEM_FOLDERS: Final = ("/usr/", "/opt/")
_SYSTEM_PACKAGE: Final = frozenset({Kind.DEB, Kind.RPM})
_IN_NODE_MODULES: Final = "/node_modules/"


def correlate(
    observations: Iterable[Observation], findings: Iterable[Finding], catalog: Catalog
) -> tuple[Finding, ...]:
    """All findings held against each other: one per tool, state, owner and place, in a fixed order.

    Of several processes of one owner and one program the finding has the lowest process id.
    """
    hosted = _hosted_packages(observations, catalog)
    found = _backed_programs(_backed_title(finding, hosted) for finding in sorted(findings, key=_order))
    merged = [
        *_installs(f for f in found if f.state is State.INSTALLED),
        *_by_key(f for f in found if f.state is State.RUNNING),
    ]
    return tuple(sorted(merged, key=_order))


def _order(finding: Finding) -> tuple[str | int, ...]:
    """The outcome must not hang on the order in which observers happen to look."""
    owner, version, pid = finding.owner.uid, finding.version or "", finding.pid or 0
    return (finding.tool, finding.state, owner, finding.path, finding.form, version, pid, finding.confidence)


# --- more evidence ---------------------------------------------------------------------------------------

Hosted = dict[tuple[str, int], list[Package]]


def _hosted_packages(observations: Iterable[Observation], catalog: Catalog) -> Hosted:
    """By tool and owner, the packages with code that an interpreter runs."""
    hosted: Hosted = {}
    for seen in observations:
        if isinstance(seen, Package) and seen.has_code and seen.package.ecosystem in ("npm", "pypi"):
            for clue in catalog.index.package(seen.package):
                hosted.setdefault((clue.tool, seen.owner.uid), []).append(seen)
    return hosted


def _backed_title(finding: Finding, hosted: Hosted) -> Finding:
    """A title that only the tool sets, on an interpreter, where that owner has the tool's package: likely."""
    if finding.confidence is not Confidence.POSSIBLE or not _kinds(finding) & {Kind.TITLE}:
        return finding
    packages = [*hosted.get((finding.tool, finding.owner.uid), ()), *hosted.get((finding.tool, _ROOT), ())]
    if not packages:
        return finding
    names = (Evidence(kind=seen.package.ecosystem, value=seen.package.name) for seen in packages)
    versions = {seen.package.version for seen in packages}
    return replace(
        finding,
        confidence=Confidence.LIKELY,
        because=by_strength((*finding.because, *names)),
        version=finding.version or (versions.pop() if len(versions) == 1 else None),
    )


def _backed_programs(findings: Iterable[Finding]) -> list[Finding]:
    """A system package and a program where that package puts it belong together; neither alone is proof."""
    found = list(findings)
    for package in [f for f in found if _kinds(f) & _SYSTEM_PACKAGE and not _is_program(f)]:
        programs = [f for f in found if f.tool == package.tool and _is_program(f)]
        if any(p.state is State.INSTALLED and p.owner == package.owner for p in programs):
            found.remove(package)  # it is the same install
        for program in programs:
            found[found.index(program)] = _merged(program, package)
    return found


def _is_program(finding: Finding) -> bool:
    in_place = finding.path.startswith(_SYSTEM_FOLDERS)
    return in_place and bool(_kinds(finding) & {Kind.PATH, Kind.CONTENT})


# --- one finding for one thing ---------------------------------------------------------------------------


def _installs(findings: Iterable[Finding]) -> list[Finding]:
    """An install shows itself as a package, as its parts and as the programs in it: one finding."""
    groups: dict[tuple[str, int], list[Finding]] = {}
    for finding in sorted(findings, key=lambda f: (len(f.path), _order(f))):
        group = groups.setdefault((finding.tool, finding.owner.uid), [])
        for place, outer in enumerate(group):
            if _is_part(finding, outer):
                group[place] = _merged(outer, finding)
                break
        else:
            group.append(finding)
    return [finding for group in groups.values() for finding in group]


def _is_part(finding: Finding, outer: Finding) -> bool:
    if finding.path == outer.path:
        return True
    if not _same_version(finding.version, outer.version):
        return False
    return finding.path.startswith(outer.path + "/") or _installed_beside(finding, outer)


def _installed_beside(finding: Finding, outer: Finding) -> bool:
    """npm lays a tool's program in a package of its own, for each processor, beside the main package."""
    both_npm = Kind.NPM in _kinds(finding) and Kind.NPM in _kinds(outer)
    root, found, _rest = outer.path.partition(_IN_NODE_MODULES)
    return both_npm and bool(found) and finding.path.startswith(root + _IN_NODE_MODULES)


def _same_version(one: str | None, other: str | None) -> bool:
    """`0.169.0-linux-x64` is the build of 0.169.0 for one system."""
    if one is None or other is None or one == other:
        return True
    return one.startswith(f"{other}-") or other.startswith(f"{one}-")


def _by_key(findings: Iterable[Finding]) -> list[Finding]:
    found: dict[str, Finding] = {}
    for finding in sorted(findings, key=lambda f: (f.pid or 0, f.version or "")):
        key = finding_key(finding)
        found[key] = _merged(found[key], finding) if key in found else finding
    return list(found.values())


def _merged(main: Finding, part: Finding) -> Finding:
    because = by_strength((*main.because, *part.because))
    clues = [Clue(tool=main.tool, kind=Kind(e.kind), value=e.value) for e in because]
    confidence = surer(main.confidence, part.confidence)
    together = weigh(clues, whole=False)
    return replace(
        main,
        because=because,
        confidence=surer(confidence, together) if together else confidence,
        version=main.version or part.version,
        form=part.form if _is_plain(main.form) and not _is_plain(part.form) else main.form,
    )


def _is_plain(form: str) -> bool:
    """Whether the form says only what the file is; how it was installed says more."""
    return form in (NATIVE, SCRIPT) or form.endswith(" package")


def _kinds(finding: Finding) -> frozenset[str]:
    return frozenset(evidence.kind for evidence in finding.because)
