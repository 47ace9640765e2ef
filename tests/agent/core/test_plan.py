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
from aipolicy.core.plan import Plan, Question, later_waves, moments_ahead, plan, wave
from aipolicy.core.plan_report import Effect, Hit
from aipolicy.core.policy import Policy, parse
from aipolicy.core.sides import Judged, Reported, Side, Verdict, finding_of
from fleets import NOW, Had, fleet, had, kind
from policy_samples import CATEGORIES, KNOWN, VENDORS

CLAUDE, CURSOR, OLLAMA = kind(), kind("cursor"), kind("ollama")
RUNNING = kind(state=State.RUNNING)


def policy(text: str, name: str = "new.yaml") -> Policy:
    return parse(text, name, KNOWN)


def made(
    new: str,
    *devices: Iterable[Had],
    old: str | None = None,
    groups: dict[str, frozenset[str]] | None = None,
    tags: tuple[str, ...] | None = None,
    names: bool = True,
) -> Plan:
    """The plan of `new` over these devices; against what was reported where no old one is given."""
    before = None if old is None else policy(old, "old.yaml")
    running = frozenset(entry.id for entry in before.entries if entry.grace) if before else frozenset()
    one: Side = Reported() if before is None else Judged(before, NOW, running=running)
    after = policy(new)
    waves = tuple(wave(after, step) for step in later_waves(after))
    question = Question(
        before=one,
        after=Judged(after, NOW, running=running),
        moments=tuple(moments_ahead(after, NOW, renew=None, running=running)),
        waves=tuple(Judged(each, NOW, running=running) for each in waves),
        policies=(after, *waves, *([before] if before else [])),
    )
    return plan(fleet(*devices, tags=tags), question, groups, names=names)


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


# --- scopes, exemptions, waves -----------------------------------------------------------------------------

SCOPED = """mode: block
banned: [cursor]
scopes:
  - {name: free, %s, approved: [cursor]}
"""
ONE_EACH = [[had(name, CURSOR)] for name in ("alice", "bob", "carol")]


@pytest.mark.parametrize(
    ("whom", "blocked"),
    [
        ("users: [alice]", 2),
        ("groups: [dev]", 1),
        ('hosts: ["pc-1", "*-2"]', 1),
        ("os: [macos]", 3),
        ("os: [linux]", 0),
        ("tags: [ci]", 0),
        ("tags: [other]", 3),
        ("users: [alice, bob], groups: [dev]", 1),
    ],
)
def test_scopes_are_for_whom_they_say(whom: str, blocked: int) -> None:
    groups = {"alice": frozenset({"dev", "all"}), "bob": frozenset({"dev"})}
    result = made(SCOPED % whom, *ONE_EACH, old="approved: [cursor]\n", groups=groups, tags=("ci",))
    assert result.stopped.machines == blocked


def test_who_is_not_known_to_be_meant_is_warned_of_at_most() -> None:
    for whom in ("groups: [dev]", "tags: [ci]"):
        assert hits(made(SCOPED % whom, *ONE_EACH, old="approved: [cursor]\n")) == {Effect.WARNED: (3, 3, 3)}
    hidden = [[had("user-0123456789ab", CURSOR)], [had("1000", CURSOR)], [had("user-alice", CURSOR)]]
    half = made(SCOPED % "users: [alice]", *hidden, old="approved: [cursor]\n")
    assert hits(half) == {Effect.BLOCKED: (1, 1, 1), Effect.WARNED: (2, 2, 2)}
    assert half.unknown == 2
    numbered = made(SCOPED % "users: [alice]", *ONE_EACH, old="approved: [cursor]\n", names=False)
    assert hits(numbered) == {Effect.WARNED: (3, 3, 3)}


def test_an_exemption_that_ends_is_said_ahead() -> None:
    exempt = "exemptions:\n- {tool: cursor, users: [bob], until: 2026-09-09, ticket: T-1}\n"
    new = f"mode: block\nbanned: [cursor]\n{exempt}"
    result = made(new, *ONE_EACH, old="mode: block\nbanned: [cursor]\n")
    assert hits(result) == {Effect.FREED: (1, 1, 1)}
    (moment,) = result.ahead
    assert moment.at == datetime(2026, 9, 10, tzinfo=NOW.tzinfo)
    assert hits(replace(result, totals=moment.totals)) == {Effect.BLOCKED: (1, 1, 1)}
    assert moment.changes[0].before.rule == "new.yaml:4"


def test_waves_grow_and_the_last_is_everybody() -> None:
    new = "mode: block\nbanned: []\nscopes:\n  - {name: first, percent: 5, banned: [cursor]}\n"
    devices = [[had(f"p{n}", CURSOR)] for n in range(400)]
    result = made(new, *devices, old="banned: []\n")
    part = [result.stopped.machines, *(hit.machines for hit in result.waves)]
    assert part == sorted(part)
    assert 5 < part[0] < 40
    assert 80 < part[-2] < 160
    assert part[-1] == 400


def test_waves_of_a_scope_that_is_wider_already_are_not_made_narrower() -> None:
    new = "mode: block\nbanned: []\nscopes:\n  - {name: first, percent: 60, banned: [cursor]}\n"
    after = policy(new)
    assert [f"{step:f}" for step in later_waves(after)] == ["100"]
    assert later_waves(policy("banned: []\n")) == ()


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
    st.sampled_from(
        [
            "",
            ", action: warn",
            ", from: 2026-09-05",
            ", until: 2026-09-03",
            ', versions: "<2"',
            ', versions: ">=1.2, <3"',
            ", grace: 3d",
        ]
    ),
)
WHOM = st.sampled_from(
    [
        "users: [alice]",
        "users: [bob, carol]",
        "groups: [dev]",
        "groups: [ops, all]",
        'hosts: ["pc-1", "pc-3*"]',
        "os: [macos]",
        "tags: [ci]",
        "percent: 30",
        "percent: 60, users: [alice]",
    ]
)
SCOPE = st.builds(
    lambda whom, tool, mode: f"{whom}, banned: [{tool}]{mode}",
    WHOM,
    SELECTORS,
    st.sampled_from(["", ", mode: report", ", unlisted: warn"]),
)
EXEMPTION = st.builds(
    lambda whom, tool, until, more: f"- {{tool: {tool}, {whom}, until: {until}, ticket: T-1{more}}}\n",
    WHOM.filter(lambda whom: "percent" not in whom),
    SELECTORS,
    st.sampled_from(["2026-08-20", "2026-09-20"]),
    st.sampled_from(["", ', versions: "<2"']),
)
POLICIES = st.builds(
    lambda mode, unlisted, banned, approved, scopes, exemptions: (
        f"mode: {mode}\nunlisted: {unlisted}\nbanned:\n{''.join(banned) or '  []'}"
        f"\napproved: [{', '.join(approved)}]\nscopes:\n"
        + ("".join(f"- {{name: s{n}, {scope}}}\n" for n, scope in enumerate(scopes)) or "  []\n")
        + f"exemptions:\n{''.join(exemptions) or '  []'}\n"
    ),
    st.sampled_from(["report", "warn", "block"]),
    st.sampled_from(["allow", "report", "warn", "block"]),
    st.lists(
        ENTRY, max_size=4, unique_by=lambda text: text.partition("tool: ")[2].partition(",")[0].strip("}\n")
    ),
    st.lists(SELECTORS, max_size=3, unique=True),
    st.lists(SCOPE, max_size=3),
    st.lists(EXEMPTION, max_size=2),
)
GROUPS = st.sampled_from([None, {"alice": frozenset({"dev"}), "bob": frozenset({"dev", "ops"})}])
TAGS = st.sampled_from([None, (), ("ci", "lab")])
KINDS = st.builds(
    lambda tool, state, confidence, version: kind(tool, state=state, confidence=confidence, version=version),
    TOOLS,
    st.sampled_from(State),
    st.sampled_from(Confidence),
    st.sampled_from(["1.2", "2.0.1", "odd", None]),
)
FLEETS = st.lists(
    st.lists(st.builds(had, st.sampled_from(["alice", "bob", "carol"]), KINDS), max_size=4), max_size=5
)


Groups = dict[str, frozenset[str]] | None
Tags = tuple[str, ...] | None


def verdict(
    text: str, what: KindOfFinding, owner: str, place: int, groups: Groups, tags: Tags, name: str
) -> Verdict:
    context = Context(
        now=NOW,
        device=f"id-{place}",
        hostname=f"pc-{place}",
        os="linux",
        owner=owner,
        groups=None if groups is None else groups.get(owner, frozenset()),
        tags=None if tags is None else frozenset(tags),
    )
    said = decide(finding_of(what), policy(text, name), context, "")
    blocks = day(said.blocks_from) if said.blocks_from else 0
    return Verdict(said.ruling, said.action, said.reason, blocks)


@settings(max_examples=300)
@given(POLICIES, POLICIES, FLEETS, GROUPS, TAGS)
def test_the_plan_is_what_each_verdict_by_itself_says(
    old: str, new: str, devices: list[list[Had]], groups: Groups, tags: Tags
) -> None:
    findings: dict[Effect, int] = {}
    people: dict[Effect, set[str]] = {}
    machines: dict[Effect, set[int]] = {}
    for place, each in enumerate(devices, start=1):
        for owner, what, _ in each:
            whom = (what, owner, place, groups, tags)
            effect = effect_of(verdict(old, *whom, "old.yaml"), verdict(new, *whom, "new.yaml"))
            if effect is not None:
                findings[effect] = findings.get(effect, 0) + 1
                people.setdefault(effect, set()).add(owner)
                machines.setdefault(effect, set()).add(place)
    result = made(new, *devices, old=old, groups=groups, tags=tags)
    assert hits(result) == {
        effect: (len(machines[effect]), len(people[effect]), findings[effect]) for effect in findings
    }
    lines = [
        (change.tool, change.before, change.after, change.effect, change.day) for change in result.changes
    ]
    assert len(set(lines)) == len(lines)
    assert sum(change.hit.findings for change in result.changes) == sum(findings.values())
