"""Given processes that start, then each is looked at, and looked at again where it may hide at first."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from aipolicy.core.model import Confidence, Event, FileFacts, Outcome, Package, PackageRef, Unseen
from aipolicy.core.policy import parse
from aipolicy.core.tools import Catalog
from aipolicy.daemon.enforcer import Enforcer
from aipolicy.daemon.guard.places import Place
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.daemon.process_watch import ProcessWatch
from aipolicy.daemon.reporter import Reporter
from aipolicy.daemon.teller import Teller
from aipolicy.examine import Examiner, examiner_for
from aipolicy.platforms.events import Batch
from aipolicy.state.store import Store
from aipolicy.tools import load
from host import FakeMachine
from installed import npm_package

PATIENCE_S = 30.0


class Starts:
    """A source of process events that a test fills."""

    way = "kernel"

    def __init__(self) -> None:
        self.pids: deque[int] = deque()
        self.turns = 0

    def wait(self, timeout_s: float) -> Batch:
        self.turns += 1
        time.sleep(0.001)
        return Batch(pids=tuple(self.pids.popleft() for _ in range(len(self.pids))))

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        pass


class Bench:
    """A process watch over a fake machine, a real store and the real catalog."""

    def __init__(self, folder: Path, catalog: Catalog, policy: str, examiner: Examiner | None = None) -> None:
        self.machine = FakeMachine(folder / "machine")
        self.bob = self.machine.add_user("bob")
        self.store = Store.open(str(folder / "state"), now=lambda: datetime.now(UTC))
        self.starts = Starts()
        here = Surroundings(device="d", hostname="h", os="linux")
        judge = Judge(catalog=catalog, policy=parse(policy, "policy.yaml", catalog.known), surroundings=here)
        self.watch = ProcessWatch(
            machine=self.machine,
            source=self.starts,
            examiner=examiner or examiner_for(catalog),
            judge=lambda: judge,
            enforcer=Enforcer(self.machine, Teller(), tool_packages=()),
            reporter=Reporter(self.store, self.machine, lambda: datetime.now(UTC), lambda: None),
            now=self.machine.clock,
        )
        self.watch.start()

    def told(self) -> list[Outcome]:
        events = (msgspec.json.decode(raw, type=Event) for raw in self.store.events_about(self.bob.uid))
        return [event.about for event in events if isinstance(event.about, Outcome)]

    def a_few_turns(self) -> None:
        until = self.starts.turns + 3
        await_that(lambda: self.starts.turns >= until)


def await_that(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


@pytest.fixture
def bench(tmp_path: Path, catalog: Catalog) -> Iterator[Bench]:
    made = Bench(tmp_path, catalog, "mode: block\nbanned: [claude-code]\n")
    yield made
    made.watch.close()
    made.store.close()


def test_a_tool_that_hides_behind_its_title_after_half_a_second_was_not_seen_for_minutes(
    bench: Bench,
) -> None:
    """`node --import .../cli.js x.js`: nothing in its arguments says what it is, its title does."""
    package = PackageRef(ecosystem="npm", name="@anthropic-ai/claude-code", version="1.0.100", path="/x")
    owner = bench.machine.owner(bench.bob.uid)
    bench.watch.packages = (Package(package=package, owner=owner, form="npm global", has_code=True),)
    node = bench.machine.run(bench.machine.file("/usr/bin/node"), bench.bob)
    bench.starts.pids.append(node.pid)
    bench.a_few_turns()
    assert bench.told() == []
    running = bench.machine.running[node.pid]
    bench.machine.running[node.pid] = replace(running, process=structs.replace(node, name="claude"))
    bench.machine.clock.advance(3)
    await_that(bench.told)
    [outcome] = bench.told()
    assert outcome.verdict.finding.confidence is Confidence.LIKELY
    assert bench.machine.signals == []


def test_a_script_that_an_interpreter_was_given_is_told_to_the_guard(bench: Bench) -> None:
    """Nobody executed it by itself and no scan has found it: its second start was not refused either."""
    told: list[Place] = []
    bench.watch.banned = told.extend
    package = npm_package(Path(bench.bob.home) / "lib/node_modules", "claude-code-1.0.100")
    innocent = bench.machine.file(f"{bench.bob.home}/server.js", b"serve()\n")
    node = bench.machine.file("/usr/bin/node")
    for script in (innocent, str(package / "cli.js")):
        bench.starts.pids.append(bench.machine.run(node, bench.bob, script=script).pid)
        bench.a_few_turns()
    await_that(lambda: told)
    assert set(told) == {Place(str(package / "cli.js"), bench.bob.uid)}


def test_all_that_runs_is_looked_at_again_also_where_no_scan_asks_for_it(bench: Bench) -> None:
    """Whoever may only be asked to close a tool is asked once an hour."""
    package = npm_package(Path(bench.bob.home) / "lib/node_modules", "claude-code-1.0.100")
    node = bench.machine.file("/usr/bin/node")
    bench.machine.run(node, bench.bob, script=str(package / "cli.js"))
    bench.a_few_turns()
    assert bench.machine.signals == []
    bench.machine.clock.advance(601)
    await_that(lambda: bench.machine.signals)


def test_what_is_no_interpreter_is_looked_at_once(bench: Bench) -> None:
    sleep = bench.machine.run(bench.machine.file("/usr/bin/sleep"), bench.bob)
    bench.starts.pids.append(sleep.pid)
    bench.a_few_turns()
    running = bench.machine.running[sleep.pid]
    bench.machine.running[sleep.pid] = replace(running, process=structs.replace(sleep, name="claude"))
    bench.machine.clock.advance(3)
    bench.a_few_turns()
    assert bench.told() == []


class Slow(Examiner):
    """An examiner that notes what it reads; whatever is called large takes long."""

    read: list[str]

    def takes_long(self, path_to_open: str) -> bool:
        return os.path.basename(path_to_open).startswith("large")

    def program(self, path_to_open: str, shown_path: str) -> FileFacts | Unseen:
        self.read.append(os.path.basename(shown_path))
        return super().program(path_to_open, shown_path)


def test_somebodys_large_programs_kept_the_agent_from_everybody_elses_tools(
    tmp_path: Path, catalog: Catalog
) -> None:
    examiner = Slow(marks=(), versions=())
    examiner.read = []
    bench = Bench(tmp_path, catalog, "banned: []\n", examiner)
    ann = bench.machine.add_user("ann")
    large = [bench.machine.run(bench.machine.file(f"/home/bob/large{n}"), bench.bob).pid for n in range(5)]
    small = bench.machine.run(bench.machine.file("/home/ann/bin/small"), ann).pid
    hers = bench.machine.run(bench.machine.file("/home/ann/bin/large"), ann).pid
    bench.starts.pids = deque([*large, small, hers])
    await_that(lambda: len(examiner.read) == 7)
    bench.watch.close()
    bench.store.close()
    assert examiner.read == ["small", "large0", "large", "large1", "large2", "large3", "large4"]
