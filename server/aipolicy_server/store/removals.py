"""The record of what was removed on purpose: by retention, or because somebody asked for it."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.model import Record
from aipolicy_server.clock import from_us
from aipolicy_server.store import cursor, schema
from aipolicy_server.store.rows import RemovalPage, RemovalRow

RETENTION: Final = "retention"

_removals = schema.removals.c


class Act(Record, frozen=True, kw_only=True):
    """One removal while it goes on. cause: retention, person or device. before_us: retention's limit."""

    cause: str
    began_us: int
    before_us: int | None = None
    by: str = ""
    reason: str = ""
    subject: str | None = None


def note(connection: Connection, act: Act, kind: str, rows: int, now_us: int) -> None:
    """Adds to what the act removed of this kind: in the transaction that removes it, or it is not true."""
    mine = (
        _removals.cause == act.cause,
        _removals.kind == kind,
        _removals.began == act.began_us,
        _removals.subject.is_not_distinct_from(act.subject),
        _removals.n > _long_before(connection),
    )
    found = connection.execute(
        sa.update(schema.removals).where(*mine).values(rows=_removals.rows + rows, ended=now_us)
    )
    if found.rowcount:
        return
    row = {
        "cause": act.cause,
        "kind": kind,
        "rows": rows,
        "before": act.before_us,
        "began": act.began_us,
        "ended": now_us,
        "by": act.by,
        "reason": act.reason,
        "subject": act.subject,
    }
    connection.execute(sa.insert(schema.removals), row)


def page(
    connection: Connection, *, subject: str | None = None, after: str | None = None, limit: int = 50
) -> RemovalPage:
    """One page of the record, the newest first. subject: only what was done about this one."""
    query = sa.select(*schema.removals.columns).order_by(_removals.n.desc()).limit(limit + 1)
    if subject is not None:
        query = query.where(_removals.subject == subject)
    if after is not None:
        (place,) = cursor.read(after, tuple[int])
        query = query.where(_removals.n < place)
    found = connection.execute(query).all()
    return RemovalPage(
        rows=tuple(_row(row) for row in found[:limit]),
        next=cursor.write(found[limit - 1].n) if len(found) > limit else None,
    )


def _long_before(connection: Connection) -> int:
    """Acts under way are among the last rows: whoever looks for one need not read all there ever were."""
    return int(connection.execute(sa.select(sa.func.max(_removals.n))).scalar() or 0) - 1000


def _row(row: Any) -> RemovalRow:
    return RemovalRow(
        cause=row.cause,
        kind=row.kind,
        rows=row.rows,
        before=None if row.before is None else from_us(row.before),
        began=from_us(row.began),
        ended=from_us(row.ended),
        by=row.by,
        reason=row.reason,
        subject=row.subject,
    )
