"""The deb in a booted Debian from its install to its purge: reboot, kills, upgrades good and bad, downgrade.

One machine for each release of Debian, and one story: each test needs the ones before it.
"""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import aipolicy
from endtoend.lab import Lab, await_that, figure
from installed_agent import BLOCK, TOOL, lay_tool, refuses, starts, ways_in_etc
from machine.test_block import STREAM
from machine_needs import NEEDS_ROOT
from nspawn import Container, debian
from other_versions import deb_of
from packaging_needs import NEEDS_PACKAGES, built

pytestmark = [
    NEEDS_PACKAGES,
    NEEDS_ROOT,
    pytest.mark.xdist_group("machine"),  # a guard of this machine would answer for the container's filesystem
]

PORT = 8765
SESSIONS = ("dbus-user-session", "libpam-systemd")
"""A person's own services need them."""
BEFORE, NOW, BAD, NEXT, LATER = "0.0.9", aipolicy.__version__, "0.1.1", "0.1.2", "0.2.0"
ALICE = "/home/alice/bin"


@dataclass
class Machine:
    """box: it. lab: for its server, which runs here and answers in there on PORT."""

    box: Container
    lab: Lab
    debs: dict[str, str]
    names_before: list[str]

    def install(self, version: str) -> str:
        """What dpkg says."""
        with step(f"dpkg --install {version}"):
            return self.box.run("dpkg", "--install", self.debs[version], timeout=300).stdout

    def status(self, *words: str) -> str:
        """Once it says all of that."""
        said = ""
        for word in words:
            said = self.box.until("aipolicy", "status", says=word)
        return said

    def shown(self, unit: str, *properties: str) -> str:
        asked = [f"--property={name}" for name in properties]
        return self.box.run("systemctl", "show", unit, *asked).stdout

    def number(self, unit: str, name: str) -> int:
        return int(self.shown(unit, name).strip().partition("=")[2])

    def of_alice(self) -> dict[int, str]:
        """What of hers runs that is banned."""
        return {pid: path for pid, path in self.box.processes().items() if path.startswith(ALICE)}

    def told(self, part: str) -> list[dict[str, Any]]:
        """What the server knows of a part of the agent, the oldest first."""
        return [event for event in self.lab.server.events(kind="health") if event["place"] == part]

    def await_told(self, part: str, words: str, after: int = 0) -> str:
        """Once the server was told that, among what is new."""

        def last() -> str:
            said = [f"{event['reason']}: {event['detail']}" for event in self.told(part)[after:]]
            return next((one for one in said if words in one), "")

        return await_that(last, f"{part} {words}", self.lab.server.log)

    def version_told(self) -> str:
        """Which agent the server knows on this device, of which there is one."""
        return str(self.lab.server.device()["device"]["agent_version"])

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.box.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Its time is printed with `pytest -rP`."""
    begun = time.monotonic()
    yield
    figure(f"{time.monotonic() - begun:6.1f} s  {what}")


@contextlib.contextmanager
def own_network() -> Iterator[Path]:
    """A network namespace that outlives a reboot of what runs in it."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    ours, theirs = Path("/proc/self/ns/net"), Path(f"/proc/{holder.pid}/ns/net")
    try:
        await_that(lambda: ours.readlink() != theirs.readlink(), "it has a network of its own")
        yield theirs
    finally:
        holder.kill()
        holder.wait()


@contextlib.contextmanager
def relayed(network: Path, port: int) -> Iterator[None]:
    """Who connects to PORT in there reaches `port` here."""
    here = [
        "nsenter",
        f"--net=/proc/{os.getpid()}/ns/net",
        "/lib/systemd/systemd-socket-proxyd",
        f"127.0.0.1:{port}",
    ]
    listen = ["systemd-socket-activate", "-l", f"127.0.0.1:{PORT}", *here]
    relay = subprocess.Popen(["nsenter", f"--net={network}", *listen], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        relay.kill()
        relay.wait()


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """With Claude Code in /usr/local, as `npm install --global` puts it, a person who has copies of it under
    other names, which a service of theirs and one of the machine's start at boot, and the debs in /root.
    """
    folder = tmp_path_factory.mktemp(request.param)
    with step("making the other versions"):
        made = {
            BEFORE: deb_of(folder, BEFORE),
            BAD: deb_of(folder, BAD, crashes=True),
            NEXT: deb_of(folder, NEXT),
            LATER: deb_of(folder, LATER, schema=2),
            NOW: built("aipolicy_*.deb"),
        }
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab.open())
        lab.server.start()
        network = stack.enter_context(own_network())
        with step(f"booting {request.param}"):
            box = stack.enter_context(debian(folder, *SESSIONS, suite=request.param, network=network))
        stack.enter_context(relayed(network, lab.server.port))
        lay_tool(box)
        debs = {version: f"/root/{deb.name}" for version, deb in made.items()}
        for deb in made.values():
            shutil.copy(deb, box.root / "root")
        here = Machine(box, lab, debs, box.ours())
        furnish(here)
        yield here


def furnish(machine: Machine) -> None:
    """Settings as an image brings them, and the person."""
    box = machine.box
    box.run("useradd", "--create-home", "--shell", "/bin/sh", "alice")
    box.run("mkdir", "-p", ALICE, f"{ALICE}/../.config/systemd/user/default.target.wants")
    for name in ("daily", "fresh"):
        box.run("cp", TOOL, f"{ALICE}/{name}")
    box.run("ln", f"{ALICE}/daily", f"{ALICE}/nightly")
    box.run("mkfifo", f"{ALICE}/../input")
    waits = f"/bin/sh -c 'exec {ALICE}/%s {STREAM} <>/home/alice/input >/dev/null 2>&1'"
    user = "/home/alice/.config/systemd/user/daily.service"
    machine.write(user, f"[Service]\nExecStart={waits % 'daily'}\n")
    box.run("ln", "-s", "../daily.service", f"{Path(user).parent}/default.target.wants/daily.service")
    for name, command in {"nightly": waits % "nightly", "fresh": f"{ALICE}/fresh --version"}.items():
        machine.write(
            f"/etc/systemd/system/{name}.service",
            f"[Service]\nUser=alice\nExecStart={command}\n\n[Install]\nWantedBy=multi-user.target\n",
        )
    box.run("chown", "-R", "alice:", "/home/alice")
    box.run("loginctl", "enable-linger", "alice")
    secret = (machine.lab.server.data / "enrolment-secret").read_text()
    machine.write("/etc/aipolicy/enrolment-secret", secret, 0o600)
    settings = (
        f"server: http://127.0.0.1:{PORT}\n"
        "enrolment_secret_file: /etc/aipolicy/enrolment-secret\n"
        "policy_from: file\n"
    )
    machine.write("/etc/aipolicy/agent.yaml.d/10-server.yaml", settings)
    machine.write("/etc/aipolicy/agent.yaml.d/20-test.yaml", "healthy_after_s: 5\n")


def test_a_package_that_is_installed_enrols_reports_and_stops_nothing(machine: Machine) -> None:
    box = machine.box
    said = machine.install(BEFORE)
    assert re.search(r"^ok    settings, policy, sight, rights, exec gate,", said, re.MULTILINE), said
    for unit in ("aipolicy", "aipolicy-guard"):
        box.until("systemctl", "show", unit, "--property=ActiveState", says="=active")
        assert box.run("systemctl", "is-enabled", unit).stdout.strip() == "enabled"
    box.guards_only_itself()
    assert box.run("stat", "-c", "%a %U", "/var/lib/aipolicy").stdout.strip() == "700 root"
    status = machine.status("mode report", " unlisted")
    folder = "/etc/aipolicy/agent.yaml.d"
    assert f"/etc/aipolicy/agent.yaml, {folder}/10-server.yaml, {folder}/20-test.yaml" in status
    await_that(lambda: machine.lab.server.api("/devices")["rows"], "it enrols", machine.lab.server.log)
    assert machine.version_told() == BEFORE
    assert starts(box)


def test_an_edited_policy_ends_what_runs_and_refuses_it_under_any_name(machine: Machine) -> None:
    box = machine.box
    box.run("systemctl", "enable", "--now", "nightly")
    await_that(machine.of_alice, "it runs while it is not banned")
    with step("an edited policy"):
        machine.write("/etc/aipolicy/policy.yaml", BLOCK)
        machine.status("guard           in force", "native controls in force")
        await_that(lambda: not machine.of_alice(), "what ran is ended")
    assert refuses(box)
    assert refuses(box, f"{ALICE}/daily")
    assert box.run("aipolicy", "scan", check=False).returncode == 1
    assert ways_in_etc(box)
    denied = await_that(lambda: machine.lab.server.events(done="denied"), "the server is told")
    assert {event["tool"] for event in denied} == {"claude-code"}


def test_after_a_reboot_it_is_refused_before_anything_of_a_person_starts(machine: Machine) -> None:
    box = machine.box
    box.run("systemctl", "enable", "fresh")
    before = len(machine.lab.server.events(done="denied"))
    with step("reboot"):
        box.reboot()
    box.guards_only_itself()
    machine.status("guard           in force")
    # What was refused before, to the shell that was to become it; what nobody has ever started, to systemd.
    for unit, status in {"nightly": "126", "fresh": "203"}.items():
        box.until("systemctl", "show", unit, "--property=ExecMainStatus", says=f"={status}\n")
    as_alice = ["runuser", "-u", "alice", "--", "env", "XDG_RUNTIME_DIR=/run/user/1000"]
    own = box.until(
        *(*as_alice, "systemctl", "--user", "show", "daily", "--property=ExecMainStatus,ActiveState"),
        says="=failed",
    )
    assert "ExecMainStatus=126" in own  # the shell's, whose program was refused
    assert not machine.of_alice()
    guard = machine.number("aipolicy-guard", "ActiveEnterTimestampMonotonic")
    for unit in ("basic.target", "systemd-user-sessions", "user@1000", "nightly", "fresh"):
        started = machine.number(unit, "InactiveExitTimestampMonotonic")
        assert guard < started, f"{unit} was started before the guard refused"
    new = await_that(lambda: machine.lab.server.events(done="denied")[before:], "the server is told")
    assert {"~/bin/nightly"} <= {event["place"] for event in new}
    figure(box.run("systemd-analyze", "time", check=False).stdout)
    figure(box.run("systemd-analyze", "critical-chain", "basic.target", "--no-pager", check=False).stdout)


def test_a_killed_agent_and_a_killed_guard_come_back_each_as_its_own_service(machine: Machine) -> None:
    each_comes_back(machine, "KILL")


def each_comes_back(machine: Machine, signal: str) -> None:
    """Agent and guard, after this signal to one and then the other; what is banned is refused throughout."""
    box = machine.box
    with step(f"SIG{signal} of the agent"):
        box.run("systemctl", "kill", f"--signal={signal}", "aipolicy")
        assert refuses(box, f"{ALICE}/daily")
        box.until("systemctl", "show", "aipolicy", "--property=NRestarts", says="NRestarts=1")
        machine.status("guard           in force")
    before = len(machine.told("guard"))
    with step(f"SIG{signal} of the whole guard"):
        box.run("systemctl", "kill", f"--signal={signal}", "aipolicy-guard")
        box.run("/bin/true")  # where the guard is stopped, it waits, and goes on
        guard_is_its_service(machine)
        machine.await_told("guard", "in force: away from ", before)
    assert refuses(box, f"{ALICE}/daily")


def guard_is_its_service(machine: Machine) -> None:
    """One guard is in force, and it is the one that systemd started."""

    def it_is() -> bool:
        shown = machine.shown("aipolicy-guard", "ActiveState", "MainPID")
        holder = (machine.box.root / "var/lib/aipolicy/guard.lock").read_text().strip()
        return "ActiveState=active" in shown and f"MainPID={holder}\n" in shown

    await_that(it_is, f"the guard is its service: {machine.box.journal()}")
    machine.status("guard           in force")


def test_an_agent_and_a_guard_that_are_stopped_are_started_anew(machine: Machine) -> None:
    """With a shorter watchdog than the packages': the mechanism is the same."""
    box = machine.box
    for unit in ("aipolicy", "aipolicy-guard"):
        machine.write(f"/etc/systemd/system/{unit}.service.d/short.conf", "[Service]\nWatchdogSec=6\n")
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", "aipolicy-guard", "aipolicy")
    machine.status("guard           in force")
    each_comes_back(machine, "STOP")
    for unit in ("aipolicy", "aipolicy-guard"):
        shutil.rmtree(box.root / f"etc/systemd/system/{unit}.service.d")
    box.run("systemctl", "daemon-reload")


def test_an_upgrade_while_it_is_started_without_a_pause(machine: Machine) -> None:
    """Whoever slipped through while agent and guard were exchanged is ended, and the gap is told."""
    box = machine.box
    loop = f"while :; do {ALICE}/nightly {STREAM} <>/home/alice/input >/dev/null 2>&1 & sleep 0.1; done"
    box.run("systemd-run", "--quiet", "--unit=loop", "--uid=alice", "/bin/sh", "-c", loop)
    before, ended = len(machine.told("guard")), len(machine.lab.server.events(done="ended"))
    machine.install(NOW)
    machine.status("guard           in force")
    said = machine.await_told("guard", "in force: away from ", before)
    figure(said)
    await_that(lambda: machine.version_told() == NOW, "the server is told")
    with step("the loop goes on, and nothing of it runs"):
        await_that(lambda: not banned_in(machine), "what slipped through is ended")
    box.run("systemctl", "stop", "loop")
    figure(f"ended: {len(machine.lab.server.events(done='ended')) - ended}")
    assert (box.root / "etc/aipolicy/policy.yaml").read_text() == BLOCK
    guard_is_its_service(machine)
    box.guards_only_itself()


def banned_in(machine: Machine) -> dict[int, str]:
    """What runs of hers; a shell that is about to be refused is none."""
    return {pid: path for pid, path in machine.of_alice().items() if path.endswith("nightly")}


def test_a_bad_upgrade_only_reports_and_the_next_one_enforces_again(machine: Machine) -> None:
    box = machine.box
    machine.install(BAD)  # and dpkg takes it for installed
    assert box.run("dpkg-query", "-W", "-f=${Status}", "aipolicy").stdout == "install ok installed"
    with step("three crashes to safe mode"):
        status = machine.status("safe mode: on since")
    assert "mode report" in status
    machine.await_told("safe mode", "on: ")
    await_that(lambda: "in safe mode" in machine.lab.server.page("/"), "the overview says so")
    assert starts(box)
    machine.install(NEXT)
    status = machine.status("mode block", "guard           in force")
    assert "safe mode" not in status
    machine.await_told("safe mode", "off")
    assert refuses(box)


def test_a_downgrade_sets_aside_what_only_the_newer_one_knows(machine: Machine) -> None:
    box = machine.box
    machine.install(LATER)
    machine.status("guard           in force")
    await_that(lambda: machine.version_told() == LATER, "the server is told")
    before = len(machine.told("spool"))
    box.run("systemctl", "stop", "aipolicy", "aipolicy-guard")
    as_of_a_newer_one(box.root / "var/lib/aipolicy")
    machine.install(NOW)
    machine.status("guard           in force")
    said = machine.await_told("spool", "", before)
    assert "a newer aipolicy" in said, said
    assert "schema is 2, this one knows 1" in said
    assert list((box.root / "var/lib/aipolicy").glob("spool.newer-*"))
    assert refuses(box)
    assert machine.number("aipolicy", "NRestarts") == 0
    await_that(lambda: machine.version_told() == NOW, "it is the same device still")
    await_that(lambda: machine.lab.server.findings("claude-code"), "all findings are told again")


def as_of_a_newer_one(state: Path) -> None:
    """Its small files say more than this version knows, and its cache is laid out otherwise."""
    files = sorted(state.glob("*.json"))
    assert {"identity.json", "starts.json", "status.json"} <= {file.name for file in files}
    for file in files:
        if isinstance(said := json.loads(file.read_text()), dict):
            file.write_text(json.dumps({**said, "of_a_newer_one": {"list": [1, "two"]}}))
    with contextlib.closing(sqlite3.connect(state / "evidence.db")) as cache:
        cache.execute("PRAGMA user_version = 99")


def test_without_either_nothing_is_refused_and_a_guard_alone_refuses(machine: Machine) -> None:
    box = machine.box
    box.run("systemctl", "stop", "aipolicy", "aipolicy-guard")
    assert starts(box, f"{ALICE}/daily")
    box.run("systemctl", "start", "aipolicy-guard")
    assert refuses(box, f"{ALICE}/daily")
    box.run("systemctl", "start", "aipolicy")


def test_a_guard_that_is_switched_off_is_no_failure(machine: Machine) -> None:
    box = machine.box
    off = "/etc/aipolicy/agent.yaml.d/30-off.yaml"
    machine.write(off, "guard: off\n")
    box.run("systemctl", "restart", "aipolicy-guard", "aipolicy")
    box.until("systemctl", "show", "aipolicy-guard", "--property=ActiveState", says="=inactive")
    assert "Result=success" in machine.shown("aipolicy-guard", "Result")
    assert starts(box)
    machine.status("guard           off")
    (box.root / off.lstrip("/")).unlink()
    box.run("systemctl", "restart", "aipolicy-guard", "aipolicy")
    machine.status("guard           in force")
    assert refuses(box)


def test_removed_and_purged_it_leaves_nothing(machine: Machine) -> None:
    box = machine.box
    with step("dpkg --remove"):
        box.run("dpkg", "--remove", "aipolicy")
    assert starts(box)
    assert not ways_in_etc(box)
    assert (box.root / "var/lib/aipolicy").is_dir()
    assert not box.marked_devices()
    with step("dpkg --purge"):
        box.run("dpkg", "--purge", "aipolicy")
    assert box.ours() == machine.names_before
    assert not (box.root / "etc/aipolicy").exists()
