"""What the policy says of a finding: pure, total, and the same mechanism for verdict and explanation."""

from collections.abc import Iterator
from typing import Final

from aipolicy.core.message import fill
from aipolicy.core.model import Action, Confidence, Context, Finding, Record, Ruling, Verdict
from aipolicy.core.policy import Entry, Policy

_ORDER: Final = tuple(Action)  # mildest first
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
    rule: file and line. asks: its action before the ceilings. reason, message: in the policy's words.
    """

    ruling: Ruling
    selector: str
    rule: str
    asks: Action
    reason: str = ""
    message: str = ""


class Explanation(Record, frozen=True, kw_only=True):
    """A verdict and how it came about.

    rules: every rule about the finding, strongest first: the first one decided.
    lowered_by: the ceilings that made the action milder than the first rule asks, in words.
    """

    verdict: Verdict
    rules: tuple[Rule, ...]
    lowered_by: tuple[str, ...] = ()


def decide(finding: Finding, policy: Policy, context: Context, catalog: str) -> Verdict:
    """What the policy says of the finding, now and here."""
    return explain(finding, policy, context, catalog).verdict


def explain(finding: Finding, policy: Policy, context: Context, catalog: str) -> Explanation:
    """The verdict with every rule that was considered.

    `context` is all that a rule's conditions may look at; no condition of this version of the language does.
    """
    rules = tuple(_rules(finding, policy))
    decisive = rules[0]
    action, lowered_by = _lowered(decisive.asks, finding.confidence, policy.mode)
    verdict = Verdict(
        finding=finding,
        ruling=decisive.ruling,
        action=action,
        reason=decisive.rule,
        why=decisive.reason,
        message=_message(finding, policy, decisive, action),
        policy=policy.version,
        catalog=catalog,
    )
    return Explanation(verdict=verdict, rules=rules, lowered_by=lowered_by)


def _rules(finding: Finding, policy: Policy) -> Iterator[Rule]:
    """The more exact first; of equals banned before approved, then the stricter, whatever their order."""
    named = [(entry, Ruling.BANNED) for entry in policy.banned if entry.selector.matches(finding)]
    named += [(entry, Ruling.APPROVED) for entry in policy.approved if entry.selector.matches(finding)]
    for entry, ruling in sorted(named, key=lambda pair: _strength(*pair)):
        yield Rule(
            ruling=ruling,
            selector=str(entry.selector),
            rule=entry.rule,
            asks=_asks(entry, ruling),
            reason=entry.reason,
            message=entry.message,
        )
    yield Rule(ruling=Ruling.UNLISTED, selector="unlisted", rule=policy.unlisted_rule, asks=policy.unlisted)


def _strength(entry: Entry, ruling: Ruling) -> tuple[int, bool, int, str]:
    stricter_first = -_ORDER.index(_asks(entry, ruling))
    return -entry.selector.exactness, ruling is not Ruling.BANNED, stricter_first, str(entry.selector)


def _asks(entry: Entry, ruling: Ruling) -> Action:
    if ruling is Ruling.APPROVED:
        return Action.ALLOW
    return entry.action or Action.BLOCK


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
