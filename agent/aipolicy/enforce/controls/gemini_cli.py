"""Gemini CLI's system settings: see sign_in.py.

`gemini -p` ends with code 41 and the words; its full screen opens and offers no way to sign in: measured on
0.61.0, and `-p` from 0.4.1 on. It skips the file where others may write to its folder.
https://github.com/google-gemini/gemini-cli/blob/main/docs/cli/enterprise.md
"""

from collections.abc import Mapping, Sequence
from typing import Final

from aipolicy.enforce.controls import sign_in
from aipolicy.enforce.controls.control import LINUX, MACOS, WINDOWS, Ban, Preferences, Registry, Wanted

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
    return sign_in.files("gemini-cli", _PLACES, bans, system)


def registry(bans: Sequence[Ban]) -> tuple[Registry, ...]:
    """Gemini CLI reads none."""
    return ()


def preferences(bans: Sequence[Ban]) -> tuple[Preferences, ...]:
    """Gemini CLI reads none."""
    return ()
