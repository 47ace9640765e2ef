"""`aipolicy explain`: the whole derivation, what would make it certain, and why nothing follows."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from aipolicy.cli import main

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/explain.json").read_text())


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text("mode: block\nbanned:\n  - tool: claude-code\n    reason: no contract\n")
    return path


def explain(what: Path | str, policy: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["explain", str(what), "--policy", str(policy), *more])


def explained(what: Path | str, policy: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(explain(what, policy, "--format", "json").output)
    jsonschema.validate(found, SCHEMA)
    assert found["schema"] == "aipolicy.explain/2"
    return found


def a_script(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexec ssh build claude\n")
    path.chmod(0o755)
    return path


def test_a_name_alone_says_what_would_make_it_certain(tmp_path: Path, policy: Path) -> None:
    script = a_script(tmp_path / "claude")
    said = explain(script, policy).output
    assert "rule        policy.yaml:3: no contract" in said
    assert "decided by  name: a file name or process title alone" in said
    assert f"seen        {script} (script): executable claude → possible (name)" in said
    assert "certain if  it holds two content marks of the tool" in said
    assert "certain if  it is the code or the program of the npm package: @anthropic-ai/claude-code" in said
    (verdict,) = explained(script, policy)["verdicts"]
    assert verdict["derivation"]["ground"] == "name"
    assert ["npm"] in [lack["kinds"] for lack in verdict["derivation"]["certain_if"]]


@pytest.mark.skipif(shutil.which("sleep") is None, reason="needs a program to copy")
@pytest.mark.parametrize(
    "place", [".local/share/claude/versions/2.1.197", ".opencode/bin/opencode", ".amp/bin/amp"]
)
def test_another_program_at_a_vendors_place_says_why_it_is_only_possible(
    tmp_path: Path, policy: Path, place: str
) -> None:
    copy = tmp_path / place
    copy.parent.mkdir(parents=True)
    shutil.copy(shutil.which("sleep") or "", copy)
    (verdict,) = explained(copy, policy)["verdicts"]
    assert verdict["verdict"]["confidence"] == "possible"
    assert verdict["derivation"]["ground"] == "hollow place"
    assert "certain if  it holds a content mark of the tool" in explain(copy, policy).output


def test_where_nothing_is_found_it_says_what_was_sought(tmp_path: Path, policy: Path) -> None:
    script = a_script(tmp_path / "build")
    result = explain(script, policy)
    assert result.exit_code == 0
    assert f"because     {script} holds none of the " in result.output
    assert "because     no tool's program is called build" in result.output
    found = explained(script, policy)
    assert (found["verdicts"], found["evidence"]) == ([], [])
    assert any("was found in no package of a tool" in words for words in found["nothing"])


def test_a_process_of_no_interest_says_what_was_sought(policy: Path) -> None:
    assert explained(str(os.getpid()), policy)["nothing"]


def test_a_tool_says_what_gives_it_away_surest_first(policy: Path) -> None:
    found = explained("claude", policy)
    alone = {each["kind"]: each["alone"] for each in found["evidence"]}
    assert (alone["npm"], alone["content"], alone["executable"]) == ("certain", "likely", "possible")
    said = explain("claude", policy).output
    assert said.index("npm: certain alone (own package)") < said.index("content: likely alone (one mark)")
    assert "certain with a second content mark; or npm" in said
    assert found["verdicts"][0]["derivation"] is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_and_an_odd_name_do_not_hang_or_spoil_the_terminal(tmp_path: Path, policy: Path) -> None:
    os.mkfifo(tmp_path / "claude")
    said = explain(tmp_path / "claude", policy)
    assert said.exit_code == 3
    assert "claude: it could not be looked into, so whether it is an AI tool is not known." in said.output
    odd = a_script(tmp_path / "x\x1b[31m\n")
    assert "\x1b" not in explain(odd, policy).output


def test_a_mistyped_tool_is_asked_back(policy: Path) -> None:
    said = explain("claud-code@1.0", policy)
    assert said.exit_code == 2
    assert (
        "'claud-code@1.0' is no file, no process id and no tool, did you mean 'claude-code'?" in said.output
    )


def test_what_stands_for_all_that_is_not_listed_is_named_once(policy: Path) -> None:
    assert "also        policy.yaml: not listed (unlisted)\n" in explain("claude-code", policy).output


CONDITIONAL = """
mode: block
banned: [{tool: claude-code, from: 2026-10-01, versions: "<2"}]
scopes: [{name: labs, hosts: ["lab-*"], mode: warn}]
exemptions: [{tool: claude-code, users: [alice], until: 2026-12-31, ticket: A-1}]
"""


@pytest.mark.parametrize(
    ("more", "action", "said"),
    [
        (("--at", "2026-09-30"), "warn", "blocked     from 2026-10-01"),
        (("--at", "2026-10-01"), "block", "condition   from 2026-10-01: it has begun"),
        (("--at", "2026-10-01", "--host", "lab-7"), "warn", "lowered by  mode: warn"),
        (("--at", "2026-10-01", "--host", "hr-7"), "block", "hosts lab-*: hr-7 does not fit: not this one"),
        (("--at", "2026-12-31", "--user", "alice"), "allow", "blocked     from 2027-01-01"),
        (
            ("--at", "2027-01-01", "--user", "alice"),
            "block",
            "passed over policy.yaml:5 (exempt claude-code)",
        ),
    ],
)
def test_as_another_person_host_and_day(policy: Path, more: tuple[str, ...], action: str, said: str) -> None:
    policy.write_text(CONDITIONAL)
    result = explain("claude-code@1.0", policy, *more)
    assert f"→ {action}\n" in result.output
    assert said in result.output


def test_a_day_that_is_none(policy: Path) -> None:
    result = explain("claude-code", policy, "--at", "1.10.2026")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--at is a day like 2026-10-01, not '1.10.2026': write 2026-10-01" in result.stderr
