"""Opens the database: SQLite as safe as it can be set, or PostgreSQL. Knows no table."""

import os
import sqlite3
import stat
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

_BUSY_MS = 10_000
_PG_OPTIONS = "-c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000"


class BadDatabase(Exception):
    """The database cannot be used; the text says why and what to do."""


def parse_url(text: str) -> URL:
    """The database's address, with the driver we bring. Raises BadDatabase."""
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise BadDatabase(
            "the database address cannot be read: write postgresql://USER:PASSWORD@HOST/NAME"
        ) from error
    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database and url.database != ":memory:":
        return url
    raise BadDatabase(
        f"a {url.drivername} database cannot be used: give postgresql://... or leave it out for SQLite"
    )


def open_engine(url: URL, *, connections: int = 12) -> Engine:
    """An engine. SQLite's file is made when missing, readable by its owner only."""
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(url, connections)
    return create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # else an error's text, and so the log, holds what was to be stored
        pool_timeout=10,
        connect_args={"connect_timeout": 5, "options": _PG_OPTIONS},
    )


def _open_sqlite(url: URL, connections: int) -> Engine:
    _make_private(url.database or "")
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,  # else an error's text, and so the log, holds what was to be stored
        pool_timeout=10,
        connect_args={"timeout": _BUSY_MS / 1000, "check_same_thread": False},
    )
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "begin", _begin)
    return engine


def _make_private(path: str) -> None:
    """Makes the file, readable by its owner only; SQLite gives its -wal and -shm files the same mode.

    A file that is there is only looked at. To open and close it would, as POSIX has it, drop the locks that
    SQLite holds on it in this process, and another process would then remove the log under our hands.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise BadDatabase(f"{path}: not a regular file: give another folder with --data") from None
    except OSError as error:
        raise BadDatabase(
            f"{path}: {error.strerror}: the database is kept there, name another folder with --data"
        ) from error


def _set_up_connection(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own BEGIN comes late and only before writes; `_begin` does it where it belongs.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {_BUSY_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        "wal_autocheckpoint = 4000",
        "trusted_schema = OFF",
        "secure_delete = ON",  # what is removed is overwritten; Debian builds SQLite so, others do not
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Any) -> None:
    # IMMEDIATE: a transaction that will write waits for its turn here, and not with a failure halfway.
    write = not connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
