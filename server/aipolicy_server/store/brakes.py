"""The server's emergency brake: every pull and every lift is kept, the last one counts."""

import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.published import Brake
from aipolicy_server.clock import from_us
from aipolicy_server.store import schema

_brakes = schema.brakes.c


def brake(connection: Connection) -> Brake | None:
    """The brake as it is now, None where it is not pulled."""
    row = connection.execute(sa.select(*schema.brakes.columns).order_by(_brakes.n.desc()).limit(1)).first()
    if row is None or not row.pulled:
        return None
    return Brake(by=row.by, since=from_us(row.at), reason=row.reason)


def note(connection: Connection, *, pulled: bool, reason: str, by: str, at_us: int) -> bool:
    """Pulls or lifts it. False: it was lifted already; to pull one anew gives it another reason."""
    if not pulled and brake(connection) is None:
        return False
    row = {"pulled": int(pulled), "reason": reason, "by": by, "at": at_us}
    connection.execute(sa.insert(schema.brakes), row)
    return True
