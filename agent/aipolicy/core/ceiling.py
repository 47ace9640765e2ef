"""What keeps the agent below its policy's own mode for a while: a brake, or its own doubt about itself.

It can only ever lower. Who says so, and until when, is left to the sources (daemon/ceilings.py).
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from aipolicy.core.model import Action, Record
from aipolicy.core.policy import Policy

_ORDER: Final = tuple(Action)  # mildest first


class Ceiling(Record, frozen=True, kw_only=True):
    """The most that the agent may do now, whatever its policy says.

    part: what lowers it, as `status` and the server name it ("local brake"). mode: to what. reason: in words.
    """

    part: str
    mode: Action
    reason: str


class Boot(Record, frozen=True, kw_only=True):
    """A moment that no clock setting moves.

    id: which boot of this machine. seconds: since it began, suspended time included.
    """

    id: str
    seconds: float


def lowered(policy: Policy, ceilings: Iterable[Ceiling]) -> Policy:
    """The policy as it may act now. Its version stays: verdicts still name the text they came from."""
    most = min((ceiling.mode for ceiling in ceilings), key=_ORDER.index, default=Action.BLOCK)
    if all(_ORDER.index(mode) <= _ORDER.index(most) for mode in policy.modes):
        return policy
    scopes = tuple(
        scope if scope.mode is None else replace(scope, mode=_milder(scope.mode, most))
        for scope in policy.scopes
    )
    return replace(policy, mode=_milder(policy.mode, most), scopes=scopes)


def _milder(one: Action, other: Action) -> Action:
    return min(one, other, key=_ORDER.index)
