"""Which scope of a policy holds for a machine and a person: the first that fits."""

from collections.abc import Iterator
from typing import NamedTuple

from aipolicy.core.audience import fit
from aipolicy.core.model import Action, Context
from aipolicy.core.policy import Policy
from aipolicy.core.scope import Scope


class Possible(NamedTuple):
    """scopes: the one that holds, None for the policy outside of all; several where it is not known which.

    words: what each that was looked at made of the context.
    """

    scopes: tuple[Scope | None, ...]
    words: tuple[str, ...] = ()


_NONE = Possible((None,))


def possible_scopes(policy: Policy, context: Context) -> Possible:
    """The first scope that surely fits, or the policy itself, and before it those that may."""
    if not policy.scopes:
        return _NONE
    scopes: list[Scope | None] = []
    words: list[str] = []
    for scope in policy.scopes:
        found = fit(scope.audience, context, policy.name)
        words.append(_in_words(scope, found.fits, found.words))
        if found.fits is False:
            continue
        scopes.append(scope)
        if found.fits:
            break
    else:
        scopes.append(None)
    return Possible(tuple(scopes), tuple(words))


def possible_modes(policy: Policy, context: Context) -> tuple[Action, ...]:
    """The mode of each scope that may hold there."""
    return tuple(_modes(policy, context))


def _modes(policy: Policy, context: Context) -> Iterator[Action]:
    for scope in possible_scopes(policy, context).scopes:
        yield policy.mode if scope is None or scope.mode is None else scope.mode


_HOLDS = {
    True: "it holds; what it does not name falls to the policy",
    False: "not this one",
    None: "it may hold",
}


def _in_words(scope: Scope, fits: bool | None, words: tuple[str, ...]) -> str:
    return f"{scope.rule} ({scope.name}): {'; '.join(words)}: {_HOLDS[fits]}"
