"""Given a ban with a grace, then the real agent warns, says until when, and ends it then.

A restart does not begin it anew, nor does the loss of the state folder.
"""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aipolicy.platforms import this_machine
from endtoend.lab import PATIENCE_S, Agent, Lab, await_that
from endtoend.python_for_all import stranger
from endtoend.test_privacy import MARKS
from installed import put

HOUR = timedelta(hours=1)


def warned_of(agent: Agent) -> list[dict[str, Any]]:
    """The verdicts that were told of what is certain."""
    outcomes = [event["about"] for event in agent.spool() if event["about"]["what"] == "outcome"]
    verdicts = [about["verdict"] for about in outcomes if about["verdict"]["action"] == "warn"]
    return [verdict for verdict in verdicts if verdict["finding"]["confidence"] == "certain"]


@pytest.mark.skipif(stranger() is None, reason="needs root: the agent is to end what belongs to nobody else")
@pytest.mark.xdist_group("machine")  # it runs what the guard of another test would refuse
def test_it_warns_through_the_grace_and_ends_it_then(lab: Lab) -> None:
    sleep = Path(os.path.realpath(shutil.which("sleep") or "/bin/sleep")).read_bytes()
    put(lab.bin / "notes", sleep + bytes(1_200_000) + MARKS)  # as large as the tool is
    agent = lab.begin("mode: block\nbanned: [{tool: claude-code, grace: 1h}]\n")
    tool = subprocess.Popen([lab.bin / "notes", "3600"], cwd="/", **lab.python.person)
    try:
        certain = await_that(lambda: warned_of(agent), "it is warned of", agent.log)
        kept = agent.state / "sights.json"
        ((entry, seen),) = json.loads(kept.read_text())["sights"]["claude-code"].items()
        first = datetime.fromisoformat(seen)
        assert {datetime.fromisoformat(verdict["blocks_from"]) for verdict in certain} == {first + HOUR}
        agent.stop()

        almost = (datetime.now(UTC) - HOUR + timedelta(seconds=6)).replace(microsecond=0)
        kept.write_text(json.dumps({"sights": {"claude-code": {entry: almost.isoformat()}}}))
        lab.policy("# better words\nmode: block\nbanned:\n- {grace: 1h, tool: claude}\n")
        agent.start()
        assert tool.wait(PATIENCE_S) != 0
        await_that(lambda: lab.server.events(tool="claude-code", done="ended"), "that is told", agent.log)
        assert datetime.now(UTC) >= almost + HOUR
        assert json.loads(kept.read_text())["sights"]["claude-code"] == {entry: almost.isoformat()}
    finally:
        tool.kill()
        tool.wait()


def first_sight(agent: Agent) -> datetime | None:
    """When the grace began, as it is kept here."""
    kept = agent.state / "sights.json"
    if not kept.exists():
        return None
    (seen,) = json.loads(kept.read_text())["sights"]["claude-code"].values()
    return datetime.fromisoformat(seen)


def test_a_machine_that_lost_its_state_folder_has_the_same_deadline(lab: Lab) -> None:
    if not this_machine().installation():
        pytest.skip("this machine has no machine id")
    lab.install("claude-code-1.0.100")
    agent = lab.begin("mode: block\nbanned: [{tool: claude-code, grace: 7d}]\n")
    began = await_that(lambda: first_sight(agent), "the grace begins", agent.log)
    stored = "SELECT device, at FROM first_sights ORDER BY device"
    await_that(lambda: lab.server.rows(stored), "the server knows it", agent.log, lab.server.log)
    agent.stop()
    shutil.rmtree(agent.state)
    await_that(lambda: datetime.now(UTC) >= began + timedelta(seconds=1), "a grace begun anew ends later")

    agent.start()
    await_that(lambda: first_sight(agent) == began, "the grace is the old one again", agent.log)
    (old, new) = await_that(
        lambda: rows if len(rows := lab.server.rows(stored)) == 2 else None, "of both", lab.server.log
    )
    assert old[0] != new[0], "it is another device to the server"
    assert old[1] == new[1]

    def deadlines() -> set[str | None]:
        """As the new device's findings say."""
        query = "SELECT outcome FROM findings WHERE device = (SELECT max(n) FROM devices)"
        verdicts = (json.loads(outcome)["verdict"] for (outcome,) in lab.server.rows(query))
        return {verdict.get("blocks_from") for verdict in verdicts}

    deadline = f"{began + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}"
    await_that(lambda: deadlines() == {deadline}, "the server has the old deadline", agent.log)
    assert "first seen on this machine under entry" in agent.ask("mine").stdout
