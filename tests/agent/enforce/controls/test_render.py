"""Given a policy, then each control is written in the form that a vendor's document names for that system."""

import json
import plistlib
import re

from aipolicy.enforce.controls import CONTROLS, claude_code, codex, gemini_cli, vscode
from aipolicy.enforce.controls.render import render
from native_controls import BLOCK, banned


def test_on_linux_it_is_the_files_that_the_agent_writes() -> None:
    places = {file.place for one in CONTROLS for file in render(one, banned(BLOCK), "linux")}
    assert places == {
        "/etc/claude-code/managed-settings.d/50-aipolicy.json",
        "/etc/claude-code/managed-settings.json",
        "/etc/codex/requirements.toml",
        "/etc/gemini-cli/settings.json",
        "/etc/qwen-code/settings.json",
        "/etc/vscode/policy.json",
    }


def test_a_registry_file_carries_its_json_as_a_quoted_text() -> None:
    [reg] = render(vscode, banned(BLOCK), "windows")
    lines = reg.text.split("\r\n")
    assert lines[0] == "Windows Registry Editor Version 5.00"
    assert lines[2] == r"[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\VSCode]"
    quoted = re.fullmatch(r'"AllowedExtensions"="(.*)"', lines[3])
    assert quoted
    value = re.sub(r"\\(.)", r"\1", quoted[1])
    assert json.loads(value)["anthropic.claude-code"] is False
    *_, claude = render(claude_code, banned(BLOCK), "windows")
    assert r"[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\ClaudeCode]" in claude.text
    assert r"\"requiredMaximumVersion\":" in claude.text


def test_a_profile_is_the_same_each_time_and_carries_the_domain() -> None:
    [profile] = render(vscode, banned(BLOCK), "macos")
    assert [profile] == list(render(vscode, banned(BLOCK), "macos"))
    payload = plistlib.loads(profile.text.encode())
    assert payload["PayloadScope"] == "System"
    code, cursor = payload["PayloadContent"]
    assert (code["PayloadType"], cursor["PayloadType"]) == (
        "com.microsoft.VSCode",
        "com.todesktop.230313mzl4w4u92",
    )
    assert json.loads(code["AllowedExtensions"])["*"] is True
    assert cursor["AllowedExtensions"] == code["AllowedExtensions"]
    ids = {one["PayloadUUID"] for one in (payload, code, cursor)}
    assert len(ids) == 3


def test_the_files_of_windows_and_macos_lie_where_the_vendors_say() -> None:
    assert (
        render(codex, banned(BLOCK), "windows")[0].place == r"C:\ProgramData\OpenAI\Codex\requirements.toml"
    )
    assert render(gemini_cli, banned(BLOCK), "macos")[0].place == (
        "/Library/Application Support/GeminiCli/settings.json"
    )
    assert render(claude_code, banned(BLOCK), "windows")[0].place == (
        r"C:\Program Files\ClaudeCode\managed-settings.d\50-aipolicy.json"
    )


def test_where_nothing_is_blocked_there_is_nothing_to_install() -> None:
    for system in ("linux", "macos", "windows"):
        assert not any(render(one, banned("mode: warn\nbanned: ['*']\n"), system) for one in CONTROLS)
