"""Whom a new policy would hit: the fleet's inventory judged by the old and by the new one, and compared.

Findings that no policy can tell apart are judged once, so the cost grows with the kinds of findings, and the
fleet is only counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from aipolicy.core.comparison import Comparison
from aipolicy.core.inventory import DeviceInventory, KindOfFinding
from aipolicy.core.model import Context, Record
from aipolicy.core.plan_report import Change, Hit, Moment, Total
from aipolicy.core.policy import Policy
from aipolicy.core.sides import EPOCH, Judged, Side
from aipolicy.core.timetable import Timetable
from aipolicy.core.tools import Catalog

AHEAD: Final = timedelta(days=60)
MOST_MOMENTS: Final = 12


class Plan(Record, frozen=True, kw_only=True):
    """What came of it. stopped: what is newly blocked, now or later."""

    devices: int
    people: int
    findings: int
    totals: tuple[Total, ...]
    changes: tuple[Change, ...]
    stopped: Hit
    ahead: tuple[Moment, ...]


def plan(
    inventory: Iterable[KindOfFinding | DeviceInventory],
    before: Side,
    after: Judged,
    moments: Sequence[tuple[datetime, Side, Side]],
    groups: Mapping[str, frozenset[str]],
) -> Plan:
    """The comparison of the two sides, and of the sides just before and at each moment ahead.

    groups: the directory groups of each person. Raises InventoryError.
    """
    kinds: list[KindOfFinding] = []
    main = Comparison(before, after, kinds)
    later = [Comparison(one, other, kinds) for _, one, other in moments]
    people: dict[str, int] = {}
    devices = findings = 0
    for value in inventory:
        if isinstance(value, KindOfFinding):
            kinds.append(value)
            continue
        for one in value.has:
            person = people.setdefault(one.owner, len(people))
            context = _context(value, one.owner, groups)
            for comparison in (main, *later):
                comparison.add(devices, person, one.kinds, one.blocks, (), context)
            findings += len(one.kinds)
        devices += 1
    return Plan(
        devices=devices,
        people=len(people),
        findings=findings,
        totals=main.totals(),
        changes=main.changes(),
        stopped=main.stopped.hit,
        ahead=tuple(
            Moment(at=at, totals=each.totals(), changes=each.changes())
            for (at, _, _), each in zip(moments, later, strict=True)
            if each.changes()
        ),
    )


def _context(device: DeviceInventory, owner: str, groups: Mapping[str, frozenset[str]]) -> Context:
    return Context(
        now=EPOCH,
        device=device.id,
        hostname=device.hostname,
        os=device.os,
        owner=owner,
        groups=groups.get(owner, frozenset()),
        tags=frozenset(device.tags),
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
