"""Every line of docs/reliability.md names the tests that show it, and they exist."""

import re
from pathlib import Path

import pytest

from named_tests import ROOT, missing

PAGE = (ROOT / "docs/reliability.md").read_text()
ROWS = re.findall(r"^\| (?!what happens|---)(.+) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row)[:40])
def test_each_fault_is_shown_by_tests_that_exist(row: str) -> None:
    shown = re.findall(r"`(test_\w+)`", row.split(" | ")[2])
    assert shown, "no test is named"
    assert [why for name in shown if (why := missing(name, Path(__file__)))] == []


def test_there_are_faults() -> None:
    assert len(ROWS) > 25
