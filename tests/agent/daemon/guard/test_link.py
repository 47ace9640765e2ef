"""A guard that ends again and again is started ever more seldom, and at once after another policy."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aipolicy.daemon.guard.link import GuardLink, last_in_force
from aipolicy.daemon.reporter import Reporter
from aipolicy.daemon.teller import Teller
from aipolicy.enforce.guard import messages
from aipolicy.state.store import Store
from host import FakeMachine
from machine_needs import NEEDS_LINUX, until

pytestmark = NEEDS_LINUX


class Bench:
    """A link whose guard ends at once, on a clock that stands still."""

    def __init__(self, folder: Path, *, wanted: bool = True, before: datetime | None = None) -> None:
        self.starts = folder / "starts"
        self.starts.write_text("")
        self.clock = self.takes_s = 0.0
        self.gaps = 0
        self.wanted = wanted
        self.socket = str(folder / "guard.sock")
        self.store = Store.open(str(folder / "state"), now=lambda: datetime.now(UTC))
        machine = FakeMachine(folder / "machine")
        self.reporter = Reporter(self.store, machine, lambda: datetime.now(UTC), lambda: None)
        code = f"open({str(self.starts)!r}, 'a').write('x')"
        self.link = GuardLink(
            path=self.socket,
            command=[sys.executable, "-I", "-S", "-c", code],
            wanted=lambda: self.wanted,
            started=self._after_gap,
            reporter=self.reporter,
            teller=Teller(),
            before=before,
            now=lambda: self.clock,
        )

    def _after_gap(self) -> None:
        self.gaps += 1
        self.clock += self.takes_s

    def started(self, times: int) -> None:
        """It is started so many times in all, and not again while the clock stands."""
        until(lambda: len(self.starts.read_text()) >= times or None)
        assert len(self.starts.read_text()) == times


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.link.start()
    yield made
    made.link.close()
    made.store.close()


def test_each_start_waits_longer_than_the_one_before(bench: Bench) -> None:
    bench.started(1)
    for times, wait_s in enumerate((1.0, 2.0, 5.0, 15.0), start=2):
        bench.clock += wait_s
        bench.started(times)
    bench.clock += 59.0
    bench.started(5)
    assert bench.link.state == "away"
    assert [problem.condition for problem in bench.reporter.conditions.problems()] == ["away"]


def test_another_policy_starts_it_at_once(bench: Bench) -> None:
    bench.started(1)
    bench.clock += 1.0
    bench.started(2)
    bench.link.renew()
    bench.started(3)


def test_a_policy_that_blocks_nothing_starts_none_and_the_next_one_does(bench: Bench) -> None:
    bench.started(1)
    bench.wanted = False
    until(lambda: bench.link.state == "off" or None)
    bench.wanted = True
    bench.started(2)


def test_another_guard_and_another_gate_are_gaps_after_which_all_is_looked_at(bench: Bench) -> None:
    listener = messages.listening(bench.socket)
    report = {"of_agent": False, "gate": 0, "reason": "it ended", "numbers": {}}
    channel: list[socket.socket] = []
    until(lambda: channel or _accept(listener, channel))
    for gaps, (deadman, starts) in enumerate(((7, 1), (7, 2), (8, 1)), start=1):
        for _ in range(2):
            messages.send(channel[0], {"report": {"deadman": deadman, "starts": starts, **report}})
        until(lambda gaps=gaps: bench.gaps == gaps or None)  # type: ignore[misc]
    assert bench.gaps == 3
    channel[0].close()
    listener.close()


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ('{"layers": {"guard": "in force"}, "of_a_later_version": 1}', "written"),
        ('{"layers": {"guard": "partly"}}', "written"),
        ('{"layers": {"guard": "off"}}', None),
        ('{"layers": {}}', None),
        (
            '{"layers": {"guard": "away"}, "problems": [{"part": "guard", "condition": "away", '
            '"since": "2026-03-01T12:00:00Z", "detail": ""}]}',
            datetime(2026, 3, 1, 12, tzinfo=UTC),
        ),
        ('{"layers": {"guard": "away"}}', None),
        ("{", None),
        ("[]", None),
        ("\udcff", None),
        (None, None),
    ],
)
def test_what_the_agent_before_us_left_says_since_when_the_guard_may_be_away(
    tmp_path: Path, left: str | None, said: datetime | str | None
) -> None:
    if left is not None:
        (tmp_path / "status.json").write_bytes(left.encode(errors="surrogateescape"))
        os.utime(tmp_path / "status.json", (1e9, 1e9))
    written = datetime.fromtimestamp(1e9, UTC)
    assert last_in_force(tmp_path) == (written if said == "written" else said)


def test_a_guard_that_ended_unseen_is_away_since_it_was_last_seen(tmp_path: Path) -> None:
    seen = datetime(2026, 3, 1, 12, tzinfo=UTC)
    bench = Bench(tmp_path, before=seen)
    bench.link.start()
    (problem,) = until(lambda: bench.reporter.conditions.problems())
    assert (problem.condition, problem.since) == ("away", seen)
    assert "was last seen in force at 2026-03-01 12:00:00 UTC" in problem.detail
    bench.link.close()
    bench.store.close()


@pytest.mark.parametrize(
    ("seen_s_ago", "age_s", "away"),
    [(60, 50, True), (60, 3_600, False), (60, None, False), (10 * 366 * 86_400, 50, False)],
    ids=["exchanged since", "the same one", "it does not say", "before this boot"],
)
def test_a_guard_that_was_exchanged_while_there_was_no_agent_was_away_in_between(
    tmp_path: Path, seen_s_ago: float, age_s: float | None, away: bool
) -> None:
    """As in an upgrade of the package: both are stopped, and the new guard is there before the new agent."""
    seen = datetime.now(UTC) - timedelta(seconds=seen_s_ago)
    bench = Bench(tmp_path, before=seen)
    listener = messages.listening(bench.socket)
    bench.link.start()
    channel: list[socket.socket] = []
    until(lambda: channel or _accept(listener, channel))
    # Without marks of its own it never counts as in force here, which is another reason to be away.
    report = {"deadman": 7, "starts": 1, "of_agent": False, "gate": os.getpid(), "reason": "", "numbers": {}}
    messages.send(channel[0], {"report": {**report, **({"gate_age_s": age_s} if age_s else {})}})
    until(lambda: bench.gaps or None)
    (problem,) = bench.reporter.conditions.problems()
    (told, *_more) = bench.store.health_told()
    assert told.detail.startswith("another one took its place") == away
    assert (problem.since, told.condition) == (seen, "away")
    bench.link.close()
    bench.store.close()
    channel[0].close()
    listener.close()


def test_a_clock_that_was_put_back_since_makes_no_gap_begin_tomorrow(tmp_path: Path) -> None:
    bench = Bench(tmp_path, before=datetime(2999, 1, 1, tzinfo=UTC))
    bench.link.start()
    (problem,) = until(lambda: bench.reporter.conditions.problems())
    assert problem.since < datetime.now(UTC)
    bench.link.close()
    bench.store.close()


def test_refusals_that_are_only_counted_are_told_at_once_and_then_once_an_hour(bench: Bench) -> None:
    bench.started(1)
    listener = messages.listening(bench.socket)
    channel: list[socket.socket] = []
    until(lambda: channel or _accept(listener, channel))
    report = {"deadman": 7, "starts": 1, "of_agent": False, "gate": 0, "reason": "", "numbers": {}}

    def say(*missed: int) -> None:
        for number, count in enumerate(missed):
            messages.send(channel[0], {"refused": {"number": number, "missed": count}})
        messages.send(channel[0], {"report": report})

    def told() -> list[int]:
        return [health.count for health in bench.store.health_told() if health.part == "refusals"]

    say(3, 0)
    until(lambda: told() == [3] or None)
    say(5, 2)
    until(lambda: (bench.link.status and bench.link.status.counted == 10) or None)
    assert told() == [3]
    bench.clock += 3600.0
    say()
    until(lambda: told() == [3, 7] or None)
    say(1)
    until(lambda: (bench.link.status and bench.link.status.counted == 11) or None)
    bench.link.close()
    assert told() == [3, 7, 1]
    channel[0].close()
    listener.close()


def test_who_is_held_up_while_it_listens_does_not_say_that_the_guard_is_silent(bench: Bench) -> None:
    bench.takes_s = 60.0
    listener = messages.listening(bench.socket)
    channel: list[socket.socket] = []
    until(lambda: channel or _accept(listener, channel))
    report = {"deadman": 7, "of_agent": False, "gate": 0, "reason": "it ended", "numbers": {}}
    for starts in (1, 2, 3):
        messages.send(channel[0], {"report": {**report, "starts": starts}})
        until(lambda starts=starts: bench.gaps == starts or None)  # type: ignore[misc]
    assert all("does not answer" not in told.detail for told in bench.store.health_told())
    channel[0].close()
    listener.close()


@pytest.mark.parametrize("of_agent", [True, False], ids=["of an agent", "of a service"])
def test_28_where_nothing_is_to_be_refused_the_guard_of_a_dead_agent_is_ended(
    tmp_path: Path, of_agent: bool
) -> None:
    guard = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
    bench = Bench(tmp_path, wanted=False)
    listener = messages.listening(bench.socket)
    bench.link.start()
    channel: list[socket.socket] = []
    until(lambda: channel or _accept(listener, channel))
    about = {"deadman": guard.pid, "of_agent": of_agent, "starts": 1, "gate": 0, "reason": "", "numbers": {}}
    channel[0].setblocking(False)
    messages.send(channel[0], {"report": about})
    until(lambda: _closed(channel[0]) or None)
    if of_agent:
        assert guard.wait(30) == -signal.SIGTERM
    else:
        assert guard.poll() is None
    assert bench.link.state == "off"
    assert bench.reporter.conditions.problems() == ()
    assert bench.starts.read_text() == "", "and none is started"
    guard.kill()
    guard.wait()
    bench.link.close()
    bench.store.close()
    channel[0].close()
    listener.close()


def _closed(channel: socket.socket) -> bool:
    received = messages.receive(channel)
    return received is not None and received.message is None


def _accept(listener: socket.socket, channel: list[socket.socket]) -> None:
    try:
        channel.append(listener.accept()[0])
    except BlockingIOError:
        return
