"""Scopes and exemptions: whom they hold for, what falls through, and what is not known is never blocked."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aipolicy.core.audience import rollout_place
from aipolicy.core.decide import Explanation, explain
from aipolicy.core.model import Action, Confidence, Context, Finding, Verdict
from aipolicy.core.policy import Policy, parse
from policy_samples import CONTEXT, KNOWN, finding

ORDER = tuple(Action)


def policy(text: str) -> Policy:
    return parse(text, "policy.yaml", KNOWN)


def at(text: str, tool: str = "claude-code", **about: object) -> Explanation:
    context = msgspec.structs.replace(CONTEXT, **about)
    return explain(finding(tool), policy(text), context, "cat1")


def said(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.ruling, verdict.action, verdict.reason


# --- whom a scope is for -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("audience", "about", "fits"),
    [
        ("hosts: ['fin-*']", {}, True),
        ("hosts: ['FIN-0?']", {}, True),
        ("hosts: [fin-07]", {"hostname": "fin-07.corp.acme.example"}, True),
        ("hosts: ['*.acme.example']", {"hostname": "fin-07.corp.acme.example"}, True),
        ("hosts: [fin]", {}, False),
        ("hosts: ['hr-*', 'fin-*']", {}, True),
        ("hosts: ['*']", {"hostname": ""}, False),
        ("users: [bob]", {}, True),
        ("users: [Bob]", {}, False),
        ("users: [alice, bob]", {}, True),
        ("users: [bob]", {"owner": None}, None),
        ("groups: [research]", {"groups": frozenset({"research", "staff"})}, True),
        ("groups: [research]", {"groups": frozenset({"staff"})}, False),
        ("groups: [research]", {"groups": None}, None),
        ("os: [linux]", {}, True),
        ("os: [macos, windows]", {}, False),
        ("tags: [it, ci]", {"tags": frozenset({"ci"})}, True),
        ("tags: [it]", {}, False),
        ("tags: [it]", {"tags": None}, None),
        ("percent: 5", {"rollout": 4.99}, True),
        ("percent: 5", {"rollout": 5}, False),
        ("percent: 100", {}, True),
        ("percent: 0", {"rollout": 0}, False),
        ("percent: 100", {"hostname": ""}, False),
        # all that is given must fit
        ("users: [bob], os: [linux]", {}, True),
        ("users: [bob], os: [macos]", {}, False),
        ("groups: [research], os: [macos]", {"groups": None}, False),
        ("groups: [research], os: [linux]", {"groups": None}, None),
    ],
)
def test_whom_it_is_for(audience: str, about: dict[str, object], fits: bool | None) -> None:
    text = f"mode: block\nbanned: [claude-code]\nscopes: [{{name: s, {audience}, approved: [claude-code]}}]"
    expected = {
        True: ("approved", "allow", "policy.yaml:3"),
        False: ("banned", "block", "policy.yaml:2"),
        None: ("banned", "warn", "policy.yaml:2"),  # one of the two, and nobody can tell which
    }
    explained = at(
        text.replace("approved: [claude-code]", "approved: [{tool: claude-code, versions: '>0'}]"), **about
    )
    assert said(explained.verdict) == expected[fits]
    assert ("it is not known which scope fits: see below" in explained.lowered_by) == (fits is None)


def test_what_cannot_be_known_is_blocked_only_where_it_would_be_anyway() -> None:
    text = "mode: block\nbanned: ['*']\nscopes: [{name: s, groups: [research], banned: [claude-code]}]"
    assert at(text, groups=None).verdict.action is Action.BLOCK
    assert at(text.replace("mode: block", "mode: report"), groups=None).verdict.action is Action.REPORT


# --- precedence ------------------------------------------------------------------------------------------

RESEARCH = frozenset({"research"})
FINANCE = """\
name: acme
mode: warn
approved: [qoder]
banned: [vendor:anthropic]
scopes:
  - {name: research, tags: [research], approved: [claude-code], mode: report}
  - {name: finance, hosts: ["fin-*"], banned: ["*"], mode: block}
  - {name: build servers, os: [linux], tags: [ci], unlisted: block, mode: block}
"""


@pytest.mark.parametrize(
    ("tool", "about", "expected"),
    [
        (
            "claude-code",
            {"hostname": "x", "tags": frozenset({"research"})},
            ("approved", "allow", "policy.yaml:6"),
        ),
        (
            "claude-desktop",
            {"hostname": "x", "tags": frozenset({"research"})},
            ("banned", "report", "policy.yaml:4"),
        ),
        ("cursor", {}, ("banned", "block", "policy.yaml:7")),
        # the first scope that fits holds, whatever a later one says
        ("claude-code", {"tags": frozenset({"research"})}, ("approved", "allow", "policy.yaml:6")),
        ("claude-code", {"hostname": "x"}, ("banned", "warn", "policy.yaml:4")),
        # a scope comes before the policy, be its entry ever so broad
        ("qoder", {}, ("banned", "block", "policy.yaml:7")),
        # and what it leaves unlisted is asked last: a tool that the policy approves stays approved
        ("qoder", {"hostname": "x", "tags": frozenset({"ci"})}, ("approved", "allow", "policy.yaml:3")),
        ("cursor", {"hostname": "x", "tags": frozenset({"ci"})}, ("unlisted", "block", "policy.yaml:8")),
        ("claude-code", {"hostname": "x", "tags": frozenset({"ci"})}, ("banned", "block", "policy.yaml:4")),
        ("cursor", {"hostname": "x"}, ("unlisted", "report", "policy.yaml: not listed")),
    ],
)
def test_a_scope_then_the_policy_then_what_is_unlisted(
    tool: str, about: dict[str, object], expected: tuple[str, str, str]
) -> None:
    assert said(at(FINANCE, tool, **about).verdict) == expected


def test_a_scope_with_a_mode_alone_keeps_the_policys_lists() -> None:
    text = "banned: [claude-code]\napproved: [qoder]\nscopes: [{name: canary, percent: 5, mode: block}]"
    assert said(at(text, rollout=3).verdict) == ("banned", "block", "policy.yaml:1")
    assert said(at(text, rollout=7).verdict) == ("banned", "report", "policy.yaml:1")
    assert said(at(text, "qoder", rollout=3).verdict) == ("approved", "allow", "policy.yaml:2")


def test_a_scope_that_names_one_tool_does_not_hide_the_policys_others() -> None:
    text = "mode: block\nbanned: [cursor]\nscopes: [{name: s, users: [bob], banned: [claude-code]}]"
    assert said(at(text, "cursor").verdict) == ("banned", "block", "policy.yaml:2")
    assert at(text, "cursor").scopes == (
        "policy.yaml:3 (s): users bob: bob fits: it holds; what it does not name falls to the policy",
    )


def test_the_explanation_says_why_a_scope_does_not_hold() -> None:
    text = "banned: []\nscopes: [{name: s, groups: [research], os: [macos]}, {name: t, groups: [hr]}]"
    assert at(text, groups=None).scopes == (
        "policy.yaml:2 (s): groups research: not known of bob; os macos: linux does not fit: not this one",
        "policy.yaml:2 (t): groups hr: not known of bob: it may hold",
    )


def test_on_a_shared_host_each_owner_has_a_verdict_of_their_own() -> None:
    text = "mode: block\nbanned: [claude-code]\nscopes: [{name: s, users: [alice], mode: report}]"
    assert at(text, owner="alice").verdict.action is Action.REPORT
    assert at(text, owner="bob").verdict.action is Action.BLOCK


def test_a_scopes_message_stands_before_the_policys() -> None:
    text = (
        "mode: warn\nmessage: policy\nbanned: [claude-code, {tool: cursor, message: entry}]\n"
        "scopes: [{name: s, users: [bob], message: scope}]"
    )
    assert at(text).verdict.message == "scope"
    assert at(text, "cursor").verdict.message == "entry"
    assert at(text, owner="alice").verdict.message == "policy"


# --- percent ---------------------------------------------------------------------------------------------


def hosts_in(percent: int, name: str) -> set[int]:
    contexts = (msgspec.structs.replace(CONTEXT, hostname=f"host-{n}") for n in range(20_000))
    places = [rollout_place(name, context) for context in contexts]
    return {n for n, place in enumerate(places) if place is not None and place < percent}


def test_percent_is_a_stable_part_of_the_machines() -> None:
    five, thirty = hosts_in(5, "acme"), hosts_in(30, "acme")
    assert five < thirty
    assert (len(five), len(thirty)) == (953, 5982)  # of 20,000, the same everywhere and for ever
    assert hosts_in(5, "other") != five
    assert len(hosts_in(100, "acme")) == 20_000


# --- exemptions ------------------------------------------------------------------------------------------

EXEMPT = """\
mode: block
banned: [claude-code]
exemptions:
  - {tool: claude-code, users: [alice, bob], until: 2026-12-31, ticket: SEC-1423, reason: evaluation}
"""
OVER = datetime(2027, 1, 1, tzinfo=UTC)


def test_an_exemption_ends_by_itself() -> None:
    verdict = at(EXEMPT, now=OVER - timedelta(seconds=1)).verdict
    assert said(verdict) == ("exempt", "allow", "policy.yaml:4")
    assert verdict.why == "SEC-1423: evaluation"
    assert verdict.blocks_from == OVER
    ended = at(EXEMPT, now=OVER)
    assert said(ended.verdict) == ("banned", "block", "policy.yaml:2")
    assert [rule.conditions for rule in ended.passed_over] == [
        ("until 2026-12-31: it is over", "users alice, bob: bob fits")
    ]


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"owner": "alice"}, ("exempt", "allow", "policy.yaml:4")),
        ({"owner": "carol"}, ("banned", "block", "policy.yaml:2")),
        ({"owner": None}, ("banned", "warn", "policy.yaml:2")),
    ],
)
def test_an_exemption_is_for_those_it_names(about: dict[str, object], expected: tuple[str, str, str]) -> None:
    assert said(at(EXEMPT, **about).verdict) == expected


def test_an_exemption_stands_before_every_scope() -> None:
    text = EXEMPT + "scopes: [{name: s, users: [bob], banned: ['*'], mode: block}]\n"
    assert said(at(text).verdict) == ("exempt", "allow", "policy.yaml:4")


def test_an_exemption_of_a_version() -> None:
    text = EXEMPT.replace("until", "versions: '<1', until")
    assert at(text).verdict.action is Action.BLOCK
    assert at(text.replace("<1", ">=1")).verdict.ruling == "exempt"


# --- whatever the policy ---------------------------------------------------------------------------------

TOOLS = st.sampled_from(["claude-code", "cursor", "vendor:anthropic", "category:cli", "*"])
MODES = st.sampled_from(["report", "warn", "block"])
LISTS = st.lists(TOOLS, unique=True, max_size=4)
AUDIENCES = st.fixed_dictionaries(
    {},
    optional={
        "users": st.just(["bob"]),
        "groups": st.just(["research"]),
        "os": st.sampled_from([["linux"], ["macos"]]),
        "tags": st.just(["it"]),
        "percent": st.sampled_from(["5", "100"]),
        "hosts": st.sampled_from([["fin-*"], ["hr-*"]]),
    },
).filter(bool)
PARTS = st.fixed_dictionaries(
    {}, optional={"mode": MODES, "banned": LISTS, "approved": LISTS, "unlisted": st.sampled_from(Action)}
)
CONTEXTS = st.builds(
    lambda owner, groups, tags: msgspec.structs.replace(CONTEXT, owner=owner, groups=groups, tags=tags),
    st.sampled_from(["bob", "alice", None]),
    st.sampled_from([frozenset(), frozenset({"research"}), None]),
    st.sampled_from([frozenset(), frozenset({"it"}), None]),
)
OWNERS = st.sampled_from(["bob", "alice"])
FINDINGS = st.builds(finding, st.sampled_from(["claude-code", "cursor"]), st.sampled_from(Confidence))


@st.composite
def written(draw: st.DrawFn) -> dict[str, object]:
    scopes = [{"name": f"s{n}", **draw(AUDIENCES), **draw(PARTS)} for n in range(draw(st.integers(0, 3)))]
    return {"banned": draw(LISTS), "approved": draw(LISTS), "mode": draw(MODES), "scopes": scopes}


@st.composite
def exemptions(draw: st.DrawFn) -> dict[str, object]:
    audience = {key: value for key, value in draw(AUDIENCES).items() if key != "percent"}
    last = draw(st.sampled_from(["2026-08-31", "2026-09-01", "2026-12-31"]))
    return {"tool": draw(TOOLS), "until": last, "ticket": "A-1", **audience}


def read(text: dict[str, object]) -> Policy:
    return policy(msgspec.json.encode(text).decode())


def weight(verdict: Verdict) -> int:
    return ORDER.index(verdict.action)


@settings(max_examples=300)
@given(written(), st.lists(exemptions(), max_size=2), FINDINGS, CONTEXTS)
def test_decide_is_total_and_always_says_why(
    text: dict[str, object], more: object, found: Finding, context: Context
) -> None:
    held = read({**text, "exemptions": more})
    told = explain(found, held, context, "c")
    assert told.verdict.reason.startswith("policy.yaml:")
    assert told.rules[0].rule == told.verdict.reason
    assert told.verdict.ruling is told.rules[0].ruling
    assert (told.verdict.action is told.rules[0].asks) == (not told.lowered_by)
    assert (told.verdict.action is Action.BLOCK) <= (told.verdict.finding.confidence is Confidence.CERTAIN)
    assert ORDER.index(told.verdict.action) <= max(map(ORDER.index, held.modes))


@settings(max_examples=300)
@given(written(), exemptions(), FINDINGS, CONTEXTS)
def test_an_exemption_never_makes_a_verdict_stricter(
    text: dict[str, object], one: dict[str, object], found: Finding, context: Context
) -> None:
    without = explain(found, read(text), context, "c").verdict
    exempt = explain(found, read({**text, "exemptions": [one]}), context, "c").verdict
    assert weight(exempt) <= weight(without)


@settings(max_examples=300)
@given(
    written(),
    st.lists(exemptions(), max_size=2),
    FINDINGS,
    st.sampled_from(["bob", "alice"]),
    st.booleans(),
    st.booleans(),
)
def test_what_is_blocked_without_knowing_is_blocked_whatever_is_true(
    text: dict[str, object], more: object, found: Finding, owner: str, member: bool, tagged: bool
) -> None:
    held = read({**text, "exemptions": more})
    unknown = msgspec.structs.replace(CONTEXT, owner=None, groups=None, tags=None)
    groups, tags = frozenset(["research"] * member), frozenset(["it"] * tagged)
    true = msgspec.structs.replace(CONTEXT, owner=owner, groups=groups, tags=tags)
    if explain(found, held, unknown, "c").verdict.action is Action.BLOCK:
        assert explain(found, held, true, "c").verdict.action is Action.BLOCK


@settings(max_examples=200)
@given(
    written(),
    st.lists(exemptions(), max_size=3),
    FINDINGS,
    CONTEXTS,
    st.randoms(use_true_random=False),
)
def test_the_order_of_lists_and_exemptions_never_matters(
    text: dict[str, Any], more: list[object], found: Finding, context: Context, chance: random.Random
) -> None:
    """Only that of the scopes does: the first one that fits holds."""

    def mixed(place: dict[str, Any]) -> dict[str, Any]:
        lists = {key: value for key, value in place.items() if isinstance(value, list) and key != "scopes"}
        return {**place, **{key: chance.sample(value, len(value)) for key, value in lists.items()}}

    other = mixed({**text, "scopes": [mixed(scope) for scope in text["scopes"]], "exemptions": more})
    verdicts = [
        explain(found, read(each), context, "c").verdict for each in ({**text, "exemptions": more}, other)
    ]
    assert len({(said.ruling, said.action, said.blocks_from) for said in verdicts}) == 1
