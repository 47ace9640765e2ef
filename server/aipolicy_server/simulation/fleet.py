"""The machines of a made-up company, one by one: whose they are, what lies on them, what happened there."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final, TypeVar

from msgspec.structs import replace

from aipolicy.core.decide import decide
from aipolicy.core.model import (
    Action,
    Context,
    Done,
    Event,
    Finding,
    Gone,
    Health,
    Outcome,
    Owner,
    Record,
    State,
    Unseen,
)
from aipolicy.core.policy import Policy
from aipolicy.core.tools import Catalog
from aipolicy.core.wire import HostInfo
from aipolicy_server.clock import uuid7
from aipolicy_server.simulation.people import KEEN, Person, person
from aipolicy_server.simulation.policies import Written
from aipolicy_server.simulation.shelf import Ware

T = TypeVar("T")

_SITES: Final = {"ber": 30, "fra": 25, "lon": 20, "nyc": 15, "blr": 10}
_KINDS: Final = {"lt": 74, "ws": 18, "vm": 8}
_SYSTEMS: Final = {
    ("linux", "Ubuntu 24.04"): 40,
    ("linux", "Debian 12"): 25,
    ("macos", "15.6"): 22,
    ("windows", "11 24H2"): 13,
}
_TAGS: Final = {"pilot": 0.05, "build-farm": 0.03, "customer-data": 0.1}
_OLDEST_DAYS: Final = 90
_DONE: Final = {
    Action.ALLOW: Done.ALLOWED,
    Action.REPORT: Done.REPORTED,
    Action.WARN: Done.WARNED,
    Action.BLOCK: Done.ENDED,
}


class Company(Record, frozen=True, kw_only=True):
    """What every machine has in common.

    now: the end of the day that is told. each: findings on a machine on average. people: how many there are.
    weights: of the wares, added up. current: the policy in force. before: the one that some still have.
    """

    seed: int
    now: datetime
    each: float
    people: int
    wares: Sequence[Ware]
    weights: Sequence[float]
    catalog: Catalog
    current: Written
    before: Written


class SimulatedDevice(Record, frozen=True, kw_only=True):
    """One machine.

    policy: the one it enforces, null where it never checked in. last_seen: null likewise.
    first: what it told when it was enrolled. today: what it told in the last day. events have no device yet.
    """

    host: HostInfo
    tags: tuple[str, ...]
    people: tuple[Person, ...]
    enrolled: datetime
    last_seen: datetime | None
    policy: Written | None
    first: tuple[Event, ...]
    today: tuple[Event, ...]


def device(company: Company, place: int, device_id: str) -> SimulatedDevice:
    """The machine at this place, always the same one. device_id: what the server calls it."""
    chance = Random(f"{company.seed} device {place}")
    host = _host(chance, place)
    owners = tuple(_people(company, place, chance))
    enrolled = company.now - timedelta(days=1 + chance.random() * (_OLDEST_DAYS - 1))
    heard = _last_seen(company, chance)
    policy = company.before if chance.random() < 0.12 else company.current
    found = list(_findings(company, owners, chance))
    events = _Events(company, policy.policy, device_id, host, chance)
    first = [events.at(enrolled, Health(part="agent", condition="started"))]
    first += [events.at(enrolled, events.outcome(f)) for f in found if f.state is State.INSTALLED]
    today: list[Event] = []
    if heard is not None and heard > company.now - timedelta(days=1):
        today = sorted(_today(events, found, company, chance), key=lambda event: event.time)
    return SimulatedDevice(
        host=host,
        tags=tuple(tag for tag, odds in _TAGS.items() if chance.random() < odds),
        people=owners,
        enrolled=enrolled,
        last_seen=heard,
        policy=None if heard is None else policy,
        first=tuple(first) if heard is not None else (),
        today=tuple(today),
    )


def _host(chance: Random, place: int) -> HostInfo:
    system, version = _pick(chance, _SYSTEMS)
    name = f"{_pick(chance, _SITES)}-{_pick(chance, _KINDS)}-{place:06}"
    arch = "arm64" if system == "macos" else "x86_64"
    return HostInfo(hostname=name, os=system, os_version=version, arch=arch, agent_version="0.1.0")


def _pick(chance: Random, options: Mapping[T, int]) -> T:
    return chance.choices(tuple(options), tuple(options.values()))[0]


def _people(company: Company, place: int, chance: Random) -> Iterator[Person]:
    """Mostly one; some have a second machine, some machines are shared."""
    yield person(place % company.people, company.seed)
    if chance.random() < 0.08:
        for _ in range(chance.randrange(1, 4)):
            yield person(chance.randrange(company.people), company.seed)


def _last_seen(company: Company, chance: Random) -> datetime | None:
    """Mostly within the last quarter of an hour; some are silent, few never called."""
    luck = chance.random()
    if luck < 0.01:
        return None
    if luck < 0.06:
        return company.now - timedelta(hours=1 + chance.random() * 400)
    return company.now - timedelta(minutes=chance.random() * 15)


def _findings(company: Company, people: Sequence[Person], chance: Random) -> Iterator[Finding]:
    """A few have very many, many have none; each is there once."""
    seen = set()
    for each in people:
        keen = 1.6 if each.groups[0] in KEEN else 0.5
        mean = company.each * keen / _KEENNESS / len(people)
        for _ in range(min(200, int(chance.expovariate(1 / mean)) if mean > 0 else 0)):
            finding = _finding(company, each.owner, chance)
            key = (finding.tool, finding.owner.uid, finding.path, finding.state)
            if key not in seen:
                seen.add(key)
                yield finding


_KEENNESS: Final = 0.74
"""What is lost above: whole numbers are rounded down, and some of what is drawn is there already."""


def _finding(company: Company, owner: Owner, chance: Random) -> Finding:
    ware = chance.choices(company.wares, cum_weights=company.weights)[0]
    version = ware.versions[min(int(chance.expovariate(0.7)), len(ware.versions) - 1)]
    if ware.running and chance.random() < 0.2:
        finding = chance.choice(ware.running)
        return replace(finding, owner=owner, version=version, pid=chance.randrange(300, 99_999))
    forms = ware.installed
    finding = forms[min(int(chance.expovariate(1.2)), len(forms) - 1)]
    return replace(finding, owner=owner, version=version, path=_elsewhere(finding.path, chance))


def _elsewhere(path: str, chance: Random) -> str:
    """Now and then a second copy in a folder of one's own."""
    if chance.random() < 0.85 or not path.startswith("~/"):
        return path
    return f"~/work/project-{chance.randrange(20)}/{path[2:]}"


class _Events:
    """Makes the events of one machine."""

    def __init__(
        self, company: Company, policy: Policy, device_id: str, host: HostInfo, chance: Random
    ) -> None:
        self._company = company
        self._policy = policy
        self._device = device_id
        self._host = host
        self._chance = chance

    def at(self, when: datetime, about: Outcome | Gone | Unseen | Health) -> Event:
        name = uuid7(when, self._chance.randbytes(10))
        return Event(id=name, device=self._device, time=when, about=about)

    def outcome(self, finding: Finding) -> Outcome:
        """What the agent makes of it; what lies there is not ended, only what runs."""
        context = Context(
            now=self._company.now,
            device=self._device,
            hostname=self._host.hostname,
            os=self._host.os,
            owner=finding.owner.name,
        )
        verdict = decide(finding, self._policy, context, self._company.catalog.version)
        acts = finding.state is State.RUNNING or verdict.action is not Action.BLOCK
        return Outcome(verdict=verdict, done=_DONE[verdict.action] if acts else Done.REPORTED)


def _today(events: _Events, found: Sequence[Finding], company: Company, chance: Random) -> Iterator[Event]:
    def moment() -> datetime:
        return company.now - timedelta(seconds=chance.random() * 86_000)

    for finding in found:
        if finding.state is State.RUNNING:
            outcome = events.outcome(finding)
            when = moment()
            yield events.at(when, outcome)
            if outcome.done is Done.ENDED:
                gone = Gone(tool=finding.tool, state=finding.state, owner=finding.owner, path=finding.path)
                yield events.at(when + timedelta(seconds=2), gone)
        elif chance.random() < 0.01:
            gone = Gone(tool=finding.tool, state=finding.state, owner=finding.owner, path=finding.path)
            yield events.at(moment(), gone)
    if chance.random() < 0.02:
        yield events.at(moment(), Unseen(place="/mnt/share", reason="network filesystem"))
    if chance.random() < 0.01:
        yield events.at(moment(), Health(part="process events", condition="polling"))
