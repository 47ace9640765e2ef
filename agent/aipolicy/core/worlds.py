"""Machines and people that policies tell apart: one for each word of each audience, and one that none names.

They are made up: whoever would decide otherwise on some machine decides otherwise on one of these.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from aipolicy.core.audience import Audience
from aipolicy.core.model import Context, Record
from aipolicy.core.policy import Policy

_SYSTEMS: Final = ("linux", "macos", "windows")
_STEP: Final = Decimal("0.01")
MOST: Final = 2_000
"""Then the rest is not made up, and the caller is told."""


class World(Record, frozen=True, kw_only=True):
    """group: what people call those who are like it, empty for everybody else. detail: which of them it is.

    like: the groups that it is a part of: who is exempt, and who is in two scopes, is decided like the others
    of one of them more often than not, and then needs no name.
    """

    group: str
    detail: str
    like: tuple[str, ...] = ()
    context: Context


def worlds(policies: Iterable[Policy], now: datetime) -> tuple[World, ...]:
    """Everybody that one of the policies tells from others; at most one more than MOST."""
    policies = tuple(policies)
    other = Context(
        now=now,
        device="made-up",
        hostname="other",
        os=_SYSTEMS[0],
        owner="somebody",
        rollout=float(100 - _STEP / 2),
    )
    scopes = [(f"in {scope.name}", scope.audience) for policy in policies for scope in policy.scopes]
    exempt = [one.audience for policy in policies for one in policy.exemptions]
    found = {_key(other): World(group="", detail="", context=other)}
    for world in _all(scopes, exempt, other):
        found.setdefault(_key(world.context), world)
        if len(found) > MOST:
            break
    return tuple(found.values())


def _all(
    scopes: Sequence[tuple[str, Audience]], exempt: Sequence[Audience], other: Context
) -> Iterator[World]:
    for group, audience in scopes:
        for detail, context in _like(audience, other):
            yield World(group=group, detail=detail, context=context)
    for audience in exempt:
        for detail, context in _like(audience, other):
            yield World(group=f"for {detail}", detail=detail, like=("",), context=context)
    for group, audience in scopes:
        inside, within = next(_like(audience, other))
        for exemption in exempt:
            for words, context in _like(exemption, within):
                both = f"{inside}, {words}"
                yield World(group=f"{group} for {words}", detail=both, like=(group,), context=context)
        for another, scope in scopes:
            if another != group:
                words, context = next(_like(scope, within))
                both = f"{inside}, {words}"
                like = (group, another)
                yield World(group=f"{group} and {another}", detail=both, like=like, context=context)


def _key(context: Context) -> tuple[object, ...]:
    return context.hostname, context.owner, context.groups, context.os, context.tags, context.rollout


def _like(audience: Audience, base: Context) -> Iterator[tuple[str, Context]]:
    """Contexts that it fits: by the first word of each condition, then by each other word of one."""
    words = [(key, tuple(getattr(audience, key))) for key in ("hosts", "users", "groups", "os", "tags")]
    given = [(key, each) for key, each in words if each]
    first = {key: each[0] for key, each in given}
    yield _made(first, audience, base)
    for key, each in given:
        for word in each[1:]:
            yield _made({**first, key: word}, audience, base)


def _made(chosen: dict[str, str], audience: Audience, base: Context) -> tuple[str, Context]:
    context = base
    for key, word in chosen.items():
        context = _with(context, key, word)
    said = [f"{key} {word}" for key, word in chosen.items()]
    if audience.percent is not None:
        said.append(f"the first {audience.percent} % of machines")
        context = replace(context, rollout=float(max(audience.percent - _STEP, Decimal(0))))
    return ", ".join(said), context


def _with(context: Context, key: str, word: str) -> Context:
    if key == "hosts":
        return replace(context, hostname=word.replace("*", "x").replace("?", "x"))
    if key == "users":
        return replace(context, owner=word)
    if key == "os":
        return replace(context, os=word)
    if key == "groups":
        return replace(context, groups=(context.groups or frozenset()) | {word})
    return replace(context, tags=(context.tags or frozenset()) | {word})
