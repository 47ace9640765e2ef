"""The two that a plan compares: what agents reported, or what a policy makes of the same findings.

Every verdict of a policy is `decide`'s, as on the machines.
"""

from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol

from msgspec.structs import replace

from aipolicy.core.decide import decide
from aipolicy.core.inventory import KindOfFinding
from aipolicy.core.model import Action, Context, Evidence, Finding, Owner, Ruling
from aipolicy.core.policy import Policy
from aipolicy.core.renewal import renewed
from aipolicy.core.tools import Catalog

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
_NOBODY: Final = Owner(uid=-1, name="")


class Verdict(NamedTuple):
    """What one side says of a finding. day: from which on it blocks, counted from 1970, 0 for none."""

    ruling: Ruling
    action: Action
    rule: str
    day: int = 0


class Side(Protocol):
    """One of the two that are compared."""

    def sees(self, kind: KindOfFinding) -> Hashable:
        """What it can tell apart of a kind: of two that it sees alike it says the same."""
        ...

    def says(self, kind: KindOfFinding, blocks: int, context: Context) -> Verdict | None:
        """None: it does not recognise the finding."""
        ...

    @property
    def has_graces(self) -> bool:
        """Whether it matters when the agent will block it."""
        ...


class Reported:
    """What the agents themselves said last."""

    has_graces = True

    def sees(self, kind: KindOfFinding) -> Hashable:
        return kind.ruling, kind.action, kind.rule

    def says(self, kind: KindOfFinding, blocks: int, context: Context) -> Verdict | None:
        return Verdict(kind.ruling, kind.action, kind.rule, blocks)


class Judged:
    """What a policy makes of it at a moment.

    renew: a catalog to recognise it by, None for that by which it was found. running: ids of the entries
    whose grace may have begun already; every other one begins at `since`, or at once.
    """

    def __init__(
        self,
        policy: Policy,
        now: datetime,
        *,
        catalog: str = "",
        renew: Catalog | None = None,
        running: frozenset[str] = frozenset(),
        since: datetime | None = None,
    ) -> None:
        self._policy = policy
        self._now = now
        self._catalog = renew.version if renew else catalog
        self._renew = renew
        graces = {entry.id: entry.grace for entry in policy.entries if entry.grace is not None}
        self._running = {name: grace for name, grace in graces.items() if name in running}
        self._ranges = [entry.selector for entry in policy.entries if entry.versions is not None]
        self._ranges += [each.selector for each in policy.exemptions if each.versions is not None]
        self._fresh = {} if since is None else dict.fromkeys(graces.keys() - self._running.keys(), since)

    @property
    def has_graces(self) -> bool:
        return bool(self._running)

    def sees(self, kind: KindOfFinding) -> Hashable:
        """A version, and the evidence that says how it is ordered, only where a rule asks for it."""
        of_tool = kind.tool, kind.vendor, kind.category, kind.confidence
        reported = kind.action if self._running else None
        if self._renew is not None:
            return *of_tool, reported, kind.version, kind.because
        if self._ranges and any(selector.matches(finding_of(kind)) for selector in self._ranges):
            return *of_tool, reported, kind.version, kind.because
        return *of_tool, reported

    def says(self, kind: KindOfFinding, blocks: int, context: Context) -> Verdict | None:
        finding: Finding | None = finding_of(kind)
        if self._renew is not None:
            finding = renewed(finding_of(kind), self._renew)
        if finding is None:
            return None
        context = replace(context, now=self._now, first_seen=self._first_seen(kind, blocks))
        verdict = decide(finding, self._policy, context, self._catalog)
        day = 0 if verdict.blocks_from is None else _day(verdict.blocks_from)
        return Verdict(verdict.ruling, verdict.action, verdict.reason, day)

    def _first_seen(self, kind: KindOfFinding, blocks: int) -> dict[str, datetime]:
        """When each grace began, as far as what the agent said of it tells."""
        seen = dict(self._fresh)
        for name, grace in self._running.items():
            if kind.action is Action.BLOCK:
                seen[name] = self._now - grace
            elif blocks:
                seen[name] = EPOCH + blocks * DAY - grace
        return seen


def finding_of(kind: KindOfFinding) -> Finding:
    """The finding as far as a policy can tell it apart."""
    return Finding(
        tool=kind.tool,
        name=kind.name,
        vendor=kind.vendor,
        category=kind.category,
        version=kind.version,
        state=kind.state,
        confidence=kind.confidence,
        because=tuple(Evidence(kind=name, value=value) for name, value in kind.because),
        owner=_NOBODY,
        path="",
        form="",
    )


def _day(moment: datetime) -> int:
    return (moment - EPOCH) // DAY
