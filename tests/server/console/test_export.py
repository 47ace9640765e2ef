"""The CSV: what spreadsheets would run is disarmed, what auditors compare stays the same."""

import csv
import io
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aipolicy.core.model import Evidence
from aipolicy_server.console.export import COLUMNS, csv_chunks, safe_cell
from aipolicy_server.store.rows import EventRow

ROW = EventRow(
    id="01a2",
    device="01a1",
    hostname="dev-mara",
    time=datetime(2026, 11, 24, 14, 23, 4, 120000, tzinfo=UTC),
    received=datetime(2026, 11, 24, 14, 23, 8, tzinfo=UTC),
    kind="outcome",
    tool="claude-code",
    owner='ma"ra, M.',
    because=(Evidence(kind="npm", value="@anthropic-ai/claude-code"), Evidence(kind="path", value="~/x")),
)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_columns_are_the_rows_fields_each_once() -> None:
    assert set(COLUMNS) == {field.name for field in msgspec.structs.fields(EventRow)}
    assert len(COLUMNS) == len(set(COLUMNS))


def test_one_row_exactly() -> None:
    text = "".join(csv_chunks([ROW]))
    assert text == (
        "id,time,received,device,hostname,kind,tool,name,vendor,version,state,confidence,form,owner,place,"
        "ruling,action,done,reason,why,message,detail,count,because,policy,catalog\r\n"
        "01a2,2026-11-24T14:23:04.120000Z,2026-11-24T14:23:08.000000Z,01a1,dev-mara,outcome,claude-code,"
        ',,,,,,"ma""ra, M.",,,,,,,,,,npm: @anthropic-ai/claude-code; path: ~/x,,\r\n'
    )


def test_no_rows_is_a_header() -> None:
    assert read("".join(csv_chunks([]))) == []


def test_chunks_join_to_the_same_text() -> None:
    rows = [msgspec.structs.replace(ROW, id=str(n)) for n in range(1001)]
    assert "".join(csv_chunks(rows, 7)) == "".join(csv_chunks(rows, 5000))
    assert [row["id"] for row in read("".join(csv_chunks(rows, 7)))] == [str(n) for n in range(1001)]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "＝1", "=cmd|' /C calc'!A0"],
)
def test_a_formula_is_text(text: str) -> None:
    assert safe_cell(text).startswith("'")


@given(st.text())
def test_no_cell_ever_starts_a_formula_or_breaks_its_line(text: str) -> None:
    cell = safe_cell(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert cell.isprintable()


@given(st.text(max_size=50), st.text(max_size=50))
def test_any_text_comes_back_in_its_column(owner: str, place: str) -> None:
    row = msgspec.structs.replace(ROW, owner=owner, place=place)
    found = read("".join(csv_chunks([row])))
    assert len(found) == 1
    assert found[0]["owner"] == safe_cell(owner)
    assert found[0]["place"] == safe_cell(place)
