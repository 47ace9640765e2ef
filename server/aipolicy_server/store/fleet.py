"""Devices as pages show them, and the alarms about them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy_server.clock import from_us, to_us
from aipolicy_server.store import cursor, policies, schema
from aipolicy_server.store.rows import AlarmRow, DeviceFilter, DevicePage, DeviceRow, PolicyCount

_devices = schema.devices.c
_presence = schema.presence.c
_findings = schema.findings.c


def page(
    connection: Connection, which: DeviceFilter, cutoff: datetime, after: str | None, limit: int
) -> DevicePage:
    """One page of devices. cutoff: who was last heard of before it is silent."""
    query = (
        _select_devices()
        .where(*_conditions(connection, which, cutoff))
        .order_by(_devices.hostname, _devices.n)
        .limit(limit + 1)
    )
    if after is not None:
        hostname, number = cursor.read(after, tuple[str, int])
        query = query.where(
            sa.tuple_(_devices.hostname, _devices.n)
            > sa.tuple_(sa.literal(hostname, sa.Text), sa.literal(number, sa.BigInteger))
        )
    found = connection.execute(query).all()
    last = found[limit - 1] if len(found) > limit else None
    return DevicePage(
        rows=_rows(connection, found[:limit], cutoff),
        next=cursor.write(last.hostname, last.n) if last is not None else None,
    )


def one(connection: Connection, device_id: str, cutoff: datetime) -> DeviceRow | None:
    """One device."""
    found = connection.execute(_select_devices().where(_devices.id == device_id)).all()
    return next(iter(_rows(connection, found, cutoff)), None)


def _select_devices() -> sa.Select[Any]:
    return sa.select(
        *schema.devices.columns, *(c for c in schema.presence.columns if c.name != "device")
    ).join(schema.presence, _presence.device == _devices.n)


def is_silent(cutoff: datetime) -> sa.ColumnElement[bool]:
    """Not revoked, and not heard of since the cutoff; a device that only enrolled counts from then."""
    heard = sa.func.coalesce(_presence.last_seen, _devices.enrolled)
    return sa.and_(_devices.revoked.is_(None), heard < to_us(cutoff))


def is_held() -> sa.ColumnElement[bool]:
    """Not revoked, and kept below its policy's mode by something."""
    return sa.and_(_devices.revoked.is_(None), sa.func.coalesce(_presence.ceiling, "") != "")


def is_unscanned() -> sa.ColumnElement[bool]:
    """Not revoked, and its first scan has not ended: what it has is not known yet."""
    return sa.and_(_devices.revoked.is_(None), _presence.scanned.is_(False))


def is_in_safe_mode() -> sa.ColumnElement[bool]:
    """Not revoked, and only reports since its starts went wrong: one of what `daemon.ceilings` joins to what
    a check-in says.
    """
    said = sa.literal("; ") + sa.func.coalesce(_presence.ceiling, "")
    return sa.and_(_devices.revoked.is_(None), said.like("%; safe mode: %"))


def _conditions(
    connection: Connection, which: DeviceFilter, cutoff: datetime
) -> Iterator[sa.ColumnElement[bool]]:
    if which.text:
        yield sa.or_(
            _devices.hostname.icontains(which.text, autoescape=True),
            _devices.id.icontains(which.text, autoescape=True),
        )
    if which.tool:
        yield _devices.n.in_(sa.select(_findings.device).where(_findings.tool == which.tool))
    if which.policy:
        yield _presence.policy == which.policy
    if which.standing:
        yield _devices.revoked.is_(None)
        yield policies.standing(policies.number(connection)) == which.standing
    if which.held:
        yield is_held()
    if which.safe:
        yield is_in_safe_mode()
    if which.unscanned:
        yield is_unscanned()
    if which.silent:
        yield is_silent(cutoff)
    if which.banned:
        yield _devices.n.in_(sa.select(_findings.device).where(_findings.ruling == "banned"))


def _rows(connection: Connection, found: Sequence[Any], cutoff: datetime) -> tuple[DeviceRow, ...]:
    """The typed rows, with what is counted for these devices only."""
    counted = {
        row.device: row
        for row in connection.execute(
            sa.select(
                _findings.device,
                sa.func.count().label("findings"),
                sa.func.sum(sa.case((_findings.ruling == "banned", 1), else_=0)).label("banned"),
            )
            .where(_findings.device.in_([row.n for row in found]))
            .group_by(_findings.device)
        )
    }
    names = connection.execute(
        sa.select(_devices.hostname, sa.func.count().label("devices"))
        .where(_devices.hostname.in_({row.hostname for row in found}), _devices.revoked.is_(None))
        .group_by(_devices.hostname)
    )
    same_name = {row.hostname: row.devices for row in names}
    return tuple(_row(row, counted.get(row.n), same_name.get(row.hostname, 0), cutoff) for row in found)


def _row(row: Any, counted: Any, same_name: int, cutoff: datetime) -> DeviceRow:
    heard = row.last_seen if row.last_seen is not None else row.enrolled
    return DeviceRow(
        id=row.id,
        hostname=row.hostname,
        os=row.os,
        os_version=row.os_version,
        arch=row.arch,
        agent_version=row.agent_version,
        enrolled=from_us(row.enrolled),
        last_seen=None if row.last_seen is None else from_us(row.last_seen),
        silent=row.revoked is None and heard < to_us(cutoff),
        revoked=None if row.revoked is None else from_us(row.revoked),
        left=None if row.left_at is None else from_us(row.left_at),
        policy=row.policy,
        mode=row.mode,
        catalog=row.catalog,
        process_events=row.process_events,
        pending=row.pending,
        published=row.published,
        refused=row.refused,
        refused_why=row.refused_why,
        ceiling=row.ceiling,
        scanned=row.scanned,
        findings=counted.findings if counted is not None else 0,
        banned=int(counted.banned) if counted is not None else 0,
        same_name=max(0, same_name - (row.revoked is None)),
    )


class Counts(NamedTuple):
    """How many devices are not revoked; of them: how many are silent, never reported, have not ended their
    first scan, are held back, and how many of these by safe mode.
    """

    devices: int
    silent: int
    never_seen: int
    unscanned: int
    held: int
    safe: int


def counts(connection: Connection, cutoff: datetime) -> Counts:
    """Of the whole fleet."""
    row = connection.execute(
        sa.select(
            sa.func.count(),
            *(
                sa.func.coalesce(sa.func.sum(sa.case((which, 1), else_=0)), 0)
                for which in (
                    is_silent(cutoff),
                    _presence.last_seen.is_(None),
                    is_unscanned(),
                    is_held(),
                    is_in_safe_mode(),
                )
            ),
        )
        .select_from(schema.devices.join(schema.presence, _presence.device == _devices.n))
        .where(_devices.revoked.is_(None))
    ).one()
    return Counts(*map(int, row))


def in_force(connection: Connection) -> tuple[PolicyCount, ...]:
    """Which policy versions are in force, most devices first."""
    rows = connection.execute(
        sa.select(_presence.policy, _presence.mode, sa.func.count().label("devices"))
        .join(schema.devices, _presence.device == _devices.n)
        .where(_devices.revoked.is_(None))
        .group_by(_presence.policy, _presence.mode)
        .order_by(sa.desc("devices"), _presence.policy, _presence.mode)
        .limit(100)
    )
    return tuple(PolicyCount(policy=row.policy, mode=row.mode, devices=row.devices) for row in rows)


def alarms(connection: Connection, limit: int, device_id: str | None = None) -> tuple[AlarmRow, ...]:
    """The latest alarms, of one device or of all."""
    table = schema.alarms.c
    query = (
        sa.select(*schema.alarms.columns, table.count.label("times"), _devices.id, _devices.hostname)
        .join(schema.devices, table.device == _devices.n)
        .order_by(table.last.desc(), table.device, table.kind, table.subject)
        .limit(limit)
    )
    if device_id is not None:
        query = query.where(table.device == schema.number_of(device_id))
    return tuple(
        AlarmRow(
            device=row.id,
            hostname=row.hostname,
            kind=row.kind,
            subject=row.subject,
            first=from_us(row.first),
            last=from_us(row.last),
            count=row.times,
        )
        for row in connection.execute(query).all()
    )


SILENT_AFTER = timedelta(minutes=45)
"""Three check-ins missed."""
