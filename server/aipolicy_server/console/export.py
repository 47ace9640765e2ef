"""The event log as CSV, for spreadsheets and auditors: stable columns, UTC, formulas disarmed."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from aipolicy.core.wire import printable
from aipolicy_server.store.rows import EventRow

COLUMNS: Final = (
    "id",
    "time",
    "received",
    "device",
    "hostname",
    "kind",
    "tool",
    "name",
    "vendor",
    "version",
    "state",
    "confidence",
    "form",
    "owner",
    "place",
    "ruling",
    "action",
    "done",
    "reason",
    "why",
    "message",
    "detail",
    "count",
    "because",
    "policy",
    "catalog",
)
_STARTS_A_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")  # a spreadsheet also reads the full-width forms


def csv_chunks(rows: Iterable[EventRow], rows_per_chunk: int = 200) -> Iterator[str]:
    """The header, then the rows, as text in chunks."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for number, row in enumerate(rows, start=1):
        writer.writerow([_cell(row, column) for column in COLUMNS])
        if number % rows_per_chunk == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cell(row: EventRow, column: str) -> str:
    if column == "because":
        return safe_cell("; ".join(f"{e.kind}: {e.value}" for e in row.because))
    value = getattr(row, column)
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return safe_cell(str(value))


def safe_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula, with control and direction characters as escapes."""
    text = f"'{text}" if text.lstrip(" \u00a0").startswith(_STARTS_A_FORMULA) else text
    return printable(text)
