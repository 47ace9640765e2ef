"""Given a ban with a grace, then the real agent warns, says until when, and ends it then, restart or not."""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from endtoend.lab import Agent, Lab, await_that
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
        assert tool.wait(60) != 0
        await_that(lambda: lab.server.events(tool="claude-code", done="ended"), "that is told", agent.log)
        assert datetime.now(UTC) >= almost + HOUR
        assert json.loads(kept.read_text())["sights"]["claude-code"] == {entry: almost.isoformat()}
    finally:
        tool.kill()
        tool.wait()
