"""Policies that go to a canary wave first: which device is to have which, and what speaks against going on.

The wave is the machines with the lowest places of the policy's own roll-out (core/audience.py), so whoever is
in a wave of 5 % is in one of 30 %, and in a scope with `percent` of the same policy.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from math import sqrt
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.audience import rollout_place
from aipolicy.core.model import Context, Done, Record
from aipolicy.core.plural import plural
from aipolicy.core.published import PolicyTag
from aipolicy.core.publishing import PublishRequest, Step
from aipolicy_server.clock import from_us, to_us
from aipolicy_server.store import schema
from aipolicy_server.store.fleet import SILENT_AFTER
from aipolicy_server.store.locks import Lock, one_at_a_time
from aipolicy_server.store.policies import with_last_step

SAFE_MODE: Final = "safe mode:"
"""How the words of an agent begin that keeps below its policy's mode because its starts went wrong."""

_MOST_EVENTS: Final = 20_000
_SILENT_MORE: Final = 0.25
"""By so much the share of silent machines may be larger in the wave than among the others."""
_FEWEST: Final = 2
"""One machine that is switched off says nothing."""

_policies = schema.policies.c
_rollouts = schema.rollouts.c
_presence = schema.presence.c
_devices = schema.devices.c
_events = schema.events.c


class _Verdict(msgspec.Struct):
    policy: str


class _Outcome(msgspec.Struct):
    verdict: _Verdict


_decode = msgspec.json.Decoder(_Outcome).decode


class Doubt(Record, frozen=True, kw_only=True):
    """What speaks against giving a policy to more machines. reason: in words."""

    number: int
    reason: str


def begin(connection: Connection, number: int, name: str, asked: PublishRequest, by: str, at_us: int) -> None:
    """The policy goes to a canary wave first. name: the policy's own, by which machines are dealt out."""
    row = {
        "number": number,
        "step": Step.CANARY.value,
        "name": name,
        "percent": f"{Decimal(str(asked.canary)):f}",
        "machines": asked.forecast_machines,
        "devices": asked.forecast_devices,
        "reason": "",
        "by": by,
        "at": at_us,
    }
    connection.execute(sa.insert(schema.rollouts), row)


def go_on(connection: Connection, number: int, step: Step, reason: str, by: str, at_us: int) -> bool:
    """The policy's next step. False: it has no such step, or stands at it already, or goes to everybody."""
    one_at_a_time(connection, Lock.PUBLICATION)  # else a node holds what another gives to everybody just now
    row = _last(connection, number)
    if row is None or row.step in (step.value, Step.EVERYBODY.value):
        return False
    kept = {name: getattr(row, name) for name in ("number", "name", "percent", "machines", "devices")}
    new = {**kept, "step": step.value, "reason": reason, "by": by, "at": at_us}
    connection.execute(sa.insert(schema.rollouts), new)
    return True


def tag(connection: Connection, hostname: str, enforced: int) -> PolicyTag | None:
    """Which policy a device is to have. enforced: the number that it has, which it never goes back from."""
    newest = connection.execute(_NEWEST).first()
    if newest is None or newest.step in (None, Step.EVERYBODY.value):
        return None if newest is None else PolicyTag(number=newest.number, sha256=newest.sha256)
    for row in connection.execute(_WAITING):
        if row.step in (None, Step.EVERYBODY.value) or row.number == enforced:
            return PolicyTag(number=row.number, sha256=row.sha256)
        if row.step == Step.CANARY.value and _is_in(row.name, Decimal(row.percent), hostname):
            return PolicyTag(number=row.number, sha256=row.sha256)
    return None


def for_everybody(connection: Connection) -> int:
    """The number of the newest policy that everybody is to have, 0 where there is none."""
    rows = connection.execute(_WAITING)
    return next((row.number for row in rows if row.step in (None, Step.EVERYBODY.value)), 0)


def tag_of(connection: Connection, device_id: str) -> PolicyTag | None:
    """The same for a device that asks for it, by what it last said of itself."""
    query = (
        sa.select(_devices.hostname, _presence.published)
        .join(schema.presence, _presence.device == _devices.n)
        .where(_devices.id == device_id)
    )
    row = connection.execute(query).one()
    return tag(connection, row.hostname, row.published or 0)


def _is_in(name: str, percent: Decimal, hostname: str) -> bool:
    context = Context(now=from_us(0), device="", hostname=hostname, os="", owner=None)
    place = rollout_place(name, context)
    return place is not None and place < percent


_MOST_WAITING: Final = 50
"""So many policies in a row may wait in their canary waves; with more the newest counts for its wave only."""


def _tags() -> sa.Select[Any]:
    """The policies from the newest on, each with its last step."""
    return (
        sa.select(_policies.number, _policies.sha256, _rollouts.step, _rollouts.name, _rollouts.percent)
        .select_from(with_last_step())
        .order_by(_policies.number.desc())
    )


_NEWEST: Final = _tags().limit(1)
_WAITING: Final = _tags().limit(_MOST_WAITING)


def _last(connection: Connection, number: int) -> Any:
    query = (
        sa.select(*schema.rollouts.columns)
        .where(_rollouts.number == number)
        .order_by(_rollouts.n.desc())
        .limit(1)
    )
    return connection.execute(query).first()


# --- what speaks against it -------------------------------------------------------------------------------


def doubt(connection: Connection, now: datetime) -> Doubt | None:
    """Why the newest policy should go no further; None where nothing speaks against it, or it goes to all."""
    number: int = connection.execute(sa.select(sa.func.max(_policies.number))).scalar() or 0
    row = _last(connection, number)
    if row is None or row.step != Step.CANARY.value:
        return None
    reasons = (*_refusals(connection, number), *_silence(connection, number, now), *_blocks(connection, row))
    return Doubt(number=number, reason="; ".join(reasons)) if reasons else None


def _refusals(connection: Connection, number: int) -> Iterator[str]:
    """Machines of the wave that refuse it, or whose agent is in safe mode since they have it."""
    found = connection.execute(
        sa.select(_presence.ceiling, _presence.refused, _presence.refused_why)
        .join(schema.devices, _presence.device == _devices.n)
        .where(_devices.revoked.is_(None), sa.or_(_presence.published == number, _presence.refused == number))
    ).all()
    safe = sum(SAFE_MODE in (row.ceiling or "") for row in found)
    refusing = [row for row in found if row.refused == number and SAFE_MODE not in (row.ceiling or "")]
    if safe:
        yield f"{plural(safe, 'machine')} of the wave went into safe mode"
    if refusing:
        why = refusing[0].refused_why or "no reason given"
        yield f"{plural(len(refusing), 'machine')} of the wave refused it: {why}"


def _silence(connection: Connection, number: int, now: datetime) -> Iterator[str]:
    """More of the wave are silent than of the others: nights and holidays are the same for both."""
    in_wave = sa.func.coalesce(_presence.published, 0) == number
    is_silent = sa.and_(_presence.last_seen.is_not(None), _presence.last_seen < to_us(now - SILENT_AFTER))
    rows = connection.execute(
        sa.select(
            in_wave.label("in_wave"),
            sa.func.count().label("devices"),
            sa.func.sum(sa.case((is_silent, 1), else_=0)).label("silent"),
        )
        .join(schema.devices, _presence.device == _devices.n)
        .where(_devices.revoked.is_(None), _presence.last_seen.is_not(None))
        .group_by(in_wave)
    )
    found = {bool(row.in_wave): (row.devices, int(row.silent)) for row in rows}
    devices, silent = found.get(True, (0, 0))
    others, other_silent = found.get(False, (0, 0))
    usual = other_silent / others if others else 0.0
    if silent >= _FEWEST and silent / devices > usual + _SILENT_MORE:
        of_wave = f"{silent:,} of {plural(devices, 'machine')} of the wave"
        yield f"{of_wave} went silent, {usual:.0%} of the others are"


def _blocks(connection: Connection, row: Any) -> Iterator[str]:
    """More machines stop something by it than the plan foresaw for a wave of this size."""
    if row.machines is None or not row.devices:
        return
    wave = connection.execute(
        sa.select(sa.func.count()).select_from(schema.presence).where(_presence.published == row.number)
    ).scalar_one()
    expected = row.machines / row.devices * wave
    most = expected + 2 * sqrt(expected) + 1  # which machines are in the wave is chance
    version = connection.execute(
        sa.select(_policies.version).where(_policies.number == row.number)
    ).scalar_one()
    stopped = _stopped(connection, row.number, version, from_us(row.at))
    if stopped > most:
        of_wave = f"{plural(stopped, 'machine')} of the wave"
        yield f"{of_wave} stopped something by it, and the plan foresaw {expected:.0f}"


def _stopped(connection: Connection, number: int, version: str, since: datetime) -> int:
    """How many machines that have it stopped something by it."""
    events = connection.execute(
        sa.select(_events.device, _events.about)
        .join(schema.presence, _presence.device == _events.device)
        .where(
            _events.acted == 1,
            _events.done.in_([Done.DENIED.value, Done.ENDED.value]),
            _events.time >= to_us(since - timedelta(hours=1)),  # devices' clocks differ
            _presence.published == number,
        )
        .order_by(_events.time.desc())
        .limit(_MOST_EVENTS)
    )
    return len({row.device for row in events if _decode(row.about).verdict.policy == version})
