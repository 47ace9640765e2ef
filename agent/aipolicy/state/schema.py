"""The state database's tables: how they are made, and how a damaged or foreign file is told from them."""

import contextlib
import os
import sqlite3
from pathlib import Path

from aipolicy.state.files import sync_folder

SCHEMA = 1
_APPLICATION_ID = 0x61697031  # "aip1"

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE event (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  uid INTEGER,                -- whom it is about; NULL: nobody
  status INTEGER NOT NULL,    -- see spool.py
  size INTEGER NOT NULL,      -- bytes of record
  record BLOB NOT NULL        -- the event's JSON, exactly as it leaves the machine
);
CREATE INDEX event_by_status ON event (status, n, size);
CREATE INDEX event_by_uid ON event (uid, n);
CREATE TABLE batch (
  spool TEXT, seq INTEGER, events INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (spool, seq)
);
CREATE TABLE cut (n INTEGER PRIMARY KEY);
CREATE TABLE known (key TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE unseen (key TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
"""
_SHAPE = {
    "meta": "name, value",
    "event": "n, uid, status, size, record",
    "batch": "spool, seq, events, body",
    "cut": "n",
    "known": "key, record",
    "unseen": "key, record",
}


class Damaged(Exception):
    """The file at the database's place is damaged or foreign; the text says which."""


class Newer(Damaged):
    """It is whole, and a newer aipolicy wrote it."""


def create(path: Path, spool: str) -> None:
    """Make a new, empty database at `path`, where nothing is.

    It gets its name only when it is whole, so that an empty file under that name always means damage.
    Raises sqlite3.Error or OSError.
    """
    new = path.with_name(f".{path.name}.new")
    for leftover in (new, *companions(new)):
        leftover.unlink(missing_ok=True)
    # SQLite would make it readable for all; its companion files get the mode of this one.
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with contextlib.closing(connect(new)) as connection:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES}")
        connection.execute(
            "INSERT INTO meta VALUES ('spool', ?), ('next_seq', '1'), ('device', '')", (spool,)
        )
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    new.replace(path)
    sync_folder(path.parent)


def connect(path: Path) -> sqlite3.Connection:
    """A connection whose commits survive a power cut. Transactions are begun and ended by hand."""
    # "rw" not "rwc": a file that vanished must be noticed, not made anew without its tables.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=1,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA synchronous = FULL")
    # A small write-ahead log: on a full disk it is the first thing that cannot grow.
    connection.execute("PRAGMA wal_autocheckpoint = 100")
    connection.execute("PRAGMA journal_size_limit = 262144")
    connection.execute("PRAGMA cache_size = -1024")
    return connection


def probe(connection: sqlite3.Connection) -> None:
    """Write something that changes nothing. Beginning a transaction succeeds on a read-only disk, too."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {int(version)}")


def check(connection: sqlite3.Connection) -> None:
    """Raise Damaged unless this is a whole database of ours. Other errors (busy, full) pass as they are."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION_ID:
        # A file of 0 bytes passes every integrity check; only this shows it.
        raise Damaged("it is empty or no database of ours")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA:
        raise Newer(f"a newer aipolicy wrote it: its schema is {version}, this one knows {SCHEMA}")
    if version != SCHEMA:
        raise Damaged(f"its schema is {version}, this agent knows {SCHEMA}")
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise Damaged(f"integrity check: {str(verdict)[:200]}")
    try:
        for table, columns in _SHAPE.items():
            connection.execute(f"SELECT {columns} FROM {table} LIMIT 0")  # noqa: S608 - both from _SHAPE
    except sqlite3.OperationalError as error:
        raise Damaged(str(error)) from error
    names = {name for (name,) in connection.execute("SELECT name FROM meta")}
    if not {"spool", "next_seq", "device"} <= names:
        raise Damaged("its own description is missing")


def companions(path: Path) -> tuple[Path, Path]:
    """The write-ahead log and its index, which SQLite keeps beside the database."""
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")
