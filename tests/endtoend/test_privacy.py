"""Canaries in arguments, environment, working folder, file contents and titles: none leaves, none is kept.

Real processes carry them; searched are the wire, the agent's state and log, the server's data and log, and
what the commands print. All of it is first shown to hold what it is to hold: the search is no sham.
"""

import gzip
import json
import os
import secrets
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endtoend.lab import Agent, Lab, await_that, run
from endtoend.relay import Relay
from installed import aider, npm_package, put

pytestmark = pytest.mark.xdist_group("machine")  # it runs what an agent in another test may have to end

POLICY = """mode: block
banned:
  - {tool: claude-code, action: report}
  - {tool: aider, message: "{tool} is not for here"}
"""
MARKS = b"CLAUDE_CODE_ENABLE_TELEMETRY\0tengu_api_success\0tengu_startup_telemetry\0"
PACKAGE_JSON = {
    "name": "@anthropic-ai/claude-code",
    "version": "1.0.100",
    "bin": {"claude": "cli.js"},
}


class Canaries:
    """All bear one word that is nowhere else; each says where it was put."""

    def __init__(self) -> None:
        self.word = f"canary{secrets.token_hex(8)}"

    def __call__(self, place: str) -> str:
        return f"{self.word}-{place}"

    def in_bytes(self, content: bytes) -> list[str]:
        """The canaries in it, in both encodings that programs use."""
        texts = content.decode("latin-1"), content.decode("utf-16-le", "replace")
        texts = (*texts, content[1:].decode("utf-16-le", "replace"))
        found = [text[text.index(self.word) :][:60] for text in texts if self.word in text]
        return [text.split("\0")[0] for text in found]


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture
def processes(lab: Lab) -> Iterator[list["subprocess.Popen[bytes]"]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def install_with_canaries(lab: Lab, canary: Canaries) -> None:
    """Tools whose every file but name and version says too much."""
    manifest = PACKAGE_JSON | {
        field: canary(f"manifest-{field}")
        for field in ("description", "author", "homepage", "license", "main2", "_resolved", "keywords")
    }
    package = npm_package(lab.modules, "claude-code-1.0.100", script_that_waits(canary))
    (package / "package.json").write_text(json.dumps(manifest | {"scripts": {"postinstall": canary("hook")}}))
    put(package / "README.md", canary("readme").encode())
    put(package / "secret.js", canary("source-beside").encode())
    link = lab.bin / "claude"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(package / "cli.js")
    put(lab.home / ".claude" / "settings.json", canary("settings").encode(), 0o644)
    put(lab.home / ".bash_history", canary("history").encode(), 0o644)

    metadata = aider(lab.home / ".venv")
    with (metadata / "METADATA").open("a") as file:
        file.write(f"\nSummary: {canary('metadata')}\n\n{canary('long-description')}\n")
    site = metadata.parent / "aider"
    put(
        site / "main.py", f"# {canary('python')}\nimport time\ndef main(): time.sleep(3600)\n".encode(), 0o644
    )
    put(lab.home / ".aider.conf.yml", canary("aider-conf").encode(), 0o644)

    sleep = Path(os.path.realpath(shutil.which("sleep") or "/bin/sleep")).read_bytes()
    put(lab.bin / "notes", sleep + MARKS + canary("in-the-program").encode())


def script_that_waits(canary: Canaries) -> bytes:
    """What Claude Code of the script era does to its title, and then nothing."""
    return f"""#!/usr/bin/env node
// {canary("script")}
{"// as long as a program is" * 1000}
process.title = {canary("title")!r};
setInterval(() => {{}}, 1000);
""".encode()


def start(lab: Lab, canary: Canaries, command: list[str], **how: Any) -> "subprocess.Popen[bytes]":
    """A tool of the person in a folder, with arguments and an environment, that nobody is to know."""
    work = lab.own(lab.folder / canary("working-folder"))
    return subprocess.Popen(
        command,
        env={**lab.environ, **lab.python.environ, "ANTHROPIC_API_KEY": canary("environment")},
        cwd=work,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **{**lab.python.person, **how},
    )


def test_none_is_found_anywhere(lab, canaries, processes):
    install_with_canaries(lab, canaries)
    lab.policy(POLICY)
    lab.server.start()
    lab.hand_out_secret()
    with Relay(lab.server.url) as relay:
        agent = lab.agent(url=relay.url)
        agent.start()
        lab.await_settled(agent)
        notes = start(lab, canaries, [canaries("argv0"), "3600"], executable=lab.bin / "notes")
        processes.append(notes)
        interpreter = lab.python.command[0]
        script = str(lab.home / ".venv" / "bin" / "aider")
        told_off = start(lab, canaries, [interpreter, script, "--message", canaries("prompt")])
        processes.append(told_off)
        if shutil.which("node"):
            ask = ["node", str(lab.bin / "claude"), "-p", canaries("prompt")]
            processes.append(start(lab, canaries, ask))
        assert canaries.in_bytes(Path(f"/proc/{notes.pid}/environ").read_bytes()), "they do carry them"
        assert canaries.in_bytes(Path(f"/proc/{notes.pid}/cmdline").read_bytes())

        await_that(lambda: running(lab, "claude-code", "~/.npm/bin/notes"), "notes is seen", agent.log)
        await_that(lambda: told_off.poll() is not None, "aider is ended", agent.log)
        await_that(lambda: lab.server.events(tool="aider", done="ended"), "that is told", agent.log)
        printed = what_the_commands_print(lab, agent, notes.pid)
        await_that(lambda: not agent.pending(), "all is delivered", agent.log)
        agent.stop()
        lab.server.stop()
        wire = b"\n".join(unpacked(call.body) for call in relay.calls)
        heads = "\n".join(f"{call.path} {call.headers}" for call in relay.calls).encode()

    searched = {
        "wire": wire,
        "agent's state": b"".join(all_files(agent.state)),
        "server's data": b"".join(all_files(lab.server.data)) + batches(lab),
        "commands": printed,
    }
    for place, content in searched.items():
        assert b"~/.npm/bin/notes" in content or b"/.npm/bin/notes" in content, f"{place}: nothing to search"
    searched["headers"] = heads
    searched["agent's log"] = agent.log.read_bytes()
    searched["server's log"] = lab.server.log.read_bytes()
    assert b"asked to end" in searched["agent's log"]
    found = {place: canaries.in_bytes(content) for place, content in searched.items()}
    assert found == {place: [] for place in searched}


def running(lab: Lab, tool: str, path: str) -> bool:
    return any(f["state"] == "running" and f["path"] == path for f in lab.server.findings(tool))


def what_the_commands_print(lab: Lab, agent: Agent, pid: int) -> bytes:
    """Everything that a person can have said about the tools."""
    policy = ["--policy", str(lab.policy_file)]
    runs = [
        agent.ask("mine", "--format", "json"),
        agent.ask("mine"),
        agent.ask("status", "--format", "json"),
        run(lab.python, ["scan", "--all", *policy], lab.environ),
        run(lab.python, ["scan", "--all", "--format", "json", *policy], lab.environ),
        run(lab.python, ["explain", str(pid), *policy], lab.environ),
        run(lab.python, ["explain", str(lab.bin / "claude"), *policy], lab.environ),
    ]
    return "".join(done.stdout + done.stderr for done in runs).encode()


def unpacked(body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, zlib.error):
        return body


def batches(lab: Lab) -> bytes:
    return b"\n".join(unpacked(body) for (body,) in lab.server.rows("SELECT body FROM batches"))


def all_files(folder: Path) -> Iterator[bytes]:
    for place in sorted(folder.rglob("*")):
        if place.is_file():
            yield place.name.encode() + b"\n" + place.read_bytes()
