"""Qwen Code's system settings: it was made from Gemini CLI, see sign_in.py.

`qwen -p` ends with code 1 and the words: measured on 0.1.3, 0.10.1, 0.15.10 and 0.24.4; 0.5.0 says nothing.
Its places are those that the code of 0.15.10 names.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from aipolicy.enforce.controls import sign_in
from aipolicy.enforce.controls.control import LINUX, MACOS, WINDOWS, Ban, Preferences, Registry, Wanted

NAME: Final = "qwen-code"
TITLE: Final = "Qwen Code"
SINCE: Final[Mapping[str, str]] = {"qwen-code": "0.1.3"}
AROUND: Final = (
    "the environment variable QWEN_CODE_SYSTEM_SETTINGS_PATH points it to another file; a user namespace "
    "that mounts over /etc/qwen-code hides it"
)

_PLACES: Final = {
    LINUX: "/etc/qwen-code/settings.json",
    MACOS: "/Library/Application Support/QwenCode/settings.json",
    WINDOWS: "C:\\ProgramData\\qwen-code\\settings.json",
}


def files(bans: Sequence[Ban], system: str) -> tuple[Wanted, ...]:
    return sign_in.files("qwen-code", _PLACES, bans, system)


def registry(bans: Sequence[Ban]) -> tuple[Registry, ...]:
    """Qwen Code reads none."""
    return ()


def preferences(bans: Sequence[Ban]) -> tuple[Preferences, ...]:
    """Qwen Code reads none."""
    return ()
