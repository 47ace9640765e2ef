"""An error as the person sees it: the line, a caret that stands under the column, what to do."""

import unicodedata

import pytest

from aipolicy.core import yamlfile
from aipolicy.core.problem import MAX_PROBLEMS, Code, Problem, Problems, annotate, shown


def problem(source_line: str, column: int, suggestion: str = "") -> Problem:
    return Problem(
        file="p.yaml",
        line=3,
        column=column,
        code="E025",
        message="wrong",
        suggestion=suggestion,
        source_line=source_line,
    )


def test_the_line_the_caret_and_the_suggestion() -> None:
    assert annotate(problem("  - claud-code", 5, "write 'claude-code'")) == (
        "p.yaml:3:5: wrong [E025]\n      - claud-code\n        ^\n    write 'claude-code'"
    )
    assert str(problem("  - claud-code", 5)) == "p.yaml:3:5: wrong"


def test_a_hostile_file_name_cannot_drive_the_terminal() -> None:
    hostile = Problem(file="a\x1b[2J\udcff.yaml", line=1, column=2, code="E004", message="wrong")
    assert annotate(hostile) == "a\\x1b[2J\\xff.yaml:1:2: wrong [E004]"


def cells(text: str) -> int:
    """Columns of a terminal with tab stops at 8."""
    width = 0
    for char in text:
        if char == "\t":
            width += 8 - width % 8
        elif not unicodedata.combining(char):
            width += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    return width


@pytest.mark.parametrize(
    ("before", "shown_before"),
    [
        ("banned: [", "banned: ["),
        ("\t", "\t"),
        ("a\tb: ", "a\tb: "),
        ("日本語: ", "日本語: "),
        ("e\u0301: ", "e\u0301: "),
        ("😀\t日: ", "😀\t日: "),
        ("a\u202eb: ", "a\\u202eb: "),
        ("a\0b: ", "a\\x00b: "),
        ("\x1b[2J: ", "\\x1b[2J: "),
    ],
)
def test_the_caret_stands_under_the_column(before: str, shown_before: str) -> None:
    _, source, caret = annotate(problem(f"{before}X", len(before) + 1)).split("\n")
    assert source == f"    {shown_before}X"
    assert cells(caret.removesuffix("^")) == cells(f"    {shown_before}")


def test_of_a_long_line_the_part_around_the_column_is_shown() -> None:
    line = "a" * 5_000 + "X" + "b" * 5_000
    _, source, caret = annotate(problem(line, 5_001)).split("\n")
    assert len(source) < 130
    assert source[caret.index("^")] == "X"


def test_a_column_after_the_line_s_end_has_its_caret_too() -> None:
    assert annotate(problem("banned:", 8)).split("\n")[1:] == ["    banned:", "           ^"]


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("claude", "'claude'"),
        ("\u0441laude", r"'\u0441laude'"),
        ("a\u202eb", r"'a\u202eb'"),
        ("\ud800", r"'\ud800'"),
        ("a\nb", r"'a\nb'"),
        ("a" * 100, "'" + "a" * 60 + "...'"),
    ],
)
def test_words_of_the_file_are_quoted_in_ascii(word: str, quoted: str) -> None:
    assert shown(word) == quoted


def test_problems_are_told_in_the_order_of_the_file() -> None:
    problems = Problems("p.yaml", "a\nb\n")
    for line, column in ((2, 1), (1, 9), (1, 2)):
        problems.add_at(line, column, Code.SYNTAX, "wrong")
    assert [(p.line, p.column, p.source_line) for p in problems.all()] == [
        (1, 2, "a"),
        (1, 9, "a"),
        (2, 1, "b"),
    ]


def test_more_errors_than_anyone_reads_are_counted() -> None:
    text = "".join(f"a{number}: &x b\n" for number in range(MAX_PROBLEMS + 7))
    with pytest.raises(yamlfile.YamlErrors) as refused:
        yamlfile.load(text, "p.yaml")
    assert len(refused.value.problems) == MAX_PROBLEMS + 1
    assert refused.value.problems[-1].code == Code.TOO_MANY
    assert refused.value.problems[-1].message == "after 1,000 errors the rest of the file was not checked"
