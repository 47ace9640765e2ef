"""Gemini CLI's system settings: with an enforced way to sign in that does not exist, none is left.

`gemini -p` ends with code 41 and prints the enforced way, which is where the words stand; its full screen
opens and offers no way to sign in: measured on 0.61.0, and `-p` on 0.4.1 to 0.10.0. It skips the file where
others may write to its folder.
https://github.com/google-gemini/gemini-cli/blob/main/docs/cli/enterprise.md
"""

from collections.abc import Mapping, Sequence
from typing import Final

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
)

NAME: Final = "gemini-cli"
TITLE: Final = "Gemini CLI"
SINCE: Final[Mapping[str, str]] = {"gemini-cli": "0.4.1"}
AROUND: Final = (
    "the environment variable GEMINI_CLI_SYSTEM_SETTINGS_PATH points it to another file; a user namespace "
    "that mounts over /etc/gemini-cli hides it"
)

_PLACES: Final = {
    LINUX: "/etc/gemini-cli/settings.json",
    MACOS: "/Library/Application Support/GeminiCli/settings.json",
    WINDOWS: "C:\\ProgramData\\gemini-cli\\settings.json",
}


def files(bans: Sequence[Ban], system: str) -> tuple[Wanted, ...]:
    ban = of("gemini-cli", bans)
    path = ("security", "auth", "enforcedType")
    settings = (Setting(path=path, value=ban.words, signed=True),) if ban else ()
    return (
        Wanted(file=_PLACES[system], form="json", settings=settings, effect="refuses to start with a prompt"),
    )


def registry(bans: Sequence[Ban]) -> tuple[Registry, ...]:
    """Gemini CLI reads none."""
    return ()


def preferences(bans: Sequence[Ban]) -> tuple[Preferences, ...]:
    """Gemini CLI reads none."""
    return ()
