"""What one policy says otherwise than another: of which tools, which versions, where, and from when on.

By meaning, not by text: both are asked, by `decide` itself, about every tool of the catalog in every case
that one of them tells from others (a bound of a version, a word of an audience, a day, a grace).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cmp_to_key
from itertools import groupby
from typing import Final, NamedTuple

from msgspec.structs import replace

from aipolicy.core.audience import Audience, fit
from aipolicy.core.decide import explain
from aipolicy.core.entry import Entry
from aipolicy.core.model import Action, Confidence, Context, Evidence, Finding, Owner, Record, Ruling, State
from aipolicy.core.plural import plural
from aipolicy.core.policy import Policy
from aipolicy.core.privacy import Privacy
from aipolicy.core.scope import Scope
from aipolicy.core.tool import Tool
from aipolicy.core.versions import compare
from aipolicy.core.worlds import MOST, World, worlds

_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NUMBERS: Final = re.compile(r"v?[0-9]+(?:\.[0-9]+)*", re.IGNORECASE)


class Step(Record, frozen=True, kw_only=True):
    """since: from when on, null for now. What the policy then says."""

    since: datetime | None
    ruling: Ruling
    action: Action


class Said(Record, frozen=True, kw_only=True):
    """What a policy says of a tool, now and later.

    steps: now, and each day on which that changes. grace: for how long it only warns from the first sight.
    told: what a person is told, with {tool} for its name; empty where nothing is.
    """

    steps: tuple[Step, ...]
    grace: str = ""
    told: str = ""


class Change(Record, frozen=True, kw_only=True):
    """tools: ids. versions: which of their versions, empty for all. where: for whom, empty for everybody."""

    tools: tuple[str, ...]
    versions: str
    where: str
    before: Said
    after: Said


class Difference(Record, frozen=True, kw_only=True):
    """changes: what is decided or told otherwise. others: what else differs, in words."""

    changes: tuple[Change, ...]
    others: tuple[str, ...] = ()


def difference(before: Policy, after: Policy, tools: Iterable[Tool], now: datetime) -> Difference:
    """All that `after` says otherwise than `before` at the moment `now` and later."""
    places = worlds((before, after), now)
    fits = _Fits()
    together: dict[tuple[str, str, Said, Said], list[str]] = {}
    for cut, alike in _alike(before, after, tools).items():
        for row in _rows(*cut.policies, _finding(alike[0]), places[:MOST], fits):
            together.setdefault(row, []).extend(tool.id for tool in alike)
    changes = tuple(
        Change(tools=tuple(ids), versions=versions, where=where, before=was, after=becomes)
        for (versions, where, was, becomes), ids in together.items()
    )
    others = tuple(_others(before, after, places))
    if not changes and not others and _all_rules(before) != _all_rules(after):
        others = ("rules that make no difference to any tool of this catalog",)
    return Difference(changes=changes, others=others)


def _all_rules(policy: Policy) -> list[str]:
    """All that it says, whatever the order and the lines."""
    rules = [repr(replace(entry, rule="")) for entry in (*policy.banned, *policy.approved)]
    for scope in policy.scopes:
        entries = (repr(replace(entry, rule="")) for entry in (*scope.banned, *scope.approved))
        rules += [f"{scope.audience} {each}" for each in entries]
    rules += [repr(replace(one, rule="")) for one in policy.exemptions]
    return sorted(rules)


def _others(before: Policy, after: Policy, places: Sequence[World]) -> Iterator[str]:
    """What no verdict shows, or not all of it."""
    if len(places) > MOST:
        yield f"only the first {MOST:,} kinds of machines and people were tried"
    if before.name != after.name:
        dealt = any(scope.audience.percent is not None for scope in (*before.scopes, *after.scopes))
        anew = "; `percent` now means other machines" if dealt else ""
        yield f"the name: {before.name} becomes {after.name}{anew}"
    if before.contact != after.contact:
        yield f"the contact: {before.contact or 'none'} becomes {after.contact or 'none'}"
    was, becomes = before.privacy.usernames, after.privacy.usernames
    if was != becomes:
        yield f"what leaves the machine: usernames {was} becomes {becomes}"
    if (changed := retention_change(before.privacy, after.privacy)) is not None:
        yield changed
    if _tests(before) != _tests(after):
        yield f"the tests: {len(before.tests)} before, {len(after.tests)} now, not the same"


def retention_change(before: Privacy, after: Privacy) -> str | None:
    """What becomes of events, in words; None where it stays."""
    was, becomes = before.retention_days, after.retention_days
    if was == becomes:
        return None
    said = f"events are kept {_kept(becomes)} (was {_kept(was)})"
    shorter = becomes is not None and (was is None or becomes < was)
    return f"{said}; older ones are removed for good" if shorter else said


def _kept(days: int | None) -> str:
    if days is None:
        return "for as long as the server's own setting says"
    return f"for {plural(days, 'day')} at most"


def _tests(policy: Policy) -> list[str]:
    return sorted(repr(replace(test, rule="")) for test in policy.tests)


# --- one tool --------------------------------------------------------------------------------------------

_Row = tuple[str, str, Said, Said]
_Pair = tuple[Said, Said]


class _Cut(NamedTuple):
    """Two policies cut down to what is about a tool; rules: which rules that are."""

    rules: tuple[int, ...]
    policies: tuple[Policy, Policy]

    def __hash__(self) -> int:
        return hash(self.rules)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Cut) and self.rules == other.rules


def _alike(before: Policy, after: Policy, tools: Iterable[Tool]) -> dict[_Cut, list[Tool]]:
    """The tools about which both have the same rules, and so say the same."""
    found: dict[_Cut, list[Tool]] = {}
    for tool in tools:
        policies = _about(before, _finding(tool)), _about(after, _finding(tool))
        rules = tuple(id(rule) for policy in policies for rule in (*policy.entries, *policy.exemptions))
        found.setdefault(_Cut(rules, policies), []).append(tool)
    return found


def _rows(
    before: Policy, after: Policy, found: Finding, places: Sequence[World], fits: "_Fits"
) -> Iterator[_Row]:
    samples = _samples(_bounds(before, after))
    findings = [replace(found, version=sample.version) for sample in samples]
    groups = _columns(before, after, findings, places, fits)
    rows: dict[tuple[str, Said, Said], list[str]] = {}
    for group, columns in groups.items():
        alike = len(set(columns.values())) == 1
        for detail, column in list(columns.items())[: 1 if alike else None]:
            where = group or _ELSE
            shown = where if alike or not group.startswith("in ") else f"{where} ({detail})"
            for versions, (was, becomes) in _runs(samples, column):
                rows.setdefault((versions, was, becomes), []).append(shown)
    every = [group or _ELSE for group in groups]
    for (versions, was, becomes), wheres in rows.items():
        yield versions, _places(wheres, every), was, becomes


_ELSE: Final = "everywhere else"


def _places(wheres: Sequence[str], every: Sequence[str]) -> str:
    """The shorter of two ways to say where."""
    rest = [where for where in every if where not in wheres]
    if not rest:
        return ""
    if len(rest) < len(wheres) and set(wheres) <= set(every) and _ELSE in wheres:
        return f"everywhere but {', '.join(rest)}"
    return ", ".join(wheres)


def _columns(
    before: Policy, after: Policy, findings: Sequence[Finding], places: Sequence[World], fits: "_Fits"
) -> dict[str, dict[str, tuple[_Pair, ...]]]:
    """By group and detail what is said of each version; without those whom nothing tells from others."""
    groups: dict[str, dict[str, tuple[_Pair, ...]]] = {}
    for place in places:
        was, becomes = fits.within(before, place), fits.within(after, place)
        column = tuple(_pair(was, becomes, finding, place.context) for finding in findings)
        likes = (set(groups.get(like, {}).values()) for like in place.like)
        if {column} not in likes:
            groups.setdefault(place.group, {})[place.detail] = column
    return groups


class _Fits:
    """Remembers which audience fits where: it is asked for every tool."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], dict[Audience, bool]] = {}

    def within(self, policy: Policy, place: World) -> Policy:
        """The policy with the scopes and exemptions only that may count there."""

        def counts(audience: Audience) -> bool:
            if audience not in known:
                known[audience] = fit(audience, place.context, policy.name).fits is not False
            return known[audience]

        known = self._known.setdefault((policy.name, place.group, place.detail), {})
        return replace(
            policy,
            scopes=tuple(scope for scope in policy.scopes if counts(scope.audience)),
            exemptions=tuple(one for one in policy.exemptions if counts(one.audience)),
        )


def _finding(tool: Tool) -> Finding:
    """Its name stays a placeholder, so that what people are told of two tools can be the same."""
    return Finding(
        tool=tool.id,
        name="{tool}",
        vendor=tool.vendor,
        category=tool.category,
        version=None,
        state=State.INSTALLED,
        confidence=Confidence.CERTAIN,
        because=(Evidence(kind="policy", value=tool.id),),
        owner=Owner(uid=-1, name=""),
        path="",
        form="",
    )


def _about(policy: Policy, finding: Finding) -> Policy:
    """The policy with what is about the tool only: it says the same of it, and much faster."""

    def of(entries: Iterable[Entry]) -> tuple[Entry, ...]:
        return tuple(entry for entry in entries if entry.selector.matches(finding))

    def in_scope(scope: Scope) -> Scope:
        return replace(scope, banned=of(scope.banned), approved=of(scope.approved))

    return replace(
        policy,
        banned=of(policy.banned),
        approved=of(policy.approved),
        scopes=tuple(map(in_scope, policy.scopes)),
        exemptions=tuple(one for one in policy.exemptions if one.selector.matches(finding)),
    )


def _pair(before: Policy, after: Policy, finding: Finding, context: Context) -> _Pair:
    moments = [context.now, *sorted({at for at in (*_days(before), *_days(after)) if at > context.now})]
    return _said(before, finding, context, moments), _said(after, finding, context, moments)


def _days(policy: Policy) -> Iterator[datetime]:
    for entry in policy.entries:
        yield from (at for at in (entry.begins, entry.ends) if at is not None)
    yield from (exemption.ends for exemption in policy.exemptions)


def _said(policy: Policy, finding: Finding, context: Context, moments: Sequence[datetime]) -> Said:
    graces = {entry.id: entry.grace for entry in policy.entries if entry.grace is not None}
    over = dict.fromkeys(graces, _LONG_AGO)
    fresh = explain(finding, policy, context, "")
    steps: list[Step] = []
    for at in moments:
        verdict = explain(finding, policy, replace(context, now=at, first_seen=over), "").verdict
        if not steps or (steps[-1].ruling, steps[-1].action) != (verdict.ruling, verdict.action):
            since = None if at == context.now else at
            steps.append(Step(since=since, ruling=verdict.ruling, action=verdict.action))
    grace = graces.get(fresh.grace)
    waits = grace is not None and any(step.action is Action.BLOCK for step in steps)
    return Said(
        steps=tuple(steps),
        grace=_span(grace.total_seconds()) if grace is not None and waits else "",
        told=fresh.verdict.message,
    )


def _span(seconds: float) -> str:
    hours = round(seconds / 3600)
    return f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"


# --- versions --------------------------------------------------------------------------------------------


class _Sample(NamedTuple):
    """A version, and the words for a stretch of versions that begins or ends with it."""

    version: str | None
    begins: str = ""
    ends: str = ""


def _bounds(*policies: Policy) -> list[str]:
    """The versions at which something may change, in order."""
    bounds: list[str] = []
    for policy in policies:
        entries = [entry.versions for entry in policy.entries]
        for each in (*entries, *(exemption.versions for exemption in policy.exemptions)):
            for end in (each.low, each.high) if each is not None else ():
                if end is not None and all(compare(end.version, bound) != 0 for bound in bounds):
                    bounds.append(end.version)
    return sorted(bounds, key=cmp_to_key(_order))


def _order(one: str, other: str) -> int:
    return compare(one, other) or 0


def _samples(bounds: Sequence[str]) -> list[_Sample]:
    """A version below the first bound, each bound, one after each, and last the one that is not known."""
    samples: list[_Sample] = []
    for place, bound in enumerate(bounds):
        following = bounds[place + 1] if place + 1 < len(bounds) else None
        numbers = _NUMBERS.match(bound)
        root = numbers[0] if numbers else bound
        if not samples and _order(f"{root}-0", bound) < 0:
            samples.append(_Sample(f"{root}-0", "", f"below {bound}"))
        samples.append(_Sample(bound, f"from {bound}", f"up to {bound}"))
        for above in (f"{bound}.0", f"{root}.0.0.0.1"):
            if _order(bound, above) < 0 and (following is None or _order(above, following) < 0):
                samples.append(_Sample(above, f"above {bound}", f"below {following}" if following else ""))
                break
    return [*samples, _Sample(None)]


def _runs(samples: Sequence[_Sample], column: Sequence[_Pair]) -> Iterator[tuple[str, _Pair]]:
    """Versions side by side of which the same is said otherwise, in words."""
    if len(set(column)) == 1:
        if column[0][0] != column[0][1]:
            yield "", column[0]
        return
    known = list(zip(samples[:-1], column[:-1], strict=True))
    for pair, run in groupby(known, key=lambda each: each[1]):
        stretch = [sample for sample, _ in run]
        if pair[0] != pair[1]:
            yield _in_words(stretch[0].begins, stretch[-1].ends), pair
    if column[-1][0] != column[-1][1]:
        yield "of a version that is not known", column[-1]


def _in_words(begins: str, ends: str) -> str:
    only = begins.removeprefix("from ")
    return (
        only if begins and only == ends.removeprefix("up to ") else " and ".join(filter(None, (begins, ends)))
    )
