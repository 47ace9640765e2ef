"""Codex's requirements.toml: with no sandbox mode left that it may use, it refuses to start.

No key of it is a ban or a message. A mode that it does not know is printed as its reason, and a list without
one that it knows is refused as well: measured on 0.169.0, in every one of its commands that reads settings.
https://developers.openai.com/codex/enterprise/managed-configuration
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Final

from aipolicy.enforce.controls import toml_file
from aipolicy.enforce.controls.control import (
    LINUX,
    MACOS,
    WINDOWS,
    Ban,
    Preferences,
    Registry,
    Setting,
    Wanted,
    of,
    tree_of,
)

NAME: Final = "codex"
TITLE: Final = "Codex"
SINCE: Final[Mapping[str, str]] = {"codex": "0.77.0"}
AROUND: Final = (
    "versions before requirements.toml ignore it; it rests on a fault in the file that Codex refuses, not on "
    "a documented switch; a user namespace that mounts over /etc/codex hides it"
)

_PLACES: Final = {
    LINUX: "/etc/codex/requirements.toml",
    MACOS: "/private/etc/codex/requirements.toml",  # /etc is a link there, and no link is followed
    WINDOWS: "C:\\ProgramData\\OpenAI\\Codex\\requirements.toml",
}


def files(bans: Sequence[Ban], system: str) -> tuple[Wanted, ...]:
    return (Wanted(file=_PLACES[system], form="toml", settings=_settings(bans), effect="refuses to start"),)


def registry(bans: Sequence[Ban]) -> tuple[Registry, ...]:
    """Codex reads none."""
    return ()


def preferences(bans: Sequence[Ban]) -> tuple[Preferences, ...]:
    settings = _settings(bans)
    if not settings:
        return ()
    text = toml_file.write(toml_file.read(None), tree_of(settings))
    return (
        Preferences(
            domain="com.openai.codex",
            keys={"requirements_toml_base64": base64.b64encode(text.encode()).decode()},
        ),
    )


def _settings(bans: Sequence[Ban]) -> tuple[Setting, ...]:
    ban = of("codex", bans)
    return (Setting(path=("allowed_sandbox_modes",), value=[ban.words], signed=True),) if ban else ()
