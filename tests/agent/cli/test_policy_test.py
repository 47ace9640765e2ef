"""`aipolicy policy test`: a line for each test, an exit code for the build server."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from aipolicy.cli.policy import policy

TEXT = """\
mode: block
banned: [claude-code]
tests:
- {tool: claude-code, expect: %s}
- {tool: qoder@1, expect: report}
"""


def run(*arguments: str | Path, given: str | None = None) -> Result:
    return CliRunner().invoke(policy, ["test", *map(str, arguments)], input=given, catch_exceptions=False)


def written(folder: Path, text: str, name: str = "policy.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_all_passed(tmp_path: Path) -> None:
    file = written(tmp_path, TEXT % "block")
    result = run(file)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "ok   claude-code  block  policy.yaml:2\n"
        "ok   qoder@1      report  policy.yaml: not listed\n"
        f"{file}: 2 tests, all passed\n"
    )


def test_one_failed(tmp_path: Path) -> None:
    file = written(tmp_path, TEXT % "warn")
    result = run(file)
    assert result.exit_code == 1
    assert "FAIL claude-code  expected warn, got block\n" in result.stdout
    assert result.stderr == (
        "policy.yaml:4: claude-code: expected warn, got block; by policy.yaml:2 (banned claude-code)\n"
        f"{file}: 2 tests, 1 failed\n"
    )


def test_a_wrong_policy_among_right_ones(tmp_path: Path) -> None:
    files = written(tmp_path, TEXT % "block"), written(tmp_path, "banned: [claud]\n", "wrong.yaml")
    result = run(*files)
    assert result.exit_code == 2
    assert "E025" in result.stderr
    assert "2 tests, all passed" in result.stdout


def test_one_without_tests_and_the_standard_input() -> None:
    result = run("-", given="banned: []\n")
    assert (result.exit_code, result.stdout) == (0, "<stdin>: it carries no tests\n")


def test_json(tmp_path: Path) -> None:
    result = run(written(tmp_path, TEXT % "warn"), "--format", "json")
    said = json.loads(result.stdout)
    assert (result.exit_code, said["schema"], said["ok"]) == (1, "aipolicy.policy-test/1", False)
    tests = said["files"][0]["tests"]
    assert [(test["ok"], test["got"]) for test in tests] == [(False, "block"), (True, "report")]
