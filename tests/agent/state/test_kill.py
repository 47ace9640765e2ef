"""kill -9 at random moments of writing, sealing and acknowledging: nothing lost or doubled, order kept."""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import aipolicy
import writing_agent
from aipolicy.core.model import Health, Outcome
from aipolicy.core.wire import Batch
from sightings import open_store
from spool_reading import drain

ROUNDS = 30


def environment() -> dict[str, str]:
    package = Path(aipolicy.__file__).parent.parent
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(package), str(Path(writing_agent.__file__).parent)]),
    }


def killed_after(state: Path, delivered: Path, lines: int, chance: random.Random) -> list[int]:
    """Let it tell `lines` numbers and a bit more, kill it; the numbers it called durable."""
    agent = subprocess.Popen(
        [sys.executable, writing_agent.__file__, str(state), str(delivered)],
        stdout=subprocess.PIPE,
        env=environment(),
    )
    assert agent.stdout is not None
    printed = [agent.stdout.readline() for _ in range(lines)]
    for _ in range(chance.randrange(20_000)):  # a moment that falls anywhere in its work
        pass
    agent.kill()
    rest = agent.stdout.read().splitlines(keepends=True)
    agent.wait()
    return [int(line) for line in printed + rest if line.endswith(b"\n")]


def test_thirty_kills(tmp_path):
    chance = random.Random(7)
    state, delivered = tmp_path / "state", tmp_path / "delivered"
    acknowledged: list[int] = []
    for _ in range(ROUNDS):
        acknowledged += killed_after(state, delivered, chance.randrange(1, 60), chance)
    store = open_store(state)
    batches = [msgspec.json.decode(line, type=Batch) for line in delivered.read_bytes().splitlines()]
    batches += drain(store)

    by_number: dict[tuple[str, int], Batch] = {}
    for batch in batches:
        before = by_number.setdefault((batch.spool, batch.seq), batch)
        assert before == batch, "the same number is the same batch"
    assert [seq for _, seq in by_number] == list(range(1, len(by_number) + 1)), (
        "from 1, without gaps, in order"
    )

    events = [event for batch in by_number.values() for event in batch.events]
    assert len({event.id for event in events}) == len(events)
    numbers = [int(e.about.condition.split()[-1]) for e in events if isinstance(e.about, Health)]
    assert set(acknowledged) <= set(numbers), "what was called durable is there"
    assert numbers == list(range(len(numbers))), "once, in order, and nothing between"
    outcomes = [e.about.verdict.finding.path for e in events if isinstance(e.about, Outcome)]
    assert outcomes == [f"/opt/{n}" for n in numbers], "event and ledger were one transaction"
    assert len(store.current()) == len(numbers)


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="sees in /proc when the process stands still"
)
@pytest.mark.parametrize("signal_after", [1, 5, 25])
def test_a_copy_of_the_files_at_any_moment_opens(signal_after, tmp_path):
    """As a snapshot of a running machine has them: the process stands still, its files are open."""
    state, delivered = tmp_path / "state", tmp_path / "delivered"
    agent = subprocess.Popen(
        [sys.executable, writing_agent.__file__, str(state), str(delivered)],
        stdout=subprocess.PIPE,
        env=environment(),
    )
    assert agent.stdout is not None
    try:
        told = [int(agent.stdout.readline()) for _ in range(signal_after)]
        agent.send_signal(signal.SIGSTOP)
        while Path(f"/proc/{agent.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            pass
        shutil.copytree(state, tmp_path / "copy")
    finally:
        agent.kill()
        agent.stdout.close()
        agent.wait()
    assert len(open_store(tmp_path / "copy").current()) > told[-1]
