"""Given an agent that dies again and again soon after its start, then the next one is in safe mode.

Number 28 of the faults. The crash is SIGKILL in a phase that the marker on disk names, or a start that fails.
"""

import os
import signal

import pytest

from aipolicy.core.policy import version_of
from endtoend.crashing import await_safe_mode, crash, marker, problems, told
from endtoend.lab import Agent, Lab, await_that, run
from tool_files import ACME

GOOD = "mode: block\nbanned: [claude-code]\n"
BAD = "mode: block\nbanned: [claude-code, qoder]\n"
NEXT = "mode: block\nbanned: [qoder]\n"


def begin_well(lab: Lab, policy: str) -> Agent:
    """A server, and an agent that has run well with the policy and has ended."""
    agent = lab.begin(policy)
    agent.stop()
    agent.environ["AIPOLICY_HEALTHY_AFTER_S"] = "0"
    agent.start()
    await_that(lambda: marker(agent)["proven"], "it is proven", agent.log)
    agent.stop()
    del agent.environ["AIPOLICY_HEALTHY_AFTER_S"]
    return agent


def await_over(lab: Lab, agent: Agent, policy: str) -> None:
    """Until all is as it was, with this policy, and the server knows."""

    def well() -> bool:
        now = agent.status()
        return bool(now and now["healthy"] and now["policy"]["version"] == version_of(policy))

    await_that(well, "it is out of safe mode", agent.log)
    status = agent.status()
    assert status
    assert status["policy"]["mode"] == "block"
    assert not (agent.state / "safe-mode.json").exists()
    await_that(lambda: told(lab)[-1:] == ["off"], "the server is told", agent.log)


def test_28_a_policy_that_crashes_the_agent_is_set_aside_until_there_is_another(lab: Lab) -> None:
    lab.install("claude-code-1.0.100")
    agent = begin_well(lab, GOOD)
    lab.policy(BAD)
    for _ in range(3):
        crash(agent, "policy")
    scans = agent.scans()
    agent.start()
    status = await_safe_mode(agent)
    assert status["policy"]["version"] == version_of(GOOD)
    assert problems(agent)["policy"] == "set aside"
    lab.await_scan(agent, scans)
    lab.await_settled(agent)

    said = agent.ask("status")
    assert said.returncode == 1
    for words in (
        "safe mode: on since",
        "while it read the policy",
        version_of(BAD),
        "aipolicy policy accept",
    ):
        assert words in said.stdout
    assert "look  agent" in (doctor := agent.ask("doctor").stdout)
    assert "safe mode on: " in doctor
    await_that(lambda: told(lab) == ["on"], "the server is told, once", agent.log)
    page = lab.server.page("/events")
    assert "safe mode" in page
    assert "aipolicy policy accept" in page
    found = {(f["ruling"], f["action"]) for f in lab.server.findings("claude-code")}
    assert found == {("banned", "report")}

    agent.stop()
    agent.start()
    await_safe_mode(agent)
    assert told(lab) == ["on"], "a restart is no way out, and is not told again"
    lab.policy("banned: {")
    await_that(lambda: problems(agent).get("policy") == "rejected", "the wrong one is seen", agent.log)
    assert problems(agent)["safe mode"] == "on"
    lab.policy(NEXT)
    await_over(lab, agent, NEXT)


def test_28_an_administrator_lets_it_act_again(lab: Lab) -> None:
    agent = begin_well(lab, GOOD)
    for _ in range(3):
        crash(agent, "scan", "running")
    agent.start()
    status = await_safe_mode(agent)
    assert status["policy"]["version"] == version_of(GOOD), "nothing of it is new, so it is not set aside"
    assert "policy" not in problems(agent)
    accept = ["policy", "accept", version_of(GOOD), "--state", str(agent.state)]
    assert run(agent.python, accept, agent.environ).returncode == 0
    await_over(lab, agent, GOOD)


def test_28_own_tool_files_that_crash_the_agent_are_set_aside(lab: Lab) -> None:
    agent = begin_well(lab, GOOD)
    own = lab.folder / "own"
    own.mkdir()
    (own / "acme.yaml").write_text(ACME)
    agent.environ["AIPOLICY_TOOLS"] = str(own)
    for _ in range(3):
        crash(agent, "catalog")
    agent.start()
    await_safe_mode(agent)
    assert problems(agent)["catalog"] == "set aside"
    assert "policy" not in problems(agent)
    agent.stop()
    (own / "acme.yaml").write_text(ACME.replace("acme-cli", "acme-next"))
    agent.start()
    await_over(lab, agent, GOOD)


def test_28_starts_that_fail_in_order_count_too(lab: Lab) -> None:
    lab.policy("banned: [claude-cod]\n")
    lab.server.start()
    lab.hand_out_secret()
    agent = lab.agent()
    for _ in range(3):
        agent.start()
        assert agent.wait() == 2
    agent.start()
    status = await_safe_mode(agent)
    assert status["policy"]["name"] == "none"
    await_that(lambda: told(lab) == ["on"], "the server is told", agent.log)
    lab.policy(GOOD)
    await_over(lab, agent, GOOD)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_28_being_told_to_end_is_no_crash_however_early(lab: Lab, number: signal.Signals) -> None:
    lab.policy(GOOD)
    lab.server.start()
    lab.hand_out_secret()
    agent = lab.agent()
    for phase in ("start", "catalog", "policy", "scan"):
        agent.start()
        await_that(lambda: marker(agent).get("running"), phase, agent.log)
        os.kill(agent.pid, number)
        assert agent.wait() == 0
        assert marker(agent)["running"] is None
    agent.start()
    lab.await_settled(agent)
    assert told(lab) == []


def test_28_two_kills_by_hand_and_kills_after_it_ran_well_change_nothing(lab: Lab) -> None:
    agent = begin_well(lab, GOOD)
    for _ in range(2):
        crash(agent, "scan", "running")
    agent.environ["AIPOLICY_HEALTHY_AFTER_S"] = "0"
    for _ in range(4):
        agent.start()
        await_that(
            lambda: agent.status() and marker(agent)["running"] is None,
            "it is proven",
            agent.log,
        )
        agent.kill()
    agent.start()
    await_that(lambda: (agent.status() or {}).get("healthy"), "it is well", agent.log)
    assert told(lab) == []


def test_28_a_folder_in_the_markers_place_stops_nobody(lab: Lab) -> None:
    agent = begin_well(lab, GOOD)
    (agent.state / "starts.json").unlink()
    for name in ("starts.json", "safe-mode.json"):
        lab.own(agent.state / name)
        (agent.state / name / "something").touch()
    for _ in range(4):
        agent.start()
        await_that(lambda: (agent.status() or {}).get("healthy"), "it is well", agent.log)
        agent.kill()
