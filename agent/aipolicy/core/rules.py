"""The rules of a policy that are about a finding, the strongest first, and which of them decides."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from aipolicy.core.conditions import Held, ceiling, exempted, held
from aipolicy.core.entry import Entry
from aipolicy.core.model import Action, Context, Finding, Record, Ruling
from aipolicy.core.policy import Policy
from aipolicy.core.scope import Scope

ORDER: Final = tuple(Action)  # mildest first


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


class Ranked(NamedTuple):
    """A rule that counts and the entry it comes from. unsure: it may count, or not."""

    rule: Rule
    entry: Entry | None = None
    unsure: bool = False


class Decided(NamedTuple):
    """decisive: what decides. asks: its action before the ceilings. doubt: why that is less, in words.

    rules: the decisive one and then the others, strongest first. passed_over: whose conditions do not hold.
    """

    decisive: Ranked
    asks: Action
    doubt: str
    rules: tuple[Rule, ...]
    passed_over: tuple[Rule, ...]


def decided(finding: Finding, policy: Policy, scope: Scope | None, context: Context) -> Decided:
    """Which rule decides: exemptions come first, then the scope, then the policy, then what is unlisted."""
    ranked, passed_over = _exempting(finding, policy, context)
    for place in (scope, policy):
        if place is not None:
            more, over = _ranked(named(finding, place), finding, context)
            ranked += more
            passed_over += over
    ranked.append(Ranked(_unlisted(policy, scope)))
    decisive, asks, doubt = _decisive(ranked)
    others = (each.rule for each in ranked if each is not decisive)
    return Decided(decisive, asks, doubt, (decisive.rule, *others), tuple(passed_over))


def named(finding: Finding, place: Policy | Scope) -> Iterator[tuple[Entry, Ruling]]:
    """The entries there that name the tool."""
    for entry in place.banned:
        if entry.selector.matches(finding):
            yield entry, Ruling.BANNED
    for entry in place.approved:
        if entry.selector.matches(finding):
            yield entry, Ruling.APPROVED


def _unlisted(policy: Policy, scope: Scope | None) -> Rule:
    if scope is not None and scope.unlisted is not None:
        asks, rule = scope.unlisted, scope.unlisted_rule
    else:
        asks, rule = policy.unlisted, policy.unlisted_rule
    return Rule(ruling=Ruling.UNLISTED, selector="unlisted", rule=rule, asks=asks)


def _exempting(finding: Finding, policy: Policy, context: Context) -> tuple[list[Ranked], list[Rule]]:
    """The exemptions that count, the surest first and of those the one that lasts longest."""
    counting: list[tuple[bool, datetime, str, Ranked]] = []
    passed_over: list[Rule] = []
    for exemption in policy.exemptions:
        if not exemption.selector.matches(finding):
            continue
        holds, words = exempted(exemption, finding, context, policy.name)
        rule = Rule(
            ruling=Ruling.EXEMPT,
            selector=str(exemption.selector),
            rule=exemption.rule,
            asks=Action.ALLOW,
            reason=": ".join(filter(None, (exemption.ticket, exemption.reason))),
            conditions=words,
        )
        if holds is False:
            passed_over.append(rule)
        else:
            counting.append((holds is not None, exemption.ends, rule.rule, Ranked(rule, None, holds is None)))
    return [each for *_, each in sorted(counting, key=lambda one: one[:3], reverse=True)], passed_over


def _ranked(
    entries: Iterable[tuple[Entry, Ruling]], finding: Finding, context: Context
) -> tuple[list[Ranked], list[Rule]]:
    """Those that hold, the strongest first, and those that do not."""
    holding: list[tuple[tuple[int, bool, bool, int, str], Ranked]] = []
    passed_over: list[Rule] = []
    for entry, ruling in entries:
        state = held(entry, ruling, finding, context)
        rule = _rule(entry, ruling, state)
        if state.holds:
            holding.append((_strength(entry, rule), Ranked(rule, entry, state.unsure)))
        else:
            passed_over.append(rule)
    return [each for _, each in sorted(holding, key=lambda pair: pair[0])], passed_over


def _rule(entry: Entry, ruling: Ruling, state: Held) -> Rule:
    asks = Action.ALLOW
    if ruling is Ruling.BANNED:
        asks = milder(entry.action or Action.BLOCK, ceiling(state))
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
    stricter_first = -ORDER.index(rule.asks)
    not_banned = rule.ruling is not Ruling.BANNED
    return -entry.selector.exactness, not entry.conditional, not_banned, stricter_first, rule.selector


_UNSURE: Final = "it is not known whether every rule counts: see its conditions"


def _decisive(ranked: Sequence[Ranked]) -> tuple[Ranked, Action, str]:
    """The first that surely counts, and before it those that may: nothing is blocked that one of them would
    not block, and what one of them bans is at least warned of.
    """
    sure = next(each for each in ranked if not each.unsure)
    possible = [*ranked[: ranked.index(sure)], sure]
    if all(each.rule.asks is Action.BLOCK for each in possible):
        return sure, Action.BLOCK, ""
    strictest = max(possible, key=_weight)
    asks = milder(strictest.rule.asks, Action.WARN)
    return strictest, asks, _UNSURE if asks is not strictest.rule.asks else ""


def _weight(each: Ranked) -> tuple[int, bool, bool]:
    return ORDER.index(each.rule.asks), each.rule.ruling is Ruling.BANNED, not each.unsure


def milder(one: Action, other: Action) -> Action:
    """The one that does less."""
    return min(one, other, key=ORDER.index)
