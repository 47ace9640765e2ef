"""Whether a device's findings here are the ones it has, and how they become so again.

A check-in carries a digest of the device's findings. Where it differs, the device is asked to tell all again.
It opens that with a Health record, whose batch is noted here; what no later batch named is there no more.
"""

from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.model import Event, Health, Outcome
from aipolicy.core.wire import findings_digest
from aipolicy_server.store import schema

TOLD_AGAIN: Final = ("findings", "told again")
"""Part and condition of that Health record."""

_decoder = msgspec.json.Decoder(Outcome)


def opens_all_again(event: Event) -> bool:
    """Whether after this event the device tells everything that holds."""
    about = event.about
    return isinstance(about, Health) and (about.part, about.condition) == TOLD_AGAIN


def note_told_again(connection: Connection, device: int, batch: int) -> None:
    """From this batch on the device tells everything that holds. (No time: nodes' clocks differ.)"""
    presence = schema.presence
    connection.execute(sa.update(presence).where(presence.c.device == device).values(told_again=batch))


def has_drifted(connection: Connection, device_id: str, digest: str) -> bool:
    """Whether the findings here are others than the device's."""
    return _digest(connection, device_id) != digest


def settle(connection: Connection, device_id: str, digest: str) -> bool:
    """Whether the device must tell all again. Called when nothing of it is under way any more."""
    finding = schema.findings.c
    device = schema.number_of(device_id)
    told_again = (
        sa.select(schema.presence.c.told_again).where(schema.presence.c.device == device).scalar_subquery()
    )
    connection.execute(sa.delete(schema.findings).where(finding.device == device, finding.batch < told_again))
    return has_drifted(connection, device_id, digest)


def _digest(connection: Connection, device_id: str) -> str:
    table = schema.findings.c
    rows = connection.execute(sa.select(table.outcome).where(table.device == schema.number_of(device_id)))
    return findings_digest([_decoder.decode(text) for text in rows.scalars()])
