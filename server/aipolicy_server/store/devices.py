"""Devices as the intake knows them: enrolled with a secret, recognised by a token, revoked by IT."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.model import Record
from aipolicy.core.wire import HostInfo
from aipolicy_server import tokens
from aipolicy_server.store import first_sights, schema


class Known(Record, frozen=True, kw_only=True):
    """Whose token it is, and whether it is still good.

    left: the device took its leave, or it was erased and its id is not known any more.
    """

    device: str
    revoked: bool
    left: bool = False


class NewDevice(Record, frozen=True, kw_only=True):
    """A device that asks to be let in. The id and the token's hash are made by the caller."""

    id: str
    token_hash: str
    host: HostInfo


def enrol(connection: Connection, secret: str, new: NewDevice, now_us: int) -> bool:
    """Lets the device in if the secret is good, and uses it up by one. False: it is not good."""
    name = _use_secret(connection, secret, now_us)
    if name is None:
        return False
    number = connection.execute(
        sa.insert(schema.devices).returning(schema.devices.c.n),
        {
            "id": new.id,
            "token_hash": new.token_hash,
            "secret": name,
            "enrolled": now_us,
            **host_columns(new.host),
        },
    ).scalar_one()
    connection.execute(sa.insert(schema.presence), {"device": number, "pending": 0})
    return True


def host_columns(host: HostInfo) -> dict[str, str]:
    """What a device says of itself, by column."""
    return {
        "hostname": host.hostname,
        "os": host.os,
        "os_version": host.os_version,
        "arch": host.arch,
        "agent_version": host.agent_version,
    }


def _use_secret(connection: Connection, secret: str, now_us: int) -> str | None:
    """The secret's name, after one use of it. Check and use are one statement: two can't share a use."""
    table = schema.secrets.c
    rows = connection.execute(sa.select(table.hash, table.name, table.uses_left)).all()
    found = tokens.find(secret, [row.hash for row in rows])
    if found is None:
        return None
    row = next(row for row in rows if row.hash == found)
    good = sa.and_(
        table.name == row.name,
        table.revoked.is_(None),
        sa.or_(table.expires.is_(None), table.expires > now_us),
    )
    name: str = row.name
    if row.uses_left is None:  # not counted, so that a fleet that enrols does not queue for one row
        return name if connection.execute(sa.select(table.name).where(good)).first() else None
    used = connection.execute(
        sa.update(schema.secrets).where(good, table.uses_left > 0).values(uses_left=table.uses_left - 1)
    )
    return name if used.rowcount == 1 else None


def secret_hashes(connection: Connection) -> frozenset[str]:
    """The hashes of all secrets, good or not: a guess is held against them before it costs a transaction."""
    return frozenset(connection.execute(sa.select(schema.secrets.c.hash)).scalars())


def by_token_hash(connection: Connection, token_hash: str) -> Known | None:
    """Whose token has this hash."""
    table = schema.devices.c
    query = sa.select(table.id, table.revoked, table.left_at).where(table.token_hash == token_hash)
    row = connection.execute(query).first()
    if row is not None and row.revoked is None:
        return Known(device=row.id, revoked=False)
    departed = schema.departed.c.token_hash
    if connection.execute(sa.select(departed).where(departed == token_hash)).first() is not None:
        return Known(device="", revoked=True, left=True)
    return None if row is None else Known(device=row.id, revoked=True, left=row.left_at is not None)


def revoke(connection: Connection, device: str, now_us: int) -> bool:
    """Withdraws the device's credential. False: no such device, or withdrawn before."""
    table = schema.devices.c
    done = connection.execute(
        sa.update(schema.devices).where(table.id == device, table.revoked.is_(None)).values(revoked=now_us)
    )
    return done.rowcount == 1


def leave(connection: Connection, device: str, now_us: int) -> None:
    """The device takes its leave: its credential is worth nothing from here on, what it reported stays.

    When its graces began it has itself; here that was only kept to be handed back to it.
    """
    table = schema.devices.c
    left = connection.execute(
        sa.update(schema.devices)
        .where(table.id == device)
        .values(revoked=sa.func.coalesce(table.revoked, now_us), left_at=now_us)
        .returning(table.n)
    )
    for number in left.scalars().all():
        first_sights.forget(connection, number)


class Seen(Record, frozen=True, kw_only=True):
    """That a device was heard of. The rest is of its last check-in, null when it only sent a batch.

    tags: as JSON, null where the agent does not tell them.
    """

    last_seen: int
    host: HostInfo | None = None
    policy: str | None = None
    mode: str | None = None
    catalog: str | None = None
    process_events: str | None = None
    pending: int | None = None
    published: int | None = None
    refused: int | None = None
    refused_why: str | None = None
    ceiling: str | None = None
    scanned: bool | None = None
    tags: str | None = None


def note_seen(connection: Connection, seen: Sequence[tuple[str, Seen]]) -> None:
    """Writes many devices' last signs of life; sorted, so that two nodes never wait for each other."""
    # the parameter names differ from the columns', which SQLAlchemy keeps for SET
    rows: list[dict[str, Any]] = [
        {
            "its_device": device,
            "seen": one.last_seen,
            "its_policy": one.policy,
            "its_mode": one.mode,
            "its_catalog": one.catalog,
            "its_process_events": one.process_events,
            "its_pending": one.pending,
            "its_published": one.published,
            "its_refused": one.refused,
            "its_refused_why": one.refused_why,
            "its_ceiling": one.ceiling,
            "its_scanned": one.scanned,
            "its_tags": one.tags,
        }
        for device, one in sorted(seen)
    ]
    if not rows:
        return
    connection.execute(_PRESENCE, rows)
    hosts = [
        {"its_device": device, **{f"its_{k}": v for k, v in host_columns(one.host).items()}}
        for device, one in sorted(seen)
        if one.host is not None
    ]
    if hosts:
        connection.execute(_HOST, hosts)


def _or_keep(name: str) -> Any:
    column = schema.presence.c[name]
    return sa.func.coalesce(sa.bindparam(f"its_{name}", type_=column.type), column)


_PRESENCE = (
    sa.update(schema.presence)
    .where(
        schema.presence.c.device
        == sa.select(schema.devices.c.n)
        .where(schema.devices.c.id == sa.bindparam("its_device"))
        .scalar_subquery()
    )
    .values(
        last_seen=sa.bindparam("seen"),
        policy=_or_keep("policy"),
        mode=_or_keep("mode"),
        catalog=_or_keep("catalog"),
        process_events=_or_keep("process_events"),
        pending=_or_keep("pending"),
        published=_or_keep("published"),
        refused=_or_keep("refused"),
        refused_why=_or_keep("refused_why"),
        ceiling=_or_keep("ceiling"),
        # One that starts anew has told what it found before.
        scanned=sa.case((schema.presence.c.scanned.is_(True), True), else_=_or_keep("scanned")),
        tags=_or_keep("tags"),
    )
)
_HOST_COLUMNS = ("hostname", "os", "os_version", "arch", "agent_version")
_HOST = (
    sa.update(schema.devices)
    .where(
        schema.devices.c.id == sa.bindparam("its_device"),
        sa.or_(*(schema.devices.c[name] != sa.bindparam(f"its_{name}") for name in _HOST_COLUMNS)),
    )
    .values({name: sa.bindparam(f"its_{name}") for name in _HOST_COLUMNS})
)
