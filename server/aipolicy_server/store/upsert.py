"""INSERT with ON CONFLICT, which SQLAlchemy has once per database and not in common."""

from collections.abc import Iterable
from functools import cache

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def insert_new(connection: Connection, table: Table) -> Insert:
    """Insert rows that are not there yet, and pass over those that are."""
    return _insert_new(connection.dialect.name, table)


def upsert(connection: Connection, table: Table, keep: Iterable[str] = ()) -> Insert:
    """Insert rows; where the primary key is there, take the new values, but for the columns in `keep`."""
    return _upsert(connection.dialect.name, table, tuple(keep))


# The statements are built once, so that SQLAlchemy's cache of compiled statements finds them by identity.
@cache
def _insert_new(dialect: str, table: Table) -> Insert:
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


@cache
def _upsert(dialect: str, table: Table, keep: tuple[str, ...]) -> Insert:
    key = [column.name for column in table.primary_key]
    changing = [column.name for column in table.columns if column.name not in {*key, *keep}]
    if dialect == "sqlite":
        lite = sqlite.insert(table)
        return lite.on_conflict_do_update(
            index_elements=key, set_={name: lite.excluded[name] for name in changing}
        )
    post = postgresql.insert(table)
    return post.on_conflict_do_update(
        index_elements=key, set_={name: post.excluded[name] for name in changing}
    )
