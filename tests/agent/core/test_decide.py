"""Given this finding and this policy, then this verdict, by that line."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.decide import Explanation, decide, explain
from aipolicy.core.model import Action, Confidence, Finding, Ruling, Verdict
from aipolicy.core.policy import Policy, parse
from policy_samples import CATEGORIES, CONTEXT, KNOWN, VENDORS, finding

ORDER = tuple(Action)


def policy(text: str) -> Policy:
    return parse(text, "conf/policy.yaml", KNOWN)


def verdict(text: str, found: Finding) -> Verdict:
    return decide(found, policy(text), CONTEXT, "cat1")


def explained(text: str, found: Finding) -> Explanation:
    return explain(found, policy(text), CONTEXT, "cat1")


@pytest.mark.parametrize(
    ("text", "tool", "ruling", "action", "reason"),
    [
        ("banned: [claude-code]", "claude-code", "banned", "report", "policy.yaml:1"),
        ("mode: warn\nbanned: [claude-code]", "claude-code", "banned", "warn", "policy.yaml:2"),
        ("mode: block\nbanned:\n- claude-code", "claude-code", "banned", "block", "policy.yaml:3"),
        ("mode: block\nbanned: [claude]", "claude-code", "banned", "block", "policy.yaml:2"),
        ("mode: block\napproved: [qoder]", "qoder", "approved", "allow", "policy.yaml:2"),
        ("mode: block\nbanned: [claude-code]", "cursor", "unlisted", "report", "policy.yaml: not listed"),
        ("banned: []\nunlisted: allow", "cursor", "unlisted", "allow", "policy.yaml:2"),
        ("mode: block\nunlisted: block", "cursor", "unlisted", "block", "policy.yaml:2"),
        ("unlisted: block", "cursor", "unlisted", "report", "policy.yaml:1"),
        ("mode: block\nbanned: [vendor:anthropic]", "claude-desktop", "banned", "block", "policy.yaml:2"),
        ("banned: [vendor:anthropic]", "cursor", "unlisted", "report", "policy.yaml: not listed"),
        ("mode: block\nbanned: [category:cli]", "aider", "banned", "block", "policy.yaml:2"),
        ("mode: block\nbanned: [category:cli]", "cursor", "unlisted", "report", "policy.yaml: not listed"),
        ("mode: block\nbanned: ['*']", "cursor", "banned", "block", "policy.yaml:2"),
        # an entry's own action, and the mode above it
        ("mode: block\nbanned: [{tool: qoder, action: warn}]", "qoder", "banned", "warn", "policy.yaml:2"),
        (
            "mode: block\nbanned: [{tool: qoder, action: report}]",
            "qoder",
            "banned",
            "report",
            "policy.yaml:2",
        ),
        ("mode: warn\nbanned: [{tool: qoder, action: block}]", "qoder", "banned", "warn", "policy.yaml:2"),
        # the more exact wins, whichever list it is in
        ("banned: ['*']\napproved: [qoder]", "qoder", "approved", "allow", "policy.yaml:2"),
        ("approved: ['*']\nbanned: [qoder]", "qoder", "banned", "report", "policy.yaml:2"),
        (
            "banned: [vendor:anthropic]\napproved: [claude-code]",
            "claude-code",
            "approved",
            "allow",
            "policy.yaml:2",
        ),
        (
            "banned: [claude-code]\napproved: [vendor:anthropic]",
            "claude-code",
            "banned",
            "report",
            "policy.yaml:1",
        ),
        ("banned: ['*']\napproved: [category:editor]", "cursor", "approved", "allow", "policy.yaml:2"),
        ("approved: ['*']\nbanned: [category:editor]", "cursor", "banned", "report", "policy.yaml:2"),
        (
            "banned: [{tool: '*', action: block}]\napproved: [vendor:alibaba]",
            "qoder",
            "approved",
            "allow",
            "policy.yaml:2",
        ),
        # on a tie banned beats approved
        ("approved: [qoder]\nbanned: [qoder]", "qoder", "banned", "report", "policy.yaml:2"),
        (
            "approved: [vendor:anthropic]\nbanned: [category:cli]",
            "claude-code",
            "banned",
            "report",
            "policy.yaml:2",
        ),
        (
            "approved: [category:cli]\nbanned: [vendor:anthropic]",
            "claude-code",
            "banned",
            "report",
            "policy.yaml:2",
        ),
        ("approved: ['*']\nbanned: ['*']", "qoder", "banned", "report", "policy.yaml:2"),
        # and of two bans of equal rank the stricter counts
        (
            "mode: block\nbanned:\n- {tool: vendor:anthropic, action: warn}\n- category:cli",
            "claude-code",
            "banned",
            "block",
            "policy.yaml:4",
        ),
        # a more exact ban may be milder
        (
            "mode: block\nbanned:\n- vendor:anthropic\n- {tool: claude-code, action: warn}",
            "claude-code",
            "banned",
            "warn",
            "policy.yaml:4",
        ),
    ],
)
def test_verdict(text: str, tool: str, ruling: str, action: str, reason: str) -> None:
    said = verdict(text, finding(tool))
    assert (said.ruling, said.action, said.reason) == (ruling, action, reason)


@pytest.mark.parametrize(
    ("confidence", "mode", "action"),
    [
        ("certain", "block", "block"),
        ("certain", "warn", "warn"),
        ("certain", "report", "report"),
        ("likely", "block", "warn"),
        ("likely", "warn", "warn"),
        ("likely", "report", "report"),
        ("possible", "block", "report"),
        ("possible", "warn", "report"),
        ("possible", "report", "report"),
    ],
)
@pytest.mark.parametrize("rest", ["banned: [claude-code]", "unlisted: block"])
def test_neither_mode_nor_doubt_is_exceeded(confidence: str, mode: str, action: str, rest: str) -> None:
    said = verdict(f"mode: {mode}\n{rest}", finding(confidence=Confidence(confidence)))
    assert said.action == action


def test_a_verdict_names_what_it_was_made_from() -> None:
    found = finding()
    text = "banned: [{tool: claude-code, reason: data leaves the company}]"
    said = verdict(text, found)
    assert said.finding == found
    assert (said.policy, said.catalog) == (policy(text).version, "cat1")
    assert said.why == "data leaves the company"


# --- what the person is told ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tool", "message"),
    [
        ("mode: report\nbanned: [claude-code]\nmessage: no", "claude-code", ""),
        ("mode: block\nbanned: []\nmessage: no", "claude-code", ""),
        ("mode: block\napproved: [{tool: qoder, message: yes}]", "qoder", ""),
        ("mode: warn\nbanned: [claude-code]\nmessage: '{tool}, no'", "claude-code", "Claude Code, no"),
        ("mode: warn\nunlisted: block\nmessage: '{tool}, no'", "cursor", "Cursor, no"),
        ("mode: warn\nmessage: a\nbanned: [{tool: aider, message: '{tool}: b'}]", "aider", "aider: b"),
        (
            "mode: warn\ncontact: it@acme\napproved: [qoder, cursor]\n"
            "message: '{reason}|{instead}|{contact}'\n"
            "banned: [{tool: claude-code, reason: 'not {contact}'}]",
            "claude-code",
            "not {contact}|Qoder, Cursor|it@acme",
        ),
        (
            "mode: warn\nmessage: '{reason}|{instead}'\nbanned: [claude-code]",
            "claude-code",
            "not approved|an approved tool",
        ),
        ("mode: block\nbanned: [claude-code]", "claude-code", "Claude Code is not allowed here."),
        (
            "mode: block\ncontact: it@acme\napproved: [qoder]\n"
            "banned: [{tool: claude-code, reason: no contract}]",
            "claude-code",
            "Claude Code is not allowed here. Reason: no contract. Use Qoder instead. Questions: it@acme",
        ),
        (
            "mode: block\nbanned: [{tool: aider, reason: 'No.'}]",
            "aider",
            "aider is not allowed here. Reason: No.",
        ),
        ("mode: warn\nunlisted: warn", "cursor", "Cursor is not on the list of approved tools."),
    ],
)
def test_message(text: str, tool: str, message: str) -> None:
    assert verdict(text, finding(tool)).message == message


# --- the explanation -------------------------------------------------------------------------------------


def test_the_rules_that_were_considered_strongest_first() -> None:
    told = explained(
        "mode: warn\nunlisted: report\nbanned: ['*', vendor:anthropic, qoder]\n"
        "approved:\n- {tool: claude-code, reason: pilot}\n- category:cli\n",
        finding(),
    )
    assert [(rule.ruling, rule.selector, rule.rule, rule.asks) for rule in told.rules] == [
        ("approved", "claude-code", "policy.yaml:5", "allow"),
        ("banned", "vendor:anthropic", "policy.yaml:3", "block"),
        ("approved", "category:cli", "policy.yaml:6", "allow"),
        ("banned", "*", "policy.yaml:3", "block"),
        ("unlisted", "unlisted", "policy.yaml:2", "report"),
    ]
    assert told.verdict.why == "pilot"
    assert told.lowered_by == ()


@pytest.mark.parametrize(
    ("mode", "confidence", "lowered_by"),
    [
        ("block", "certain", ()),
        ("warn", "certain", ("mode: warn",)),
        ("block", "likely", ("confidence: likely",)),
        ("report", "possible", ("confidence: possible", "mode: report")),
    ],
)
def test_what_lowered_the_action(mode: str, confidence: str, lowered_by: tuple[str, ...]) -> None:
    told = explained(f"mode: {mode}\nbanned: [claude-code]", finding(confidence=Confidence(confidence)))
    assert told.lowered_by == lowered_by


# --- whatever the policy ---------------------------------------------------------------------------------

SELECTORS = (
    sorted(VENDORS)
    + [f"vendor:{v}" for v in VENDORS.values()]
    + [f"category:{c}" for c in CATEGORIES.values()]
)
PLAIN = st.lists(st.sampled_from([*SELECTORS, "*"]), unique=True, max_size=8)
MODES = st.sampled_from(["report", "warn", "block"])
FINDINGS = st.builds(finding, st.sampled_from([*VENDORS, "unheard-of"]), st.sampled_from(Confidence))


@st.composite
def entry_lists(draw: st.DrawFn, key: str) -> list[object]:
    """Entries, some with an action of their own."""
    actions = {"banned": ["report", "warn", "block"], "approved": ["allow"]}[key]
    return [
        draw(
            st.just(selector) | st.sampled_from([{"tool": selector, "action": action} for action in actions])
        )
        for selector in draw(PLAIN)
    ]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    written: dict[str, object] = {"banned": draw(entry_lists("banned"))}
    optional = {"approved": entry_lists("approved"), "mode": MODES, "unlisted": st.sampled_from(Action)}
    for key, values in optional.items():
        if draw(st.booleans()):
            written[key] = draw(values)
    return policy(msgspec.json.encode(written).decode())


@given(policies(), FINDINGS)
def test_decide_is_total_and_names_a_rule(held: Policy, found: Finding) -> None:
    said = decide(found, held, CONTEXT, "cat1")
    assert said.reason in ("policy.yaml:1", "policy.yaml: not listed")
    assert (said.ruling is Ruling.APPROVED) <= (said.action is Action.ALLOW)
    assert (said.action is Action.BLOCK) <= (found.confidence is Confidence.CERTAIN)


@given(policies(), FINDINGS)
def test_mode_is_a_ceiling(held: Policy, found: Finding) -> None:
    said = decide(found, held, CONTEXT, "cat1")
    assert ORDER.index(said.action) <= ORDER.index(held.mode)
    freer = decide(found, msgspec.structs.replace(held, mode=Action.BLOCK), CONTEXT, "cat1")
    assert ORDER.index(said.action) <= ORDER.index(freer.action)
    assert said.ruling is freer.ruling


@given(PLAIN, PLAIN, MODES, FINDINGS, st.randoms(use_true_random=False))
def test_the_order_of_the_lists_never_matters(
    banned: list[str], approved: list[str], mode: str, found: Finding, chance: random.Random
) -> None:
    def said(banned: list[str], approved: list[str]) -> Verdict:
        written = {"mode": mode, "banned": banned, "approved": approved}
        return decide(found, policy(msgspec.json.encode(written).decode()), CONTEXT, "cat1")

    one = said(banned, approved)
    other = said(chance.sample(banned, len(banned)), chance.sample(approved, len(approved)))
    assert (one.ruling, one.action) == (other.ruling, other.action)


@given(policies(), FINDINGS)
def test_the_verdict_is_the_first_rule_of_the_explanation(held: Policy, found: Finding) -> None:
    told = explain(found, held, CONTEXT, "cat1")
    assert told.verdict == decide(found, held, CONTEXT, "cat1")
    assert (told.verdict.ruling, told.verdict.reason) == (told.rules[0].ruling, told.rules[0].rule)
    assert (told.verdict.action is told.rules[0].asks) == (not told.lowered_by)
