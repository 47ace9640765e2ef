"""`aipolicy tools export`: which tools, in which language, and what is wrong with the question."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import aipolicy.export
from aipolicy.cli import main
from aipolicy.export import FORMATS
from tool_files import ACME

FOLDER = Path(aipolicy.export.__file__).parent


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["tools", "export", *arguments])


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_catalog_gives_the_same_text(form: str) -> None:
    first, second = run("--format", form), run("--format", form)
    assert (first.exit_code, first.stderr, first.stdout) == (0, "", second.stdout)
    assert first.stdout.endswith("\n")


@pytest.mark.parametrize("form", FORMATS)
def test_some_tools_by_any_of_their_words_in_any_order(form: str) -> None:
    named = run("--format", form, "amp", "claude").stdout
    assert named == run("--format", form, "claude-code", "amp", "amp").stdout
    assert "claude-code" in named
    assert "codex" not in named.replace("aipolicy_mentions_codex", "").replace("CODEX", "") or form == "yara"


@pytest.mark.parametrize("form", FORMATS)
def test_own_tools_are_part_of_it(form: str, tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(ACME)
    assert "acme" in run("--format", form, "--tools", str(tmp_path), "acme").stdout


def test_an_unknown_format() -> None:
    result = run("--format", "yarra")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "unknown format 'yarra', did you mean 'yara'? (known are: yara, osquery, sigma, json)\n"
    )


def test_an_unknown_tool() -> None:
    result = run("--format", "yara", "claude-cod")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "unknown tool 'claude-cod', did you mean 'claude-code'?" in result.stderr


def test_no_format() -> None:
    result = run()
    assert result.exit_code == 2
    assert "--format" in result.stderr
    assert "yara, osquery, sigma, json" in result.stderr


def test_no_format_is_forgotten() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "comment"}
    assert modules == {write.__module__.rpartition(".")[2] for write in FORMATS.values()}
