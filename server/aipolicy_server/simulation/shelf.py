"""What a made-up machine can have on it: the catalog's own examples, recognised as by an agent."""

from collections.abc import Iterable
from random import Random

from msgspec.structs import replace

from aipolicy.core.correlate import correlate
from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Finding, Record, State
from aipolicy.core.tool import Example, Tool
from aipolicy.core.tools import Catalog
from aipolicy.core.wire import home_relative

_VERSIONS = 9
"""Of each tool so many are about: most have the latest, some never update."""
_HOMES = ("/home/u", "/root", "/Users/u")


class Ware(Record, frozen=True, kw_only=True):
    """A tool in its forms. versions: the latest first. weight: how common it is beside the others."""

    tool: Tool
    installed: tuple[Finding, ...]
    running: tuple[Finding, ...]
    versions: tuple[str, ...]
    weight: float


def shelf(catalog: Catalog, chance: Random) -> tuple[Ware, ...]:
    """The tools, the most common first, and far more common than the last: few tools make up most of a fleet.

    A tool counts as the more common the more its file knows of it.
    """
    ranked = sorted(catalog.tools, key=lambda tool: (-sum(len(r.values) for r in tool.evidence), tool.id))
    found = (_ware(tool, catalog, place, chance) for place, tool in enumerate(ranked))
    return tuple(ware for ware in found if ware.installed)


def _ware(tool: Tool, catalog: Catalog, place: int, chance: Random) -> Ware:
    findings = [f for example in tool.examples for f in _findings(tool, example, catalog)]
    return Ware(
        tool=tool,
        installed=_distinct(f for f in findings if f.state is State.INSTALLED),
        running=_distinct(f for f in findings if f.state is State.RUNNING),
        versions=_versions(chance),
        weight=1 / (place + 1) ** 1.1,
    )


def _findings(tool: Tool, example: Example, catalog: Catalog) -> Iterable[Finding]:
    if example.expect is None:
        return
    alone = tuple(finding for seen in example.saw for finding in identify(seen, catalog))
    for finding in correlate(example.saw, alone, catalog):
        if finding.tool == tool.id:
            path = home_relative(finding.path, _HOMES)
            because = tuple(replace(e, value=home_relative(e.value, _HOMES)) for e in finding.because)
            yield replace(finding, path=path, because=because)


def _distinct(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One of each form and confidence, the sure ones first."""
    by_form = {(f.form, f.confidence): f for f in findings}
    sureness = tuple(Confidence)
    return tuple(sorted(by_form.values(), key=lambda f: (sureness.index(f.confidence), f.form)))


def _versions(chance: Random) -> tuple[str, ...]:
    major, minor = chance.randrange(4), chance.randrange(4, 30)
    found = []
    for _ in range(_VERSIONS):
        found.append(f"{major}.{minor}.{chance.randrange(30)}")
        minor = max(0, minor - chance.randrange(1, 4))
    return tuple(dict.fromkeys(found))
