"""A policy for a canary wave on real agents: the one of the wave has it, the other only after a release."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from endtoend.lab import Agent, Lab, await_that, run
from endtoend.python_for_all import python_for, stranger
from endtoend.test_half_hour import host, machine

pytestmark = [
    pytest.mark.skipif(stranger() is None, reason="needs root: two machines with names of their own"),
    pytest.mark.xdist_group("machine"),
]

FIRST = "name: company\nbanned: [claude-code]\n"
SECOND = "name: company\nbanned: [claude-code, goose]\n"


def number(agent: Agent) -> int:
    status: dict[str, Any] = agent.status() or {}
    return int(status.get("policy", {}).get("number", 0))


def test_the_wave_has_it_first_and_the_others_after_the_release(lab: Lab, tmp_path: Path) -> None:
    lab.server.arguments += ["--check-in-s", "5"]
    lab.server.start()
    lab.hand_out_secret()
    file = tmp_path / "policy.yaml"

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        token = str(lab.server.data / "admin-token")
        where = ("--server", lab.server.url, "--token-file", token)
        ran = run(python_for(None), ["policy", *words, *where], lab.environ)
        assert ran.returncode == 0, ran.stderr
        return ran

    file.write_text(FIRST)
    ask("publish", str(file))
    lab.policy("banned: []\n")
    name = host(early=False)
    early, late = machine(lab, host(early=True)), machine(lab, name)

    def last_seen() -> str:
        rows = lab.server.api("/devices", q=name)["rows"]
        return next(str(row["last_seen"]) for row in rows if row["hostname"] == name)

    for agent in (early, late):
        agent.start()
    for agent in (early, late):
        await_that(lambda agent=agent: number(agent) == 1, "it takes the first", agent.log)

    file.write_text(SECOND)
    ask("publish", str(file), "--canary", "5")
    await_that(lambda: number(early) == 2, "the one of the wave takes it", early.log)
    before = last_seen()
    await_that(lambda: last_seen() > before, "the other one has asked since", late.log)
    assert number(late) == 1
    assert "number 2 goes to 5 % of the devices first" in ask("history").stdout

    ask("release", "2")
    await_that(lambda: number(late) == 2, "then the other one, too", late.log)
