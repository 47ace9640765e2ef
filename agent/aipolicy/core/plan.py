"""Whom a new policy would hit: the fleet's inventory judged by the old and by the new one, and compared.

Findings that no policy can tell apart are judged once, so the cost grows with the kinds of findings, and the
fleet is only counted.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from aipolicy.core.comparison import Comparison
from aipolicy.core.inventory import DeviceInventory, KindOfFinding
from aipolicy.core.lens import Lens
from aipolicy.core.model import Context, Record
from aipolicy.core.plan_report import Change, Hit, Moment, Total
from aipolicy.core.policy import Policy
from aipolicy.core.pseudonym import is_pseudonym
from aipolicy.core.sides import EPOCH, Judged, Side
from aipolicy.core.timetable import Timetable
from aipolicy.core.tools import Catalog

AHEAD: Final = timedelta(days=60)
MOST_MOMENTS: Final = 12


class Plan(Record, frozen=True, kw_only=True):
    """What came of it. stopped: what is newly blocked, now or later. blocked: all that is blocked now.

    waves: as they were asked for. unknown: people of whom nobody can tell who they are.
    untagged: devices of which the tags are not known.
    """

    devices: int
    people: int
    unknown: int
    untagged: int
    findings: int
    totals: tuple[Total, ...]
    changes: tuple[Change, ...]
    stopped: Hit
    blocked: Hit
    waves: tuple[Hit, ...]
    ahead: tuple[Moment, ...]


class Question(Record, frozen=True, kw_only=True):
    """What is compared: the two sides, and for each moment ahead those just before and at it.

    waves: the new policy as it will be in each later wave. policies: every one that a side judges by.
    """

    before: Side
    after: Judged
    moments: tuple[tuple[datetime, Side, Side], ...] = ()
    waves: tuple[Judged, ...] = ()
    policies: tuple[Policy, ...]


Groups = Mapping[str, frozenset[str]]
"""The directory groups of each person who is in one."""


def plan(
    inventory: Iterable[KindOfFinding | DeviceInventory],
    question: Question,
    groups: Groups | None = None,
    *,
    names: bool = True,
) -> Plan:
    """The comparison over the whole inventory. Raises InventoryError.

    groups: null where they are not known. names: whether people bear their names in the inventory.
    """
    kinds: list[KindOfFinding] = []
    main = Comparison(question.before, question.after, kinds)
    later = [Comparison(one, other, kinds) for _, one, other in question.moments]
    waves = [Comparison(question.before, wave, kinds) for wave in question.waves]
    comparisons = (main, *later, *waves)
    lens = Lens(question.policies)
    people: dict[str, int] = {}
    devices = findings = untagged = 0
    for value in inventory:
        if isinstance(value, KindOfFinding):
            kinds.append(value)
            continue
        machine = lens.machine(_context(value, None, None))
        for one in value.has:
            person = people.setdefault(one.owner, len(people))
            owner = one.owner if names and _is_known(one.owner) else None
            member = None if groups is None or owner is None else groups.get(owner, frozenset())
            who, context = (machine, lens.person(owner, member)), _context(value, owner, member)
            for comparison in comparisons:
                comparison.add(devices, person, one.kinds, one.blocks, who, context)
            findings += len(one.kinds)
        devices += 1
        untagged += value.tags is None
    return Plan(
        devices=devices,
        people=len(people),
        untagged=untagged,
        unknown=sum(not _is_known(name) for name in people) if names else len(people),
        findings=findings,
        totals=main.totals(),
        changes=main.changes(),
        stopped=main.stopped.hit,
        blocked=main.blocked.hit,
        waves=tuple(wave.stopped.hit for wave in waves),
        ahead=tuple(
            Moment(at=at, totals=each.totals(), changes=each.changes())
            for (at, _, _), each in zip(question.moments, later, strict=True)
            if each.changes()
        ),
    )


def _is_known(name: str) -> bool:
    """Not a number, which no account has, as on the machine itself; nor a pseudonym."""
    return not name.isdecimal() and not is_pseudonym(name)


def _context(device: DeviceInventory, owner: str | None, groups: frozenset[str] | None) -> Context:
    return Context(
        now=EPOCH,
        device=device.id,
        hostname=device.hostname,
        os=device.os,
        owner=owner,
        groups=groups,
        tags=None if device.tags is None else frozenset(device.tags),
    )


def moments_ahead(
    policy: Policy, now: datetime, *, renew: Catalog | None, running: frozenset[str]
) -> list[tuple[datetime, Side, Side]]:
    """The next moments at which the policy says something else, with its sides just before and at each."""
    sights = {"": {entry.id: now for entry in policy.entries if entry.grace is not None}}
    timetable = Timetable(policy, sights)
    found: list[tuple[datetime, Side, Side]] = []
    at = timetable.next(now)
    while at is not None and at <= now + AHEAD and len(found) < MOST_MOMENTS:
        one, other = (
            Judged(policy, when, renew=renew, running=running, since=now)
            for when in (at - timedelta(microseconds=1), at)
        )
        found.append((at, one, other))
        at = timetable.next(at)
    return found


STEPS: Final = (Decimal(5), Decimal(30), Decimal(100))
"""The waves that are shown where a scope has `percent`."""


def wave(policy: Policy, percent: Decimal) -> Policy:
    """The policy once each of its scopes is for at least this part of the machines."""
    scopes = tuple(
        replace(scope, audience=replace(scope.audience, percent=max(scope.audience.percent, percent)))
        if scope.audience.percent is not None
        else scope
        for scope in policy.scopes
    )
    return replace(policy, scopes=scopes)


def later_waves(policy: Policy) -> tuple[Decimal, ...]:
    """The parts of all machines that follow the one that the policy states."""
    stated = [scope.audience.percent for scope in policy.scopes if scope.audience.percent is not None]
    return tuple(step for step in STEPS if stated and step > min(stated))
