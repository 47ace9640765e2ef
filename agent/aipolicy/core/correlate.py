"""What several observations say together: more evidence for a finding, and one finding for one thing.

It makes no finding of nothing and takes no evidence away.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from aipolicy.core.conclude import by_strength
from aipolicy.core.model import Confidence, Evidence, Finding, Observation, Package, State
from aipolicy.core.place import container_of
from aipolicy.core.same_thing import clues_in, in_order, kinds_of, merged, one_per_install, one_per_program
from aipolicy.core.tool import Kind
from aipolicy.core.tools import Catalog
from aipolicy.core.weigh import surer, weigh

_ROOT: Final = 0
_SYSTEM_FOLDERS: Final = ("/usr/", "/opt/")
_SYSTEM_PACKAGE: Final = frozenset({Kind.DEB, Kind.RPM})


def correlate(
    observations: Iterable[Observation], findings: Iterable[Finding], catalog: Catalog
) -> tuple[Finding, ...]:
    """All findings held against each other: one per tool, state, owner and place, in a fixed order.

    Of several processes of one owner and one program the finding has the lowest process id.
    """
    hosted = _hosted_packages(observations, catalog)
    found = _backed_programs(_backed_title(finding, hosted) for finding in sorted(findings, key=in_order))
    left = [
        *one_per_install(f for f in found if f.state is State.INSTALLED),
        *one_per_program(f for f in found if f.state is State.RUNNING),
    ]
    return tuple(sorted(left, key=in_order))


# --- more evidence ---------------------------------------------------------------------------------------

Hosted = dict[tuple[str, int, str | None], list[Package]]


def _hosted_packages(observations: Iterable[Observation], catalog: Catalog) -> Hosted:
    """By tool, owner and container, the packages with code that an interpreter runs."""
    hosted: Hosted = {}
    for seen in observations:
        if isinstance(seen, Package) and seen.has_code and seen.package.ecosystem in ("npm", "pypi"):
            for clue in catalog.index.package(seen.package):
                hosted.setdefault((clue.tool, seen.owner.uid, seen.container), []).append(seen)
    return hosted


def _backed_title(finding: Finding, hosted: Hosted) -> Finding:
    """A title that only the tool sets, on an interpreter, where that owner has the tool's package: likely."""
    if finding.confidence is not Confidence.POSSIBLE or not kinds_of(finding) & {Kind.TITLE}:
        return finding
    where = container_of(finding.path)
    owners = (finding.owner.uid, _ROOT)
    packages = [seen for uid in owners for seen in hosted.get((finding.tool, uid, where), ())]
    if not packages:
        return finding
    names = (Evidence(kind=seen.package.ecosystem, value=seen.package.name) for seen in packages)
    because = by_strength((*(e for e in finding.because if e.kind == Kind.TITLE), *names))
    versions = {seen.package.version for seen in packages}
    return replace(
        finding,
        confidence=surer(finding.confidence, weigh(clues_in(finding.tool, because), whole=False)),
        because=by_strength((*finding.because, *because)),
        version=finding.version or (versions.pop() if len(versions) == 1 else None),
    )


def _backed_programs(findings: Iterable[Finding]) -> list[Finding]:
    """A system package and a program where that package puts it belong together; neither alone is proof."""
    found = list(findings)
    for package in [f for f in found if kinds_of(f) & _SYSTEM_PACKAGE and not _is_program(f)]:
        where = container_of(package.path)
        programs = [
            f for f in found if f.tool == package.tool and _is_program(f) and container_of(f.path) == where
        ]
        if any(p.state is State.INSTALLED and p.owner == package.owner for p in programs):
            found.remove(package)  # it is the same install
        for program in programs:
            found[found.index(program)] = merged(program, package)
    return found


def _is_program(finding: Finding) -> bool:
    where = container_of(finding.path)
    path = finding.path if where is None else finding.path.removeprefix(f"{where}:")
    in_place = path.startswith(_SYSTEM_FOLDERS)
    return in_place and bool(kinds_of(finding) & {Kind.PATH, Kind.CONTENT})
