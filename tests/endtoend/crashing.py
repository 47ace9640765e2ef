"""An agent made to die in a phase of its start that its own marker on disk names; and what it says then."""

import json
import time
from typing import Any

from endtoend.lab import Agent, Lab, await_that


def marker(agent: Agent) -> dict[str, Any]:
    """What the agent noted of its start; empty before that."""
    try:
        said: dict[str, Any] = json.loads((agent.state / "starts.json").read_text())
    except FileNotFoundError:
        return {}
    return said


def crash(agent: Agent, *phases: str) -> None:
    """Start it, and kill it in one of these phases. Polled closely: a phase may be a quarter of a second."""
    before = marker(agent).get("running")
    agent.start()
    end = time.monotonic() + 90
    while (now := marker(agent).get("running") or {}) == before or now.get("phase") not in phases:
        assert time.monotonic() < end, agent.log.read_text()[-3000:]
        time.sleep(0.002)
    agent.kill()
    assert marker(agent)["running"]["phase"] in phases


def problems(agent: Agent) -> dict[str, str]:
    """What is wrong with it, by part."""
    status = agent.status()
    return {p["part"]: p["condition"] for p in status["problems"]} if status else {}


def await_safe_mode(agent: Agent) -> dict[str, Any]:
    """Its status once it says that it is in safe mode."""
    await_that(lambda: problems(agent).get("safe mode") == "on", "it is in safe mode", agent.log)
    status = agent.status()
    assert status
    assert not status["healthy"]
    assert status["policy"]["mode"] == "report"
    assert status["layers"]["ending"] == "off"
    return status


def told(lab: Lab) -> list[str]:
    """What the server was told of safe mode."""
    return [event["reason"] for event in lab.server.events(kind="health") if event["place"] == "safe mode"]
