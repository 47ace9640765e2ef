"""What only one node on the database does at a time: whoever has the lease, and has not let it run out."""

import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy_server.store import schema
from aipolicy_server.store.upsert import insert_new

_leases = schema.leases.c


def take(connection: Connection, name: str, holder: str, now_us: int, until_us: int) -> bool:
    """Takes or prolongs it. False: another node has it. One that died has it no longer than it said."""
    row = {"name": name, "holder": holder, "until": until_us}
    connection.execute(insert_new(connection, schema.leases), row)
    taken = connection.execute(
        sa.update(schema.leases)
        .where(_leases.name == name, sa.or_(_leases.holder == holder, _leases.until <= now_us))
        .values(holder=holder, until=until_us)
    )
    return taken.rowcount == 1
