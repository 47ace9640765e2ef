"""Bans that were not put into effect lately: the overview's most important question after "what is there"."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.model import Done
from aipolicy_server.clock import to_us
from aipolicy_server.store import schema
from aipolicy_server.store.eventlog import ACTED, event_row, select_events
from aipolicy_server.store.rows import EventRow

STUCK = (Done.NOT_ENFORCEABLE, Done.FAILED)
_LOOKED_AT = 2000


def latest_stuck(connection: Connection, since: datetime, limit: int) -> tuple[EventRow, ...]:
    """Events that say a ban could not be enforced, newest first.

    Among the latest acts only: the overview asks every few seconds, and in a large fleet of thousands of acts
    with nothing stuck it would else read them all.
    """
    events = schema.events.c
    revoked = sa.select(schema.devices.c.n).where(schema.devices.c.revoked.is_not(None))
    acts = (
        sa.select(events.n)
        .where(ACTED, events.time >= to_us(since), events.device.not_in(revoked))
        .order_by(events.time.desc(), events.n.desc())
        .limit(_LOOKED_AT)
        .subquery()
    )
    query = (
        select_events()
        .join(acts, acts.c.n == events.n)
        .where(events.done.in_([done.value for done in STUCK]))
        .limit(limit)
    )
    return tuple(event_row(row) for row in connection.execute(query))
