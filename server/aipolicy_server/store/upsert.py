"""INSERT with ON CONFLICT, which SQLAlchemy has once per database and not in common."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def insert_into(dialect: str, table: Table) -> Insert:
    """The dialect's INSERT. `inline`: nobody asks for the row numbers that the database gives."""
    insert: Insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    return insert.inline()


def insert_new(connection: Connection, table: Table) -> Insert:
    """Insert rows that are not there yet, and pass over those that are."""
    return insert_into(connection.dialect.name, table).on_conflict_do_nothing()
