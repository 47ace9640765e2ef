"""What policies can tell apart of machines and people: who has the same key gets the same verdicts.

The key may tell apart more than the policies do, and never less. Whether somebody is meant is audience.py's.
"""

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator
from decimal import Decimal

from aipolicy.core.audience import Audience, fit, rollout_place
from aipolicy.core.model import Context
from aipolicy.core.policy import Policy


class Lens:
    """For some policies together."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        audiences = [(policy.name, audience) for policy in policies for audience in audiences_of(policy)]
        whom = [audience for _, audience in audiences]
        self._users = frozenset(user for audience in whom for user in audience.users)
        self._groups = frozenset(group for audience in whom for group in audience.groups)
        self._tags = frozenset(tag for audience in whom for tag in audience.tags)
        self._os = any(audience.os for audience in whom)
        self._hosts = tuple(
            {audience.hosts: Audience(hosts=audience.hosts) for audience in whom if audience.hosts}.values()
        )
        self._any_host = Audience(hosts=tuple(name for hosts in self._hosts for name in hosts.hosts))
        steps: dict[str, set[Decimal]] = {}
        for name, audience in audiences:
            if audience.percent is not None:
                steps.setdefault(name, set()).add(audience.percent)
        self._steps = tuple((name, sorted(parts)) for name, parts in steps.items())

    def machine(self, context: Context) -> Hashable:
        """The key of a machine; of the context, what is not about a person."""
        tags = context.tags
        return (
            context.os if self._os else None,
            None if tags is None else tags & self._tags,
            self._is_host(context) if self._hosts else (),
            tuple(self._step(name, parts, context) for name, parts in self._steps),
        )

    def _is_host(self, context: Context) -> tuple[bool | None, ...]:
        if fit(self._any_host, context, "").fits is False:  # most policies name few of all hosts
            return ()
        return tuple(fit(hosts, context, "").fits for hosts in self._hosts)

    def _step(self, name: str, parts: list[Decimal], context: Context) -> int:
        place = rollout_place(name, context)
        return -1 if place is None else bisect_right(parts, place)

    def person(self, owner: str | None, groups: frozenset[str] | None) -> Hashable:
        """The key of a person: null where it is not known who it is, or which groups they are in."""
        named = "" if owner is not None and owner not in self._users else owner
        return named, None if groups is None else groups & self._groups


def audiences_of(policy: Policy) -> Iterator[Audience]:
    """All that it says of machines and people."""
    yield from (scope.audience for scope in policy.scopes)
    yield from (exemption.audience for exemption in policy.exemptions)
