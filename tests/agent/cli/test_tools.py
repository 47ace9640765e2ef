"""`aipolicy tools`: list, show and check, for people and for programs."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aipolicy import tools as data
from aipolicy.cli import main
from aipolicy.cli.tools import tools_page
from tool_files import ACME, OTHER

DOCS = Path(__file__).parents[3] / "docs"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["tools", *arguments])


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """IT's own folder with one tool file in it."""
    (tmp_path / "acme.yaml").write_text(ACME)
    return tmp_path


def test_list_shows_every_tool_with_its_other_words() -> None:
    shown = run("list").output
    assert all(tool.id in shown and tool.name in shown for tool in data.load().tools)
    assert "(also: qoder-cli, qodercli" in shown
    assert f"{len(data.load().tools)} tools, catalog {data.load().version}" in shown


def test_list_for_programs() -> None:
    listed = json.loads(run("list", "--format", "json").output)
    assert listed["schema"] == "aipolicy.tools/1"
    assert listed["catalog"] == data.load().version
    qoder = next(tool for tool in listed["tools"] if tool["id"] == "qoder")
    assert qoder.keys() == {"id", "name", "vendor", "category", "aliases", "stop"}


@pytest.mark.parametrize("word", ["claude-code", "claude"])
def test_show_says_what_gives_a_tool_away_and_where_that_is_known_from(word: str) -> None:
    shown = run("show", word).output
    assert "Claude Code (claude-code), cli of anthropic" in shown
    assert "@anthropic-ai/claude-code" in shown
    assert "npm: installed and run here" in shown


def test_show_for_programs() -> None:
    shown = json.loads(run("show", "qoder-cli", "--format", "json").output)
    assert (shown["schema"], shown["tool"]["id"], shown["file"]) == ("aipolicy.tool/2", "qoder", "qoder.yaml")
    assert shown["evidence"]["npm"] == ["@qoder-ai/qodercli"]
    sourced = [(source["kind"], value) for source in shown["sources"] for value in source["values"]]
    values = [(kind, value) for kind, values in shown["evidence"].items() for value in values]
    assert sorted(pair for pair in sourced if pair[0] != "versions") == sorted(values)


def test_show_helps_with_a_mistyped_name() -> None:
    result = run("show", "claud-code")
    assert result.exit_code == 2
    assert "unknown tool 'claud-code', did you mean 'claude-code'?" in result.stderr


def test_own_tools_are_listed_and_shown_beside_the_others(own: Path) -> None:
    assert "acme-inc: Acme Code" in run("list", "--tools", str(own)).output
    assert json.loads(run("show", "acme", "--tools", str(own), "--format", "json").output)["file"].endswith(
        "acme.yaml"
    )


def test_check_of_the_whole_catalog() -> None:
    result = run("check")
    assert (result.exit_code, result.output) == (0, f"{len(data.texts())} tool files: right\n")


def test_check_of_a_file_of_the_catalog_holds_it_not_against_itself() -> None:
    file = Path(data.__file__).parent / "qoder.yaml"
    result = run("check", str(file))
    assert (result.exit_code, result.output) == (0, "1 tool file: right\n")


def test_check_says_where_and_why_a_file_is_wrong(own: Path) -> None:
    file = own / "acme.yaml"
    file.write_text(
        ACME.replace("vendor: acme-inc", "vendor: Acme Inc").replace("[acme, ac]", "[acme, claude]")
    )
    result = run("check", str(file))
    assert result.exit_code == 2
    assert f"{file}:3:9: 'Acme Inc' is no identifier" in result.stderr
    assert "1 error" in result.stderr


def test_check_refuses_what_another_tool_claims_already(own: Path) -> None:
    file = own / "acme.yaml"
    file.write_text(ACME.replace("[acme, ac]", "[acme, claude]"))
    problems = json.loads(run("check", str(file), "--format", "json").output)["problems"]
    assert [p["message"] for p in problems] == [
        "the executable evidence 'claude' is claimed by 'claude-code' (claude-code.yaml) already"
    ]


def test_check_refuses_a_mark_that_is_in_other_programs(own: Path) -> None:
    file = own / "acme.yaml"
    file.write_text(ACME.replace("ACME_CODE_FIRST_MARK", '"@anthropic-ai/claude-code"'))
    assert "'@anthropic-ai/claude-code' is known to be in other programs" in run("check", str(file)).stderr


@pytest.mark.parametrize(
    ("old", "new", "line", "said", "todo"),
    [
        ("[acme, ac]", "[acme, claude]", 25, "claimed by 'claude-code'", "remove it from one of the two"),
        ("ACME_CODE_FIRST_MARK", "SHORT", 23, "shorter than 12 characters", "choose a longer text"),
        ("ACME_CODE_FIRST_MARK", "CODEX_SANDBOX", 23, "known to be in other programs", "choose a text that"),
        ("deb: test, ", "", 16, "no source says where the deb evidence", "what you ran or read"),
    ],
)
def test_check_says_file_line_and_what_to_do(
    own: Path, old: str, new: str, line: int, said: str, todo: str
) -> None:
    file = own / "acme.yaml"
    assert old in ACME
    file.write_text(ACME.replace(old, new, 1))
    problems = json.loads(run("check", str(file), "--format", "json").output)["problems"]
    (problem,) = (problem for problem in problems if said in problem["message"])
    assert (problem["file"], problem["line"]) == (str(file), line)
    assert todo in problem["suggestion"]
    assert f"{file}:{line}:" in run("check", str(file)).stderr


def test_check_refuses_a_tool_with_only_a_name(own: Path) -> None:
    file = own / "other.yaml"
    text = OTHER.replace("  npm: [other-tool]\n", "  executable: [other-tool]\n")
    text = text.replace("  content: [OTHER_TOOL_FIRST_MARK, OTHER_TOOL_SECOND_MARK]\n", "")
    file.write_text(text.replace("{npm: test, content: test}", "{executable: test}"))
    result = run("check", str(file))
    assert result.exit_code == 2
    assert f"{file}:7:3: a name alone is no evidence: anybody may use it" in result.stderr
    assert "add an npm or PyPI package" in result.stderr


def test_check_runs_the_examples_and_asks_for_those_that_are_missing(own: Path) -> None:
    file = own / "other.yaml"
    file.write_text(OTHER.replace("is: certain", "is: likely"))
    result = run("check", str(file), "--format", "json")
    report = json.loads(result.output)
    assert (result.exit_code, report["schema"], report["ok"]) == (2, "aipolicy.tools-check/1", False)
    assert [p["code"] for p in report["problems"]] == ["T053", "T053", "T050"]
    assert report["problems"][2]["source_line"].startswith("  - {is: likely")


@pytest.mark.parametrize("content", [b"id: \xff", b"", b"a\0b", b"[" * 100_000])
def test_check_of_anything_else_is_an_error_and_no_crash(own: Path, content: bytes) -> None:
    (own / "x.yaml").write_bytes(content)
    result = run("check", str(own / "x.yaml"))
    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert "x.yaml" in result.stderr


def test_a_file_that_is_not_there(own: Path) -> None:
    result = run("check", str(own / "none.yaml"))
    assert (result.exit_code, result.stderr) == (2, f"{own}/none.yaml: no such file\n")
    assert run("list", "--tools", str(own / "none")).exit_code == 2


def test_the_page_of_the_docs_is_fresh() -> None:
    assert (DOCS / "tools.md").read_text() == tools_page(), "run `make docs`"


def test_the_page_names_every_tool() -> None:
    page = tools_page()
    assert all(f"`{tool.id}`" in page for tool in data.load().tools)


@pytest.mark.parametrize("verb", [("tools", "check"), ("policy", "check", "P"), ("scan",), ("tools", "list")])
def test_every_verb_says_where_a_file_would_take_something_from_a_tool_of_ours(
    own: Path, verb: tuple[str, ...]
) -> None:
    (own.parent / "policy.yaml").write_text("banned: []\n")
    (own / "acme.yaml").write_text(ACME.replace("[acme-cli]", "[acme-cli, claude]"))
    arguments = [str(own.parent / "policy.yaml") if part == "P" else part for part in verb]
    result = CliRunner().invoke(main, [*arguments, "--tools", str(own)])
    assert result.exit_code == 2
    assert f"{own}/acme.yaml:5:21: 'claude' is a word for 'claude-code' (claude-code.yaml)" in result.stderr


def test_check_of_a_file_that_bears_the_name_of_one_of_ours(own: Path) -> None:
    file = own / "claude-code.yaml"
    file.write_text(ACME.replace("id: acme", "id: claude-code"))
    for arguments in ([str(file)], ["--tools", str(own)]):
        assert (
            "'claude-code' is a word for 'claude-code' (claude-code.yaml)" in run("check", *arguments).stderr
        )


def test_check_of_an_extension(own: Path) -> None:
    file = own / "more.yaml"
    file.write_text("extends: claude-code\nevidence:\n  brew: [our-claude]\nsources: {brew: our tap}\n")
    assert "more.yaml:3:1: no example needs the brew evidence 'our-claude'" in run("check", str(file)).stderr
    file.write_text(f"{file.read_text()}examples:\n  - {{is: likely, brew: our-claude}}\n")
    assert run("check", str(file)).output == "1 tool file: right\n"
    assert "our-claude" in run("show", "claude", "--tools", str(own)).output


def test_check_of_a_fifo_does_not_wait(own: Path) -> None:
    os.mkfifo(own / "pipe.yaml")
    assert run("check", str(own / "pipe.yaml")).stderr == f"{own}/pipe.yaml: not a regular file\n"
