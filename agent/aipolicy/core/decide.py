"""What the policy says of a finding: pure, total, and the same mechanism for verdict and explanation."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from aipolicy.core.conditions import first_seen, turns
from aipolicy.core.message import fill
from aipolicy.core.model import Action, Confidence, Context, Finding, Record, Ruling, Verdict
from aipolicy.core.policy import Policy
from aipolicy.core.rules import ORDER, Decided, Rule, decided, milder, named
from aipolicy.core.scope import Scope
from aipolicy.core.which_scope import possible_scopes

_SUREST: Final = {
    Confidence.CERTAIN: Action.BLOCK,
    Confidence.LIKELY: Action.WARN,
    Confidence.POSSIBLE: Action.REPORT,
}
"""The most that a finding may lead to: only what is certain is ever stopped."""

_BANNED_TEXT: Final = "{tool} is not allowed here."
_UNLISTED_TEXT: Final = "{tool} is not on the list of approved tools."


class Explanation(Record, frozen=True, kw_only=True):
    """A verdict and how it came about.

    rules: every rule about the finding, strongest first: the first one decided.
    lowered_by: the ceilings that made the action milder than the first rule asks, in words.
    passed_over: the rules about the finding whose conditions do not hold: as if they were not there.
    scopes: each scope that was looked at, and what it made of machine and person, in words.
    grace: the id of the entry that decided, where its grace counts from the first warning; else empty.
    """

    verdict: Verdict
    rules: tuple[Rule, ...]
    lowered_by: tuple[str, ...] = ()
    passed_over: tuple[Rule, ...] = ()
    scopes: tuple[str, ...] = ()
    grace: str = ""


def decide(finding: Finding, policy: Policy, context: Context, catalog: str) -> Verdict:
    """What the policy says of the finding, now and here."""
    return explain(finding, policy, context, catalog).verdict


def explain(finding: Finding, policy: Policy, context: Context, catalog: str) -> Explanation:
    """The verdict with every rule that was considered. `context` is all that a condition may look at."""
    possible = possible_scopes(policy, context)
    said = _said(finding, policy, possible.scopes, context)
    decisive, entry, _ = said.decided.decisive
    blocks_from = None
    if said.action is not Action.BLOCK:
        blocks_from = _blocks_from(finding, policy, possible.scopes, context)
    verdict = Verdict(
        finding=finding,
        ruling=decisive.ruling,
        action=said.action,
        reason=decisive.rule,
        why=decisive.reason,
        message=_message(finding, policy, said),
        policy=policy.version,
        catalog=catalog,
        blocks_from=blocks_from,
    )
    return Explanation(
        verdict=verdict,
        rules=said.decided.rules,
        lowered_by=said.lowered_by,
        passed_over=said.decided.passed_over,
        scopes=possible.words,
        grace=entry.id if entry is not None and said.action in (Action.WARN, Action.BLOCK) else "",
    )


class _Said(NamedTuple):
    """What one scope, or the policy outside of all of them, makes of a finding."""

    scope: Scope | None
    decided: Decided
    action: Action
    lowered_by: tuple[str, ...]


_UNSURE: Final = "it is not known which scope fits: see below"


def _said(finding: Finding, policy: Policy, scopes: Sequence[Scope | None], context: Context) -> _Said:
    """By the scope that fits. Where several may, what not all of them block is warned of at most."""
    each = [_in_scope(finding, policy, scope, context) for scope in scopes]
    if len(each) == 1 or all(one.action is Action.BLOCK for one in each):
        return each[-1]
    strictest = max(each, key=lambda one: ORDER.index(one.action))
    action = milder(strictest.action, Action.WARN)
    if action is strictest.action:
        return strictest
    return strictest._replace(action=action, lowered_by=(*strictest.lowered_by, _UNSURE))


def _in_scope(finding: Finding, policy: Policy, scope: Scope | None, context: Context) -> _Said:
    said = decided(finding, policy, scope, context)
    mode = policy.mode if scope is None or scope.mode is None else scope.mode
    ceilings = {f"confidence: {finding.confidence}": _SUREST[finding.confidence], f"mode: {mode}": mode}
    lower = {words: top for words, top in ceilings.items() if ORDER.index(top) < ORDER.index(said.asks)}
    action = min((said.asks, *lower.values()), key=ORDER.index)
    return _Said(scope, said, action, tuple(filter(None, (said.doubt, *lower))))


def first_change(finding: Finding, policy: Policy, context: Context) -> tuple[datetime, Action] | None:
    """The first moment at which something else is done about the same finding, and what; None: never.

    A grace counts from the first sights of the context alone: where it has none, each day is the first.
    """
    scopes = possible_scopes(policy, context).scopes
    now = _said(finding, policy, scopes, context).action
    later = _over_time(finding, policy, scopes, context, noted=False)
    return next(((at, action) for at, action in later if action is not now), None)


def _blocks_from(
    finding: Finding, policy: Policy, scopes: Sequence[Scope | None], context: Context
) -> datetime | None:
    """The first moment at which the same finding would be blocked, were nobody to change anything."""
    later = _over_time(finding, policy, scopes, context, noted=True)
    return next((at for at, action in later if action is Action.BLOCK), None)


def _over_time(
    finding: Finding, policy: Policy, scopes: Sequence[Scope | None], context: Context, *, noted: bool
) -> Iterator[tuple[datetime, Action]]:
    """What is done about it at each moment to come at which a condition turns.

    noted: that it is seen now is remembered, so that each grace of it begins now at the latest.
    """
    places = [place for place in (*scopes, policy) if place is not None]
    entries = [entry for place in places for entry, _ in named(finding, place)]
    moments = {each.ends for each in policy.exemptions if each.selector.matches(finding)}
    moments |= {at for entry in entries for at in turns(entry, context)}
    later = sorted(at for at in moments if at > context.now)
    if not later:
        return
    policy, seen = _narrowed(policy, finding), context.first_seen
    if noted:
        seen = {entry.id: first_seen(entry, context) for entry in entries if entry.grace is not None}
    for at in later:
        yield at, _said(finding, policy, scopes, replace(context, now=at, first_seen=seen)).action


def _narrowed(policy: Policy, finding: Finding) -> Policy:
    """What of it is about the tool, for one who asks more than once."""
    return replace(
        policy,
        banned=tuple(entry for entry in policy.banned if entry.selector.matches(finding)),
        approved=tuple(entry for entry in policy.approved if entry.selector.matches(finding)),
        exemptions=tuple(each for each in policy.exemptions if each.selector.matches(finding)),
    )


def _message(finding: Finding, policy: Policy, said: _Said) -> str:
    """What the person is told: the entry's words, else the scope's, else the policy's, else ours.

    Reports are not told.
    """
    if said.action not in (Action.WARN, Action.BLOCK):
        return ""
    rule = said.decided.decisive.rule
    values = {
        "tool": finding.name,
        "reason": rule.reason or "not approved",
        "contact": policy.contact,
        "instead": ", ".join(policy.instead) or "an approved tool",
    }
    scopes = said.scope.message if said.scope is not None else ""
    return fill(rule.message or scopes or policy.message or _own_words(policy, rule), values)


def _own_words(policy: Policy, rule: Rule) -> str:
    """A message for a policy that writes none."""
    words = [_BANNED_TEXT if rule.ruling is Ruling.BANNED else _UNLISTED_TEXT]
    if rule.reason:
        words.append("Reason: {reason}" + ("" if rule.reason.endswith((".", "!", "?")) else "."))
    if policy.instead:
        words.append("Use {instead} instead.")
    if policy.contact:
        words.append("Questions: {contact}")
    return " ".join(words)
