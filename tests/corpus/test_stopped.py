"""docs/stopped.md says of every form and every way to start a tool what came of it: none is passed over."""

import re
from pathlib import Path

from corpus.forms import FORMS
from corpus.starts import STARTS

PAGE = (Path(__file__).parents[2] / "docs/stopped.md").read_text()
WORDS = {"refused", "starts"}
ENDED = re.compile(r"\d+ / \d+ ms(; .+)?|MISSED|seen only: .+|not started: .+|-")


def rows() -> list[list[str]]:
    table = PAGE.rpartition("\n| ---")[2].partition("\n")[2]
    return [line.strip("| ").split(" | ") for line in table.strip().splitlines()]


def test_each_form_and_each_way_has_a_line() -> None:
    assert {row[0] for row in rows()} == {*FORMS, *STARTS}


def test_each_line_says_what_came_of_it() -> None:
    for form, how, *moments, ended in rows():
        assert len(moments) == 4, form
        assert set(moments) <= WORDS, (form, how)
        assert ENDED.fullmatch(ended), (form, how, ended)
        assert ended[0] not in "-n" or moments[0] == "refused", (form, how)
