"""The words a person is told: what a policy may write, and how its placeholders are filled."""

import re
from collections.abc import Mapping
from typing import Final

from aipolicy.core.problem import Code, Placed, Problems, shown
from aipolicy.core.suggest import nearest

PLACEHOLDERS: Final = ("tool", "reason", "contact", "instead")
MAX_TEXT: Final = 500

_BRACES: Final = re.compile(r"\{([^{}]*)\}|[{}]")


def check_text(text: str, key: str, at: Placed, problems: Problems) -> str:
    """The text without the space around it, its problems noted: a terminal shows it as one paragraph."""
    text = text.strip()
    if len(text) > MAX_TEXT:
        message = f"{key} has {len(text)} characters, and {MAX_TEXT} are the most allowed"
        problems.add(at, Code.TEXT_TOO_LONG, message, "shorten it")
    if "\n" in text or "\t" in text:
        message = f"{key} holds a line break or a tab"
        problems.add(at, Code.TEXT_CONTROL, message, "write one paragraph; `>` folds several lines into one")
    return text


def check_message(text: str, has_contact: bool, at: Placed, problems: Problems) -> None:
    """Notes each placeholder that could not be filled."""
    for match in _BRACES.finditer(text):
        name = match[1]
        if name is None:
            message = f"a lone '{match[0]}' in the message"
            problems.add(at, Code.PLACEHOLDER, message, f"a placeholder is one of {_listed()}")
        elif name not in PLACEHOLDERS:
            found = nearest(name, PLACEHOLDERS)
            hint = f", did you mean '{{{found}}}'?" if found else ""
            message = f"unknown placeholder {shown(match[0])}{hint}"
            problems.add(at, Code.PLACEHOLDER, message, f"there are {_listed()}")
        elif name == "contact" and not has_contact:
            message = "the message uses {contact}, and the policy has no contact"
            problems.add(at, Code.NO_CONTACT, message, "add the key `contact` with an address or a page")


def _listed() -> str:
    return ", ".join("{" + name + "}" for name in PLACEHOLDERS)


def fill(message: str, values: Mapping[str, str]) -> str:
    """The message with its placeholders filled, once: a value's own braces stay as they are."""
    return _BRACES.sub(lambda match: values.get(match[1] or "", match[0]), message)
