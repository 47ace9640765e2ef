"""Given a ban, then the real tools refuse to start, in the company's words; freed, they start again.

The machine's own /etc is never touched: agent's code and tools run in a mount namespace with an /etc on top.
"""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from machine.private_etc import PrivateEtc
from machine.real_packages import native_claude, npm_prefix, script_claude
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Started, until
from native_controls import FREE

pytestmark = [NEEDS_LINUX, NEEDS_ROOT]

AGENT = Path(__file__).parents[2] / "agent"
CODEX = "@openai/codex@0.169.0"
GEMINI = "@google/gemini-cli@0.61.0"
QWEN = "@qwen-code/qwen-code@0.15.10"
GOOGLE = "generativelanguage.googleapis.com"
BLOCK = """mode: block
banned: [claude-code, codex, gemini-cli]
approved: [qoder]
contact: it@example.com
message: "{tool} is not allowed here. Use {instead}."
"""


class Vendor(http.server.ThreadingHTTPServer):
    """The vendors' servers: whoever asks something of them has started. No key is right."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refuse)
        self.asked: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Refuse(http.server.BaseHTTPRequestHandler):
    server: Vendor

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_CONNECT = do_POST  # as a proxy, too

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with Vendor() as server:
        yield server
        server.shutdown()


@pytest.fixture
def etc(tmp_path: Path) -> Iterator[PrivateEtc]:
    here = set(os.listdir("/etc"))
    with PrivateEtc.open(tmp_path) as opened:
        yield opened
    assert set(os.listdir("/etc")) == here


def starts(
    etc: PrivateEtc, command: list[str | Path], key: dict[str, str], vendor: Vendor, wanted: str
) -> bool:
    """Whether it comes as far as asking its vendor. It would go on trying, and is ended then."""
    environ = {"HOME": str(etc.home), "PATH": os.environ["PATH"], **key}
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with Started() as started:
        started.run(etc.inside([str(part) for part in command]), cwd=etc.home, env=environ, **silent)
        return until(lambda: any(wanted in path for path in vendor.asked))


def test_claude_code_refuses_under_any_name_and_starts_again(etc: PrivateEtc, vendor: Vendor) -> None:
    claude = native_claude()
    key = {"ANTHROPIC_API_KEY": "sk-ant-x", "ANTHROPIC_BASE_URL": vendor.url}
    assert etc.enforce(BLOCK)["claude-code"] == "in force"
    for command in ([claude, "-p", "hi"], ["bash", "-c", f"exec -a notes {claude} -p hi"]):
        refused = etc.run(command, **key)
        assert refused.code == 1
        assert "Claude-Code-is-not-allowed-here.Use-Qoder.Questions.it-at-example-com" in refused.said
    assert vendor.asked == []
    assert etc.enforce(FREE)["claude-code"] == "off"
    assert starts(etc, [claude, "-p", "hi"], key, vendor, "/v1/messages")


def test_claude_code_of_the_script_era_refuses_the_prompt(etc: PrivateEtc, vendor: Vendor) -> None:
    command: list[str | Path] = ["node", script_claude(), "-p", "hi"]
    key = {"ANTHROPIC_API_KEY": "sk-ant-x", "ANTHROPIC_BASE_URL": vendor.url}
    etc.enforce(BLOCK)
    etc.run(command, **key)
    assert [path for path in vendor.asked if "/v1/messages" in path] == []
    etc.enforce(FREE)
    assert starts(etc, command, key, vendor, "/v1/messages")


def test_codex_refuses_and_starts_again(etc: PrivateEtc) -> None:
    programs = npm_prefix(CODEX).rglob("bin/codex")
    codex = next((one for one in programs if one.is_file() and one.stat().st_size > 10_000_000), None)
    if codex is None:
        pytest.skip("Codex has no native program for this processor")
    assert etc.enforce(BLOCK)["codex"] == "in force"
    for arguments in (["exec", "hi"], ["hi"], ["mcp", "list"], ["app-server"]):
        refused = etc.run([codex, *arguments])
        assert refused.code == 1
        assert "Codex is not allowed here. Use Qoder. Questions: it@example.com" in refused.said
        assert "/etc/codex/requirements.toml" in refused.said
    assert etc.enforce(FREE)["codex"] == "off"
    started = etc.run([codex, "mcp", "list"])
    assert (started.code, "No MCP servers" in started.said) == (0, True)


def test_gemini_cli_refuses_and_starts_again(etc: PrivateEtc, vendor: Vendor) -> None:
    gemini = npm_prefix(GEMINI) / "bin" / "gemini"
    key = {"GEMINI_API_KEY": "x", "HTTPS_PROXY": vendor.url}
    assert etc.enforce(BLOCK)["gemini-cli"] == "in force"
    refused = etc.run([gemini, "--skip-trust", "-p", "hi"], **key)
    assert refused.code == 41
    assert "Gemini CLI is not allowed here. Use Qoder. Questions: it@example.com" in refused.said
    assert not any(GOOGLE in path for path in vendor.asked)
    assert etc.enforce(FREE)["gemini-cli"] == "off"
    assert starts(etc, [gemini, "--skip-trust", "-p", "hi"], key, vendor, GOOGLE)


def test_qwen_code_refuses_and_starts_again(etc: PrivateEtc, vendor: Vendor) -> None:
    command: list[str | Path] = [npm_prefix(QWEN) / "bin" / "qwen", "-p", "hi"]
    key = {"OPENAI_API_KEY": "x", "OPENAI_MODEL": "m", "OPENAI_BASE_URL": vendor.url}
    assert etc.enforce("mode: block\nbanned: ['vendor:alibaba']\n")["qwen-code"] == "in force"
    refused = etc.run(command, **key)
    assert refused.code == 1
    assert "Qwen Code is not allowed here." in refused.said
    assert vendor.asked == []
    assert etc.enforce(FREE)["qwen-code"] == "off"
    assert starts(etc, command, key, vendor, "chat/completions")


def test_beside_its_own_settings_ours_come_and_go(etc: PrivateEtc) -> None:
    """On the machine's own filesystem, with its own notion of what is root's alone."""
    its = "mkdir -p /etc/gemini-cli; printf '{\"ui\": {}}' > /etc/gemini-cli/settings.json"
    etc.run(["sh", "-c", its])
    assert set(etc.enforce(BLOCK).values()) == {"in force", "off"}
    assert "enforcedType" in etc.run(["cat", "/etc/gemini-cli/settings.json"]).said
    etc.enforce(FREE)
    assert etc.run(["cat", "/etc/gemini-cli/settings.json"]).said == '{"ui": {}}'
    assert etc.run(["ls", "-d", "/etc/codex"]).code != 0
    etc.run(["sh", "-c", "mkdir /etc/codex; chown 1000 /etc/codex"])
    assert etc.enforce(BLOCK)["codex"] == "overridden"
    assert etc.run(["ls", "/etc/codex"]).said == ""


def test_the_agent_keeps_them_as_its_policy_says(etc: PrivateEtc, tmp_path: Path) -> None:
    """One that bans nothing that may run on this machine, since as root it would end it."""
    policy, state = tmp_path / "policy.yaml", tmp_path / "state"
    policy.write_text("mode: block\nbanned: [gemini-code-assist, cursor]\n")
    aipolicy = [sys.executable, "-m", "aipolicy"]
    environ = {**os.environ, "AIPOLICY_NATIVE_CONTROLS": "on", "PYTHONPATH": str(AGENT)}
    environ["AIPOLICY_GUARD"] = "off"  # it would guard the whole machine, and outlive a killed agent

    def status() -> dict[str, Any]:
        asked = etc.inside([*aipolicy, "status", "--state", str(state), "--format", "json"])
        answer = subprocess.run(asked, env=environ, capture_output=True, text=True, check=False, cwd="/")
        found: dict[str, Any] = json.loads(answer.stdout)
        return found if found["running"] else {}

    def layer(word: str) -> bool:
        return bool((now := status()) and now["layers"]["native controls"] == word)

    with Started() as started:
        run = [*aipolicy, "run", "--policy", str(policy), "--state", str(state)]
        started.run(etc.inside(run), cwd=Path("/"), env=environ, stdout=subprocess.DEVNULL)
        until(lambda: layer("in force"))
        [control] = [one for one in until(status)["controls"] if one["condition"] != "off"]
        assert control["name"] == "vscode"
        assert "google.geminicodeassist" in etc.run(["cat", "/etc/vscode/policy.json"]).said
        doctor = subprocess.run(
            etc.inside([*aipolicy, "doctor", "--state", str(state)]),
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "ok    control vscode     in force: " in doctor.stdout
        policy.write_text("mode: warn\nbanned: [gemini-code-assist, cursor]\n")
        until(lambda: layer("off"))
        until(lambda: etc.run(["ls", "-d", "/etc/vscode"]).code)
        policy.write_text("mode: block\nbanned: [gemini-code-assist, cursor]\n")
        until(lambda: layer("in force"))
    removed = subprocess.run(
        etc.inside([*aipolicy, "control", "remove", "--state", str(state)]),
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (removed.returncode, "nothing of ours is left" in removed.stdout) == (0, True)
    assert etc.run(["ls", "-d", "/etc/vscode"]).code != 0
