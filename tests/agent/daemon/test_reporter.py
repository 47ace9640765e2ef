"""What was seen and done becomes events, each change once."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from aipolicy.core.model import Done, Event, Gone, Health, Outcome, Owner, State, Unseen
from aipolicy.daemon.reporter import Reporter
from aipolicy.state.identity import Identity
from aipolicy.state.store import Store
from host import FakeMachine
from sightings import outcome


class Bench:
    """A reporter over a real store, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.machine = FakeMachine(folder / "machine")
        self.bob = self.machine.add_user("bob")
        self.moved = timedelta()
        """How far the wall clock was put forwards."""
        self.store = Store.open(str(folder / "state"), now=self._now)
        self.woken = 0
        self.reporter = Reporter(self.store, self.machine, self._now, self._wake)

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.moved

    def _wake(self) -> None:
        self.woken += 1

    def told(self) -> list[Event]:
        return [msgspec.json.decode(raw, type=Event) for raw in self.store.events_about(self.bob.uid)]

    def finding(self, name: str = "claude", **fields: object) -> Outcome:
        where = f"{self.bob.home}/bin/{name}"
        owner = Owner(uid=self.bob.uid, name="bob")
        return outcome(path=where, owner=owner, **fields)  # type: ignore[arg-type]  # named by the test


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_a_finding_is_told_once_with_a_home_relative_path(bench: Bench) -> None:
    bench.reporter.survey([bench.finding()], [], [])
    bench.reporter.survey([bench.finding()], [], [])
    [event] = bench.told()
    assert isinstance(event.about, Outcome)
    assert event.about.verdict.finding.path == "~/bin/claude"
    assert bench.woken == 1


def test_a_finding_that_vanished_is_gone(bench: Bench) -> None:
    bench.reporter.survey([bench.finding()], [], [])
    bench.reporter.survey([], [], [])
    assert isinstance(bench.told()[-1].about, Gone)


def test_a_finding_that_could_not_be_looked_at_is_not_gone(bench: Bench) -> None:
    bench.reporter.survey([bench.finding()], [], [])
    bench.reporter.survey([], [], [Unseen(place=f"{bench.bob.home}/bin", reason="permission denied")])
    assert not any(isinstance(event.about, Gone) for event in bench.told())


def test_an_ended_tool_is_a_deed_each_time_and_gone_with_its_process(bench: Bench) -> None:
    for pid in (500, 501):
        ended = bench.finding(state=State.RUNNING, pid=pid, done=Done.ENDED)
        bench.reporter.stopped(ended, pid)
    kinds = [type(event.about) for event in bench.told()]
    assert kinds == [Outcome, Gone, Outcome, Gone]
    assert bench.store.current() == {}


def test_a_tool_about_to_be_ended_is_not_told_as_gone_by_a_scan_in_between(bench: Bench) -> None:
    running = bench.finding(state=State.RUNNING, pid=500)
    bench.reporter.running(running)
    bench.reporter.survey([], [running], [])
    assert [type(event.about) for event in bench.told()] == [Outcome]


def test_a_health_change_names_no_home(bench: Bench) -> None:
    bench.reporter.health(
        Health(part="policy", condition="rejected", detail=f"{bench.bob.home}/policy.yaml:3:1")
    )
    bench.store.save_identity(Identity(device="d", token="t"))
    batch = bench.store.next_batch()
    assert batch is not None
    sent = gzip.decompress(batch.body).decode()
    assert "~/policy.yaml:3:1" in sent
    assert bench.bob.home not in sent


def test_a_clock_put_forwards_and_back_tells_each_change_once_and_in_its_order(bench: Bench) -> None:
    bench.store.save_identity(Identity(device="d", token="t"))
    finding = bench.finding()
    seen: tuple[list[Outcome], ...] = ([finding], [], [finding])
    for days, there in zip((0, 365, -365), seen, strict=True):
        bench.moved = timedelta(days=days)
        for _ in range(3):
            bench.reporter.survey(there, [], [])
            bench.reporter.conditions.wrong("guard", "away", "a test", bench.reporter.now())
    assert [type(event.about) for event in bench.told()] == [Outcome, Gone, Outcome]
    assert len(bench.store.health_told()) == 1
    times = [event.time for event in bench.told()]
    assert times[2] < times[0] < times[1], "told as the clock said"
    batch = bench.store.next_batch()
    assert batch is not None
    kinds = [event["about"]["what"] for event in msgspec.json.decode(gzip.decompress(batch.body))["events"]]
    assert kinds == ["outcome", "health", "gone", "outcome"], "sent as it happened"
    assert list(bench.store.current()), "what was last, whatever its time"
