"""What a server knows of its fleet, as `policy plan` takes it: from the server, or from a file in CI.

Lines of JSON, gzipped: a head, then devices, each after the kinds of findings that it is the first to have,
and an end that tells a whole file from one that broke off. A kind is told once, however many have it, so a
large fleet is a small file and each kind is judged once. No path, process id or user id is in it, and no time
but days.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from aipolicy.core.model import Action, Confidence, Record, Ruling, State

SCHEMA: Final = "aipolicy.inventory/1"
INVENTORY_PATH: Final = "/api/v1/inventory"
MEDIA_TYPE: Final = "application/x-ndjson"


class InForce(Record, frozen=True, kw_only=True):
    """The policy that the server published last. name: the file's. content: its text."""

    number: int
    name: str
    content: str


class Arrivals(Record, frozen=True, kw_only=True):
    """When the events of the log were received.

    events: about how many there are. days: of some of them, evenly spread in the order in which they came,
    the day counted from 1970.
    """

    events: int
    days: tuple[int, ...]

    def before(self, day: int) -> int:
        """About how many were received before that day, counted from 1970."""
        return round(self.events * sum(each < day for each in self.days) / max(1, len(self.days)))


class Head(Record, frozen=True, kw_only=True):
    """The first line. taken_at: when it was asked for. policy: null where the server publishes none.

    names: whether people and hosts bear their names; else they are numbered. arrivals: null from a server
    that does not tell.
    """

    schema: str = SCHEMA
    taken_at: datetime
    policy: InForce | None = None
    names: bool = True
    arrivals: Arrivals | None = None


class KindOfFinding(msgspec.Struct, frozen=True, array_like=True, tag="kind", gc=False):
    """What several findings have in common: all that a policy can tell apart of them, and what holds now.

    because: kind and value of each piece of evidence. ruling, action, rule: as the agents reported them.
    """

    tool: str
    name: str
    vendor: str
    category: str
    version: str | None
    state: State
    confidence: Confidence
    because: tuple[tuple[str, str], ...]
    ruling: Ruling
    action: Action
    rule: str


class OwnersFindings(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one person has on one device.

    owner: the login name. kinds: the number of each finding's kind, in the order in which kinds are told.
    blocks: for each finding the day, counted from 1970, from which on the agent will block it, 0 where it
    said none; left out where all are 0.
    """

    owner: str
    kinds: tuple[int, ...]
    blocks: tuple[int, ...] = ()


class DeviceInventory(msgspec.Struct, frozen=True, array_like=True, tag="device", gc=False):
    """One device. id: the server's. tags: as IT gave them, null where they are not known. has: by person."""

    id: str
    hostname: str
    os: str
    tags: tuple[str, ...] | None
    has: tuple[OwnersFindings, ...]


class End(msgspec.Struct, frozen=True, array_like=True, tag="end", gc=False):
    """The last line: how much there was."""

    devices: int
    findings: int


Line = KindOfFinding | DeviceInventory | End

_encoder = msgspec.json.Encoder()
_heads = msgspec.json.Decoder(Head)
_lines = msgspec.json.Decoder(Line)


class InventoryError(Exception):
    """It is no inventory, or not a whole one; the text says why."""


class Writer:
    """Writes the lines. Each kind comes before the first device that has it."""

    def __init__(self) -> None:
        self._numbers: dict[KindOfFinding, int] = {}
        self._told = 0
        self._devices = 0
        self._findings = 0

    def head(self, head: Head) -> bytes:
        return _line(head)

    def kind(self, kind: KindOfFinding) -> tuple[int, bytes]:
        """The kind's number, and its line where it was not told before."""
        number = self._numbers.setdefault(kind, len(self._numbers))
        if number < self._told:
            return number, b""
        self._told += 1
        return number, _line(kind)

    def device(
        self,
        *,
        id: str,
        hostname: str,
        os: str,
        tags: Iterable[str] | None,
        findings: Iterable[tuple[str, int, int]],
    ) -> bytes:
        """The line of one device. findings: whose each is, its kind's number, the day that it blocks from."""
        by_owner: dict[str, list[tuple[int, int]]] = {}
        for owner, number, blocks in findings:
            by_owner.setdefault(owner, []).append((number, blocks))
            self._findings += 1
        self._devices += 1
        has = tuple(_of_owner(owner, each) for owner, each in by_owner.items())
        labels = None if tags is None else tuple(tags)
        return _line(DeviceInventory(id, hostname, os, labels, has))

    def end(self) -> bytes:
        return _line(End(self._devices, self._findings))


def _of_owner(owner: str, findings: list[tuple[int, int]]) -> OwnersFindings:
    blocks = tuple(day for _, day in findings)
    return OwnersFindings(owner, tuple(number for number, _ in findings), blocks if any(blocks) else ())


def _line(value: object) -> bytes:
    return _encoder.encode(value) + b"\n"


def read_head(line: bytes) -> Head:
    """The head. Raises InventoryError."""
    try:
        head = _heads.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InventoryError("it does not begin as an inventory does") from error
    if head.schema != SCHEMA:
        raise InventoryError(f"it is {head.schema[:50]!r}, and this version of aipolicy reads {SCHEMA}")
    return head


def read_lines(lines: Iterable[bytes]) -> Iterator[KindOfFinding | DeviceInventory]:
    """What follows the head, to the end. Raises InventoryError."""
    kinds = devices = findings = 0
    for number, line in enumerate(lines, start=2):
        try:
            value = _lines.decode(line)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise InventoryError(f"line {number} is no line of an inventory: {error}") from error
        if isinstance(value, DeviceInventory):
            devices += 1
            for one in value.has:
                findings += len(one.kinds)
                if one.kinds and not 0 <= min(one.kinds) <= max(one.kinds) < kinds:
                    raise InventoryError(f"line {number} names a kind that was not told before")
                if one.blocks and len(one.blocks) != len(one.kinds):
                    raise InventoryError(f"line {number} tells days of other findings than it has")
        elif isinstance(value, End):
            if (value.devices, value.findings) != (devices, findings):
                raise InventoryError("devices are missing in it")
            return
        else:
            kinds += 1
        yield value
    raise InventoryError("it broke off: its last line is missing")


def without_names(devices: Iterable[KindOfFinding | DeviceInventory]) -> Iterator[bytes]:
    """The lines after the head with numbers in place of people and hosts."""
    people: dict[str, int] = {}
    count = findings = 0
    for value in devices:
        if isinstance(value, DeviceInventory):
            count += 1
            has = []
            for one in value.has:
                findings += len(one.kinds)
                person = people.setdefault(one.owner, len(people) + 1)
                has.append(OwnersFindings(f"person-{person}", one.kinds, one.blocks))
            name = f"device-{count}"
            value = DeviceInventory(value.id, name, value.os, value.tags, tuple(has))
        yield _line(value)
    yield _line(End(count, findings))
