"""The tools that devices have now: findings counted over the fleet, by ruling and by tool."""

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.model import Outcome, Ruling
from aipolicy_server.clock import from_us
from aipolicy_server.store import cursor, schema
from aipolicy_server.store.eventlog import ACTED
from aipolicy_server.store.rows import (
    DoneCount,
    FindingPage,
    FindingRow,
    OwnerCount,
    RulingCount,
    ToolRow,
    VersionCount,
)

MOST = 1000
"""A device that makes up tools must not make a page endless."""

_ORDER = (Ruling.BANNED, Ruling.UNLISTED, Ruling.APPROVED, Ruling.EXEMPT)
_findings = schema.findings.c
_devices = schema.devices.c
_decoder = msgspec.json.Decoder(Outcome)


def _in_use() -> sa.ColumnElement[bool]:
    """Findings of devices that are not revoked: what a revoked one has now nobody knows."""
    return _findings.device.not_in(sa.select(_devices.n).where(_devices.revoked.is_not(None)))


def rulings(connection: Connection) -> tuple[RulingCount, ...]:
    """Counts by ruling, in the order of concern."""
    rows = connection.execute(
        sa.select(
            _findings.ruling,
            _distinct(_findings.tool).label("tools"),
            _distinct(_findings.device).label("devices"),
            _distinct(_findings.owner).label("people"),
            sa.func.count().label("findings"),
        )
        .where(_in_use())
        .group_by(_findings.ruling)
    )
    found = {row.ruling: row for row in rows}
    return tuple(_ruling_count(ruling, found.get(ruling.value)) for ruling in _ORDER)


def _ruling_count(ruling: Ruling, row: Any) -> RulingCount:
    if row is None:
        return RulingCount(ruling=ruling.value, tools=0, devices=0, people=0, findings=0)
    return RulingCount(
        ruling=ruling.value, tools=row.tools, devices=row.devices, people=row.people, findings=row.findings
    )


def tools(connection: Connection, only: str | None = None) -> tuple[ToolRow, ...]:
    """Every tool, or one: most banned findings first, then most devices."""
    by_ruling = [
        sa.func.sum(sa.case((_findings.ruling == ruling.value, 1), else_=0)).label(ruling.value)
        for ruling in _ORDER
    ]
    query = (
        sa.select(
            _findings.tool,
            _distinct(_findings.device).label("devices"),
            _distinct(_findings.owner).label("people"),
            sa.func.count().label("findings"),
            sa.func.sum(sa.case((_findings.state == "running", 1), else_=0)).label("running"),
            *by_ruling,
        )
        .where(_in_use())
        .group_by(_findings.tool)
        .order_by(sa.desc("banned"), sa.desc("devices"), _findings.tool)
        .limit(MOST)
    )
    if only is not None:
        query = query.where(_findings.tool == only)
    return tuple(_tool_row(connection, row) for row in connection.execute(query).all())


def _tool_row(connection: Connection, row: Any) -> ToolRow:
    # The names apart: they are in no index, and the counts above read only an index.
    named = connection.execute(
        sa.select(_findings.name, _findings.vendor, _findings.category)
        .where(_findings.tool == row.tool)
        .limit(1)
    ).one()
    return ToolRow(
        tool=row.tool,
        name=named.name,
        vendor=named.vendor,
        category=named.category,
        devices=row.devices,
        people=row.people,
        findings=row.findings,
        running=int(row.running),
        banned=int(row.banned),
        unlisted=int(row.unlisted),
        approved=int(row.approved),
        exempt=int(row.exempt),
    )


def with_banned(connection: Connection) -> int:
    """How many devices have a banned tool now."""
    query = sa.select(_distinct(_findings.device)).where(_findings.ruling == "banned", _in_use())
    return connection.execute(query).scalar_one()


def versions(connection: Connection, tool: str) -> tuple[VersionCount, ...]:
    """The versions of a tool, most devices first."""
    rows = connection.execute(
        sa.select(
            _findings.version,
            _distinct(_findings.device).label("devices"),
            sa.func.count().label("findings"),
        )
        .where(_findings.tool == tool, _in_use())
        .group_by(_findings.version)
        .order_by(sa.desc("devices"), _findings.version)
        .limit(MOST)
    )
    return tuple(VersionCount(version=r.version, devices=r.devices, findings=r.findings) for r in rows)


def owners(connection: Connection, tool: str) -> tuple[OwnerCount, ...]:
    """Whose they are, most devices first."""
    rows = connection.execute(
        sa.select(
            _findings.owner,
            _distinct(_findings.device).label("devices"),
            sa.func.count().label("findings"),
        )
        .where(_findings.tool == tool, _in_use())
        .group_by(_findings.owner)
        .order_by(sa.desc("devices"), _findings.owner)
        .limit(MOST)
    )
    return tuple(OwnerCount(owner=r.owner, devices=r.devices, findings=r.findings) for r in rows)


def done(connection: Connection, tool: str) -> tuple[DoneCount, ...]:
    """What agents did about a tool, where they acted or could not."""
    events = schema.events.c
    rows = connection.execute(
        sa.select(events.done, sa.func.count().label("events"), sa.func.max(events.time).label("latest"))
        .where(ACTED, events.tool == tool)
        .group_by(events.done)
        .order_by(events.done)
    )
    return tuple(DoneCount(done=r.done, events=r.events, latest=from_us(r.latest)) for r in rows)


def page(connection: Connection, tool: str, after: str | None, limit: int) -> FindingPage:
    """The findings of a tool over the fleet."""
    order = (_devices.hostname, _findings.device, _findings.owner, _findings.key)
    query = _select_findings().where(_findings.tool == tool, _devices.revoked.is_(None))
    if after is not None:
        hostname, number, owner, key = cursor.read(after, tuple[str, int, str, bytes])
        place = (
            sa.literal(hostname, sa.Text),
            sa.literal(number, sa.BigInteger),
            sa.literal(owner, sa.Text),
            sa.literal(key, sa.LargeBinary),
        )
        query = query.where(sa.tuple_(*order) > sa.tuple_(*place))
    found = connection.execute(query.order_by(*order).limit(limit + 1)).all()
    last = found[limit - 1] if len(found) > limit else None
    return FindingPage(
        rows=tuple(_finding_row(row) for row in found[:limit]),
        next=cursor.write(last.hostname, last.device, last.owner, last.key) if last is not None else None,
    )


def of_device(connection: Connection, device: str) -> tuple[FindingRow, ...]:
    """A device's findings, in the order of concern."""
    query = (
        _select_findings()
        .where(_findings.device == schema.number_of(device))
        .order_by(_findings.key)
        .limit(MOST)
    )
    rank = {ruling.value: place for place, ruling in enumerate(_ORDER)}
    rows = [_finding_row(row) for row in connection.execute(query)]
    return tuple(sorted(rows, key=lambda row: (rank[row.ruling], row.name, row.owner, row.state, row.path)))


def _select_findings() -> sa.Select[Any]:
    return sa.select(
        _devices.id,
        _findings.device,
        _findings.key,
        _findings.owner,
        _findings.outcome,
        _findings.first_seen,
        _findings.changed,
        _devices.hostname,
    ).join(schema.devices, _devices.n == _findings.device)


def _finding_row(row: Any) -> FindingRow:
    outcome = _decoder.decode(row.outcome)
    verdict = outcome.verdict
    finding = verdict.finding
    return FindingRow(
        device=row.id,
        hostname=row.hostname,
        tool=finding.tool,
        name=finding.name,
        vendor=finding.vendor,
        category=finding.category,
        version=finding.version,
        state=finding.state,
        confidence=finding.confidence,
        because=finding.because,
        owner=finding.owner.name,
        uid=finding.owner.uid,
        path=finding.path,
        form=finding.form,
        pid=finding.pid,
        ruling=verdict.ruling,
        action=verdict.action,
        done=outcome.done,
        detail=outcome.detail,
        reason=verdict.reason,
        why=verdict.why,
        message=verdict.message,
        policy=verdict.policy,
        catalog=verdict.catalog,
        first_seen=from_us(row.first_seen),
        changed=from_us(row.changed),
    )


def _distinct(column: sa.ColumnElement[Any]) -> sa.Function[int]:
    return sa.func.count(sa.distinct(column))
