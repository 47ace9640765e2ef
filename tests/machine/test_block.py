"""Given real tools that run, then in mode block the banned ones are ended, with a notice, and no others are.

AIPOLICY_SOAK_S is how long the innocent are watched (10; the acceptance wants 300).
"""

import contextlib
import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from endtoend.lab import Agent, Lab, await_that, figure, root
from endtoend.python_for_all import stranger
from installed import extension, npm_package, put
from machine.real_packages import native_claude, put_copy, script_claude

pytestmark = [
    pytest.mark.xdist_group("machine"),  # it ends what other tests run
    pytest.mark.skipif(not root(), reason="needs root on Linux: ends real processes of the machine"),
]

SOAK_S = float(os.environ.get("AIPOLICY_SOAK_S", "10"))
BLOCK = """mode: block
banned:
  - {tool: claude-code, reason: no contract, message: "{tool} may not run here. Use {instead}."}
  - goose
  - opencode
approved: [qoder]
contact: it@example.com
"""
REPORT = BLOCK.replace("mode: block", "mode: report")
STREAM = "-p --input-format stream-json --output-format stream-json --verbose"


class Shell:
    """A person's shell on a terminal of its own."""

    def __init__(self, lab: Lab, uid: int) -> None:
        self.uid = uid
        self.home = lab.folder / "person"
        self.home.mkdir()
        os.chown(self.home, uid, uid)
        self._master, slave = pty.openpty()
        os.fchown(slave, uid, uid)  # as a login does
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", "/bin/sh"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin", "TERM": "xterm", "PS1": "$ "},
            cwd=self.home,
            start_new_session=True,
            user=uid,
            group=uid,
            extra_groups=[],
        )
        os.close(slave)
        self.screen = ""
        self._started: list[int] = []

    def type(self, line: str) -> None:
        os.write(self._master, line.encode() + b"\n")

    def press(self, letter: str) -> None:
        """Together with Ctrl."""
        os.write(self._master, bytes([ord(letter) - 64]))

    def hang_up(self) -> None:
        """The terminal is closed."""
        os.close(self._master)
        self._master = os.open(os.devnull, os.O_RDWR)

    def read(self) -> str:
        """What was shown until now; the last of it may be on its way still."""
        while select.select([self._master], [], [], 0)[0]:
            self.screen += os.read(self._master, 1 << 16).decode(errors="replace")
        return self.screen

    def run(self, line: str) -> int:
        """Start something in the background; its process id."""
        mark = f"pid{time.monotonic_ns()}="
        self.type(f"{line} & echo {mark[:3]}''{mark[3:]}$!.")
        await_that(lambda: mark in self.read() and "." in self.read().partition(mark)[2], f"{line} starts")
        self._started.append(int(self.screen.partition(mark)[2].partition(".")[0]))
        return self._started[-1]

    def alive(self) -> bool:
        """Whether it still answers."""
        mark = str(time.monotonic_ns())
        self.type(f"echo {mark[:4]}''{mark[4:]}")
        await_that(lambda: mark in self.read(), "the shell answers")
        return True

    def close(self) -> None:
        for pid in self._started:
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{pid}").st_uid == self.uid:  # still ours: nobody else has this uid
                    os.kill(pid, 9)
        os.close(self._master)
        self.process.kill()
        self.process.wait()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def shell(machine_lab: Lab) -> Iterator[Shell]:
    refuse_beside_others()
    uid = stranger()
    assert uid is not None
    shell = Shell(machine_lab, uid)
    yield shell
    shell.close()


@pytest.fixture
def machine_lab() -> Iterator[Lab]:
    with Lab.open() as lab:
        yield lab


def refuse_beside_others() -> None:
    """The agent of this test would end a Claude Code that somebody works with."""
    for place in Path("/proc").glob("[0-9]*/exe"):
        try:
            program = os.readlink(place)
        except OSError:
            continue
        if "claude" in program.rpartition("/")[2] and "/aipolicy-lab-" not in program:
            pytest.skip(f"a Claude Code of somebody else's runs here ({program}): this test would end it")


def start_notes(shell: Shell, name: str = "notes", *, lives: bool = True) -> int:
    """The real Claude Code under another name, waiting for what its input brings.

    lives: whether it is seen running before this returns; an agent may be faster.
    """
    program = shell.home / name
    if not program.exists():
        put_copy(native_claude(), program)
    fifo = shell.home / f"{name}.in"
    if not fifo.exists():
        os.mkfifo(fifo)
        fifo.chmod(0o666)
    # Opened for reading and writing, the fifo never ends.
    pid = shell.run(f"{program} {STREAM} <> {fifo} > /dev/null 2>&1")
    if lives:
        await_that(lambda: program_of(pid) == str(program), "it runs")
    return pid


def program_of(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def start_innocents(lab: Lab, shell: Shell) -> dict[str, int]:
    """What must live on, whatever the policy bans."""
    sleep = Path(os.path.realpath(str(shutil.which("sleep"))))
    innocents = {
        f"sleep as {name}": shell.run(f"{put_copy(sleep, shell.home / 'bin' / name)} 3600")
        for name in ("claude", "goose", "opencode")
    }
    if shutil.which("node"):
        put(
            shell.home / "app" / "server.js",
            b"require('http').createServer(() => {}).listen(0, '127.0.0.1')\n",
        )
        innocents["node server.js"] = shell.run(f"node {shell.home / 'app' / 'server.js'}")
    for editor in ("vim", "nano", "vi"):
        if shutil.which(editor):
            innocents[editor] = start_editor(lab, editor)
            break
    return innocents


def start_editor(lab: Lab, editor: str) -> int:
    """On a terminal, with the settings of a banned tool open."""
    edited = put(lab.folder / "settings" / ".claude" / "settings.json", b"{}\n", 0o644)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [editor, edited], stdin=slave, stdout=slave, stderr=slave, env={**lab.environ, "TERM": "xterm"}
    )
    os.close(slave)
    _EDITORS.append((process, master))
    return process.pid


_EDITORS: "list[tuple[subprocess.Popen[bytes], int]]" = []


@pytest.fixture(autouse=True)
def _editors_end() -> Iterator[None]:
    yield
    while _EDITORS:
        process, master = _EDITORS.pop()
        process.kill()
        process.wait()
        os.close(master)


def event(lab: Lab, done: str, path: str) -> Callable[[], object]:
    """The events of what ran there; the file itself may have been told as installed."""

    def found() -> list[dict[str, Any]]:
        events = lab.server.events(done=done, tool="claude-code")
        return [e for e in events if (e["place"], e["state"]) == (path, "running")]

    return found


def begin(lab: Lab, policy: str) -> Agent:
    return lab.begin(policy, "--scan-every-s", "86400")


def test_the_banned_tool_is_ended_and_all_else_lives(machine_lab, shell):
    lab = machine_lab
    innocents = start_innocents(lab, shell)
    before = start_notes(shell, "older")
    agent = begin(lab, BLOCK)
    await_that(lambda: not is_alive(before), "what ran before the agent is ended", agent.log)
    begun = time.monotonic()
    notes = start_notes(shell, lives=False)
    await_that(lambda: not is_alive(notes), "a new one is ended", agent.log)
    figure(f"ended {time.monotonic() - begun:.2f} s after it was started")
    path = str(shell.home / "notes")
    (told, *more) = await_that(event(lab, "ended", path), "its end is told", agent.log)
    assert not more
    assert (told["version"], told["confidence"], told["ruling"]) == ("2.1.197", "certain", "banned")
    assert "the person was told" in told["detail"]
    await_that(lambda: "Claude Code 2.1.197 was ended" in shell.read(), "the notice")
    for words in ("rule policy.yaml:3", "may not run here", "Use Qoder", "it@example.com", "no contract"):
        await_that(lambda words=words: words in shell.read(), words)
    assert shell.read().count("was ended") == 1, "once in an hour, though two were ended"

    end = time.monotonic() + SOAK_S
    while time.monotonic() < end:
        dead = [name for name, pid in innocents.items() if not is_alive(pid)]
        assert not dead, agent.log.read_text()
        time.sleep(1.0)
    assert shell.alive()
    assert agent.running
    figure(f"{', '.join(innocents)} and the shell lived on for {SOAK_S:.0f} s")
    ended = {(e["place"], e["done"]) for e in lab.server.events(done="ended")}
    assert {place for place, _ in ended} == {path, str(shell.home / "older")}


def test_in_report_it_runs_on_until_the_policy_is_block(machine_lab, shell):
    lab = machine_lab
    agent = begin(lab, REPORT)
    notes = start_notes(shell)
    path = str(shell.home / "notes")
    (told,) = await_that(event(lab, "reported", path), "it is told", agent.log)
    assert (told["state"], told["version"], told["confidence"]) == ("running", "2.1.197", "certain")
    assert is_alive(notes)
    assert "aipolicy:" not in shell.read(), "nobody is told"
    lab.policy(BLOCK)
    await_that(lambda: not is_alive(notes), "the new policy ends it", agent.log)
    await_that(event(lab, "ended", path), "and that is told", agent.log)
    left = [f["state"] for f in lab.server.findings("claude-code") if f["path"] == path]
    assert left in ([], ["installed"]), "its file stays, and a scan may have found that"


WAYS = {
    "by node": "node {script} {stream}",
    "by a renamed node": "{renamed} {script} {stream}",
    "as an option": "node --import {script} {server} {stream}",
    "typed in": "node -e \"import('{script}')\" x {stream}",
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_script_run_by_node_is_ended_and_node_is_not(machine_lab, shell, way):
    lab = machine_lab
    package = script_claude().parent
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    renamed = put_copy(Path(os.path.realpath(node)), shell.home / "worker")
    agent = begin(lab, BLOCK)
    server = put(shell.home / "app" / "server.js", b"require('http').createServer(() => {}).listen(0)\n")
    innocent = shell.run(f"node {server}")
    fifo = shell.home / "input"
    os.mkfifo(fifo)
    fifo.chmod(0o666)
    shutil.copytree(package, shell.home / "lib/node_modules/@anthropic-ai/claude-code", copy_function=os.link)
    script = shell.home / "lib/node_modules/@anthropic-ai/claude-code/cli.js"
    line = way.format(renamed=renamed, script=script, server=server, stream=STREAM)
    claude = shell.run(f"{line} <> {fifo} > /dev/null 2>&1")
    await_that(lambda: not is_alive(claude), "it is ended", agent.log)
    told = await_that(lambda: lab.server.events(done="ended"), "its end is told", agent.log)
    assert [(e["tool"], e["version"]) for e in told] == [("claude-code", "1.0.100")]
    assert is_alive(innocent)
    assert shell.alive()


def test_an_extension_is_not_enforceable_and_installed_files_stay(machine_lab):
    lab = machine_lab
    place = extension(lab.home / ".vscode" / "extensions")
    npm_package(lab.modules, "claude-code-1.0.100")
    begin(lab, BLOCK)
    found = {f["path"]: f for f in lab.server.findings("claude-code")}
    told = found["~/.vscode/extensions/anthropic.claude-code-2.1.7"]
    assert (told["action"], told["done"]) == ("block", "not_enforceable")
    assert "editor" in told["detail"]
    assert found["~/.npm/lib/node_modules/@anthropic-ai/claude-code"]["done"] == "reported"
    assert place.is_dir()
