"""Whom a scope or an exemption is for: machines and people, and whether a finding is one of theirs.

Everything that is given must fit; of a list, one of its words. What is not known of a person (which groups
they are in, who will use a setting that holds for everybody) makes it neither: see rules.py.
"""

import hashlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from aipolicy.core.model import Context, Record

_WHOLE: Final = Decimal(100)


class Audience(Record, frozen=True, kw_only=True, gc=False):
    """hosts: patterns of their names. users: login names. groups: of the directory or the machine.
    os: linux, macos, windows. tags: as IT labelled the machine. percent: which part of all machines, null for
    all. An empty tuple: it does not matter.
    """

    hosts: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    os: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    percent: Decimal | None = None


class Fit(NamedTuple):
    """fits: None where nobody can tell. words: what each condition made of it, for people."""

    fits: bool | None
    words: tuple[str, ...]


def fit(audience: Audience, context: Context, policy: str) -> Fit:
    """Whether the context is one of theirs. policy: its name, by which machines are dealt out."""
    answers = tuple(_answers(audience, context, policy))
    known = [fits for fits, _ in answers if fits is not None]
    fits = False if not all(known) else (None if len(known) < len(answers) else True)
    return Fit(fits, tuple(words for _, words in answers))


def _answers(audience: Audience, context: Context, policy: str) -> Iterator[tuple[bool | None, str]]:
    if audience.hosts:
        names = _names_of(context.hostname)
        fits = any(_is_host(pattern.lower(), names) for pattern in audience.hosts)
        yield fits, _said("hosts", audience.hosts, context.hostname or "no name", fits)
    if audience.users:
        known = context.owner is not None
        user = context.owner in audience.users if known else None
        yield user, _said("users", audience.users, context.owner or "everybody", user)
    if audience.groups:
        groups = context.groups
        member = None if groups is None else not groups.isdisjoint(audience.groups)
        yield member, _said("groups", audience.groups, context.owner or "everybody", member)
    if audience.os:
        system = context.os in audience.os
        yield system, _said("os", audience.os, context.os, system)
    if audience.tags:
        tags = context.tags
        tagged = None if tags is None else not tags.isdisjoint(audience.tags)
        yield tagged, _said("tags", audience.tags, f"the machine's ({', '.join(sorted(tags or ()))})", tagged)
    if audience.percent is not None:
        place = rollout_place(policy, context)
        early = place is not None and place < audience.percent
        where = "a machine without a name" if place is None else f"this machine stands at {place} %"
        yield early, f"percent {audience.percent}: {where}"


def rollout_place(policy: str, context: Context) -> Decimal | None:
    """Where the machine stands in every roll-out of this policy, from 0 up to 100; None: it has no name.

    By its name alone, so that agent, guard and server agree, and whoever is in 5 % is in 30 % as well.
    """
    if context.rollout is not None:
        return Decimal(context.rollout)
    if not context.hostname:
        return None
    digest = hashlib.sha256(f"{policy}\0{context.hostname.lower()}".encode("utf-8", "surrogatepass")).digest()
    steps = int.from_bytes(digest[:8], "big") * 10_000 >> 64  # without floating point: the same everywhere
    return Decimal(steps) * _WHOLE / 10_000


def _names_of(hostname: str) -> tuple[str, ...]:
    """The whole name and its first part, whatever the case."""
    name = hostname.lower()
    return tuple(filter(None, dict.fromkeys((name, name.partition(".")[0]))))


def _is_host(pattern: str, names: tuple[str, ...]) -> bool:
    """Most are plain names, of which a policy may have thousands: compiling each takes 50 times as long."""
    if "*" in pattern or "?" in pattern:
        return any(fnmatchcase(name, pattern) for name in names)
    return pattern in names


_FITS: Final[dict[bool | None, Callable[[str], str]]] = {
    True: lambda whose: f"{whose} fits",
    False: lambda whose: f"{whose} does not fit",
    None: lambda whose: f"not known of {whose}",
}


def _said(key: str, wanted: tuple[str, ...], whose: str, fits: bool | None) -> str:
    return f"{key} {', '.join(wanted)}: {_FITS[fits](whose)}"
