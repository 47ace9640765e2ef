"""A newcomer's half hour: from an empty folder to one machine that obeys and one that waits for its wave."""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aipolicy.core.audience import rollout_place
from aipolicy.core.model import Context
from endtoend.lab import PATIENCE_S, Agent, Lab, await_that, run
from endtoend.python_for_all import Python, python_for, stranger
from endtoend.test_privacy import MARKS
from installed import put

pytestmark = [
    pytest.mark.skipif(stranger() is None, reason="needs root: two machines with names of their own"),
    pytest.mark.xdist_group("machine"),  # it runs what the guard of another test would refuse
]

DEVICES = 5_000
AS_ANOTHER_HOST = 'hostname "$0" && exec setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"'


def host(*, early: bool) -> str:
    """The name of a machine that is, or is not, among the first five in a hundred."""
    for number in range(1_000):
        name = f"pc-{number}"
        context = Context(now=datetime.now(UTC), device="", hostname=name, os="linux", owner=None)
        place = rollout_place("company", context)
        if place is not None and (place < 5) is early:
            return name
    raise AssertionError("no such name")


def machine(lab: Lab, name: str) -> Agent:
    """A machine of another name: the same kernel, with a UTS namespace of its own."""
    agent = lab.agent(state=name)
    uid = str(lab.python.uid)
    command = ("unshare", "--uts", "bash", "-c", AS_ANOTHER_HOST, name, uid, *lab.python.command)
    agent.python = Python(command, lab.python.environ)
    return agent


def done(agent: Agent) -> set[str]:
    """What the agent did about the tool that runs."""
    outcomes = [event["about"] for event in agent.spool() if event["about"]["what"] == "outcome"]
    return {about["done"] for about in outcomes if about["verdict"]["finding"]["state"] == "running"}


def test_from_an_empty_folder_to_two_machines(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    data = str(lab.server.data)

    def ask(*words: str, expect: int = 0) -> str:
        token = lab.server.data / "admin-token"
        environ = {**lab.environ, "AIPOLICY_SERVER": lab.server.url}
        environ |= {"AIPOLICY_TOKEN": token.read_text().strip()} if token.exists() else {}
        ran = run(python_for(None), [*words], environ, cwd=folder if folder.exists() else tmp_path)
        assert ran.returncode == expect, (words, ran.stdout, ran.stderr)
        return ran.stdout + ran.stderr

    def git(*words: str) -> None:
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)

    def edit(old: str, new: str) -> None:
        file = folder / "policy.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    ask("policy", "init", str(folder), "--server", lab.server.url)
    git("add", "-A")
    git("commit", "-qm", "The starter")

    edit("unlisted: report\n", "unlisted: report\nscopes:\n  - {name: canary, percent: 5, mode: blok}\n")
    edit("mode: report\n", "mode: warn\n")
    edit("tool: claude-code, expect: report", "tool: claude-code, expect: warn")
    wrong = ask("policy", "check", expect=2)
    assert "did you mean 'block'?" in wrong
    assert " ^" in wrong
    edit("blok", "block")
    ask("policy", "check")
    assert "policy.yaml: written" in ask("policy", "fmt")
    ask("policy", "test")
    git("commit", "-qam", "Block in a first wave")

    ask("server", "simulate", "--data", data, "--devices", str(DEVICES))
    lab.server.arguments += ["--check-in-s", "5"]
    lab.server.start()
    plan = ask("policy", "plan", "policy.yaml")
    assert f"{DEVICES:,} devices" in plan
    assert "newly blocked" in plan
    assert "Newly blocked, now or later, wave by wave" in plan
    said = ask("policy", "publish", "--author", "Ada", "--commit", "HEAD")
    assert "devices take it at the next check-in" in said

    lab.hand_out_secret(ask("server", "secret", "new", "--data", data, "--name", "two").split()[0])
    lab.policy("mode: report\nbanned: []\n")
    sleep = Path(os.path.realpath(shutil.which("sleep") or "/bin/sleep")).read_bytes()
    put(lab.bin / "notes", sleep + bytes(1_200_000) + MARKS)  # as large as the tool is
    later = machine(lab, host(early=False))
    canary = machine(lab, host(early=True))
    later.start()
    await_that(
        lambda: (later.status() or {}).get("policy", {}).get("number"),
        "it takes what was published",
        later.log,
    )
    tool = subprocess.Popen([lab.bin / "notes", "3600"], cwd="/", **lab.python.person)
    try:
        await_that(lambda: done(later), "the one that waits has seen it", later.log)
        assert tool.poll() is None
        canary.start()
        assert tool.wait(PATIENCE_S) != 0
        await_that(lambda: "ended" in done(canary), "it says so", canary.log)
        assert done(later) <= {"warned", "reported"}
    finally:
        tool.kill()
        tool.wait()
