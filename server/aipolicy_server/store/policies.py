"""Published policies: an append-only history whose last entry is to be in force everywhere.

Whether a text is a right policy is judged before it comes here (publishing.py).
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.model import Action, Record
from aipolicy.core.published import MOST_NUMBER, PolicyAnswer
from aipolicy.core.publishing import History, Published, Rollout, RolloutStep, Step
from aipolicy_server.clock import from_us
from aipolicy_server.store import cursor, schema
from aipolicy_server.store.locks import Lock, one_at_a_time

_policies = schema.policies.c
_presence = schema.presence.c
_devices = schema.devices.c

_FARTHEST: Final = 1_000_000
"""How far the numbers may jump because of what a device says: one that lies must not use them up."""
_LINKED: Final = 1_000


class NewPolicy(Record, frozen=True, kw_only=True):
    """A right policy that is to be published; see core.publishing.Published."""

    sha256: str
    name: str
    mode: Action
    content: bytes
    commit: str
    author: str
    approver: str
    by: str
    at_us: int
    copy_of: int | None = None
    retention_days: int | None = None


class Moved(Record, frozen=True, kw_only=True):
    """Another policy than the expected one was published last; null: none was."""

    latest: Published | None


def publish(connection: Connection, new: NewPolicy, expected: int) -> Published | Moved:
    """Makes it the policy that is to be in force. expected: the number that is so now, 0 for none.

    The same text again is no news, so that a repeated CI job leaves no second entry.
    """
    one_at_a_time(connection, Lock.PUBLICATION)
    last = latest(connection)
    number = last.number if last else 0
    highest = _highest_claim(connection, number)
    if number != expected:
        return Moved(latest=last)
    if last is not None and last.sha256 == new.sha256 and highest <= number:
        return last
    row = {
        "number": max(number, highest) + 1,
        "version": new.sha256[:12],
        "sha256": new.sha256,
        "name": new.name,
        "mode": new.mode.value,
        "commit": new.commit,
        "author": new.author,
        "approver": new.approver,
        "by": new.by,
        "at": new.at_us,
        "copy_of": new.copy_of,
        "content": new.content,
        "retention_days": new.retention_days,
    }
    connection.execute(sa.insert(schema.policies), row)
    published = latest(connection)
    if published is None:
        raise AssertionError("a policy was inserted and is not there")
    return published


def _highest_claim(connection: Connection, number: int) -> int:
    """The highest number that a device enforces: more than ours where our database was set back.

    Agents never go back to a lower number, so the next one has to be above it.
    """
    most = min(number + _FARTHEST, MOST_NUMBER - 2)
    query = sa.select(sa.func.max(_presence.published)).where(_presence.published <= most)
    return int(connection.execute(query).scalar() or 0)


def latest(connection: Connection) -> Published | None:
    """The policy that is to be in force."""
    row = connection.execute(_select().order_by(_policies.number.desc()).limit(1)).first()
    return _published(row) if row else None


def number(connection: Connection) -> int:
    """The number of the policy that is to be in force, 0 where none was published."""
    return int(connection.execute(sa.select(sa.func.max(_policies.number))).scalar() or 0)


def one(connection: Connection, number: int) -> Published | None:
    """The policy with this number."""
    row = connection.execute(_select().where(_policies.number == number)).first()
    return _published(row) if row else None


def by_version(connection: Connection, version: str) -> Published | None:
    """The one published last with the text that verdicts name so."""
    query = _select().where(_policies.version == version).order_by(_policies.number.desc()).limit(1)
    row = connection.execute(query).first()
    return _published(row) if row else None


def versions(connection: Connection) -> frozenset[str]:
    """The versions of the texts published lately: what pages link to."""
    query = sa.select(_policies.version).order_by(_policies.number.desc()).limit(_LINKED)
    return frozenset(connection.execute(query).scalars())


def before(connection: Connection, number: int) -> Published | None:
    """The one that was in force before it."""
    query = _select().where(_policies.number < number).order_by(_policies.number.desc()).limit(1)
    row = connection.execute(query).first()
    return _published(row) if row else None


def content(connection: Connection, number: int) -> bytes:
    """The text of one that is there."""
    query = sa.select(_policies.content).where(_policies.number == number)
    return bytes(connection.execute(query).scalar_one())


def answer(connection: Connection, number: int) -> PolicyAnswer:
    """One that is there, whole, as an agent takes it."""
    query = sa.select(_policies.sha256, _policies.name, _policies.content).where(_policies.number == number)
    row = connection.execute(query).one()
    text = bytes(row.content).decode("utf-8")
    return PolicyAnswer(number=number, sha256=row.sha256, name=row.name, content=text)


def history(connection: Connection, *, after: str | None = None, limit: int = 50) -> History:
    """One page of them, the newest first."""
    query = _select().order_by(_policies.number.desc()).limit(limit + 1)
    if after is not None:
        (place,) = cursor.read(after, tuple[int])
        query = query.where(_policies.number < place)
    found = connection.execute(query).all()
    last = found[limit - 1] if len(found) > limit else None
    current = number(connection)
    return History(
        current=current,
        rollout=rollout(connection, current),
        rows=tuple(_published(row) for row in found[:limit]),
        next=cursor.write(last.number) if last is not None else None,
    )


STANDINGS: Final = tuple(Rollout.__struct_fields__)


def standing(number: int) -> sa.Case[str]:
    """Where a device stands next to the policy with this number: one of STANDINGS."""
    return sa.case(
        (sa.and_(_presence.refused > 0, _presence.refused == number), "refusing"),
        (_presence.policy.is_(None), "unknown"),
        (sa.func.coalesce(_presence.published, 0) == 0, "own"),
        (_presence.published == number, "current"),
        else_="older",
    )


def rollout(connection: Connection, number: int) -> Rollout:
    """How many devices stand where."""
    where = standing(number).label("standing")
    rows = connection.execute(
        sa.select(where, sa.func.count().label("devices"))
        .join(schema.devices, _presence.device == _devices.n)
        .where(_devices.revoked.is_(None))
        .group_by(where)
    )
    counted = {row.standing: row.devices for row in rows}
    return Rollout(**{name: counted.get(name, 0) for name in STANDINGS})


def with_last_step() -> sa.Join:
    """Each policy, and where it went to a canary wave first, the last step of that."""
    inner = schema.rollouts.alias()
    last = (
        sa.select(sa.func.max(inner.c.n))
        .where(inner.c.number == _policies.number)
        .correlate(schema.policies)
        .scalar_subquery()
    )
    return schema.policies.outerjoin(schema.rollouts, schema.rollouts.c.n == last)


def _select() -> sa.Select[Any]:
    steps = schema.rollouts.c
    return sa.select(
        *(column for column in schema.policies.columns if column.name != "content"),
        steps.step,
        steps.percent,
        steps.reason,
        steps.by.label("step_by"),
        steps.at.label("step_at"),
    ).select_from(with_last_step())


def _published(row: Any) -> Published:
    return Published(
        number=row.number,
        version=row.version,
        sha256=row.sha256,
        name=row.name,
        mode=Action(row.mode),
        commit=row.commit,
        author=row.author,
        approver=row.approver,
        by=row.by,
        at=from_us(row.at),
        copy_of=row.copy_of,
        step=_step(row),
        retention_days=row.retention_days,
    )


def _step(row: Any) -> RolloutStep | None:
    if row.step is None:
        return None
    return RolloutStep(
        step=Step(row.step),
        percent=float(row.percent),
        reason=row.reason,
        by=row.step_by,
        at=from_us(row.step_at),
    )
