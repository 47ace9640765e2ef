"""For how long what is kept: the server's own setting, and what the policy in force shortens of it."""

from typing import Final

import msgspec
from sqlalchemy import Connection

from aipolicy.core.model import Record
from aipolicy_server.settings import Keep
from aipolicy_server.store import policies, rollouts

SHORTENED: Final = ("events", "batches", "findings")
"""What holds events: the log, the batches they came in, and the last of a device that is not heard of."""


class ByPolicy(Record, frozen=True, kw_only=True):
    """The retention of the policy that everybody is to have. number: under which it was published."""

    number: int
    days: int


def by_policy(connection: Connection) -> ByPolicy | None:
    """None where it states none, or none was published.

    One in its canary wave does not count yet, not for the wave either: what is removed never comes back.
    """
    policy = policies.one(connection, rollouts.for_everybody(connection))
    if policy is None or policy.retention_days is None:
        return None
    return ByPolicy(number=policy.number, days=policy.retention_days)


def in_force(keep: Keep, policy: ByPolicy | None) -> Keep:
    """The stricter of both."""
    if policy is None:
        return keep
    own = {name: getattr(keep, name) for name in SHORTENED}
    days = {name: policy.days if of is None else min(of, policy.days) for name, of in own.items()}
    return msgspec.structs.replace(keep, **days)
