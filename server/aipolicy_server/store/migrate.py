"""Brings a database to the form this code knows. Forward only: no older server starts on a newer form."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from aipolicy_server.program import NAME
from aipolicy_server.store.engine import BadDatabase
from aipolicy_server.store.locks import Lock, one_at_a_time

_FOLDER = Path(__file__).with_name("migrations")


def upgrade(engine: Engine) -> bool:
    """Brings the database up to date in one transaction. True: something was changed. Raises BadDatabase."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # a big table takes longer than a request may
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        one_at_a_time(connection, Lock.MIGRATION)
        if _is_current(connection):
            return False
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return True


def outdated(engine: Engine) -> str | None:
    """The older form that the database has; None where it is up to date or empty. Raises BadDatabase."""
    with engine.connect().execution_options(read_only=True) as connection:
        if _is_current(connection):
            return None
        return MigrationContext.configure(connection).get_current_revision()


def check(engine: Engine) -> None:
    """Raises BadDatabase when the database's form is not the one this code knows."""
    with engine.connect().execution_options(read_only=True) as connection:
        if not _is_current(connection):
            raise BadDatabase(f"the database is of an older version: run `{NAME} migrate` first")


def _is_current(connection: Connection) -> bool:
    scripts = ScriptDirectory.from_config(_config())
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise BadDatabase(
            f"the database is of a newer version ({revision}) than this server knows: install that version of"
            " aipolicy, or give another folder with --data"
        )
    return revision == scripts.get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
