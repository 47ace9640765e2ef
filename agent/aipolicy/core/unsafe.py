"""Characters that no file of ours may hold, and how they are shown to the person who wrote them."""

import re
from typing import Final

UNSAFE: Final = re.compile(
    "[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"  # controls, surrogates, BOM
    "|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]"  # reorder the text or break its lines
    "|[\U000e0000-\U000e007f]"  # tags: a second text that nobody sees
)
"""A reviewer could not see what the machine reads ("Trojan Source", CVE-2021-42574)."""

_NAMES: Final = {
    "\0": "a NUL character",
    "\r": "a carriage return without a line feed",
    "\ufeff": "a byte order mark in the text",
}


def escaped(text: str) -> str:
    r"""In ASCII, with \u0441-style escapes."""
    return text.encode("unicode_escape", "backslashreplace").decode("ascii")


def visible(text: str) -> str:
    """What a terminal would obey or hide is shown escaped; the rest, tabs included, as it is."""
    return UNSAFE.sub(lambda match: escaped(match[0]), text)


def unsafe_character(char: str) -> str:
    """The error's words for one of them."""
    return f"{_NAMES.get(char, 'a control or invisible character')} (U+{ord(char):04X}) is not allowed"
