"""`aipolicy policy check`, as a person and a program see it."""

import contextlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aipolicy.cli.policy import policy
from aipolicy.core.values import Place, names


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(policy, ["check", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def right(tmp_path: Path) -> Path:
    file = tmp_path / "right.yaml"
    file.write_text("mode: block\nbanned: [claude-code]\napproved: [qoder]\n")
    return file


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    file = tmp_path / "wrong.yaml"
    file.write_text("banned: [claud-code]\naproved: [qoder]\n")
    return file


def test_a_right_policy(right: Path) -> None:
    result = check(right)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{right}: ok: 1 banned, 1 approved, unlisted: report; mode: block (blocks)\n"


def test_every_error_with_line_caret_and_suggestion(wrong: Path) -> None:
    result = check(wrong)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"{wrong}:1:10: unknown tool 'claud-code', did you mean 'claude-code'? [E025]\n"
        "    banned: [claud-code]\n"
        "             ^\n"
        f"{wrong}:2:1: unknown key 'aproved', did you mean 'approved'? [E022]\n"
        "    aproved: [qoder]\n"
        "    ^\n"
        f"    known keys are: {', '.join(names(Place.POLICY))}\n"
        f"{wrong}: 2 errors; nothing of it holds\n"
        "`aipolicy policy explain E022` says more, and so for each code\n"
    )


def test_one_wrong_file_among_right_ones(right: Path, wrong: Path) -> None:
    result = check(right, wrong, right)
    assert result.exit_code == 2
    assert result.stdout.count("ok: 1 banned") == 2
    assert "2 errors" in result.stderr


def test_json(right: Path, wrong: Path) -> None:
    result = check(right, wrong, "--format", "json")
    report = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (2, "")
    assert report["schema"] == "aipolicy.policy-check/1"
    assert report["ok"] is False
    good, bad = report["files"]
    assert (good["file"], good["ok"], good["problems"]) == (str(right), True, [])
    assert good["policy"]["mode"] == "block"
    assert (bad["ok"], bad["policy"]) == (False, None)
    assert bad["problems"][0] == {
        "file": str(wrong),
        "line": 1,
        "column": 10,
        "code": "E025",
        "message": "unknown tool 'claud-code', did you mean 'claude-code'?",
        "suggestion": "",
        "source_line": "banned: [claud-code]",
    }


def test_json_of_right_files_only(right: Path) -> None:
    result = check(right, "--format", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["ok"] is True


@pytest.mark.parametrize("name", ["missing.yaml", "a\0b"])
def test_a_file_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    file = f"{tmp_path}/{name}"
    result = check(file)
    assert result.exit_code == 2
    assert ":1:1: the file cannot be read: " in result.stderr
    assert json.loads(check(file, "--format", "json").stdout)["files"][0]["problems"][0]["code"] == "E000"


def test_an_endless_file_is_not_read_to_its_end() -> None:
    result = check("/dev/zero")
    assert result.exit_code == 2
    assert "/dev/zero:1:1: the file has 4,000,001 bytes" in result.stderr


def test_no_file_named_means_policy_yaml(right: Path, tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        assert check().exit_code == 2
        Path("policy.yaml").write_text(right.read_text())
        assert check().exit_code == 0


def test_a_hostile_file_cannot_drive_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "evil.yaml"
    file.write_bytes(b"banned: [\x1b[2J\xe2\x80\xaeclaude]\nmode: \x07\n")
    result = check(file)
    assert result.exit_code == 2
    assert all(line.isprintable() for line in result.stderr.split("\n"))
