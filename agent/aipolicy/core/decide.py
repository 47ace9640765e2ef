"""What the policy says of a finding: pure, total, and the same mechanism for verdict and explanation."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from aipolicy.core.conditions import Held, ceiling, first_seen, held, turns
from aipolicy.core.message import fill
from aipolicy.core.model import Action, Confidence, Context, Finding, Record, Ruling, Verdict
from aipolicy.core.policy import Entry, Policy

_ORDER: Final = tuple(Action)  # mildest first
_WARNS: Final = _ORDER.index(Action.WARN)
_SUREST: Final = {
    Confidence.CERTAIN: Action.BLOCK,
    Confidence.LIKELY: Action.WARN,
    Confidence.POSSIBLE: Action.REPORT,
}
"""The most that a finding may lead to: only what is certain is ever stopped."""

_BANNED_TEXT: Final = "{tool} is not allowed here."
_UNLISTED_TEXT: Final = "{tool} is not on the list of approved tools."


class Rule(Record, frozen=True, kw_only=True):
    """A rule of the policy that is about a finding.

    ruling: what it makes of the tool. selector: what it names; "unlisted" where no entry names the tool.
    rule: file and line. asks: its action now, before the ceilings. reason, message: in the policy's words.
    conditions: what each of its conditions made of it, in words.
    """

    ruling: Ruling
    selector: str
    rule: str
    asks: Action
    reason: str = ""
    message: str = ""
    conditions: tuple[str, ...] = ()


class Explanation(Record, frozen=True, kw_only=True):
    """A verdict and how it came about.

    rules: every rule about the finding, strongest first: the first one decided.
    lowered_by: the ceilings that made the action milder than the first rule asks, in words.
    passed_over: the rules about the finding whose conditions do not hold: as if they were not there.
    grace: the id of the entry that decided, where its grace counts from the first warning; else empty.
    """

    verdict: Verdict
    rules: tuple[Rule, ...]
    lowered_by: tuple[str, ...] = ()
    passed_over: tuple[Rule, ...] = ()
    grace: str = ""


def decide(finding: Finding, policy: Policy, context: Context, catalog: str) -> Verdict:
    """What the policy says of the finding, now and here."""
    return explain(finding, policy, context, catalog).verdict


def explain(finding: Finding, policy: Policy, context: Context, catalog: str) -> Explanation:
    """The verdict with every rule that was considered. `context` is all that a condition may look at."""
    named = tuple(_named(finding, policy))
    rules, passed_over = _rules(named, policy, context)
    decisive = rules[0]
    action, lowered_by = _lowered(decisive.rule.asks, finding.confidence, policy.mode)
    verdict = Verdict(
        finding=finding,
        ruling=decisive.rule.ruling,
        action=action,
        reason=decisive.rule.rule,
        why=decisive.rule.reason,
        message=_message(finding, policy, decisive.rule, action),
        policy=policy.version,
        catalog=catalog,
        blocks_from=None if action is Action.BLOCK else _blocks_from(named, finding, policy, context),
    )
    return Explanation(
        verdict=verdict,
        rules=tuple(each.rule for each in rules),
        lowered_by=lowered_by,
        passed_over=passed_over,
        grace=decisive.entry.id if decisive.entry is not None and _ORDER.index(action) >= _WARNS else "",
    )


class _Ranked(NamedTuple):
    """A rule that counts, and the entry it comes from."""

    rule: Rule
    entry: Entry | None


_Named = tuple[Entry, Ruling]


def _named(finding: Finding, policy: Policy) -> Iterator[_Named]:
    """The entries that name the tool."""
    for entry in policy.banned:
        if entry.selector.matches(finding):
            yield entry, Ruling.BANNED
    for entry in policy.approved:
        if entry.selector.matches(finding):
            yield entry, Ruling.APPROVED


def _rules(
    named: Sequence[_Named], policy: Policy, context: Context
) -> tuple[list[_Ranked], tuple[Rule, ...]]:
    """Those that hold, the strongest first, and those that do not."""
    holding: list[tuple[tuple[int, bool, bool, int, str], _Ranked]] = []
    passed_over: list[Rule] = []
    for entry, ruling in named:
        state = held(entry, ruling, context)
        rule = _rule(entry, ruling, state)
        if state.holds:
            holding.append((_strength(entry, rule), _Ranked(rule, entry)))
        else:
            passed_over.append(rule)
    ranked = [each for _, each in sorted(holding, key=lambda pair: pair[0])]
    unlisted = Rule(
        ruling=Ruling.UNLISTED, selector="unlisted", rule=policy.unlisted_rule, asks=policy.unlisted
    )
    return [*ranked, _Ranked(unlisted, None)], tuple(passed_over)


def _rule(entry: Entry, ruling: Ruling, state: Held) -> Rule:
    asks = (
        Action.ALLOW if ruling is Ruling.APPROVED else _milder(entry.action or Action.BLOCK, ceiling(state))
    )
    return Rule(
        ruling=ruling,
        selector=str(entry.selector),
        rule=entry.rule,
        asks=asks,
        reason=entry.reason,
        message=entry.message,
        conditions=state.words,
    )


def _strength(entry: Entry, rule: Rule) -> tuple[int, bool, bool, int, str]:
    """The more exact first, then the one with a condition; of equals banned before approved, then the
    stricter, whatever their order.
    """
    stricter_first = -_ORDER.index(rule.asks)
    not_banned = rule.ruling is not Ruling.BANNED
    return -entry.selector.exactness, not entry.conditional, not_banned, stricter_first, rule.selector


def _blocks_from(
    named: Sequence[_Named], finding: Finding, policy: Policy, context: Context
) -> datetime | None:
    """The first moment at which the same finding would be blocked, were nobody to change anything."""
    moments = sorted({at for entry, _ in named for at in turns(entry, context) if at > context.now})
    if not moments:
        return None
    seen = {entry.id: first_seen(entry, context) for entry, _ in named if entry.grace is not None}
    for at in moments:
        rules, _ = _rules(named, policy, replace(context, now=at, first_seen=seen))
        if _lowered(rules[0].rule.asks, finding.confidence, policy.mode)[0] is Action.BLOCK:
            return at
    return None


def _milder(one: Action, other: Action) -> Action:
    return min(one, other, key=_ORDER.index)


def _lowered(asked: Action, confidence: Confidence, mode: Action) -> tuple[Action, tuple[str, ...]]:
    ceilings = {f"confidence: {confidence}": _SUREST[confidence], f"mode: {mode}": mode}
    lower = {words: top for words, top in ceilings.items() if _ORDER.index(top) < _ORDER.index(asked)}
    return min((asked, *lower.values()), key=_ORDER.index), tuple(lower)


def _message(finding: Finding, policy: Policy, rule: Rule, action: Action) -> str:
    """What the person is told: the entry's words, else the policy's, else ours. Reports are not told."""
    if action not in (Action.WARN, Action.BLOCK):
        return ""
    values = {
        "tool": finding.name,
        "reason": rule.reason or "not approved",
        "contact": policy.contact,
        "instead": ", ".join(policy.instead) or "an approved tool",
    }
    return fill(rule.message or policy.message or _own_words(policy, rule), values)


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
