"""The known word that a mistyped one was meant to be, if any is near enough."""

import difflib
from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 64
"""difflib is quadratic; no id of ours is longer."""
_NEAR_ENOUGH: Final = 0.6


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` most like `word`, whatever the case; of equals the first in the alphabet."""
    if not 0 < len(word) <= _LONGEST:
        return None
    lowered = {option.lower(): option for option in sorted(known, reverse=True)}
    found = difflib.get_close_matches(word.lower(), sorted(lowered), n=1, cutoff=_NEAR_ENOUGH)
    return lowered[found[0]] if found else None


_OTHER_WORDS: Final = {
    "expires": "until",
    "expiry": "until",
    "ends": "until",
    "since": "from",
    "starts": "from",
    "comment": "reason",
    "why": "reason",
    "description": "reason",
    "deny": "block",
    "forbid": "block",
    "enforce": "block",
    "kill": "block",
    "permit": "allow",
    "monitor": "report",
    "audit": "report",
    "log": "report",
    "denied": "banned",
    "blocked": "banned",
    "allowed": "approved",
    "darwin": "macos",
    "osx": "macos",
    "ubuntu": "linux",
    "debian": "linux",
}
"""What others call what we call otherwise."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` to end a message with, or nothing."""
    options, other = frozenset(known), _OTHER_WORDS.get(word.lower())
    found = other if other in options else nearest(word, options)
    return f", did you mean '{found}'?" if found else ""
