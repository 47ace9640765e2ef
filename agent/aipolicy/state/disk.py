"""A database that outlives its disk: full, read-only or failing disks, and damage to the file itself.

What is stored in it is known to ledger.py and spool.py only.
"""

import contextlib
import logging
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from aipolicy.state import schema
from aipolicy.state.ballast import Ballast
from aipolicy.state.folder import my_uid

logger = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class NotDurable(Exception):
    """The disk does not take it now (full, read-only, failing, busy). Nothing was changed."""


class Replaced(Exception):
    """The database was renamed aside, and a new, empty one is in its place. newer: it was not damaged, but a
    newer aipolicy's.
    """

    def __init__(self, why: str, *, newer: bool = False) -> None:
        super().__init__(why)
        self.newer = newer


class Disk:
    """One database file; every call is one transaction, on disk when it returns."""

    def __init__(
        self,
        path: Path,
        new_spool: Callable[[], str],
        make_room: Callable[[sqlite3.Connection], None],
        ballast: Ballast,
    ) -> None:
        """`new_spool` names a new database. `make_room` deletes what may go, first, when the disk is full."""
        self._path = path
        self._new_spool = new_spool
        self._make_room = make_room
        self._ballast = ballast
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._free_when_full: int | None = None  # since then nothing was freed by us

    def write(self, work: Work[T], *, frees: bool = False) -> T:
        """Run `work` in one transaction. One that `frees` room in the end may use up the ballast meanwhile.

        Raises NotDurable or Replaced.
        """
        if self._free_when_full is not None and not frees and self._free() <= self._free_when_full:
            raise NotDurable("the disk is as full as it was")  # the ladder costs 10 ms and would fail again
        was_open = self._connection is not None
        connection = self._open(to_write=True)
        try:
            result = _transaction(connection, work)
            self._free_when_full = None
            return result
        except sqlite3.Error as error:
            if is_full(error):
                return self._write_on_full_disk(connection, work, frees)
            failure = self._failed(error)
            if isinstance(failure, Replaced) or self._connection is not None or not was_open:
                raise failure from error
        # The old handle may lead to a disk that was mended and mounted anew since: once more, with a new one.
        return self.write(work, frees=frees)

    def read(self, work: Work[T]) -> T:
        """Run `work`, which changes nothing. Raises NotDurable or Replaced."""
        connection = self._open(to_write=False)
        try:
            return work(connection)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Let go of the file. The next call opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):  # a dying disk may refuse the last checkpoint
                connection.close()

    def _open(self, *, to_write: bool) -> sqlite3.Connection:
        if self._connection is not None:
            if _inode(self._path) == self._inode:
                return self._connection
            # Deleted or exchanged under us: SQLite would go on writing into a file that nobody can find.
            self.close()
            raise Replaced("it was deleted or exchanged while in use")
        try:
            try:
                self._connection = self._connect(to_write)
            except (sqlite3.Error, OSError) as error:
                if isinstance(error, sqlite3.Error) and (_is_damage(error) or is_busy(error)):
                    raise
                # Opening needs some room too: 32 kB for the index of the log.
                self._ballast.give_back()
                self._connection = self._connect(to_write)
        except schema.Damaged as damage:
            raise self._replace(str(damage), newer=isinstance(damage, schema.Newer)) from damage
        except sqlite3.Error as error:
            if _is_damage(error):
                raise self._replace(str(error)) from error
            raise NotDurable(str(error)) from error
        except OSError as error:
            raise NotDurable(error.strerror or str(error)) from error
        self._inode = _inode(self._path)
        self._ballast.take()
        return self._connection

    def _connect(self, to_write: bool) -> sqlite3.Connection:
        if not os.path.lexists(self._path):
            schema.create(self._path, self._new_spool())
        _check_file(self._path)
        connection = schema.connect(self._path)
        try:
            if to_write:
                # Before the long check: a read-only disk is met with every event.
                _transaction(connection, schema.probe)
            schema.check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _write_on_full_disk(self, connection: sqlite3.Connection, work: Work[T], frees: bool) -> T:
        """The ladder: the ballast gives room to delete what may go; only then is `work` tried again."""
        self._ballast.give_back()
        still_full = True
        try:
            self._shrink(connection)
            if not frees:
                # Taken first, so that a transaction that only adds cannot eat the room that deleting needs.
                self._ballast.take()
            result = _transaction(connection, work)
            still_full = False
            return result
        except sqlite3.Error as error:
            still_full = is_full(error)
            raise self._failed(error) from error
        finally:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._ballast.take()
            self._free_when_full = self._free() if still_full else None

    def _free(self) -> int:
        try:
            return shutil.disk_usage(self._path.parent).free
        except OSError:
            return 0

    def _shrink(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        _transaction(connection, self._make_room)
        # Not `execute`: that steps once, and one step frees one page.
        connection.executescript("PRAGMA incremental_vacuum")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _failed(self, error: sqlite3.Error) -> NotDurable | Replaced:
        if _is_damage(error):
            return self._replace(str(error))
        if not (is_full(error) or is_busy(error)):
            # Read-only or failing: open it anew next time, since whoever mends a disk mounts it anew.
            self.close()
        logger.warning("state not durable error=%s code=%s", error, _code(error))
        return NotDurable(str(error))

    def _replace(self, why: str, *, newer: bool = False) -> NotDurable | Replaced:
        self.close()
        try:
            aside = _set_aside(self._path, "newer" if newer else "corrupt")
        except OSError as error:
            return NotDurable(f"{why}; it cannot be renamed aside: {error.strerror}")
        logger.error("state database set aside why=%s renamed_to=%s", why, aside)
        return Replaced(f"{why}; it was renamed to {aside.name}", newer=newer)


def _transaction(connection: sqlite3.Connection, work: Work[T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _inode(path: Path) -> int:
    try:
        return os.lstat(path).st_ino
    except OSError:
        return -1


def _check_file(path: Path) -> None:
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        raise schema.Damaged("it is no regular file")
    me = my_uid()
    if me is not None and found.st_uid != me:
        raise schema.Damaged(f"it belongs to uid {found.st_uid}")
    if found.st_mode & 0o077:
        path.chmod(0o600)


def _set_aside(path: Path, what: str) -> Path:
    """Rename the database to `spool.WHAT-N`; of earlier ones none is kept, so that they don't pile up."""
    earlier = sorted(path.parent.glob(f"{path.stem}.{what}-*"))
    numbers = [int(p.name.rpartition("-")[2]) for p in earlier if p.name.rpartition("-")[2].isdigit()]
    for old in earlier:
        with contextlib.suppress(OSError):  # a folder somebody put there stays
            old.unlink()
    aside = path.with_name(f"{path.stem}.{what}-{max(numbers, default=0) + 1}")
    # The database first: SQLite throws away a log without its database, but would replay one into a new one.
    path.rename(aside)
    for companion in schema.companions(path):
        with contextlib.suppress(FileNotFoundError):
            companion.unlink()
    return aside


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where Python raised the error by itself."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_full(error: sqlite3.Error) -> bool:
    """Whether there is no room on the disk."""
    return _code(error) == sqlite3.SQLITE_FULL


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else has the database locked, which passes."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
