"""The rules of a policy that are about a finding, the strongest first, and which of them decides."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from aipolicy.core.conditions import Held, ceiling, held
from aipolicy.core.entry import Entry
from aipolicy.core.model import Action, Context, Finding, Record, Ruling
from aipolicy.core.policy import Policy

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


Named = tuple[Entry, Ruling]


def named(finding: Finding, policy: Policy) -> Iterator[Named]:
    """The entries that name the tool."""
    for entry in policy.banned:
        if entry.selector.matches(finding):
            yield entry, Ruling.BANNED
    for entry in policy.approved:
        if entry.selector.matches(finding):
            yield entry, Ruling.APPROVED


def decided(entries: Sequence[Named], finding: Finding, policy: Policy, context: Context) -> Decided:
    """Which rule decides at that moment. entries: those that name the tool."""
    ranked, passed_over = _ranked(entries, finding, context)
    unlisted = Rule(
        ruling=Ruling.UNLISTED, selector="unlisted", rule=policy.unlisted_rule, asks=policy.unlisted
    )
    ranked.append(Ranked(unlisted))
    decisive, asks, doubt = _decisive(ranked)
    others = (each.rule for each in ranked if each is not decisive)
    return Decided(decisive, asks, doubt, (decisive.rule, *others), passed_over)


def _ranked(
    entries: Sequence[Named], finding: Finding, context: Context
) -> tuple[list[Ranked], tuple[Rule, ...]]:
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
    return [each for _, each in sorted(holding, key=lambda pair: pair[0])], tuple(passed_over)


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


_UNSURE: Final = "the version is not known: it may not be meant"


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
