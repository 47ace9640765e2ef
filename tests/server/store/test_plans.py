"""The questions of pages and API are answered from indexes: none reads a whole table that grows with time."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aipolicy.core.model import Done
from aipolicy_server.store import drift, queries
from aipolicy_server.store.rows import DeviceFilter, EventFilter
from server_lab import START, Lab, outcome


@pytest.fixture
def lab(data: Path) -> Iterator[Lab]:
    """With enough rows, and statistics, that the database would see a use in reading them all."""
    with Lab.open(data) as opened:
        for number in range(20):
            device = opened.enrol(f"pc-{number}")
            many = [outcome(tool=f"tool-{n % 7}", path=f"~/{n}", done=_done(n)) for n in range(100)]
            device.send(*many, at=START + timedelta(minutes=number))
        opened.store.write_now(lambda connection: connection.exec_driver_sql("ANALYZE"))
        yield opened


def _done(n: int) -> Done:
    return Done.ENDED if n % 50 == 0 else Done.REPORTED


def plans(lab: Lab, ask: Any) -> list[str]:
    """How SQLite answers each statement of a question."""
    said: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        said.append((statement, parameters))

    with lab.store.reading() as connection:
        sa.event.listen(connection, "before_cursor_execute", note)
        ask(connection)
        sa.event.remove(connection, "before_cursor_execute", note)
        return [
            row[3]
            for statement, parameters in said
            if statement.lstrip().upper().startswith(("SELECT", "WITH"))
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]


NOW = START + timedelta(hours=1)
QUESTIONS = {
    "overview": lambda c: queries.overview(c, now=NOW),
    "one device": lambda c: queries.device(
        c, queries.devices(c, DeviceFilter(), now=NOW).rows[0].id, now=NOW
    ),
    "one tool": lambda c: queries.tool(c, "tool-1"),
    "tools": queries.tools,
    "choices": queries.choices,
    "log": lambda c: queries.events(c, EventFilter()),
    "log, second page": lambda c: queries.events(
        c, EventFilter(), after=queries.events(c, EventFilter(), limit=10).next, limit=10
    ),
    "log of a tool": lambda c: queries.events(c, EventFilter(tool="tool-1")),
    "log of a device": lambda c: queries.events(c, EventFilter(device="x")),
    "log of what was ended": lambda c: queries.events(c, EventFilter(done="ended")),
    "log of a day": lambda c: queries.events(c, EventFilter(since=START, until=NOW)),
    "one event": lambda c: queries.event(c, queries.events(c, EventFilter(), limit=1).rows[0].id),
    "drift": lambda c: drift.has_drifted(c, "x", "x"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_reads_all_events_or_sorts_them(lab: Lab, question: str) -> None:
    found = plans(lab, QUESTIONS[question])
    assert found
    for step in found:
        assert step != "SCAN events", found
        assert not (step.startswith("SCAN findings") and "INDEX" not in step), found
    if question.startswith("log"):
        assert not any("TEMP B-TREE FOR ORDER" in step for step in found), found
