"""Claude Code's managed settings: it refuses to start above `requiredMaximumVersion`.

Versions before 2.1.163 don't know that key: in them a managed hook refuses every prompt, with the words.
The key's value is a version, so what the person is told stands in its build part (semver.org 10): measured on
2.1.197 and 2.1.332, which print it. Drop-ins beside IT's own file are read from 2.1.83.
https://code.claude.com/docs/en/settings, https://code.claude.com/docs/en/server-managed-settings
"""

import re
import shlex
import unicodedata
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
    as_json,
    of,
    tree_of,
)

NAME: Final = "claude-code"
TITLE: Final = "Claude Code"
SINCE: Final[Mapping[str, str]] = {"claude-code": "2.1.163"}
AROUND: Final = (
    "versions before 2.1.163 start and refuse each prompt, unless the person sets disableAllHooks; versions "
    "without managed hooks ignore it; settings that the person's Claude organisation delivers from its "
    "server replace the file; a user namespace that mounts over /etc/claude-code hides it"
)

_FOLDERS: Final = {
    LINUX: "/etc/claude-code",
    MACOS: "/Library/Application Support/ClaudeCode",
    WINDOWS: "C:\\Program Files\\ClaudeCode",
}
_DROP_IN: Final = "50-aipolicy.json"
_LONGEST: Final = 160
"""A version of more than 256 characters is none (semver of npm), and is then ignored."""


def files(bans: Sequence[Ban], system: str) -> tuple[Wanted, ...]:
    ban = of("claude-code", bans)
    slash = "\\" if system == WINDOWS else "/"
    folder = _FOLDERS[system]
    return (
        Wanted(
            file=f"{folder}{slash}managed-settings.d{slash}{_DROP_IN}",
            form="json",
            settings=(_highest(ban),) if ban else (),
            effect="refuses to start, from 2.1.163",
            rivals=(f"{folder}/managed-settings.json", f"{folder}/managed-settings.d/*.json"),
        ),
        Wanted(
            file=f"{folder}{slash}managed-settings.json",
            form="json",
            settings=(_hook(ban),) if ban else (),
            effect="refuses every prompt, before 2.1.163",
        ),
    )


def registry(bans: Sequence[Ban]) -> tuple[Registry, ...]:
    ban = of("claude-code", bans)
    if ban is None:
        return ()
    text = as_json(tree_of((_highest(ban), _hook(ban))))
    return (Registry(key=r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\ClaudeCode", value="Settings", text=text),)


def preferences(bans: Sequence[Ban]) -> tuple[Preferences, ...]:
    ban = of("claude-code", bans)
    if ban is None:
        return ()
    return (Preferences(domain="com.anthropic.claudecode", keys=tree_of((_highest(ban), _hook(ban)))),)


def _highest(ban: Ban) -> Setting:
    return Setting(path=("requiredMaximumVersion",), value=f"0.0.0+{_as_build(ban.words)}", signed=True)


def _as_build(words: str) -> str:
    """The words in the letters that a version may have: sentences between dots, words between dashes."""
    plain = unicodedata.normalize("NFKD", words.replace("@", " at ")).encode("ascii", "ignore").decode()
    sentences = ["-".join(re.findall(r"[0-9A-Za-z]+", part)) for part in re.split(r"[.!?:;](?:\s|$)", plain)]
    said = ".".join(sentence for sentence in sentences if sentence)[:_LONGEST].rstrip(".-")
    return said or "not-allowed-here"


def _hook(ban: Ban) -> Setting:
    answer = as_json({"decision": "block", "reason": ban.words})
    command = f"printf '%s' {shlex.quote(answer)}"
    return Setting(
        path=("hooks", "UserPromptSubmit"),
        value=[{"hooks": [{"type": "command", "command": command}]}],
        signed=True,
    )
