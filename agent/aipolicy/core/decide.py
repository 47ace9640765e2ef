"""What the policy says of a finding: pure, total, and the same mechanism for verdict and explanation."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from aipolicy.core.conditions import first_seen, turns
from aipolicy.core.message import fill
from aipolicy.core.model import Action, Confidence, Context, Finding, Record, Ruling, Verdict
from aipolicy.core.policy import Policy
from aipolicy.core.rules import ORDER, Decided, Named, Rule, decided, named

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
    entries = tuple(named(finding, policy))
    said = decided(entries, finding, policy, context)
    decisive, entry, _ = said.decisive
    action, lowered_by = _lowered(said, finding.confidence, policy.mode)
    verdict = Verdict(
        finding=finding,
        ruling=decisive.ruling,
        action=action,
        reason=decisive.rule,
        why=decisive.reason,
        message=_message(finding, policy, decisive, action),
        policy=policy.version,
        catalog=catalog,
        blocks_from=None if action is Action.BLOCK else _blocks_from(entries, finding, policy, context),
    )
    return Explanation(
        verdict=verdict,
        rules=said.rules,
        lowered_by=lowered_by,
        passed_over=said.passed_over,
        grace=entry.id if entry is not None and action in (Action.WARN, Action.BLOCK) else "",
    )


def _blocks_from(
    entries: Sequence[Named], finding: Finding, policy: Policy, context: Context
) -> datetime | None:
    """The first moment at which the same finding would be blocked, were nobody to change anything."""
    moments = sorted({at for entry, _ in entries for at in turns(entry, context) if at > context.now})
    if not moments:
        return None
    seen = {entry.id: first_seen(entry, context) for entry, _ in entries if entry.grace is not None}
    for at in moments:
        then = decided(entries, finding, policy, replace(context, now=at, first_seen=seen))
        if _lowered(then, finding.confidence, policy.mode)[0] is Action.BLOCK:
            return at
    return None


def _lowered(said: Decided, confidence: Confidence, mode: Action) -> tuple[Action, tuple[str, ...]]:
    """The action under every ceiling, and those that made it milder than the decisive rule asks."""
    ceilings = {f"confidence: {confidence}": _SUREST[confidence], f"mode: {mode}": mode}
    lower = {words: top for words, top in ceilings.items() if ORDER.index(top) < ORDER.index(said.asks)}
    return min((said.asks, *lower.values()), key=ORDER.index), tuple(filter(None, (said.doubt, *lower)))


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
