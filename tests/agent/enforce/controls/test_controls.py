"""Given a policy, then these settings are wanted of each vendor, and none where nothing is blocked."""

import base64
import importlib
import json
import pkgutil
import re
import subprocess
import tomllib
from typing import Any

import pytest

from aipolicy.enforce import controls
from aipolicy.enforce.controls import CONTROLS, claude_code, codex, gemini_cli, vscode
from aipolicy.enforce.controls.control import LINUX, SYSTEMS, Control, tree_of
from native_controls import banned

WORDS = """mode: block
banned: [claude-code, codex, gemini-cli]
approved: [qoder]
contact: it@example.com
message: "{tool} is not allowed here: {reason}. Use {instead}."
"""


def wanted(control: Control, policy: str, system: str = LINUX) -> list[dict[str, Any]]:
    return [tree_of(file.settings) for file in control.files(banned(policy), system)]


def refused(policy: str) -> set[str]:
    """The controls that refuse something."""
    return {one.NAME for one in CONTROLS if any(wanted(one, policy))}


def test_no_control_is_missing_from_the_list() -> None:
    names = [found.name for found in pkgutil.iter_modules(controls.__path__)]
    modules = [importlib.import_module(f"aipolicy.enforce.controls.{name}") for name in names]
    with_name = [module.__name__ for module in modules if hasattr(module, "NAME")]
    assert sorted(with_name) == sorted(getattr(one, "__name__", "") for one in CONTROLS)
    assert len({one.NAME for one in CONTROLS}) == len(CONTROLS)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("mode: block\nbanned: [claude-code]\n", {"claude-code", "vscode"}),
        ("mode: block\nbanned: ['vendor:openai']\n", {"codex", "vscode"}),
        (
            "mode: block\nbanned: ['category:cli']\n",
            {"claude-code", "codex", "gemini-cli", "qwen-code", "vscode"},
        ),
        ("mode: block\nbanned: ['*']\n", {"claude-code", "codex", "gemini-cli", "qwen-code", "vscode"}),
        (
            "mode: block\nbanned: ['*']\napproved: [claude-code]\n",
            {"codex", "gemini-cli", "qwen-code", "vscode"},
        ),
        (
            "mode: block\nbanned: []\nunlisted: block\n",
            {"claude-code", "codex", "gemini-cli", "qwen-code", "vscode"},
        ),
        ("mode: block\nbanned: []\n", set()),
        ("mode: block\nbanned: [{tool: codex, action: warn}]\n", set()),
        ("mode: warn\nbanned: ['*']\n", set()),
        ("mode: report\nbanned: ['*']\n", set()),
        ("banned: [claude-code]\n", set()),
    ],
)
def test_a_control_refuses_what_the_policy_blocks_and_nothing_else(policy: str, expected: set[str]) -> None:
    assert refused(policy) == expected


def test_claude_code_is_told_a_highest_version_that_says_why() -> None:
    highest, hook = wanted(claude_code, WORDS)
    [(key, value)] = highest.items()
    assert key == "requiredMaximumVersion"
    assert value == (
        "0.0.0+Claude-Code-is-not-allowed-here.not-approved.Use-Qoder.Questions.it-at-example-com"
    )
    [entry] = hook["hooks"]["UserPromptSubmit"]
    assert "Claude Code is not allowed here: not approved. Use Qoder." in entry["hooks"][0]["command"]


@pytest.mark.parametrize(
    "message",
    [
        "x'; touch /tmp/owned; '",
        '$(reboot) `reboot` "quoted" \\ back',
        "über größe: ёлка 不允许 🚫",
        "不允许",
        "a" * 500,
        "... !!! ???",
        "%s %n {tool}",
    ],
)
def test_a_hostile_message_stays_words(message: str) -> None:
    quoted = json.dumps(message, ensure_ascii=False)
    policy = f"mode: block\nbanned: [claude-code, codex, gemini-cli]\nmessage: {quoted}\n"
    highest, hook = wanted(claude_code, policy)
    command = hook["hooks"]["UserPromptSubmit"][0]["hooks"][0]["command"]
    said = subprocess.run(["sh", "-c", command], capture_output=True, check=True, text=True).stdout
    answer = json.loads(said)
    assert answer["decision"] == "block"
    assert answer["reason"] == banned(policy)[0].words
    version = highest["requiredMaximumVersion"]
    assert re.fullmatch(r"0\.0\.0\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*", version)  # semver.org, rule 10
    assert len(version) < 256
    assert wanted(codex, policy)[0]["allowed_sandbox_modes"][0].isprintable()
    assert wanted(gemini_cli, policy)[0]["security"]["auth"]["enforcedType"].isprintable()


def test_a_banned_product_is_refused_as_an_extension_by_all_its_ids() -> None:
    [policy] = wanted(vscode, "mode: block\nbanned: [github-copilot, cline]\n")
    assert policy == {
        "AllowedExtensions": {
            "*": True,
            "github.copilot": False,
            "github.copilot-chat": False,
            "saoudrizwan.claude-dev": False,
        }
    }


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("control", CONTROLS)
def test_every_control_can_be_had_on_every_system(control: Control, system: str) -> None:
    everything = banned("mode: block\nbanned: ['*']\n")
    ways = (control.files(everything, system), control.registry(everything), control.preferences(everything))
    assert any(ways)
    assert not any(file.settings for file in control.files((), system))
    assert not control.registry(())
    assert not control.preferences(())


def test_codex_takes_words_as_toml() -> None:
    [preferences] = codex.preferences(banned(WORDS))
    text = base64.b64decode(preferences.keys["requirements_toml_base64"]).decode()
    assert "not allowed here" in tomllib.loads(text)["allowed_sandbox_modes"][0]
