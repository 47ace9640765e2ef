"""Facts about files, kept across restarts, so that only new and changed files are read again.

It fits examine's FactsCache. All in it can be found out again, so a damaged file is thrown away, and no call
raises.
"""

import contextlib
import hashlib
import logging
import os
import sqlite3
import threading
from collections import OrderedDict
from pathlib import Path

import msgspec

from aipolicy.core.model import FileFacts
from aipolicy.state.disk import is_busy, is_full
from aipolicy.state.schema import companions

logger = logging.getLogger(__name__)

MOST = 100_000
_VERSION = 1
_AT_ONCE = 1_000
_IN_MEMORY = 4_000

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(FileFacts).decode


class EvidenceCache:
    """Facts by identity of the file and digest of the marks. Threads may share it; `flush` after a scan."""

    def __init__(self, path: Path, most: int = MOST) -> None:
        """`most`: how many facts are kept; the ones that were put in first go first."""
        self._path = path
        self._most = most
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._new: dict[bytes, bytes] = {}
        self._recent: OrderedDict[bytes, FileFacts] = OrderedDict()
        with self._lock:
            self._open()

    def get(
        self, device: int, inode: int, size: int, mtime_ns: int, ctime_ns: int, marks_digest: str
    ) -> FileFacts | None:
        """The facts, None where nothing is known of this very state of the file."""
        key = _key(device, inode, size, mtime_ns, ctime_ns, marks_digest)
        with self._lock:
            known = self._recent.get(key)
            if known is not None:
                return known
            record = self._new.get(key) or self._stored(key)
            facts = None if record is None else _facts(record)
            # A damaged or mixed-up row must not speak for another file.
            if facts is None or (facts.device, facts.inode, facts.size) != (device, inode, size):
                return None
            self._remember(key, facts)
            return facts

    def put(self, facts: FileFacts, marks_digest: str) -> None:
        """Keep `facts`; they reach the disk a thousand at a time."""
        key = _key(facts.device, facts.inode, facts.size, facts.mtime_ns, facts.ctime_ns, marks_digest)
        try:
            record = _encode(facts)
        except UnicodeEncodeError:  # a name that is no UTF-8: looked at anew each time
            return
        with self._lock:
            self._new[key] = record
            self._remember(key, facts)
            if len(self._new) >= _AT_ONCE:
                self._write()

    def flush(self) -> None:
        """Bring to disk what is not there yet."""
        with self._lock:
            self._write()

    def close(self) -> None:
        """Flush, and let go of the file."""
        with self._lock:
            self._write()
            self._close()

    def _remember(self, key: bytes, facts: FileFacts) -> None:
        self._recent[key] = facts
        if len(self._recent) > _IN_MEMORY:
            self._recent.popitem(last=False)

    def _stored(self, key: bytes) -> bytes | None:
        if self._connection is None:
            return None
        try:
            row = self._connection.execute("SELECT record FROM facts WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            self._failed(self._connection, error)
            return None
        return None if row is None else bytes(row[0])

    def _write(self) -> None:
        """What cannot be written is forgotten: a full disk costs a second look at some files."""
        new, self._new = self._new, {}
        if self._connection is None or not new:
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT OR REPLACE INTO facts (key, record) VALUES (?, ?)", new.items()
            )
            self._connection.execute(
                "DELETE FROM facts WHERE n <= (SELECT n FROM facts ORDER BY n DESC LIMIT 1 OFFSET ?)",
                (self._most,),
            )
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._failed(self._connection, error)

    def _failed(self, connection: sqlite3.Connection, error: sqlite3.Error) -> None:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        if is_full(error) or is_busy(error):
            return
        logger.warning("evidence cache thrown away path=%s error=%s", self._path, error)
        self._close()
        self._throw_away()
        self._open()

    def _open(self) -> None:
        """Open the file or begin a new one; without either the facts live in memory for a while."""
        for _ in range(2):
            try:
                self._connection = _connect(self._path)
                return
            except (sqlite3.Error, OSError) as error:
                logger.info("evidence cache not usable path=%s error=%s", self._path, error)
                self._throw_away()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _throw_away(self) -> None:
        for path in (self._path, *companions(self._path)):
            with contextlib.suppress(OSError):  # a folder in its place stays: then there is no cache
                path.unlink()


def _connect(path: Path) -> sqlite3.Connection:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    os.close(os.open(path, flags, 0o600))
    connection = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # a power cut may cost the file, which costs a scan
        connection.execute("PRAGMA cache_size = -1024")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"its version is {version}")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS facts "
            "(n INTEGER PRIMARY KEY, key BLOB UNIQUE NOT NULL, record BLOB NOT NULL)"
        )
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(str(verdict))
    except BaseException:
        connection.close()
        raise
    return connection


def _key(device: int, inode: int, size: int, mtime_ns: int, ctime_ns: int, marks_digest: str) -> bytes:
    """Hashed: an inode number may be larger than SQLite's integers, and short keys make a small index."""
    text = f"{device}:{inode}:{size}:{mtime_ns}:{ctime_ns}:{marks_digest}"
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=16).digest()


def _facts(record: bytes) -> FileFacts | None:
    try:
        return _decode(record)
    except msgspec.MsgspecError:
        return None
