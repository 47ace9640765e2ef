"""Makes the database's own files forget what was removed from the tables."""

import contextlib
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from aipolicy_server.store.schema import METADATA

_PG_TABLES: Final = ", ".join(METADATA.tables)


def compact(engine: Engine) -> str:
    """Rewrites the files. Empty, or why they may still hold some of what was removed."""
    raw = engine.raw_connection()
    try:
        if engine.dialect.name == "sqlite":
            cursor = raw.cursor()
            cursor.execute("VACUUM")
            busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            cursor.close()
            return "its write-ahead log is in use: it is emptied at the next restart" if busy else ""
        connection: Any = raw.driver_connection
        connection.rollback()
        connection.autocommit = True
        connection.execute("SET statement_timeout = 0")
        connection.execute(f"VACUUM {_PG_TABLES}")
        return ""
    except Exception as error:
        if not _is_the_databases(engine, error):
            raise
        return f"the database's files could not be rewritten ({error}): do it by VACUUM"
    finally:
        raw.invalidate()
        with contextlib.suppress(DBAPIError):
            raw.close()


def _is_the_databases(engine: Engine, error: Exception) -> bool:
    return engine.dialect.loaded_dbapi is not None and isinstance(error, engine.dialect.loaded_dbapi.Error)
