"""The command line as a person meets it: help, wrong input, what to do next."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from aipolicy.cli import main


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, list(arguments), prog_name="aipolicy")
    return result.exit_code, result.stdout, result.stderr


def test_every_verb_has_a_line_in_the_help_and_a_help_of_its_own() -> None:
    code, out, _ = run("--help")
    assert code == 0
    for verb in (
        "scan",
        "run",
        "trial",
        "status",
        "mine",
        "doctor",
        "explain",
        "control",
        "brake",
        "policy",
        "tools",
        "server",
    ):
        assert f"\n  {verb} " in out
        code, text, _ = run(verb, "--help")
        assert (code, text.startswith("Usage: aipolicy ")) == (0, True)


def test_readme_names_every_verb() -> None:
    readme = Path(__file__).parents[3].joinpath("README.md").read_text()
    for verb in (
        "scan",
        "run",
        "status",
        "mine",
        "doctor",
        "explain",
        "control",
        "brake",
        "policy check",
        "tools",
        "server",
    ):
        assert f"aipolicy {verb}" in readme


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("scan", "--policy", "/nowhere/p.yaml"),
            "/nowhere/p.yaml: No such file or directory: give",
        ),
        (("run", "--config", "/nowhere/a.yaml"), "/nowhere/a.yaml: No such file"),
        (("run", "--policy", "/nowhere/p.yaml", "--state", "{tmp}/s"), "/nowhere/p.yaml"),
        (("run", "--policy", "{good}", "--state", "{tmp}/s", "--server", "ftp://x"), "write https://HOST"),
        (("run", "--policy", "{good}", "--state", "{tmp}/s", "--server", "http://example.com"), "use https"),
        (("explain", "no-such-tool"), "`aipolicy tools list`"),
        (("explain", "/no/such/file"), "no such file"),
        (("explain", "4194304"), "no process has the id"),
        (("mine", "--state", "{tmp}/s"), "no agent answers"),
        (("trial", "--policy", "/nowhere", "--data", "{tmp}/t"), "give a policy"),
        (("trial", "--policy", "{good}", "--data", "{good}"), "give a folder that you may write to"),
        (
            ("trial", "--policy", "{good}", "--data", "/proc/x"),
            "/proc/x: No such file or directory: give a folder",
        ),
        (("scan", "--policy", "{bad}"), "bad.yaml:1:10: "),
    ],
)
def test_wrong_input_is_one_clear_error_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("banned: []\n")
    bad.write_text("banned: [claud-code]\n")
    filled = [a.format(tmp=tmp_path, good=good, bad=bad) for a in arguments]
    code, out, err = run(*filled)
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


def test_status_without_an_agent_says_how_to_start_one(tmp_path: Path) -> None:
    code, out, err = run("status", "--state", str(tmp_path / "none"))
    assert (code, out) == (2, "")
    assert "aipolicy run" in err


def test_explain_names_the_rule_and_its_reason(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("mode: block\nbanned:\n  - tool: claude-code\n    reason: no contract\n")
    code, out, _ = run("explain", "claude-code@2.1", "--policy", str(policy))
    assert code == 1
    assert "policy.yaml:3" in out
    assert "no contract" in out
    assert "banned → block" in out
    assert run("explain", "qoder", "--policy", str(policy))[0] == 0


def end_of(*arguments: str, **streams: int) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "aipolicy", *arguments], text=True, check=False, timeout=60, **streams
    )


def test_a_full_disk_below_the_output_is_one_line_and_an_error() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        said = end_of("policy", "explain", stdout=full.fileno(), stderr=subprocess.PIPE)
        assert (said.returncode, said.stderr) == (
            2,
            "the output cannot be written: No space left on device\n",
        )
        said = end_of("policy", "explain", "E999", stdout=subprocess.PIPE, stderr=full.fileno())
        assert (said.returncode, said.stdout) == (2, "")


def test_a_reader_who_went_away_is_no_banned_tool() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    said = end_of("policy", "explain", stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (said.returncode, said.stderr) == (2, "")
