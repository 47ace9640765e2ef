"""`aipolicy control` on this machine: what it prints, and its exit codes. Nothing is written."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from aipolicy.cli import main


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, list(arguments), prog_name="aipolicy")
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def policy(tmp_path: Path) -> str:
    file = tmp_path / "policy.yaml"
    file.write_text("mode: block\nbanned: [gemini-cli]\nmessage: ask Ann\n")
    return str(file)


def test_render_prints_the_file_and_says_where_it_goes(policy: str) -> None:
    code, out, err = run("control", "render", "gemini-cli", "--os", "linux", "--policy", policy)
    assert code == 0
    assert json.loads(out) == {"security": {"auth": {"enforcedType": "ask Ann"}}}
    assert err == "# /etc/gemini-cli/settings.json\n"


def test_render_as_json_names_every_file(policy: str) -> None:
    code, out, _ = run(
        "control", "render", "gemini-cli", "--os", "windows", "--policy", policy, "--format", "json"
    )
    found = json.loads(out)
    assert (code, found["control"], found["os"]) == (0, "gemini-cli", "windows")
    assert [file["place"] for file in found["files"]] == [r"C:\ProgramData\gemini-cli\settings.json"]


def test_render_of_what_is_not_blocked_prints_nothing(policy: str) -> None:
    code, out, err = run("control", "render", "codex", "--policy", policy)
    assert (code, out) == (0, "")
    assert "blocks nothing that codex can refuse" in err


def test_verify_says_what_is_missing_and_how_one_gets_around(policy: str) -> None:
    code, out, _ = run("control", "verify", "gemini-cli", "--policy", policy)
    assert code == 1
    assert (
        "gemini-cli   missing: refuses to start with a prompt: missing (/etc/gemini-cli/settings.json" in out
    )
    assert "known way around: the environment variable GEMINI_CLI_SYSTEM_SETTINGS_PATH" in out


def test_verify_of_a_policy_that_blocks_nothing_is_good(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("banned: ['*']\n")
    code, out, _ = run("control", "verify", "--policy", str(file), "--format", "json")
    found = json.loads(out)
    assert (code, found["good"]) == (0, True)
    assert {one["condition"] for one in found["controls"]} == {"off"}
    assert len(found["controls"]) == 5


def test_wrong_input_is_exit_code_2(policy: str, tmp_path: Path) -> None:
    code, _, err = run("control", "render", "gemini", "--policy", policy)
    assert code == 2
    assert "unknown control 'gemini', did you mean 'gemini-cli'?" in err
    assert run("control", "verify", "nonsense")[0] == 2
    assert run("control", "verify", "--policy", "/nowhere.yaml")[0] == 2
    assert run("control", "remove", "--state", str(tmp_path / "none"))[0] == 2
