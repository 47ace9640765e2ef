"""Given a fleet, an old and a new policy, then who is newly blocked, warned, freed, and when."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aipolicy.core.comparison import effect_of
from aipolicy.core.decide import decide
from aipolicy.core.inventory import KindOfFinding
from aipolicy.core.model import Action, Confidence, Context, Ruling, State
from aipolicy.core.plan import Plan, moments_ahead, plan
from aipolicy.core.plan_report import Effect, Hit
from aipolicy.core.policy import Policy, parse
from aipolicy.core.sides import Judged, Reported, Side, Verdict, finding_of
from fleets import NOW, Had, fleet, had, kind
from policy_samples import CATEGORIES, KNOWN, VENDORS

CLAUDE, CURSOR, OLLAMA = kind(), kind("cursor"), kind("ollama")
RUNNING = kind(state=State.RUNNING)


def policy(text: str, name: str = "new.yaml") -> Policy:
    return parse(text, name, KNOWN)


def made(new: str, *devices: Iterable[Had], old: str | None = None) -> Plan:
    """The plan of `new` over these devices; against what was reported where no old one is given."""
    before = None if old is None else policy(old, "old.yaml")
    running = frozenset(entry.id for entry in before.entries if entry.grace) if before else frozenset()
    one: Side = Reported() if before is None else Judged(before, NOW, running=running)
    after = policy(new)
    moments = moments_ahead(after, NOW, renew=None, running=running)
    return plan(fleet(*devices), one, Judged(after, NOW, running=running), moments, {})


def hits(made: Plan) -> dict[Effect, tuple[int, int, int]]:
    """Machines, people and findings by effect."""
    return {t.effect: (t.hit.machines, t.hit.people, t.hit.findings) for t in made.totals}


def test_machines_and_people_are_counted_once_in_a_total_and_in_each_line() -> None:
    result = made(
        "mode: block\nbanned: [claude-code, cursor]\n",
        [had("alice", CLAUDE), had("alice", RUNNING), had("alice", CURSOR), had("bob", CLAUDE)],
        [had("alice", CLAUDE)],
        [had("carol", OLLAMA)],
        [],
        old="banned: []\n",
    )
    assert (result.devices, result.people, result.findings) == (4, 3, 6)
    assert result.totals[0].hit == Hit(machines=2, people=2, findings=5, running=1, running_machines=1)
    claude, cursor = result.changes
    assert (claude.tool, claude.hit.machines, claude.hit.people, claude.hit.findings) == (
        "claude-code",
        2,
        2,
        4,
    )
    assert (cursor.tool, cursor.hit.machines, cursor.hit.people) == ("cursor", 1, 1)
    assert (claude.before.rule, claude.after and claude.after.rule) == ("old.yaml: not listed", "new.yaml:2")


def test_a_policy_that_says_the_same_changes_nothing() -> None:
    text = "mode: block\nbanned: [claude-code]\nunlisted: warn\n"
    result = made(text, [had("a", CLAUDE), had("a", CURSOR)], old=text.replace("\n", "\n# other words\n"))
    assert (result.totals, result.changes, result.ahead) == ((), (), ())


@pytest.mark.parametrize(
    ("new", "effect"),
    [
        ("mode: block\nbanned: [cursor]\n", Effect.BLOCKED),
        ("mode: warn\nbanned: [cursor]\n", Effect.WARNED),
        ("mode: block\nbanned:\n- {tool: cursor, from: 2026-09-10}\n", Effect.LATER),
        ("mode: block\nbanned:\n- {tool: cursor, grace: 7d}\n", Effect.LATER),
        ("banned: [cursor]\n", Effect.RENAMED),
        ("approved: [cursor]\n", Effect.RENAMED),
    ],
)
def test_what_was_only_reported(new: str, effect: Effect) -> None:
    assert list(hits(made(new, [had("a", CURSOR)], old="banned: []\n"))) == [effect]


@pytest.mark.parametrize(
    ("new", "effect"),
    [
        ("mode: warn\nbanned: [cursor]\n", Effect.EASED),
        ("mode: block\napproved: [cursor]\n", Effect.FREED),
        ("banned: [cursor]\n", Effect.FREED),
        ("mode: block\nunlisted: block\nbanned: []\n", Effect.RENAMED),
    ],
)
def test_what_was_blocked(new: str, effect: Effect) -> None:
    assert list(hits(made(new, [had("a", CURSOR)], old="mode: block\nbanned: [cursor]\n"))) == [effect]


def test_without_an_old_policy_the_reports_count() -> None:
    blocked = kind(ruling=Ruling.BANNED, action=Action.BLOCK, rule="theirs.yaml:3")
    result = made("mode: block\nbanned: [claude-code]\n", [had("a", blocked)], [had("b", CLAUDE)])
    assert hits(result) == {Effect.BLOCKED: (1, 1, 1)}
    freed = made("banned: []\n", [had("a", blocked)])
    assert freed.changes[0].before.rule == "theirs.yaml:3"


def test_what_is_not_certain_is_warned_of_at_most() -> None:
    likely, name = kind(confidence=Confidence.LIKELY), kind(confidence=Confidence.POSSIBLE)
    result = made(
        "mode: block\nbanned: [claude-code]\n", [had("a", likely)], [had("b", name)], old="banned: []\n"
    )
    assert hits(result) == {Effect.WARNED: (1, 1, 1), Effect.RENAMED: (1, 1, 1)}


def test_the_limit_is_about_what_is_stopped_now_or_later_and_counts_each_once() -> None:
    new = "mode: block\nbanned:\n- claude-code\n- {tool: cursor, grace: 7d}\n- {tool: ollama, action: warn}\n"
    result = made(new, [had("a", CLAUDE), had("a", CURSOR)], [had("b", OLLAMA)], old="banned: []\n")
    assert (result.stopped.machines, result.stopped.people, result.stopped.findings) == (1, 1, 2)


# --- days ------------------------------------------------------------------------------------------------


def test_days_ahead_say_whom_they_hit_by_themselves() -> None:
    new = (
        "mode: block\nbanned:\n- {tool: cursor, from: 2026-09-10}\n"
        "- {tool: claude-code, grace: 7d}\n- {tool: ollama, until: 2026-09-20}\n"
    )
    result = made(new, [had("a", CURSOR), had("b", CLAUDE)], [had("b", OLLAMA)], old="banned: []\n")
    assert [(moment.at, hits(replace(result, totals=moment.totals))) for moment in result.ahead] == [
        (datetime(2026, 9, 8, tzinfo=NOW.tzinfo), {Effect.BLOCKED: (1, 1, 1)}),
        (datetime(2026, 9, 10, tzinfo=NOW.tzinfo), {Effect.BLOCKED: (1, 1, 1)}),
        (datetime(2026, 9, 21, tzinfo=NOW.tzinfo), {Effect.FREED: (1, 1, 1)}),
    ]
    later = [change for change in result.changes if change.effect is Effect.LATER]
    assert {(change.tool, change.day) for change in later} == {
        ("cursor", "2026-09-10"),
        ("claude-code", "2026-09-08"),
    }


GRACE = "mode: block\nbanned:\n- {tool: claude-code, grace: 14d}\n"


def day(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=NOW.tzinfo)).days


def test_a_grace_that_runs_goes_on_under_the_new_policy() -> None:
    warned = kind(ruling=Ruling.BANNED, action=Action.WARN, rule="old.yaml:3")
    over = kind(ruling=Ruling.BANNED, action=Action.BLOCK, rule="old.yaml:3")
    devices = [had("a", warned, day(NOW + timedelta(days=3)))], [had("b", over)]
    assert made(GRACE + "- cursor\n", *devices, old=GRACE).totals == ()
    longer = made(GRACE.replace("14d", "30d"), *devices, old=GRACE)  # another entry: its grace begins anew
    assert hits(longer)[Effect.EASED] == (1, 1, 1)


def test_a_ban_that_comes_earlier_than_was_said_is_newly_blocked_later() -> None:
    warned = kind(ruling=Ruling.BANNED, action=Action.WARN, rule="old.yaml:3")
    devices = ([had("a", warned, day(NOW + timedelta(days=9)))],)
    sooner = made("mode: block\nbanned:\n- {tool: claude-code, from: 2026-09-03}\n", *devices)
    assert hits(sooner) == {Effect.LATER: (1, 1, 1)}
    assert sooner.changes[0].day == "2026-09-03"
    not_sooner = made("mode: block\nbanned:\n- {tool: claude-code, from: 2026-10-03}\n", *devices)
    assert not_sooner.totals == ()


# --- the same as deciding about each finding by itself ----------------------------------------------------

TOOLS = st.sampled_from(sorted(VENDORS))
SELECTORS = st.one_of(
    TOOLS,
    st.sampled_from(sorted({f"vendor:{v}" for v in VENDORS.values()})),
    st.sampled_from(sorted({f"category:{c}" for c in CATEGORIES.values()})),
    st.just('"*"'),
)
ENTRY = st.builds(
    lambda tool, extra: f"- {{tool: {tool}{extra}}}\n",
    SELECTORS,
    st.sampled_from(["", ", action: warn", ", from: 2026-09-05", ", until: 2026-09-03", ", grace: 3d"]),
)
POLICIES = st.builds(
    lambda mode, unlisted, banned, approved: (
        f"mode: {mode}\nunlisted: {unlisted}\nbanned:\n{''.join(banned) or '  []'}"
        f"\napproved: [{', '.join(approved)}]\n"
    ),
    st.sampled_from(["report", "warn", "block"]),
    st.sampled_from(["allow", "report", "warn", "block"]),
    st.lists(
        ENTRY, max_size=4, unique_by=lambda text: text.partition("tool: ")[2].partition(",")[0].strip("}\n")
    ),
    st.lists(SELECTORS, max_size=3, unique=True),
)
KINDS = st.builds(
    lambda tool, state, confidence, version: kind(tool, state=state, confidence=confidence, version=version),
    TOOLS,
    st.sampled_from(State),
    st.sampled_from(Confidence),
    st.sampled_from(["1.2", None]),
)
FLEETS = st.lists(
    st.lists(st.builds(had, st.sampled_from(["alice", "bob", "carol"]), KINDS), max_size=4), max_size=5
)


def verdict(text: str, what: KindOfFinding, owner: str, place: int) -> Verdict:
    context = Context(now=NOW, device=f"id-{place}", hostname=f"pc-{place}", os="linux", owner=owner)
    said = decide(finding_of(what), policy(text), context, "")
    blocks = day(said.blocks_from) if said.blocks_from else 0
    return Verdict(said.ruling, said.action, said.reason, blocks)


@settings(max_examples=150, deadline=None)
@given(POLICIES, POLICIES, FLEETS)
def test_the_plan_is_what_each_verdict_by_itself_says(old: str, new: str, devices: list[list[Had]]) -> None:
    findings: dict[Effect, int] = {}
    people: dict[Effect, set[str]] = {}
    machines: dict[Effect, set[int]] = {}
    for place, each in enumerate(devices, start=1):
        for owner, what, _ in each:
            effect = effect_of(verdict(old, what, owner, place), verdict(new, what, owner, place))
            if effect is not None:
                findings[effect] = findings.get(effect, 0) + 1
                people.setdefault(effect, set()).add(owner)
                machines.setdefault(effect, set()).add(place)
    result = made(new, *devices, old=old)
    assert hits(result) == {
        effect: (len(machines[effect]), len(people[effect]), findings[effect]) for effect in findings
    }
    lines = [
        (change.tool, change.before, change.after, change.effect, change.day) for change in result.changes
    ]
    assert len(set(lines)) == len(lines)
    assert sum(change.hit.findings for change in result.changes) == sum(findings.values())
