"""`aipolicy policy diff`, of files and of revisions of git."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from aipolicy.cli.policy import policy

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/policy-diff.json").read_text())


def diff(*arguments: str | Path, given: str | None = None) -> Result:
    return CliRunner().invoke(policy, ["diff", *map(str, arguments)], input=given, catch_exceptions=False)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Path]:
    """A repository whose last revision bans one tool, and a work tree that blocks it and bans another."""
    git("init", "-q", cwd=tmp_path)
    (tmp_path / "eu").mkdir()
    (tmp_path / "eu" / "policy.yaml").write_text("banned: [claude-code]\n")
    git("add", ".", cwd=tmp_path)
    git("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-m", "one", cwd=tmp_path)
    (tmp_path / "eu" / "policy.yaml").write_text("mode: block\nbanned: [claude-code]\napproved: [qoder]\n")
    with contextlib.chdir(tmp_path):
        yield tmp_path


def git(*arguments: str, cwd: Path) -> None:
    subprocess.run(["git", *arguments], cwd=cwd, check=True)


def test_a_revision_and_a_file(two: Path) -> None:
    result = diff("HEAD:eu/policy.yaml", "eu/policy.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "claude-code becomes blocked (was reported)\nqoder becomes allowed (was reported)\n"
    )


def test_the_exit_code_tells_a_difference_only_where_it_is_asked_to(two: Path) -> None:
    assert diff("HEAD:eu/policy.yaml", "eu/policy.yaml", "--exit-code").exit_code == 1
    same = diff(
        "HEAD:eu/policy.yaml", "-", "--exit-code", given="# the same\nbanned: ['claude']\nname: policy\n"
    )
    assert (same.exit_code, same.stdout) == (0, "both say the same\n")


def test_json(two: Path) -> None:
    report = json.loads(diff("HEAD:eu/policy.yaml", "eu/policy.yaml", "--format", "json").stdout)
    jsonschema.validate(report, SCHEMA)
    assert (report["same"], report["before"]) == (False, "HEAD:eu/policy.yaml")
    change = report["changes"][0]
    assert (change["tools"], change["where"], change["versions"]) == (["claude-code"], "", "")
    assert change["before"]["steps"] == [{"since": None, "ruling": "banned", "action": "report"}]
    assert change["after"]["steps"] == [{"since": None, "ruling": "banned", "action": "block"}]


def test_markdown_is_a_table_in_which_a_policys_words_do_nothing(two: Path) -> None:
    words = "name: policy\nmode: block\nbanned: [claude-code]\nmessage: '<b>|[x](http://y) @team'\n"
    result = diff("HEAD:eu/policy.yaml", "-", "--format", "markdown", given=words)
    assert result.stdout.splitlines()[:3] == [
        "| tools | where | was | becomes |",
        "| --- | --- | --- | --- |",
        "| claude-code | everywhere | reported | blocked |",
    ]
    told = diff("eu/policy.yaml", "-", "--format", "markdown", given=words).stdout
    assert r"\<b\>\|\[x\](http://y)" in told
    assert "@team" not in told


def test_a_day_is_told_from_now_by_at(two: Path) -> None:
    later = "name: policy\nmode: block\nbanned: [{tool: claude-code, from: 2026-10-01}]\napproved: [qoder]\n"
    before = diff("eu/policy.yaml", "-", "--at", "2026-09-01", given=later)
    assert "claude-code becomes warned of, from 2026-10-01 blocked (was blocked)" in before.stdout
    after = diff("eu/policy.yaml", "-", "--at", "2026-10-01", given=later)
    assert after.stdout == "rules that make no difference to any tool of this catalog\n"


def test_every_error_of_both(two: Path) -> None:
    (two / "bad.yaml").write_text("banned: [claud-code]\n")
    result = diff("bad.yaml", "-", given="mode: kill\nbanned: []\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "bad.yaml:1:10: " in result.stderr
    assert "<stdin>:1:7: " in result.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("HEAD:nothing.yaml", "path 'nothing.yaml' does not exist in 'HEAD'"),
        ("nobody:policy.yaml", "invalid object name 'nobody'"),
        ("--output=x:y", "No such option"),
        ("-x:y", "No such option"),
        ("nothing.yaml", "cannot be read"),
        ("HEAD:eu", "bad file"),
    ],
)
def test_what_is_not_there(two: Path, name: str, words: str) -> None:
    result = diff(name, "eu/policy.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_a_name_with_a_dash_is_no_option_of_git(two: Path) -> None:
    result = diff("--", "--batch-check:x", "eu/policy.yaml")
    assert result.exit_code == 2
    assert "does not begin with a dash" in result.stderr
