"""The whole fleet and what it has, as `policy plan` asks for it: a stream of lines, as the tables are now.

A page of devices and all their findings are two statements, however many devices there are.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.inventory import Arrivals, Head, InForce, KindOfFinding, Writer
from aipolicy.core.model import Action, Confidence, Ruling, State
from aipolicy_server.clock import to_us
from aipolicy_server.store import policies, rollouts, schema

_PAGE: Final = 1000
_MOST_KNOWN: Final = 50_000
_SAMPLES: Final = 500
_DAY_US: Final = 86_400_000_000

_devices = schema.devices.c
_findings = schema.findings.c
_events = schema.events.c


class _Evidence(msgspec.Struct, gc=False):
    kind: str
    value: str


class _Finding(msgspec.Struct, gc=False):
    tool: str
    name: str
    vendor: str
    category: str
    version: str | None
    state: State
    confidence: Confidence
    because: tuple[_Evidence, ...]


class _Verdict(msgspec.Struct, gc=False):
    finding: _Finding
    ruling: Ruling
    action: Action
    reason: str
    blocks_from: datetime | None = None


class _Outcome(msgspec.Struct, gc=False):
    """Of a stored outcome, what an inventory needs."""

    verdict: _Verdict


_decode = msgspec.json.Decoder(_Outcome).decode

Reading = Callable[[], AbstractContextManager[Connection]]


def lines(reading: Reading, now: datetime) -> Iterator[bytes]:
    """The inventory of every device that is not revoked, in portions that hold whole lines.

    Page by page, each on a connection of its own, as queries.every_event does and for its reason.
    """
    writer = Writer()
    kinds = Kinds(writer)
    with reading() as connection:
        number = rollouts.for_everybody(connection)
        last = policies.answer(connection, number) if number else None
        arrivals = _arrivals(connection)
    in_force = None if last is None else InForce(number=last.number, name=last.name, content=last.content)
    yield writer.head(Head(taken_at=now, policy=in_force, arrivals=arrivals))
    after = 0
    while True:
        with reading() as connection:
            devices = _page(connection, after)
            findings = _of(connection, devices) if devices else {}
        if not devices:
            break
        yield b"".join(_written(writer, kinds, devices, findings))
        after = devices[-1].n
    yield writer.end()


def _arrivals(connection: Connection) -> Arrivals:
    """From a few events, by their numbers: to count those of an age, every one would have to be read."""
    first, last = connection.execute(sa.select(sa.func.min(_events.n), sa.func.max(_events.n))).one()
    if first is None:
        return Arrivals(events=0, days=())
    count = last - first + 1
    step = max(1, count // _SAMPLES)
    some = sa.select(_events.received).where(_events.n.in_(range(first, last + 1, step)))
    rows = connection.execute(some.order_by(_events.n)).scalars()
    return Arrivals(events=count, days=tuple(received // _DAY_US for received in rows))


def _page(connection: Connection, after: int) -> Sequence[Any]:
    query = (
        sa.select(_devices.n, _devices.id, _devices.hostname, _devices.os, schema.presence.c.tags)
        .join(schema.presence, schema.presence.c.device == _devices.n)
        .where(_devices.n > after, _devices.revoked.is_(None))
        .order_by(_devices.n)
        .limit(_PAGE)
    )
    return connection.execute(query).all()


def _of(connection: Connection, devices: Sequence[Any]) -> dict[int, list[Any]]:
    """The findings of these devices, by device; those of revoked ones in between are there, too."""
    query = (
        sa.select(_findings.device, _findings.owner, _findings.outcome)
        .where(_findings.device.between(devices[0].n, devices[-1].n))
        .order_by(_findings.device, _findings.key)
    )
    return {n: list(rows) for n, rows in groupby(connection.execute(query), itemgetter(0))}


class Kinds:
    """The number of each finding's kind, from the outcome as it is stored."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._known: dict[tuple[str, str], tuple[int, int]] = {}
        self.lines: list[bytes] = []
        """Those of kinds that were not told before."""

    def number(self, outcome: str) -> tuple[int, int]:
        """The kind's number and the day from which it is blocked.

        Most outcomes differ only in whose it is and where it lies, which our own encoder writes between the
        keys `owner` and `ruling` (within a text these would have backslashes before their quotes). The rest
        tells the kind, so it is read once.
        """
        head, _, rest = outcome.partition('"owner":{')
        told = head, rest[rest.find('"ruling":') :]
        found = self._known.get(told)
        if found is None:
            kind, blocks = kind_of(outcome)
            number, line = self._writer.kind(kind)
            if line:
                self.lines.append(line)
            if len(self._known) >= _MOST_KNOWN:  # what differs in a moment or a detail would fill the memory
                self._known.clear()
            found = self._known[told] = number, blocks
        return found


def _written(
    writer: Writer, kinds: Kinds, devices: Sequence[Any], findings: dict[int, list[Any]]
) -> Iterator[bytes]:
    for row in devices:
        found = [(owner, *kinds.number(outcome)) for _, owner, outcome in findings.get(row.n, ())]
        yield from kinds.lines
        kinds.lines.clear()
        yield writer.device(id=row.id, hostname=row.hostname, os=row.os, tags=_tags(row), findings=found)


def _tags(row: Any) -> tuple[str, ...] | None:
    return None if row.tags is None else msgspec.json.decode(row.tags, type=tuple[str, ...])


def kind_of(outcome: str) -> tuple[KindOfFinding, int]:
    verdict = _decode(outcome).verdict
    finding = verdict.finding
    kind = KindOfFinding(
        finding.tool,
        finding.name,
        finding.vendor,
        finding.category,
        finding.version,
        finding.state,
        finding.confidence,
        tuple((one.kind, one.value) for one in finding.because),
        verdict.ruling,
        verdict.action,
        verdict.reason,
    )
    return kind, 0 if verdict.blocks_from is None else to_us(verdict.blocks_from) // _DAY_US
