"""Removes what is stored about one person or one device, in steps, each with its record in one transaction.

A person is a login name as agents report it. Rows that are about somebody or something else and only mention
the name are counted and left: which of them is meant, and what else hangs on them, is for people to judge.
"""

import gzip
import hashlib
import hmac
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Column, Connection

from aipolicy_server.store import expiry, schema
from aipolicy_server.store.expiry import Removed
from aipolicy_server.store.upsert import insert_new

BLANK: Final = "(erased)"

_KEY: Final = "removals-key"
_ROWS: Final = 500
_BATCHES: Final = 2_000

_batches = schema.batches.c
_devices = schema.devices.c
_events = schema.events.c
_findings = schema.findings.c

NAMES: Final[tuple[Column[Any], ...]] = (
    schema.policies.c.author,
    schema.policies.c.approver,
    schema.policies.c.by,
    schema.brakes.c.by,
    schema.rollouts.c.by,
    schema.removals.c.by,
)
"""Who did something, as one name: of a person who is erased it is blanked, what was done stays."""

MENTIONS: Final[tuple[tuple[str, Column[Any]], ...]] = (
    ("names of machines", _devices.hostname),
    ("events about others", _events.about),
    ("findings of others", _findings.outcome),
    ("reasons of the brake", schema.brakes.c.reason),
    ("reasons of a rollout's steps", schema.rollouts.c.reason),
    ("reasons of removals", schema.removals.c.reason),
    ("commits of policies", schema.policies.c.commit),
    ("texts of policies", schema.policies.c.content),
    ("names of admin tokens", schema.admins.c.name),
    *(("names of who did something", column) for column in NAMES),
)
"""Where a name may stand among other words."""

Whose = tuple[str, int | None]
"""A login name, and the number of the one device that is meant, None for all."""


class NoSuchDevice(Exception):
    """There is no device with this id."""


def subject(connection: Connection, cause: str, name: str, fresh: bytes) -> str:
    """The keyed hash under which the record knows somebody. fresh: the key, where there is none yet."""
    connection.execute(insert_new(connection, schema.shared), {"name": _KEY, "value": fresh})
    table = schema.shared.c
    key = bytes(connection.execute(sa.select(table.value).where(table.name == _KEY)).scalar_one())
    return hmac.new(key, f"{cause}\0{name}".encode("utf-8", "backslashreplace"), hashlib.sha256).hexdigest()


# --- a device --------------------------------------------------------------------------------------------


def dismiss(connection: Connection, device: str, now_us: int) -> int:
    """From here on nothing is taken from it, and it is told so for ever. Its number. Raises NoSuchDevice."""
    row = connection.execute(sa.select(_devices.n, _devices.token_hash).where(_devices.id == device)).first()
    if row is None:
        raise NoSuchDevice
    values = {"token_hash": row.token_hash, "at": now_us}
    connection.execute(insert_new(connection, schema.departed), values)
    connection.execute(
        sa.update(schema.devices)
        .where(_devices.n == row.n)
        .values(revoked=sa.func.coalesce(_devices.revoked, now_us))
    )
    number: int = row.n
    return number


def some_of_device(connection: Connection, number: int, device: str) -> Removed:
    """Some of what is left of it; empty once nothing is."""
    lock = sa.select(_devices.n).where(_devices.n == number).with_for_update()
    if connection.execute(lock).first() is None:
        return {}
    accused = sa.delete(schema.alarms).where(schema.alarms.c.subject == device)
    connection.execute(accused)  # of other devices that wrote in its name
    return expiry.of_device(connection, number, _ROWS)


# --- a person --------------------------------------------------------------------------------------------


def device_number(connection: Connection, device: str) -> int:
    """Raises NoSuchDevice."""
    number = connection.execute(sa.select(_devices.n).where(_devices.id == device)).scalar()
    if number is None:
        raise NoSuchDevice
    return int(number)


def some_of_person(connection: Connection, whose: Whose) -> Removed:
    """Some of the events and findings of what is theirs; empty once there are none."""
    name, device = whose
    mine = [_events.owner == name, *([] if device is None else [_events.device == device])]
    some = sa.select(_events.n).where(*mine).limit(_ROWS)
    removed = connection.execute(sa.delete(schema.events).where(_events.n.in_(some))).rowcount
    if removed:
        return {"events": removed}
    owned = [_findings.owner == name, *([] if device is None else [_findings.device == device])]
    removed = connection.execute(sa.delete(schema.findings).where(*owned)).rowcount
    return {"findings": removed} if removed else {}


def empty_batches(connection: Connection, whose: Whose, after: int) -> tuple[int, int | None]:
    """Empties those of the next batches that name the person; how many, and where to go on, None at the end.

    Their numbers stay: a batch that comes again is still known. What else was in them is in the event log.
    """
    name, device = whose
    query = sa.select(_batches.n, _batches.body).where(_batches.n > after, _batches.body != b"")
    if device is not None:
        query = query.where(_batches.device == device)
    rows = connection.execute(query.order_by(_batches.n).limit(_BATCHES)).all()
    named = [row.n for row in rows if _is_named(name, _text(bytes(row.body)))]
    if named:
        connection.execute(sa.update(schema.batches).where(_batches.n.in_(named)).values(body=b""))
    return len(named), rows[-1].n if len(rows) == _BATCHES else None


def blank_names(connection: Connection, name: str) -> int:
    """Blanks the name where it says who did something; in how many places."""
    blanked = 0
    for column in NAMES:
        done = sa.update(column.table).where(column == name).values({column.name: BLANK})
        blanked += connection.execute(done).rowcount
    return blanked


def mentions(connection: Connection, name: str) -> dict[str, int]:
    """Where the name still stands, as a word of its own: how many rows, by what they are."""
    found: Counter[str] = Counter()
    for what, column in MENTIONS:
        found[what] += sum(1 for text in _texts(connection, column, name) if _is_named(name, text))
    return {what: count for what, count in found.items() if count}


def _texts(connection: Connection, column: Column[Any], name: str) -> Iterator[str]:
    """What holds the name at all; whether as a word is judged by the caller. Bytes are all looked at."""
    query = sa.select(column)
    if not isinstance(column.type, sa.LargeBinary):
        query = query.where(column.contains(name, autoescape=True))
    for value in connection.execute(query).scalars():
        yield value if isinstance(value, str) else bytes(value).decode("utf-8", "replace")


def _is_named(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", text) is not None


def _text(body: bytes) -> str:
    """A batch as it was before it was compressed; one that cannot be read is taken as it is."""
    try:
        return gzip.decompress(body).decode("utf-8", "replace")
    except (OSError, EOFError, zlib.error):
        return body.decode("utf-8", "replace")
