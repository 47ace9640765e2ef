"""A policy on its way from a file to a machine: published, taken, refused, rolled back, braked."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from endtoend.lab import Agent, Lab, await_that, run
from endtoend.python_for_all import python_for
from tool_files import ACME

FILE = "mode: report\nbanned: [qoder]\n"
FIRST = "mode: warn\nbanned: [claude-code]  #\tno contract"
SECOND = "mode: warn\nbanned: [claude-code, goose]\n"


class Desk:
    """Whoever publishes: IT's CI, with the admin token in a file."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.file = lab.folder / "published" / "policy.yaml"
        self.file.parent.mkdir()

    def ask(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        token = ["--token-file", str(self.lab.server.data / "admin-token")]
        where = ["--server", self.lab.server.url, *([] if "AIPOLICY_TOKEN" in environ else token)]
        return run(python_for(None), ["policy", *words, *where], {**self.lab.environ, **environ})

    def publish(self, text: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        self.file.write_text(text)
        return self.ask("publish", str(self.file), *words, **environ)

    def history(self) -> dict[str, Any]:
        said = self.ask("history", "--format", "json")
        assert said.returncode == 0, said.stderr
        found: dict[str, Any] = json.loads(said.stdout)
        return found


@pytest.fixture
def desk(lab: Lab) -> Desk:
    lab.server.arguments += ["--check-in-s", "5"]
    lab.server.start()
    lab.hand_out_secret()
    return Desk(lab)


def agent_of(lab: Lab) -> Agent:
    lab.policy(FILE)
    agent = lab.agent()
    agent.start()
    lab.await_settled(agent)
    return agent


def in_force(agent: Agent) -> dict[str, Any]:
    status = agent.status()
    return dict(status["policy"]) if status else {}


def test_a_machine_follows_what_is_published(lab: Lab, desk: Desk) -> None:
    agent = agent_of(lab)
    assert (in_force(agent)["number"], in_force(agent)["mode"]) == (0, "report"), "the file, until then"
    done = desk.publish(FIRST, "--commit", "9f3c2a", "--author", "alice", "--approver", "bob")
    assert done.returncode == 0, done.stderr
    assert "published: number 1, version " in done.stdout
    await_that(lambda: in_force(agent).get("number") == 1, "the first is in force", agent.log, lab.server.log)
    assert in_force(agent)["mode"] == "warn"
    assert in_force(agent)["file"] == lab.server.url
    await_that(lambda: desk.history()["rollout"]["current"] == 1, "the server knows", agent.log)
    assert "number 1 from http" in agent.ask("status").stdout

    again = desk.publish(FIRST)
    assert "in force already: number 1" in again.stdout
    assert desk.publish(SECOND, "--expect", "1").returncode == 0
    await_that(lambda: in_force(agent).get("number") == 2, "the second is in force", agent.log)

    agent.kill()
    lab.server.stop()
    agent.start()
    await_that(lambda: in_force(agent).get("number") == 2, "also without the server", agent.log)
    lab.server.start()

    back = desk.ask("rollback", "1", "--author", "carol")
    assert back.returncode == 0, back.stderr
    assert "published: number 3" in back.stdout
    await_that(lambda: in_force(agent).get("number") == 3, "the first text again", agent.log)
    await_that(lambda: desk.history()["rollout"]["current"] == 1, "the server knows", agent.log)
    rows = desk.history()["rows"]
    assert [(row["number"], row["copy_of"]) for row in rows] == [(3, 1), (2, None), (1, None)]
    shown = desk.ask("history").stdout
    for word in ("NUMBER", "alice", "bob", "9f3c2a (text of 1)", "number 3 is enforced by 1 device"):
        assert word in shown
    assert desk.ask("show", "1").stdout == FIRST, "byte for byte"
    assert desk.ask("show", rows[0]["version"]).stdout == FIRST
    assert "+banned: [claude-code, goose]" in desk.ask("show", "2", "--diff").stdout


def test_who_was_overtaken_a_wrong_policy_and_a_wrong_token_are_told_apart(lab: Lab, desk: Desk) -> None:
    assert desk.publish(FIRST, "--author", "alice").returncode == 0
    cases = [
        (desk.publish(SECOND, "--expect", "0"), "number 1 was published by alice meanwhile"),
        (desk.publish("banned: [claud-code]\n"), "policy.yaml:1:10: unknown tool 'claud-code', did you mean"),
        (desk.publish(SECOND, AIPOLICY_TOKEN="aipa_" + "x" * 43), "this server"),
        (desk.publish(SECOND, AIPOLICY_TOKEN=""), "AIPOLICY_TOKEN"),
        (desk.ask("rollback", "9"), "no such policy was published here"),
        (desk.ask("show", "latest"), "is no version"),
        (desk.ask("publish", "/nowhere.yaml"), "/nowhere.yaml: No such file"),
        (desk.publish(SECOND, "--commit", "x" * 201), "--commit"),
    ]
    lab.server.stop()
    cases.append((desk.publish(SECOND), "the server is away: "))
    lab.server.start()
    for said, words in cases:
        assert (said.returncode, said.stdout) == (2, ""), said
        assert words in said.stderr, said.stderr
        assert "Traceback" not in said.stderr
        assert (lab.server.data / "admin-token").read_text().strip() not in said.stderr
    assert desk.history()["current"] == 1


def test_a_machine_whose_catalog_is_older_refuses_and_says_why(lab: Lab, desk: Desk) -> None:
    """The server knows a tool of IT's own that this agent does not: its own parser has the last word."""
    own = lab.folder / "tools"
    own.mkdir()
    (own / "acme.yaml").write_text(ACME)
    lab.server.stop()
    lab.server.arguments += ["--tools", str(own)]
    lab.server.start()
    agent = agent_of(lab)
    assert desk.publish("banned: [acme]\n").returncode == 0
    await_that(lambda: desk.history()["rollout"]["refusing"] == 1, "it is told", agent.log)
    assert in_force(agent)["number"] == 0
    device = lab.server.device()["device"]
    assert device["refused"] == 1
    assert "unknown tool 'acme'" in device["refused_why"]
    status = agent.status()
    assert status
    assert "unknown tool 'acme'" in str(status["problems"])
    assert desk.publish(FIRST).returncode == 0
    await_that(lambda: in_force(agent).get("number") == 2, "the next is taken", agent.log)
    await_that(lambda: desk.history()["rollout"]["current"] == 1, "and that is known", agent.log)


def test_without_a_file_a_machine_reports_until_there_is_a_policy(lab: Lab, desk: Desk) -> None:
    agent = lab.agent()
    at = agent.arguments.index("--policy")
    del agent.arguments[at : at + 2]
    if Path("/etc/aipolicy/policy.yaml").exists():
        pytest.skip("this machine has a policy of its own")
    agent.start()
    await_that(lambda: agent.scans(), "it scans", agent.log)
    assert (in_force(agent)["number"], in_force(agent)["mode"]) == (0, "report")
    desk.publish(FIRST)
    await_that(lambda: in_force(agent).get("number") == 1, "it is in force", agent.log)


def test_the_servers_brake_reaches_every_machine_and_outlives_a_restart(lab: Lab, desk: Desk) -> None:
    agent = agent_of(lab)
    desk.publish(FIRST)
    await_that(lambda: in_force(agent).get("mode") == "warn", "it warns", agent.log)
    brake = ["server", "brake", "--data", str(lab.server.data)]
    pulled = run(python_for(None), [*brake, "--reason", "a wrong ban"], lab.environ)
    assert pulled.returncode == 0, pulled.stderr
    await_that(lambda: in_force(agent).get("mode") == "report", "it only reports", agent.log)
    await_that(lambda: "a wrong ban" in (lab.server.device()["device"]["ceiling"] or ""), "known", agent.log)
    agent.kill()
    agent.start()
    await_that(lambda: in_force(agent).get("mode") == "report", "also after a restart", agent.log)
    assert run(python_for(None), [*brake, "--off"], lab.environ).returncode == 0
    await_that(lambda: in_force(agent).get("mode") == "warn", "the policy acts again", agent.log)
