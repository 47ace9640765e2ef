"""Puts a made-up fleet into a database, by the intake's own functions: enrolled, told, checked in."""

import gzip
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from random import Random

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.model import Record
from aipolicy.core.wire import MAX_BATCH_EVENTS, Batch
from aipolicy_server import tokens
from aipolicy_server.clock import to_us, uuid7
from aipolicy_server.simulation.fleet import Company, SimulatedDevice, device
from aipolicy_server.simulation.policies import NAME
from aipolicy_server.store import admins, devices, policies, schema
from aipolicy_server.store.accept import Received, Stored, accept
from aipolicy_server.store.devices import NewDevice, Seen
from aipolicy_server.store.policies import Moved, NewPolicy
from aipolicy_server.store.store import Store

_TOGETHER = 250
"""Devices in one transaction: the disk's flush is shared, and a running server waits only briefly."""
_SPOOL = "simulated"
_BEFORE_DAYS, _CURRENT_DAYS = 60, 3
"""How long ago the two policies were published."""

_encode = msgspec.json.Encoder().encode


class Filled(Record, frozen=True, kw_only=True):
    """What was put in."""

    devices: int
    findings: int
    events: int


class NotEmpty(Exception):
    """The database holds devices already; the text says what to do."""


def check_empty(connection: Connection, seed: int, *, add: bool) -> None:
    """Raises NotEmpty where a fleet must not be put in."""
    if any(row.name == _secret_name(seed) for row in admins.secrets(connection)):
        raise NotEmpty(f"the fleet of seed {seed} is in there already: give another --seed")
    there = connection.execute(sa.select(sa.func.count()).select_from(schema.devices)).scalar_one()
    if there and not add:
        made_up = schema.devices.c.secret.like("simulated-%")
        real = connection.execute(sa.select(sa.func.count()).where(sa.not_(made_up))).scalar_one()
        raise NotEmpty(
            f"this database holds {there:,} devices already, {real:,} of them real, and its pages do not tell"
            " made-up ones apart. Give an empty folder with --data, or say --add"
        )


def fill(store: Store, company: Company, count: int, told: Callable[[int], None]) -> Filled:
    """Puts in `count` machines; `told` hears how many are in."""
    name = _secret_name(company.seed)
    secret = tokens.new(tokens.SECRET_PREFIX, Random(f"{company.seed} secret").randbytes)
    now_us = to_us(company.now)
    store.write_now(
        lambda connection: admins.add_secret(
            connection, name, tokens.hashed(secret), now_us, expires_us=None, uses=None
        )
    )
    numbers = store.write_now(partial(_publish, company=company))
    events = 0
    try:
        for start in range(0, count, _TOGETHER):
            some = [_made(company, place) for place in range(start, min(count, start + _TOGETHER))]
            put = partial(_put, some=some, company=company, numbers=numbers, secret=secret)
            events += store.write_now(put)
            told(start + len(some))
    finally:  # nobody else is let in with it
        store.write_now(lambda connection: admins.revoke_secret(connection, name, now_us))
    with store.reading() as connection:
        return Filled(devices=count, findings=_findings(connection, name), events=events)


def _secret_name(seed: int) -> str:
    return f"simulated-{seed}"


def _findings(connection: Connection, secret: str) -> int:
    mine = sa.select(schema.devices.c.n).where(schema.devices.c.secret == secret)
    table = schema.findings.c
    return connection.execute(sa.select(sa.func.count()).where(table.device.in_(mine))).scalar_one()


def _publish(connection: Connection, company: Company) -> dict[str, int]:
    """The numbers of the two policies by their version; 0, a file of its own, where others are published."""
    numbers = {company.before.policy.version: 0, company.current.policy.version: 0}
    if policies.number(connection):
        return numbers
    expected = 0
    for written, days in ((company.before, _BEFORE_DAYS), (company.current, _CURRENT_DAYS)):
        content = written.text.encode()
        new = NewPolicy(
            sha256=hashlib.sha256(content).hexdigest(),
            name=NAME,
            mode=written.policy.mode,
            content=content,
            commit="",
            author="it@example.com",
            approver="",
            by=_SPOOL,
            at_us=to_us(company.now - timedelta(days=days)),
        )
        published = policies.publish(connection, new, expected)
        if isinstance(published, Moved):
            raise AssertionError("a policy was published within our transaction")
        expected = numbers[published.version] = published.number
    return numbers


class _Made(Record, frozen=True, kw_only=True):
    """A machine, and what the database is told of it first."""

    new: NewDevice
    device: SimulatedDevice


def _made(company: Company, place: int) -> _Made:
    chance = Random(f"{company.seed} id {place}")
    name = uuid7(company.now, chance.randbytes(10))
    one = device(company, place, name)
    # Nobody holds a token with this hash: no made-up machine can be spoken for.
    return _Made(new=NewDevice(id=name, token_hash=chance.randbytes(32).hex(), host=one.host), device=one)


def _put(
    connection: Connection,
    some: Sequence[_Made],
    company: Company,
    numbers: Mapping[str, int],
    secret: str,
) -> int:
    """How many events were stored."""
    stored = 0
    for made in some:
        if not devices.enrol(connection, secret, made.new, to_us(made.device.enrolled)):
            raise NotEmpty("the fleet's own enrolment secret was withdrawn meanwhile: run it again")
        for batch in _batches(made):
            taken = accept(connection, batch)
            if not isinstance(taken, Stored):
                raise AssertionError("a new device's batch was there already")
            stored += taken.events
    seen = [(made.new.id, _seen(made.device, company, numbers)) for made in some]
    devices.note_seen(connection, [(name, said) for name, said in seen if said is not None])
    return stored


def _batches(made: _Made) -> Iterator[Received]:
    """As they came: at the enrolment, and in the last day."""
    one = made.device
    parts = [
        (when, events[start : start + MAX_BATCH_EVENTS])
        for when, events in ((one.enrolled, one.first), (one.last_seen, one.today))
        if when is not None
        for start in range(0, len(events), MAX_BATCH_EVENTS)
    ]
    for seq, (when, events) in enumerate(parts, start=1):
        body = _encode(Batch(device=made.new.id, spool=_SPOOL, seq=seq, events=events))
        yield Received(
            device=made.new.id,
            spool=_SPOOL,
            seq=seq,
            digest=hashlib.sha256(body).digest(),
            body=gzip.compress(body, 1, mtime=0),
            received_us=to_us(when),
            events=events,
        )


def _seen(one: SimulatedDevice, company: Company, numbers: Mapping[str, int]) -> Seen | None:
    if one.last_seen is None or one.policy is None:
        return None
    return Seen(
        last_seen=to_us(one.last_seen),
        policy=one.policy.policy.version,
        mode=one.policy.policy.mode.value,
        catalog=company.catalog.version,
        process_events="kernel",
        pending=0,
        tags=_encode(one.tags).decode(),
        published=numbers[one.policy.policy.version],
    )
