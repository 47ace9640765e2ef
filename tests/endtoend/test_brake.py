"""The emergency brake on a running agent: obeyed at once, told, and over when it is lifted."""

from collections.abc import Iterator
from typing import Any

import pytest

from aipolicy.platforms.boot import boot_now
from endtoend.lab import Agent, Lab, await_that

POLICY = "mode: warn\nbanned: [claude-code]\n"
pytestmark = pytest.mark.skipif(boot_now() is None, reason="no boot clock here")


def mode(agent: Agent) -> str:
    status = agent.status()
    return str(status["policy"]["mode"]) if status else "no answer"


def told(lab: Lab, part: str) -> list[str]:
    return [e["reason"] for e in lab.server.events(kind="health") if e["place"] == part]


def problems(agent: Agent) -> list[dict[str, Any]]:
    status = agent.status()
    assert status
    return [p for p in status["problems"] if p["part"].endswith("brake")]


@pytest.fixture
def agent(lab: Lab) -> Iterator[Agent]:
    agent = lab.begin(POLICY)
    assert mode(agent) == "warn"
    yield agent
    agent.stop()


def test_a_brake_for_a_time_is_obeyed_told_and_outlives_a_restart(lab: Lab, agent: Agent) -> None:
    pulled = agent.ask("brake", "--for", "2h", "--reason", "an audit")
    assert pulled.returncode == 0, pulled.stderr
    await_that(lambda: mode(agent) == "report", "the agent reports only", agent.log)
    (problem,) = problems(agent)
    assert "an audit" in problem["detail"]
    await_that(lambda: told(lab, "local brake") == ["on"], "the server is told", agent.log)
    await_that(lambda: lab.server.device()["device"]["mode"] == "report", "and what is enforced", agent.log)
    agent.kill()
    agent.start()
    await_that(lambda: mode(agent) == "report", "it still holds", agent.log)
    assert agent.ask("brake", "--off").returncode == 0
    await_that(lambda: mode(agent) == "warn", "the policy acts again", agent.log)
    await_that(lambda: told(lab, "local brake") == ["on", "off"], "its end is told", agent.log)
    assert not problems(agent)
