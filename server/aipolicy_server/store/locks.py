"""What nodes on one database do one after the other. PostgreSQL keeps the lock until the transaction ends.

SQLite has one writer at a time, whatever it does.
"""

from enum import IntEnum

from sqlalchemy import Connection


class Lock(IntEnum):
    """Numbers that nobody else uses on a database of ours."""

    MIGRATION = 0x61697031
    PUBLICATION = 0x61697032
    FIRST_START = 0x61697033


def one_at_a_time(connection: Connection, lock: Lock) -> None:
    """Waits until no other transaction has it; what was committed meanwhile is seen by the next statement."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock.value})")
