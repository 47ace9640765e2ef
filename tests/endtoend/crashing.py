"""An agent made to die in a phase of its start that its own marker on disk names; and what it says then."""

import json
import time
from typing import Any, Final

from aipolicy.daemon.safe_mode import CATALOG, POLICY, RUNNING, SCAN, START
from endtoend.lab import PATIENCE_S, Agent, Lab, await_that

_PHASES: Final = (START, CATALOG, POLICY, SCAN, RUNNING)


def marker(agent: Agent) -> dict[str, Any]:
    """What the agent noted of its start; empty before that."""
    try:
        said: dict[str, Any] = json.loads((agent.state / "starts.json").read_text())
    except FileNotFoundError:
        return {}
    return said


def crash(agent: Agent, *phases: str) -> None:
    """Start it, and kill it in one of these phases.

    A phase may be a quarter of a second, so it stands still while its marker is read once more. A start whose
    phase was over by then is ended in order, which is no crash, and there is another one.
    """
    end = time.monotonic() + PATIENCE_S
    while True:
        before = marker(agent).get("running")
        agent.start()
        while not _reached(marker(agent).get("running"), before, phases):
            assert time.monotonic() < end, agent.log.read_text()[-3000:]
            time.sleep(0.002)
        with agent.standing_still():
            if marker(agent)["running"]["phase"] in phases:
                agent.kill()
                return
        agent.stop()


def _reached(now: dict[str, Any] | None, before: dict[str, Any] | None, phases: tuple[str, ...]) -> bool:
    """Whether this start, not the one before, is in one of the phases or past them."""
    first = min(_PHASES.index(phase) for phase in phases)
    return now is not None and now != before and _PHASES.index(now["phase"]) >= first


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
