"""kill -9 of agent and server at random moments under load: events in = events out, none doubled.

AIPOLICY_KILL_ROUNDS says how many rounds; AIPOLICY_KILL_SEED repeats the moments of an earlier run.
"""

import gzip
import itertools
import json
import os
import random
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Iterator

import pytest

from endtoend.lab import Agent, Lab, await_that, figure
from installed import npm_package

ROUNDS = int(os.environ.get("AIPOLICY_KILL_ROUNDS", "8"))
SEED = int(os.environ.get("AIPOLICY_KILL_SEED", str(time.time_ns() % 1_000_000)))

POLICY = "banned: [claude-code]\napproved: [qoder]\n"
TOOLS = {
    "claude-code-1.0.100": ("claude-code", "@anthropic-ai/claude-code"),
    "qodercli-1.1.52": ("qoder", "@qoder-ai/qodercli"),
    "codex-0.169.0": ("codex", "@openai/codex"),
}
_STEP_S = 0.15
_LONGEST_ROUND_S = 4.0
_MOST_AT_ONCE = 40


class Load:
    """Installs and removes small packages in projects of the home, until it is stopped."""

    def __init__(self, lab: Lab, chance: random.Random) -> None:
        self._lab = lab
        self._chance = chance
        self._stop = threading.Event()
        self._names = (f"project-{number}" for number in itertools.count())
        self.there: dict[str, str] = {}
        """Project -> recording of the package in it."""
        self.steps = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_STEP_S * self._chance.random()):
            self.steps += 1
            if len(self.there) > self._chance.randrange(_MOST_AT_ONCE):
                gone = self._chance.choice(list(self.there))
                shutil.rmtree(self._lab.home / gone)
                del self.there[gone]
            else:
                name, recording = next(self._names), self._chance.choice(list(TOOLS))
                npm_package(self._lab.home / name / "node_modules", recording)
                self.there[name] = recording

    def truth(self) -> set[tuple[str, str]]:
        """Tool and path of all that is on the disk now."""
        return {
            (TOOLS[recording][0], f"~/{name}/node_modules/{TOOLS[recording][1]}")
            for name, recording in self.there.items()
        }


@pytest.fixture
def load(lab: Lab) -> Iterator[Load]:
    load = Load(lab, random.Random(SEED))
    yield load
    load.stop()


def test_nothing_is_lost_or_doubled(lab, load):
    figure(f"seed {SEED}, {ROUNDS} rounds")
    chance = random.Random(SEED + 1)
    agent = lab.begin(POLICY)
    agent.environ["AIPOLICY_SAFE_MODE"] = "off"  # so many kills are a crash loop
    kills = {"agent": 0, "server": 0}
    for _ in range(ROUNDS):
        time.sleep(chance.random() * _LONGEST_ROUND_S)  # the moment of the kill is to be any
        for victim in chance.choice([["agent"], ["server"], ["agent", "server"]]):
            kills[victim] += 1
            (agent if victim == "agent" else lab.server).kill()
        if not lab.server.running:
            lab.server.start()
        if not agent.running:
            agent.start()
    load.stop()
    await_calm(lab, agent)

    told = agent.spool()
    stored = sorted(event["id"] for event in lab.server.events())
    assert stored == sorted(event["id"] for event in told), "events in = events out"
    assert in_batches(lab) == stored, "each in one batch"
    assert_nothing_told_twice(told)
    found = {(f["tool"], f["path"]) for f in lab.server.findings() if f["path"].startswith("~/project-")}
    assert found == load.truth(), "what the server shows is what is on the disk"
    assert lab.server.device()["alarms"] == []
    (batches,) = lab.server.rows("SELECT count(*) FROM batches")[0]
    figure(
        f"{load.steps} installs and removals, agent killed {kills['agent']} times, server {kills['server']}: "
        f"{len(told)} events told, {len(stored)} stored, in {batches} batches"
    )


def await_calm(lab: Lab, agent: Agent) -> None:
    """Until a scan that began after the last change is over, and all is delivered."""
    agent.stop()
    scans = agent.scans()
    agent.start()  # a start scans, whatever hints were lost with the kills
    lab.await_scan(agent, scans)
    await_that(lambda: not agent.pending(), "all is delivered", agent.log, lab.server.log, patience_s=300)


def in_batches(lab: Lab) -> list[str]:
    """The ids of all events in all batches as received; and the batches are numbered without a gap."""
    numbers = defaultdict(list)
    ids = []
    for spool, seq, body in lab.server.rows("SELECT spool, seq, body FROM batches ORDER BY n"):
        numbers[spool].append(seq)
        ids += [event["id"] for event in json.loads(gzip.decompress(body))["events"]]
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in numbers.values()), dict(numbers)
    return sorted(ids)


def assert_nothing_told_twice(events: list[dict]) -> None:
    """Of each place: it came, it went, it came; never the same twice in a row."""
    by_place = defaultdict(list)
    for event in events:
        about = event["about"]
        if about["what"] == "outcome":
            finding = about["verdict"]["finding"]
            by_place[finding["tool"], finding["path"]].append("came")
        elif about["what"] == "gone":
            by_place[about["tool"], about["path"]].append("went")
    for (tool, path), story in by_place.items():
        if path.startswith("~/project-"):
            assert all(one != other for one, other in itertools.pairwise(story)), (tool, path, story)
