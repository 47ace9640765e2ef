"""How a finding came about, what would make it certain, and why nothing follows where nothing does.

Told from the table of weigh and the clues of identify themselves, so that an explanation cannot disagree with
a verdict.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Final

from msgspec.structs import replace

from aipolicy.core.conclude import Sight, by_strength, by_tool
from aipolicy.core.evidence_index import Clue
from aipolicy.core.identify import sights
from aipolicy.core.model import Confidence, Evidence, Finding, Observation, Record
from aipolicy.core.same_thing import clues_in
from aipolicy.core.tool import STATED, Kind, Tool
from aipolicy.core.tools import Catalog
from aipolicy.core.weigh import ORDER, OWN_PACKAGE, STORE, SYSTEM_PACKAGE, Met, ground, met

_PACKAGES: Final = OWN_PACKAGE | STORE | SYSTEM_PACKAGE | {Kind.CARRIER}
_WORDS: Final = {
    Kind.NPM: "it is the code or the program of the npm package",
    Kind.PYPI: "it is the code or the program of the Python package",
    Kind.EXTENSION: "it is a program of the editor extension",
    Kind.PLUGIN: "it is a program of the JetBrains plugin",
    Kind.CARRIER: "it lies in the npm package that carries the tool along",
    Kind.BREW: "it comes from the Homebrew package",
    Kind.SNAP: "it comes from the snap",
    Kind.FLATPAK: "it comes from the Flatpak application",
    Kind.DEB: "the deb package owns it",
    Kind.RPM: "the rpm package owns it",
    Kind.PATH: "it lies where the tool's own installer puts it",
    Kind.BUNDLE: "its application states the bundle id",
    Kind.PRODUCT: "the product.json of its application states the bundle id",
    Kind.ELECTRON: "the package.json of its application states the name",
    Kind.SIGNER: "it is signed by",
    Kind.EXECUTABLE: "it bears the name",
    Kind.TITLE: "it gives its process the title",
}
"""What the clue would be that is not there."""
_TWO_MARKS: Final = (Kind.CONTENT, Kind.CONTENT)


class Step(Record, frozen=True, kw_only=True):
    """One place that was looked at, the clues for the tool that were met there, and what they come to.

    ground: the row of the table that decided there, in its name and words; empty where none holds.
    """

    path: str
    form: str
    clues: tuple[Evidence, ...]
    sure: Confidence | None
    ground: str
    words: str


class Lack(Record, frozen=True, kw_only=True):
    """What would make it certain: all `kinds` of clues together, in words. values: those that would count."""

    kinds: tuple[str, ...]
    words: str
    values: tuple[str, ...]


class Derivation(Record, frozen=True, kw_only=True):
    """From what was seen to how sure we are.

    steps: each place that spoke for the tool. ground: the row that decided, in its name and words.
    certain_if: any one of these would make it certain; empty where it is, or where nothing known would.
    """

    steps: tuple[Step, ...]
    ground: str
    words: str
    certain_if: tuple[Lack, ...]


class Strength(Record, frozen=True, kw_only=True):
    """One kind of evidence that the catalog has of a tool: what it says alone, and what makes it certain."""

    kind: str
    values: tuple[str, ...]
    alone: Confidence | None
    ground: str
    certain_with: tuple[Lack, ...]


def derivation(finding: Finding, observations: Iterable[Observation], catalog: Catalog) -> Derivation:
    """How `finding` came out of the observations."""
    tool = catalog.by_id[finding.tool]
    seen = [
        (sight, clues)
        for observation in observations
        for sight in sights(observation, catalog)
        if (clues := by_tool(sight.clues).get(finding.tool)) and _is_about(sight, clues, finding)
    ]
    weighed = [_met(sight, clues) for sight, clues in seen]
    together = met(
        clues_in(finding.tool, finding.because),
        whole=any(each.whole for each in weighed),
        under_its_name=all(each.under_its_name for each in weighed),
    )
    deciding = [each for each in (*weighed, together) if _sure(each) is finding.confidence]
    decisive = deciding[0] if deciding else together
    row = ground(decisive)
    return Derivation(
        steps=tuple(_step(sight, clues, each) for (sight, clues), each in zip(seen, weighed, strict=True)),
        ground=row.name if row else "",
        words=row.words if row else "",
        certain_if=lacks(decisive, tool),
    )


def _is_about(sight: Sight, clues: Iterable[Clue], finding: Finding) -> bool:
    """The place of the finding or a part of it, or the system's package that backs it."""
    if sight.pid not in (finding.pid, None):
        return False
    package = sight.file.package if sight.file is not None else None
    inside = f"{sight.path}/".startswith(f"{finding.path}/")
    own = package is not None and package.path == finding.path
    kinds = {clue.kind for clue in clues}
    backing = bool(kinds & SYSTEM_PACKAGE) and kinds <= {evidence.kind for evidence in finding.because}
    return inside or own or backing


def _met(sight: Sight, clues: Iterable[Clue]) -> Met:
    return met(clues, whole=sight.whole, under_its_name=sight.under_its_name)


def _sure(what: Met) -> Confidence | None:
    row = ground(what)
    return row.sure if row else None


def _step(sight: Sight, clues: Iterable[Clue], what: Met) -> Step:
    row = ground(what)
    return Step(
        path=sight.path,
        form=sight.form,
        clues=by_strength(Evidence(kind=clue.kind, value=clue.value) for clue in clues),
        sure=row.sure if row else None,
        ground=row.name if row else "",
        words=row.words if row else "not enough to say anything",
    )


# --- what would make it certain --------------------------------------------------------------------------

_Addition = tuple[Lack, Met]
"""A clue that is not there, and what all would come to with it."""


def lacks(what: Met, tool: Tool) -> tuple[Lack, ...]:
    """What of the tool's evidence would make it certain: any one clue, else any two together."""
    if _sure(what) is Confidence.CERTAIN:
        return ()
    single = [lack for lack, after in _additions(what, tool) if _sure(after) is Confidence.CERTAIN]
    if any(lack.kinds == (Kind.CONTENT,) for lack in single):  # then nobody need look for two
        single = [lack for lack in single if lack.kinds != _TWO_MARKS]
    return tuple(single) or tuple(_pairs(what, tool))


def _pairs(what: Met, tool: Tool) -> Iterator[Lack]:
    for (one, after), (other, _) in combinations(_additions(what, tool), 2):
        both = next((met for lack, met in _additions(after, tool) if lack.kinds == other.kinds), None)
        if both is not None and _sure(both) is Confidence.CERTAIN:
            yield Lack(
                kinds=(*one.kinds, *other.kinds),
                words=f"{one.words}, and {other.words}",
                values=(*one.values, *other.values),
            )


def _additions(what: Met, tool: Tool) -> Iterator[_Addition]:
    yield from _marks(what, tool)
    for kind in (*STATED, Kind.PRODUCT):
        values = _lines(tool, Kind.BUNDLE if kind is Kind.PRODUCT else kind)
        if values and kind not in what.kinds and kind is not Kind.CONTENT:
            after = replace(what, kinds=what.kinds | {kind}, whole=what.whole or kind in _PACKAGES)
            yield Lack(kinds=(kind,), words=_WORDS[kind], values=values), after
    if what.kinds & OWN_PACKAGE and not what.whole:
        words = "it is the package's own script or program, not a file that comes with it"
        yield Lack(kinds=(), words=words, values=()), replace(what, whole=True)
    if not what.under_its_name:
        words = "the package lies in a folder of its own name, where a package manager puts it"
        yield Lack(kinds=(), words=words, values=()), replace(what, under_its_name=True)


def _marks(what: Met, tool: Tool) -> Iterator[_Addition]:
    """One more mark, and two where there is none. With a mark, a file in the tool's place is no other one."""
    known = len(tool.marks)
    kinds = what.kinds | {Kind.CONTENT}
    if Kind.PLACE in kinds:
        kinds |= {Kind.PATH}
    counts = ("a content mark", "two content marks") if not what.marks else ("a second content mark",)
    for more, count in enumerate(counts, 1):
        if what.marks + more <= known:
            words = f"it holds {count} of the tool, being as large as tools are"
            after = replace(what, kinds=kinds, marks=what.marks + more)
            yield Lack(kinds=(Kind.CONTENT,) * more, words=words, values=_lines(tool, Kind.CONTENT)), after


def _lines(tool: Tool, kind: Kind) -> tuple[str, ...]:
    return tuple(rule.value for rule in tool.evidence if rule.kind is kind)


# --- what the catalog has of a tool ----------------------------------------------------------------------


def strengths(tool: Tool) -> tuple[Strength, ...]:
    """What gives the tool away, surest first, and what each kind says where nothing else does."""
    found = [_strength(tool, kind) for kind in STATED if _lines(tool, kind)]
    return tuple(sorted(found, key=lambda each: ORDER.index(each.alone) if each.alone else len(ORDER)))


def _strength(tool: Tool, kind: Kind) -> Strength:
    longest = max(tool.values(kind), key=len)
    alone = met([Clue(tool=tool.id, kind=kind, value=longest)], whole=kind in _PACKAGES)
    row = ground(alone)
    return Strength(
        kind=kind,
        values=_lines(tool, kind),
        alone=row.sure if row else None,
        ground=row.name if row else "",
        certain_with=lacks(alone, tool),
    )
