"""Given IT's own settings beside ours, then only ours come and go."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aipolicy.enforce.controls import CONTROLS
from aipolicy.enforce.controls.keep import verify
from native_controls import BLOCK, CLAUDE, CLAUDE_OURS, CODEX, FREE, GEMINI, QWEN, VSCODE, Host, banned

ITS_JSON = '{\n    "env": {"HTTPS_PROXY": "http://proxy:3128"},\n    "cleanupPeriodDays": 7\n}\n'
ITS_TOML = '# our rails\nallowed_approval_policies = ["on-request"] # for now\n\n[features]\nx = true\n'


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_on_a_machine_without_any_the_files_are_made_and_removed_again(host: Host) -> None:
    before = host.etc()
    states = host.enforce(BLOCK)
    assert {state.condition for state in states.values()} == {"in force"}
    for file in (CLAUDE, CLAUDE_OURS, CODEX, GEMINI, QWEN, VSCODE):
        status = host.path(file).stat()
        assert stat.S_IMODE(status.st_mode) == 0o644
        assert stat.S_IMODE(host.path(file).parent.stat().st_mode) == 0o755
    states = host.enforce(FREE)
    assert {state.condition for state in states.values()} == {"off"}
    assert host.etc() == before


def test_what_it_had_there_stays_byte_for_byte(host: Host) -> None:
    for file in (CLAUDE, GEMINI, QWEN, VSCODE):
        host.put(file, ITS_JSON, 0o664)
    host.put(CODEX, ITS_TOML)
    before = host.etc()
    assert {state.condition for state in host.enforce(BLOCK).values()} == {"in force"}
    assert list(host.json(GEMINI)) == ["env", "cleanupPeriodDays", "security"]
    assert "# our rails" in host.text(CODEX)
    assert "# for now" in host.text(CODEX)
    assert stat.S_IMODE(host.path(GEMINI).stat().st_mode) == 0o664
    host.enforce(FREE)
    assert host.etc() == before


def test_what_it_added_meanwhile_stays_too(host: Host) -> None:
    host.put(CODEX, ITS_TOML)
    host.enforce(BLOCK)
    settings = host.json(GEMINI)
    settings["security"]["folderTrust"] = {"enabled": True}
    host.put(GEMINI, json.dumps(settings))
    host.put(CODEX, host.text(CODEX) + '\n[mcp_servers.x]\nidentity = { command = "x" }\n')
    assert host.enforce(BLOCK)["gemini-cli"].condition == "in force"
    host.enforce(FREE)
    assert host.json(GEMINI) == {"security": {"folderTrust": {"enabled": True}}}
    assert "allowed_sandbox_modes" not in host.text(CODEX)
    assert "[mcp_servers.x]" in host.text(CODEX)
    assert "# our rails" in host.text(CODEX)
    assert not host.path(CLAUDE).exists()


@pytest.mark.parametrize(
    ("file", "text", "control", "key"),
    [
        (CODEX, 'allowed_sandbox_modes = ["read-only"]\n', "codex", "allowed_sandbox_modes"),
        (
            GEMINI,
            '{"security": {"auth": {"enforcedType": "oauth"}}}',
            "gemini-cli",
            "security.auth.enforcedType",
        ),
        (GEMINI, '{"security": "strict"}', "gemini-cli", "security"),
        (VSCODE, '{"AllowedExtensions": {"anthropic.claude-code": true}}', "vscode", "anthropic.claude-code"),
        (VSCODE, '{"AllowedExtensions": {"anthropic.claude-code": 0}}', "vscode", "anthropic.claude-code"),
        (VSCODE, '{"AllowedExtensions": "none"}', "vscode", "AllowedExtensions"),
        (CLAUDE, '{"requiredMaximumVersion": "2.1.300"}', "claude-code", "requiredMaximumVersion"),
        (
            "/etc/claude-code/managed-settings.d/90-it.json",
            '{"requiredMaximumVersion": "2.1.300"}',
            "claude-code",
            "requiredMaximumVersion",
        ),
        (CLAUDE, '{"hooks": {"UserPromptSubmit": []}}', "claude-code", "hooks.UserPromptSubmit"),
    ],
)
def test_its_own_setting_is_never_overwritten_and_is_named(
    host: Host, file: str, text: str, control: str, key: str
) -> None:
    host.put(file, text)
    state = host.enforce(BLOCK)[control]
    assert state.condition in ("overridden", "partly")
    assert f"IT's own {key}" in state.detail or f"IT's own AllowedExtensions.{key}" in state.detail
    own = json.loads(text) if file.endswith(".json") else None
    kept = host.json(file) if own else host.text(file)
    assert kept == text if own is None else own.items() <= kept.items() or own == kept or control == "vscode"
    host.enforce(FREE)
    assert host.text(file) == text


def test_an_allow_list_of_its_stays_an_allow_list(host: Host) -> None:
    host.put(VSCODE, '{"AllowedExtensions": {"microsoft": true}}')
    assert host.enforce(BLOCK)["vscode"].condition == "in force"
    assert "*" not in host.json(VSCODE)["AllowedExtensions"]


def test_an_allow_list_written_as_text_is_understood_and_stays_text(host: Host) -> None:
    before = json.dumps({"AllowedExtensions": json.dumps({"microsoft": True})})
    host.put(VSCODE, before)
    assert host.enforce(BLOCK)["vscode"].condition == "in force"
    inner = json.loads(host.json(VSCODE)["AllowedExtensions"])
    assert inner["microsoft"] is True
    assert inner["anthropic.claude-code"] is False
    host.enforce(FREE)
    assert host.text(VSCODE) == before


def test_freed_ids_leave_an_open_list_to_what_it_put_beside_them(host: Host) -> None:
    """Without `*` everything that is not named would be refused."""
    host.enforce(BLOCK)
    policy = host.json(VSCODE)
    policy["AllowedExtensions"]["acme.notes"] = False
    host.put(VSCODE, json.dumps(policy))
    host.enforce(FREE)
    assert host.json(VSCODE) == {"AllowedExtensions": {"*": True, "acme.notes": False}}


def test_another_ban_changes_only_its_own_ids(host: Host) -> None:
    host.enforce("mode: block\nbanned: [claude-code, cline]\n")
    host.enforce("mode: block\nbanned: [cline]\nmessage: no\n")
    assert host.json(VSCODE) == {"AllowedExtensions": {"*": True, "saoudrizwan.claude-dev": False}}
    assert not host.path(CLAUDE_OURS).exists()


def test_other_words_replace_ours(host: Host) -> None:
    host.enforce(BLOCK)
    host.enforce(BLOCK + "message: ask Ann first\n")
    assert "ask Ann first" in host.text(CODEX)
    assert "ask-Ann-first" in host.text(CLAUDE_OURS)
    host.enforce(FREE)
    assert not host.path(CODEX).exists()


def test_what_somebody_took_out_comes_back_with_the_next_look(host: Host) -> None:
    host.enforce(BLOCK)
    host.path(CLAUDE_OURS).unlink()
    host.put(CODEX, "")
    assert {state.condition for state in host.enforce(BLOCK).values()} == {"in force"}


def test_a_change_of_its_to_our_setting_becomes_its_own(host: Host) -> None:
    host.enforce(BLOCK)
    host.put(CODEX, 'allowed_sandbox_modes = ["read-only"]\n')
    state = host.enforce(BLOCK)["codex"]
    assert state.condition == "overridden"
    host.enforce(FREE)
    assert host.text(CODEX) == 'allowed_sandbox_modes = ["read-only"]\n'


def test_with_the_memory_lost_our_words_are_still_known_as_ours(host: Host) -> None:
    before = host.etc()
    host.enforce(BLOCK)
    (host.state / "controls.json").write_bytes(b"\x00garbage")
    host.enforce(BLOCK)
    host.enforce(FREE)
    assert {name for name in host.etc() if "vscode" not in name} >= set(before)
    assert "not allowed" not in "".join(map(str, host.etc().values()))


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        (GEMINI, '{\n  // ours\n  "a": 1\n}', "settings.json:2: "),
        (GEMINI, '{"a": 1, "a": 2}', "a key stands twice"),
        (GEMINI, "[" * 200_000, "settings.json:"),
        (GEMINI, '"text"', "not a JSON object"),
        (CODEX, "a = 1\nb = [\n", "requirements.toml:2: "),
        (CODEX, "a = 1\nb = \x01\n", "requirements.toml:2: "),
        (GEMINI, '{"a": "' + "x" * 300_000 + '"}', "larger than 256 KiB"),
    ],
)
def test_a_file_that_cannot_be_read_is_left_and_named_with_its_line(
    host: Host, file: str, text: str, says: str
) -> None:
    host.put(file, text)
    states = host.enforce(BLOCK)
    state = states["codex" if file == CODEX else "gemini-cli"]
    assert state.condition == "overridden"
    assert says in state.detail
    assert host.text(file) == text
    host.enforce(FREE)
    assert host.text(file) == text


def test_no_link_fifo_or_folder_is_followed_opened_or_replaced(host: Host) -> None:
    elsewhere = host.put("/home/bob/secret", "{}")
    host.path("/etc/gemini-cli").mkdir()
    host.path(GEMINI).symlink_to(elsewhere)
    host.path("/etc/codex").mkdir()
    os.mkfifo(host.path(CODEX))
    host.path(VSCODE).mkdir(parents=True)
    host.path(QWEN).mkdir(parents=True)
    host.path("/etc/claude-code").symlink_to(host.path("/home/bob"))
    states = host.enforce(BLOCK)
    assert [state.condition for state in states.values()] == ["overridden"] * 5
    assert elsewhere.read_text() == "{}"
    assert list(elsewhere.parent.iterdir()) == [elsewhere]
    assert host.path(GEMINI).is_symlink()
    assert host.path(CODEX).is_fifo()


def test_a_folder_that_others_may_write_to_is_left_alone(host: Host) -> None:
    host.path("/etc/codex").mkdir()
    host.machine.open_to_all.add("/etc/codex")
    state = host.enforce(BLOCK)["codex"]
    assert state.condition == "overridden"
    assert "others than root may change it: chown root:root" in state.detail
    assert list(host.path("/etc/codex").iterdir()) == []


def test_a_file_that_peoples_tools_cannot_read_is_not_called_in_force(host: Host) -> None:
    host.put(GEMINI, "{}", 0o640)
    host.put(CODEX, "")
    host.path(CODEX).parent.chmod(0o750)
    states = host.enforce(BLOCK)
    for name, place in (("gemini-cli", host.path(GEMINI)), ("codex", host.path(CODEX).parent)):
        assert states[name].condition == "overridden"
        assert f"{place}: people's tools may not read it" in states[name].detail


def test_a_kill_between_memory_and_file_leaves_nothing_behind(host: Host) -> None:
    before = host.etc()
    host.enforce(BLOCK)
    for file in (CLAUDE, CLAUDE_OURS, CODEX, GEMINI, QWEN, VSCODE):  # remembered, and never written
        host.path(file).unlink()
    host.enforce(FREE)
    assert [name for name in host.etc() if "." in name] == [name for name in before if "." in name]
    assert {state.condition for state in host.enforce(BLOCK).values()} == {"in force"}


def test_killed_at_any_moment_it_leaves_nothing_behind(host: Host) -> None:
    """A child puts them in force and takes them away, over and over, and is killed in the middle."""
    host.put(GEMINI, ITS_JSON)
    host.put(CODEX, ITS_TOML)
    before = host.etc()
    tests = str(Path(__file__).parents[3])
    environ = {**os.environ, "PYTHONPATH": f"{tests}:{Path(tests).parent / 'agent'}"}
    for lines in (1, 2, 5, 8):
        command = [sys.executable, "-m", "native_controls", str(host.state.parent)]
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(lines):
                assert child.stdout.readline() == b"turn\n"
            child.kill()
        assert host.json(GEMINI)["cleanupPeriodDays"] == 7
        assert "# our rails" in host.text(CODEX)
    assert {state.condition for state in host.enforce(BLOCK).values()} == {"in force"}
    host.enforce(FREE)
    assert host.etc() == before


def test_another_file_of_the_vendors_that_cannot_be_looked_into_is_named(host: Host) -> None:
    its = host.path("/etc/claude-code/managed-settings.d/90-it.json")
    its.parent.mkdir(parents=True)
    its.symlink_to(host.put("/opt/it.json", "{}"))
    state = host.enforce(BLOCK)["claude-code"]
    assert state.condition == "in force"
    assert f"not looked into: {its}: a symbolic link" in state.detail


def test_a_memory_that_takes_nothing_keeps_the_files_untouched(host: Host) -> None:
    (host.state / ".controls.json.new").mkdir()  # as a full disk: the memory cannot be written
    before = host.etc()
    states = host.enforce(BLOCK)
    assert {state.condition for state in states.values()} == {"missing"}
    assert host.etc() == before


def test_verify_reads_back_and_changes_nothing(host: Host) -> None:
    everything = banned(BLOCK)
    assert {one.condition for one in verify(CONTROLS, everything, host.machine)} == {"missing"}
    host.enforce(BLOCK)
    there = host.etc()
    assert {one.condition for one in verify(CONTROLS, everything, host.machine)} == {"in force"}
    host.put(CODEX, "")
    states = {one.name: one for one in verify(CONTROLS, everything, host.machine)}
    assert states["codex"].condition == "missing"
    assert "has no allowed_sandbox_modes" in states["codex"].detail
    assert host.etc() == {**there, "codex/requirements.toml": b""}
