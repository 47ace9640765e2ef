"""The words of the language for libFuzzer's dictionary: it would not guess `category:` in a lifetime."""

from aipolicy.core.values import KEYS
from policy_samples import KNOWN

_SIGNS = (*"[]{}'|>*", '"', "- ", ": ", "\n  ", "\n- ", " # ", ">-", "|+", "? ", "--- ")
_VALUES = (
    "2026-10-01",
    "7d",
    "vendor:anthropic",
    "category:cli",
    "{tool}",
    "{contact}",
    "1.10",
    "~",
    "no",
    "\n1.7",
    "-beta.1",
    ">=1.7, <2",
    "+build",
)


def words() -> str:
    """In libFuzzer's form, one a line."""
    keys = {key.name + ": " for place in KEYS.values() for key in place}
    choices = {word for place in KEYS.values() for key in place for word in key.words}
    every = [*_SIGNS, *_VALUES, *sorted(keys), *sorted(choices), *sorted(KNOWN.ids)]
    return "".join(f'"{_escaped(word)}"\n' for word in every)


def _escaped(word: str) -> str:
    return "".join(c if c.isalnum() or c in " :-.*" else f"\\x{ord(c):02X}" for c in word)
