"""A control as text, for IT to hand out by other means: the file, a .reg file, a configuration profile.

What is for macOS and Windows follows the vendors' documents and has never been tried there.
"""

import plistlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aipolicy.core.model import Record
from aipolicy.enforce.controls import json_file, toml_file
from aipolicy.enforce.controls.control import (
    MACOS,
    WINDOWS,
    Ban,
    Control,
    Preferences,
    Registry,
    Wanted,
    tree_of,
)

_OURS: Final = uuid.UUID("6f0e6a52-1c0b-5d2e-9a36-0b7a2f9d8f51")
"""The namespace of our profiles' ids: the same profile has the same id, so that it replaces itself."""


class Rendered(Record, frozen=True, kw_only=True):
    """One thing to install. place: where it goes, or by what means. text: what it holds."""

    place: str
    text: str


def render(control: Control, bans: Sequence[Ban], system: str) -> tuple[Rendered, ...]:
    """All that makes the bans hold on that system, the vendors' first choice first; nothing where none is."""
    return tuple(_render(control, bans, system))


def _render(control: Control, bans: Sequence[Ban], system: str) -> Iterator[Rendered]:
    for wanted in control.files(bans, system):
        if wanted.settings:
            yield Rendered(place=wanted.file, text=_file(wanted))
    if system == WINDOWS:
        for registry in control.registry(bans):
            yield Rendered(place=f"{control.NAME}.reg, by `reg import` or group policy", text=_reg(registry))
    if system == MACOS and (preferences := control.preferences(bans)):
        place = f"{control.NAME}.mobileconfig, by your device management"
        yield Rendered(place=place, text=_profile(control, preferences))


def _file(wanted: Wanted) -> str:
    tree = tree_of(wanted.settings)
    if wanted.form == "toml":
        return toml_file.write(toml_file.read(None), tree)
    return json_file.write(tree)


def _reg(registry: Registry) -> str:
    """The text form of regedit 5, whose texts escape the backslash and the double quote."""
    quoted = registry.text.replace("\\", "\\\\").replace('"', '\\"')
    lines = [
        "Windows Registry Editor Version 5.00",
        "",
        f"[{registry.key}]",
        f'"{registry.value}"="{quoted}"',
    ]
    return "\r\n".join(lines) + "\r\n"


def _profile(control: Control, preferences: Sequence[Preferences]) -> str:
    """https://developer.apple.com/documentation/devicemanagement/toplevel"""
    profile = {
        "PayloadContent": [_payload(control, one) for one in preferences],
        "PayloadDisplayName": f"AI policy: {control.TITLE}",
        "PayloadType": "Configuration",
        "PayloadIdentifier": f"aipolicy.{control.NAME}",
        "PayloadUUID": str(uuid.uuid5(_OURS, control.NAME)).upper(),
        "PayloadScope": "System",
        "PayloadVersion": 1,
    }
    return plistlib.dumps(profile, sort_keys=False).decode()


def _payload(control: Control, preferences: Preferences) -> dict[str, Any]:
    name = f"{control.NAME}.{preferences.domain}"
    return {
        **preferences.keys,
        "PayloadType": preferences.domain,
        "PayloadIdentifier": f"aipolicy.{name}",
        "PayloadUUID": str(uuid.uuid5(_OURS, name)).upper(),
        "PayloadVersion": 1,
    }
