"""A copy of the database before it is migrated, in the data folder, readable by its owner only."""

import os
import shutil
import sqlite3
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Engine

from aipolicy_server.store.engine import BadDatabase

_PREFIX: Final = "before-migration-"
_PG_DUMP: Final = "pg_dump"
_WITHOUT: Final = "or migrate without a copy: --no-backup"


def kept(data: str) -> tuple[Path, ...]:
    """The copies that lie in the data folder."""
    return tuple(sorted(Path(data).glob(f"{_PREFIX}*")))


def take(engine: Engine, data: str, revision: str, now: datetime) -> Path:
    """Copies the database, while it is in use. revision: the form that it has. Raises BadDatabase."""
    kind = "db" if engine.dialect.name == "sqlite" else "dump"
    path = Path(data, f"{_PREFIX}from-{revision}-{now:%Y%m%dT%H%M%SZ}.{kind}")
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        if kind == "db":
            _copy_sqlite(engine, path)
        else:
            _dump(engine.url, path)
    except (OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        path.unlink(missing_ok=True)
        raise BadDatabase(f"{path}: no copy could be made ({_said(error)}): make room, {_WITHOUT}") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _copy_sqlite(engine: Engine, path: Path) -> None:
    raw = engine.raw_connection()
    try:
        source: Any = raw.driver_connection
        target = sqlite3.connect(path)
        try:
            source.backup(target)
        finally:
            target.close()
    finally:
        raw.close()


def _dump(url: URL, path: Path) -> None:
    """By pg_dump, which gets the password by its environment: a command line is for all to see."""
    program = shutil.which(_PG_DUMP)
    if program is None:
        raise BadDatabase(f"no {_PG_DUMP} here, and so no copy before the migration: install it, {_WITHOUT}")
    address = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    environ = dict(os.environ) if url.password is None else {**os.environ, "PGPASSWORD": str(url.password)}
    subprocess.run(
        [program, "--no-password", "--format=custom", f"--file={path}", address],
        env=environ,
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def _said(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return str(error.stderr).strip()[-500:] or str(error)
    return str(error)
