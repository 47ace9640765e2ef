"""The statements of the hot path, written once per dialect, with many rows in one statement.

SQLAlchemy describes the tables and writes both dialects. Handing it every row costs more than the database's
own work, so here the values go to the driver as they are. Many rows per statement, since sqlite3 gives up
Python's lock at every step: with a step per row the writer waits for that lock longer than it works.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, CursorResult
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg

_BY_POSITION: dict[str, tuple[Any, str]] = {
    "sqlite": (sqlite.dialect, "qmark"),
    "postgresql": (psycopg.dialect, "format"),
}

Build = Callable[[str], Any]
Row = tuple[Any, ...]

_LARGEST_CHUNK = 32
_ONE_ROW = re.compile(r"VALUES (\(.*\)) (?=ON CONFLICT)", re.DOTALL)


def run(connection: Connection, build: Build, names: tuple[str, ...], row: Row) -> CursorResult[Any]:
    """Runs the statement that `build` makes for a dialect. names: the order of the row's values."""
    return connection.exec_driver_sql(_text(connection.dialect.name, build, names), row)


def run_all(connection: Connection, build: Build, names: tuple[str, ...], rows: Sequence[Row]) -> int:
    """Runs an INSERT for all rows; how many it changed."""
    changed = 0
    for chunk in _chunks(rows):
        text = _many(connection.dialect.name, build, names, len(chunk))
        values = tuple(chain.from_iterable(chunk))
        changed += connection.exec_driver_sql(text, values).rowcount
    return changed


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Chunks whose sizes are powers of two: few different statements, which the database keeps prepared."""
    start = 0
    while start < len(rows):
        size = min(_LARGEST_CHUNK, 1 << (len(rows) - start).bit_length() - 1)
        yield rows[start : start + size]
        start += size


@cache
def _many(dialect: str, build: Build, names: tuple[str, ...], rows: int) -> str:
    one = _text(dialect, build, names)
    found = _ONE_ROW.search(one)
    if found is None:
        raise AssertionError(f"no single row of values in {one}")
    return f"{one[: found.start(1)]}{', '.join([found[1]] * rows)} {one[found.end() :]}"


@cache
def _text(dialect: str, build: Build, names: tuple[str, ...]) -> str:
    """The statement in the driver's words, its values by position."""
    kind, style = _BY_POSITION[dialect]
    compiled = build(dialect).compile(dialect=kind(paramstyle=style), column_keys=list(names))
    if tuple(compiled.positiontup) != names:
        raise AssertionError(f"values are taken in the order {compiled.positiontup}")
    return str(compiled)
