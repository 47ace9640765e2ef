"""Whether a device's findings here are the ones it has, and how they become so again.

A check-in carries a digest of the device's findings. Where it differs, the device is asked to send all again;
what it then does not name any more is dropped at the check-in after that.
"""

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.model import Outcome
from aipolicy.core.wire import findings_digest
from aipolicy_server.store import schema

_decoder = msgspec.json.Decoder(Outcome)


def has_drifted(connection: Connection, device: str, digest: str) -> bool:
    """Whether there is something to settle: the digest differs, or the device was asked to send all again."""
    asked = connection.execute(
        sa.select(schema.presence.c.resend_asked).where(schema.presence.c.device == schema.number_of(device))
    ).scalar()
    return asked is not None or _digest(connection, device) != digest


def settle(connection: Connection, device: str, digest: str, now_us: int) -> bool:
    """Whether the device must send all again. Called when nothing of the device is under way any more."""
    presence = schema.presence.c
    mine = presence.device == schema.number_of(device)
    asked = connection.execute(sa.select(presence.resend_asked).where(mine)).scalar()
    same = _digest(connection, device) == digest
    if not same and asked is not None:
        # It has sent all again since; what it did not name is not there any more.
        finding = schema.findings.c
        stale = sa.and_(finding.device == schema.number_of(device), finding.received < asked)
        connection.execute(sa.delete(schema.findings).where(stale))
        same = _digest(connection, device) == digest
    connection.execute(sa.update(schema.presence).where(mine).values(resend_asked=None if same else now_us))
    return not same


def _digest(connection: Connection, device: str) -> str:
    table = schema.findings.c
    rows = connection.execute(
        sa.select(table.outcome).where(table.device == schema.number_of(device))
    ).scalars()
    return findings_digest([_decoder.decode(text) for text in rows])
