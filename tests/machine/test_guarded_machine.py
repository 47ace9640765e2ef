"""Given the agent and its guard on the whole machine, a banned tool does not start, and all else does."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endtoend.crashing import await_safe_mode, crash, told
from endtoend.lab import Agent, Lab, await_that, root
from machine.guard.editor import put_editor
from machine.real_packages import native_claude, put_copy, script_claude
from machine.test_block import (
    BLOCK,
    REPORT,
    STREAM,
    Shell,
    is_alive,
    machine_lab,
    refuse_beside_others,
    shell,
    start_innocents,
    start_notes,
)

pytestmark = [
    pytest.mark.xdist_group("machine"),
    pytest.mark.skipif(not root(), reason="needs root on Linux: answers for every program of the machine"),
]
__all__ = ["machine_lab", "shell"]


@pytest.fixture
def lab(machine_lab: Lab) -> Iterator[Lab]:
    machine_lab.guard = "on"
    refuse_beside_others()
    yield machine_lab
    end_with_guards(machine_lab)


def end_with_guards(lab: Lab) -> None:
    """Agents and their guards: while the state folder is there, which says which guard is whose."""
    for agent in lab.agents:
        agent.signal(signal.SIGCONT)  # a test that failed may have left it stopped
        try:
            agent.stop()
        finally:
            with contextlib.suppress(OSError, ValueError):
                pid = deadman(agent)
                if str(agent.state) in Path(f"/proc/{pid}/cmdline").read_text():
                    os.kill(pid, signal.SIGKILL)


def deadman(agent: Agent) -> int:
    """The guard's first process, which holds its lock."""
    return int((agent.state / "guard.lock").read_text())


def layer(agent: Agent) -> str:
    """What the agent says of the guard."""
    status = agent.status()
    return str(status["layers"]["guard"]) if status else "no answer"


def in_force(agent: Agent) -> bool:
    return layer(agent) == "in force"


def test_the_banned_tool_is_refused_and_the_person_is_told(lab: Lab, shell: Shell) -> None:
    agent = lab.begin(BLOCK, "--scan-every-s", "86400")
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    innocents = start_innocents(lab, shell)
    notes = put_copy(native_claude(), shell.home / "notes")
    shell.type(f"{notes} --version")
    await_that(lambda: "not permitted" in shell.read(), "it is refused", agent.log)
    await_that(lambda: "Claude Code 2.1.197 was not started" in shell.read(), "the notice", agent.log)
    for words in ("rule policy.yaml:3", "may not run here", "Use Qoder", "it@example.com", "no contract"):
        await_that(lambda words=words: words in shell.read(), words, agent.log)  # type: ignore[misc]
    assert "2.1.197 (Claude Code)" not in shell.read()
    (told, *more) = await_that(lambda: lab.server.events(done="denied"), "it is reported", agent.log)
    assert not more
    assert (told["tool"], told["version"], told["place"]) == ("claude-code", "2.1.197", str(notes))
    assert "at its start" in lab.server.page("/events")
    assert all(Path(f"/proc/{pid}").exists() for pid in innocents.values())
    assert shell.alive()


EDITOR = """mode: block
banned: [windsurf]
approved: [qoder]
"""


def test_a_running_editor_lives_on_its_person_is_asked_and_no_other_one_starts(
    lab: Lab, shell: Shell
) -> None:
    agent = lab.begin(EDITOR.replace("block", "report"), "--scan-every-s", "86400")
    program = put_editor(lab.folder, shell.home / "thing")
    orders, said = shell.home / "orders", shell.home / "said"
    os.mkfifo(orders, 0o666)
    orders.chmod(0o666)
    running = shell.run(f"{program} <> {orders} > {said}")

    def part(number: int) -> None:
        orders.write_text("part\n")
        await_that(lambda: said.read_text() == "0\n" * number, "its part starts", agent.log)

    part(1)
    lab.policy(EDITOR)
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    for words in ("Windsurf 1.12.3 may no longer be used", "Save your work and close it", "Use Qoder"):
        await_that(lambda words=words: words in shell.read(), words, agent.log)  # type: ignore[misc]
    for number in range(2, 5):
        shell.type(f"{program} part")
        told = number - 1
        await_that(lambda told=told: shell.read().count("not permitted") == told, "refused", agent.log)  # type: ignore[misc]
        part(number)
    assert is_alive(running)
    events = await_that(lambda: lab.server.events(done="not_enforceable"), "it is reported", agent.log)
    assert events[0]["tool"] == "windsurf"
    assert events[0]["detail"].endswith("the person was asked to close it")
    assert shell.read().count("Save your work") == 1


@pytest.fixture
def unscanned() -> Iterator[Path]:
    """A folder that no scan enters: what other tests do in /tmp begins one at any time."""
    with tempfile.TemporaryDirectory(prefix="aipolicy-lab-", dir="/var/lib") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.mark.parametrize("way", ["node {script}", "ld.so {program}", "node -e \"import('{script}')\" x"])
def test_what_was_ended_once_is_refused_from_then_on(
    lab: Lab, shell: Shell, unscanned: Path, way: str
) -> None:
    """Nobody has executed it by itself and no scan has found it, so its first start is not refused."""
    node, loader = shutil.which("node"), next(Path("/lib64").glob("ld-linux*.so.*"), None)
    if node is None or loader is None:
        pytest.skip("needs node and glibc's loader in /lib64")
    agent = lab.begin(BLOCK, "--scan-every-s", "86400")
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    script = unscanned / "notes.mjs"
    shutil.copyfile(script_claude(), script)
    program = put_copy(native_claude(), unscanned / "notes")
    fifo = shell.home / "input"
    os.mkfifo(fifo)
    fifo.chmod(0o666)
    line = way.format(script=script, program=program).replace("ld.so", str(loader))
    first = shell.run(f"{line} {STREAM} <> {fifo} > /dev/null 2>&1")
    await_that(lambda: not is_alive(first), "the first one ends", agent.log)
    # An agent that was fast enough has told the guard before node opened its script.
    await_that(
        lambda: lab.server.events(done="ended") or lab.server.events(done="denied"), "by us", agent.log
    )

    def is_refused() -> bool:
        """The agent tells the guard at that end, which may take it in a moment later."""
        shell.read()
        shell.screen = ""
        shell.type(f"{line} --version; echo was-''tried")
        await_that(lambda: "was-tried" in shell.read(), "it ends", agent.log)
        return "not permitted" in shell.screen

    agent.process.send_signal(signal.SIGSTOP)  # or it may end node before that opens anything
    await_that(is_refused, "it is refused", agent.log)
    agent.process.send_signal(signal.SIGCONT)
    place = str(program if "{program}" in way else script)
    told, *_ = await_that(lambda: lab.server.events(done="denied"), "it is reported", agent.log)
    assert (told["tool"], told["place"]) == ("claude-code", place)
    shell.type(f"cat {place} > /dev/null && echo may-''read")
    await_that(lambda: "may-read" in shell.read(), "whoever only reads it may")


def test_a_hostile_name_drives_neither_the_terminal_nor_the_page(lab: Lab, shell: Shell) -> None:
    agent = lab.begin(BLOCK, "--scan-every-s", "86400")
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    put_copy(native_claude(), shell.home / "x" / "=no\n\x1b[2Jtes\x07<script>")
    shell.type("cd x; ./* --version 2>/dev/null; echo back-'here'")
    await_that(lambda: "it@example.com" in shell.read(), "the notice", agent.log)
    notice = shell.read().partition("aipolicy:")[2]
    assert not set("\x1b\x07\x9b") & set(notice)
    (told,) = await_that(lambda: lab.server.events(done="denied"), "it is reported", agent.log)
    assert told["place"].endswith("tes\x07<script>"), "as it is: who shows it escapes it"
    page = lab.server.page("/events")
    assert "tes\\x07&lt;script&gt;" in page
    assert not {"\x1b", "\x07"} & set(page)
    assert lab.server.device()["alarms"] == []


def test_a_policy_without_a_block_ends_the_guard_and_one_with_it_starts_it(lab: Lab, shell: Shell) -> None:
    agent = lab.begin(REPORT, "--scan-every-s", "86400")
    await_that(lambda: layer(agent) == "off", "nothing is guarded", agent.log)
    lab.policy(BLOCK)
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    guard = deadman(agent)
    lab.policy(REPORT)
    await_that(lambda: not Path(f"/proc/{guard}").exists(), "the guard has ended", agent.log)
    await_that(lambda: layer(agent) == "off", "it says so", agent.log)


def test_a_killed_agent_leaves_the_guard_and_the_next_one_takes_it_over(lab: Lab, shell: Shell) -> None:
    agent = lab.begin(BLOCK, "--scan-every-s", "86400")
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    guard = deadman(agent)
    agent.kill()
    notes = put_copy(native_claude(), shell.home / "notes")
    shell.type(f"{notes} --version")
    await_that(lambda: "not permitted" in shell.read(), "it is refused without the agent")
    agent.start()
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    assert deadman(agent) == guard
    await_that(lambda: lab.server.events(done="denied"), "what it refused meanwhile is told", agent.log)
    agent.stop()
    await_that(lambda: not Path(f"/proc/{guard}").exists(), "the guard ends with the agent")


def test_a_guard_that_ends_is_told_and_is_back_soon(lab: Lab) -> None:
    agent = lab.begin(BLOCK, "--scan-every-s", "86400")

    def told() -> list[dict[str, Any]]:
        return [e for e in lab.server.events(kind="health") if e["place"] == "guard"]

    await_that(lambda: [e["reason"] for e in told()][-1:] == ["in force"], "it is in force", agent.log)
    before = len(told())
    os.kill(deadman(agent), signal.SIGKILL)
    await_that(lambda: len(told()) >= before + 2, "it is told", agent.log)
    assert in_force(agent)
    away, back = told()[before:]
    assert (away["reason"], back["reason"]) == ("away", "in force")
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    (since, until) = re.findall(f"away from ({moment}) to ({moment})", back["detail"])[0]
    assert since <= until
    assert since[:10] == str(away["time"])[:10]


def test_what_is_mounted_in_a_namespace_of_ones_own_is_guarded(lab: Lab, shell: Shell) -> None:
    """As rootless containers do it: nobody else sees that filesystem."""
    agent = lab.begin(BLOCK, "--scan-every-s", "86400")
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    notes = put_copy(native_claude(), shell.home / "notes")
    inside = f"mount -t tmpfs own {shell.home} && cp {lab.folder}/notes {shell.home}/x"
    # Before the guard is there it runs, or is ended.
    again = f"until ({shell.home}/x --version) 2>&1 | grep 'not permitted'; do sleep 1; done"
    notes.rename(lab.folder / "notes")
    ran = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", f"{inside} && {again}"], capture_output=True, text=True, timeout=60
    )
    assert "not permitted" in ran.stdout, ran


def test_a_build_with_a_compiler_and_a_package_install_are_not_disturbed(lab: Lab, tmp_path: Path) -> None:
    if shutil.which("gcc") is None or shutil.which("make") is None:
        pytest.skip("needs gcc and make")
    agent = lab.begin(BLOCK, "--scan-every-s", "86400")
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    for number in range(20):
        (tmp_path / f"p{number}.c").write_text(f"int main(void) {{ return {number} - {number}; }}")
    names = " ".join(f"p{number}" for number in range(20))
    (tmp_path / "Makefile").write_text(f"all: {names}\n\tfor p in {names}; do ./$$p || exit 1; done\n")
    subprocess.run(["make", "-s", "-j4"], cwd=tmp_path, check=True, timeout=120)
    subprocess.run(["git", "init", "-q", tmp_path / "repository"], check=True)


def test_28_a_crash_loop_ends_the_guard_that_it_left_and_the_banned_tool_starts(
    lab: Lab, shell: Shell
) -> None:
    agent = lab.begin(BLOCK, "--scan-every-s", "86400")
    await_that(lambda: in_force(agent), "the guard is in force", agent.log)
    guard = deadman(agent)
    notes = put_copy(native_claude(), shell.home / "notes")
    shell.type(f"{notes} --version")
    await_that(lambda: "not permitted" in shell.read(), "it is refused", agent.log)
    agent.kill()
    for _ in range(2):
        crash(agent, "policy")
    assert Path(f"/proc/{guard}").exists(), "it outlives them all"
    agent.start()
    await_safe_mode(agent)
    await_that(lambda: not Path(f"/proc/{guard}").exists(), "the guard has ended", agent.log)
    shell.type(f"{notes} --version")
    await_that(lambda: "2.1.197 (Claude Code)" in shell.read(), "it runs", agent.log)
    running = start_notes(shell)
    await_that(lambda: lab.server.findings("claude-code"), "it is reported", agent.log)
    assert is_alive(running)
    assert layer(agent) == "off"
    await_that(lambda: told(lab) == ["on"], "the server is told", agent.log)

    lab.policy(BLOCK + "# mended\n")
    await_that(lambda: in_force(agent), "the guard is in force again", agent.log)
    await_that(lambda: not is_alive(running), "and what runs is ended", agent.log)
    await_that(lambda: told(lab) == ["on", "off"], "the server is told", agent.log)
