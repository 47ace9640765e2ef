"""When graces began on each device, and what a machine that enrols anew gets back (docs/adr/0015)."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.first_sights import MOST_TOLD, FirstSight, digest
from aipolicy_server.clock import from_us, to_us
from aipolicy_server.store import schema
from aipolicy_server.store.upsert import insert_into

_devices = schema.devices.c
_presence = schema.presence.c
_table = schema.first_sights
_sights = _table.c


def differ(connection: Connection, device_id: str, device_digest: str) -> bool:
    """Whether the device must tell its own: others are known here, or not yet which machine it is."""
    query = sa.select(_devices.n, _devices.machine).where(_devices.id == device_id)
    device = connection.execute(query).first()
    if device is None:  # it was just erased
        return False
    return device.machine is None or digest(_of_device(connection, device.n)) != device_digest


def exchange(
    connection: Connection, device_id: str, machine: str, told: Iterable[FirstSight]
) -> tuple[FirstSight, ...] | None:
    """Keeps the earliest of what the device tells and what is known of its machine; all of that.

    machine: the hash of its name, empty where it has none. What is told was checked before. None: there is no
    such device any more.
    """
    row = connection.execute(
        sa.update(schema.devices)
        .where(_devices.id == device_id)
        .values(machine=machine)
        .returning(_devices.n, _devices.enrolled)
    ).first()
    if row is None:
        return None
    earlier = _of_machine(connection, machine, row.n, row.enrolled) if machine else ()
    _keep(connection, row.n, (*told, *earlier))
    _forget_oldest(connection, row.n)
    return _of_device(connection, row.n)


def of_device(connection: Connection, device_id: str) -> tuple[FirstSight, ...]:
    """Those of one device, the earliest first."""
    number = connection.execute(sa.select(_devices.n).where(_devices.id == device_id)).scalar()
    return () if number is None else _of_device(connection, number)


def forget(connection: Connection, number: int) -> int:
    """Removes those of a device; how many."""
    return connection.execute(sa.delete(_table).where(_sights.device == number)).rowcount


def _of_device(connection: Connection, number: int) -> tuple[FirstSight, ...]:
    query = sa.select(_sights.tool, _sights.entry, _sights.at).where(_sights.device == number)
    return tuple(_sight(row) for row in connection.execute(query.order_by(_sights.at, _sights.tool)))


def _of_machine(connection: Connection, machine: str, number: int, enrolled: int) -> tuple[FirstSight, ...]:
    """Of other devices that are the same machine, and have been silent since this one enrolled.

    One that is still heard of is another machine: a copy that calls itself by the same name.
    """
    heard = sa.func.coalesce(_presence.last_seen, _devices.enrolled)
    query = (
        sa.select(_sights.tool, _sights.entry, sa.func.min(_sights.at).label("at"))
        .join(schema.devices, _devices.n == _sights.device)
        .join(schema.presence, _presence.device == _devices.n)
        .where(_devices.machine == machine, _devices.n != number, heard <= enrolled)
        .group_by(_sights.tool, _sights.entry)
        .order_by(sa.desc("at"))
        .limit(MOST_TOLD)
    )
    return tuple(_sight(row) for row in connection.execute(query))


def _keep(connection: Connection, number: int, sights: Iterable[FirstSight]) -> None:
    earliest: dict[tuple[str, str], int] = {}
    for sight in sights:
        key, at = (sight.tool, sight.entry), to_us(sight.at.replace(microsecond=0))
        earliest[key] = min(at, earliest.get(key, at))
    if not earliest:
        return
    insert = insert_into(connection.dialect.name, _table)
    statement = insert.on_conflict_do_update(
        index_elements=["device", "tool", "entry"],
        set_={"at": insert.excluded.at},
        where=insert.excluded.at < _sights.at,
    )
    rows = [
        {"device": number, "tool": tool, "entry": entry, "at": at}
        for (tool, entry), at in sorted(earliest.items())
    ]
    connection.execute(statement, rows)


def _forget_oldest(connection: Connection, number: int) -> None:
    """The bound per device, as the agent has it."""
    mine = sa.select(_sights.tool, _sights.entry).where(_sights.device == number)
    extra = mine.order_by(_sights.at.desc(), _sights.tool.desc(), _sights.entry.desc()).offset(MOST_TOLD)
    rows = connection.execute(extra).all()
    for row in rows:
        connection.execute(
            sa.delete(_table).where(
                _sights.device == number, _sights.tool == row.tool, _sights.entry == row.entry
            )
        )


def _sight(row: Any) -> FirstSight:
    return FirstSight(tool=row.tool, entry=row.entry, at=from_us(row.at))
