"""The daemon as a process: it starts, says how it is, is alone with its state, and ends when told."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endtoend.lab import Agent, Lab, await_that, figure, root, run
from endtoend.python_for_all import SOMEBODY, Python, python_for, stranger
from tool_files import ACME

POLICY = "banned: [claude-code]\napproved: [qoder]\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told(number, either_lab):
    agent = either_lab.begin(POLICY)
    agent.signal(number)
    took = agent.stop()
    assert agent.wait() == 0
    figure(f"it ended {took:.2f} s after {number.name} (promised: under 2)")
    log = agent.log.read_text()
    assert "ERROR" not in log
    assert "Traceback" not in log
    left = agent.ask("status", "--format", "json")
    assert left.returncode == 2
    said = json.loads(left.stdout)
    assert (said["running"], said["healthy"], said["policy"]["mode"]) == (False, False, "report")


def test_it_ends_when_told_over_and_over(lab):
    """One signal interrupts the handler of another; one that came while Python itself ended was a kill."""
    agent = lab.begin(POLICY)
    for number in (signal.SIGTERM, signal.SIGINT) * 2000:
        os.kill(agent.pid, number)
    while agent.running:
        agent.signal(signal.SIGTERM)
        time.sleep(0.002)  # it is to have the processor in between
    assert agent.wait() == 0


def test_it_ends_when_told_in_the_midst_of_the_first_scan(lab):
    lab.policy(POLICY)
    lab.server.start()
    lab.hand_out_secret()
    agent = lab.agent()
    agent.start()
    await_that(lambda: "running pid=" in agent.log.read_text(), "it runs", agent.log)
    agent.stop()
    assert agent.wait() == 0


def test_a_second_one_on_the_same_state_is_refused(lab):
    agent = lab.begin(POLICY)
    second = run(lab.python, agent.arguments, lab.environ)
    assert second.returncode == 2
    assert f"pid {agent.pid}" in second.stderr
    assert str(agent.state) in second.stderr
    assert "Traceback" not in second.stderr
    assert agent.running
    status = agent.status()
    assert status
    assert status["pid"] == agent.pid


def test_after_a_kill_the_next_one_starts(lab):
    agent = lab.begin(POLICY)
    await_that((agent.state / "status.json").exists, "its status is on disk", agent.log)
    agent.kill()
    left = agent.ask("status")
    assert left.returncode == 2
    assert "not running" in left.stdout
    agent.start()
    await_that(agent.status, "it answers", agent.log)


def test_status_says_how_it_is(either_lab):
    lab = either_lab
    lab.install("claude-code-1.0.100")
    agent = lab.begin(POLICY)
    await_that(lambda: (agent.status() or {}).get("healthy"), "it is well", agent.log)
    said = agent.ask("status")
    assert said.returncode == 0, said.stdout
    assert said.stdout.startswith("healthy; running since ")
    for word in (str(agent.pid), "policy.yaml", lab.server.url, "mode report", "new processes", "last scan"):
        assert word in said.stdout
    status = json.loads(agent.ask("status", "--format", "json").stdout)
    assert status["scope"] == ("machine" if lab.python.uid is None else "user")
    assert status["process_events"].startswith(("kernel", "polling ("))
    assert status["install_events"].startswith(("kernel", "folders ("))
    assert status["server"]["last_ok"]
    assert status["scan"]["findings"]["banned"] >= 1


def test_status_where_no_agent_ever_ran(lab):
    nobody = run(lab.python, ["status", "--state", str(lab.folder / "none")], lab.environ)
    assert nobody.returncode == 2
    assert nobody.stdout == ""
    assert "aipolicy run" in nobody.stderr


def test_no_policy_to_start_with(lab):
    lab.policy("banned: claude-code\n")
    agent = lab.agent()
    refused = run(lab.python, agent.arguments, lab.environ)
    assert refused.returncode == 2
    assert "policy.yaml:1:9" in refused.stderr
    assert "Traceback" not in refused.stderr


# --- systemd ---------------------------------------------------------------------------------------------


@pytest.fixture
def systemd(lab: Lab) -> Iterator[socket.socket]:
    """The socket on which systemd listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        place = lab.folder / "notify"
        listening.bind(str(place))
        place.chmod(0o777)
        listening.settimeout(60)
        yield listening


def test_systemd_is_told(systemd, lab):
    lab.policy(POLICY)
    lab.server.start()
    lab.hand_out_secret()
    agent = lab.agent()
    agent.environ = {**agent.environ, "NOTIFY_SOCKET": str(lab.folder / "notify"), "WATCHDOG_USEC": "1000000"}
    agent.start()
    told = [systemd.recv(4096).decode() for _ in range(4)]
    assert told[0].startswith("READY=1\nSTATUS=policy ")
    assert told[1:] == ["WATCHDOG=1"] * 3
    agent.stop()
    systemd.setblocking(False)
    rest = []
    while True:
        try:
            rest.append(systemd.recv(4096).decode())
        except BlockingIOError:
            break
    assert rest[-1] == "STOPPING=1"


# --- who may ask -----------------------------------------------------------------------------------------


@pytest.fixture
def others() -> tuple[Python, Python]:
    """Two people who are not the one that runs the agent."""
    if not root():
        pytest.skip("needs root on Linux: two people ask")
    one = stranger()
    assert one is not None
    return python_for(one), python_for(SOMEBODY - 1)


def test_mine_shows_each_person_their_own_records_only(others, machine_lab):
    lab = machine_lab
    lab.install("claude-code-1.0.100")
    one, other = others
    carrier = shared_tool(lab)
    processes = [
        subprocess.Popen([str(carrier), "3600"], env={"PATH": "/usr/bin:/bin"}, cwd="/", **person.person)
        for person in (one, other)
    ]
    try:
        agent = lab.begin(POLICY)
        for person in (one, other):
            records = await_that(lambda p=person: mine(lab, agent, p), "each has a record", agent.log)
            whose = {record["about"]["verdict"]["finding"]["owner"]["uid"] for record in records}
            assert whose == {person.uid}
        shown = mine(lab, agent, one)  # before the spool, to which more may come meanwhile
        stored = {json.dumps(e, sort_keys=True) for e in agent.spool()}
        assert {json.dumps(e, sort_keys=True) for e in shown} <= stored, "as stored and sent"
    finally:
        for process in processes:
            process.kill()
            process.wait()
    roots = mine(lab, agent, lab.python)
    assert any("~/.npm/" in json.dumps(record) for record in roots)
    assert not any("~/.npm/" in json.dumps(record) for record in mine(lab, agent, other))


def shared_tool(lab: Lab) -> Path:
    """A program with a tool's marks that anybody may run."""
    place = lab.folder / "notes"
    marks = b"CLAUDE_CODE_ENABLE_TELEMETRY\0tengu_api_success\0tengu_startup_telemetry\0"
    place.write_bytes(Path("/bin/sleep").read_bytes() + marks)
    place.chmod(0o755)
    return place


def mine(lab: Lab, agent: Agent, person: Python) -> list[dict[str, Any]]:
    said = run(person, ["mine", "--state", str(agent.state), "--format", "json"], lab.environ)
    assert said.returncode == 0, said.stderr
    records: list[dict[str, Any]] = json.loads(said.stdout)["records"]
    return records


def test_mine_without_an_agent_says_so(lab):
    agent = lab.agent()
    said = agent.ask("mine")
    assert said.returncode == 2
    assert "no agent answers" in said.stderr


def test_the_state_folder_is_closed_to_others(either_lab):
    agent = either_lab.begin(POLICY)
    assert agent.state.stat().st_mode & 0o077 == 0
    with agent.standing_still():
        modes = {place: place.stat().st_mode for place in agent.state.iterdir() if not place.is_socket()}
    assert modes
    assert [place for place, mode in modes.items() if mode & 0o077] == []
    assert os.stat(agent.state).st_uid == (either_lab.python.uid or 0)


def test_a_broken_tool_file_of_its_own_leaves_it_the_last_right_one_and_is_said(lab):
    own = lab.own(lab.folder / "tools")
    (own / "acme.yaml").write_text(ACME)
    config = lab.folder / "agent.yaml"
    config.write_text(f"tools: {own}\n")
    agent = lab.begin("banned: [acme]\n", "--config", str(config))
    await_that(lambda: agent.ask("status").returncode == 0, "it is well", agent.log)
    agent.stop()
    agent.wait()
    (own / "acme.yaml").write_text(ACME + "stop: never\n")
    agent.start()
    status = await_that(agent.status, "it answers", agent.log)
    (problem,) = (p for p in status["problems"] if p["part"] == "catalog")
    assert f"{own}/acme.yaml:{len(ACME.splitlines()) + 1}:7: unknown way to stop 'never'" in problem["detail"]
    assert "the last right tool files stay in force" in problem["detail"]
    assert not status["healthy"]
