"""VS Code's AllowedExtensions: a banned extension is not installed and not loaded; the editor goes on.

The most exact entry counts, so `"*": true` with the banned ids on false refuses those alone. It has no place
for words: the editor says that the organisation does not allow the extension.
https://code.visualstudio.com/docs/enterprise/policies, https://code.visualstudio.com/docs/enterprise/extensions
"""

from collections.abc import Mapping, Sequence
from typing import Final

from aipolicy.core.model import Finding
from aipolicy.core.tool import Kind
from aipolicy.enforce.controls.control import (
    LINUX,
    Ban,
    Preferences,
    Registry,
    Setting,
    Wanted,
    as_json,
    tree_of,
)

NAME: Final = "vscode"
TITLE: Final = "VS Code"
SINCE: Final[Mapping[str, str]] = {}
AROUND: Final = (
    "VS Code on Linux reads it from 1.106; editors made from it may read another place or none (code-server "
    "4.139 does not); an extension that is carried over to such an editor loads"
)

_KEY: Final = "AllowedExtensions"
_FILE: Final = "/etc/vscode/policy.json"
_DOMAINS: Final = ("com.microsoft.VSCode", "com.todesktop.230313mzl4w4u92")
"""VS Code, and Cursor from 1.2: https://docs.cursor.com/account/teams/enterprise-settings"""
_EDITORS: Final = frozenset({"vscode", "vscode-insiders"})


def files(bans: Sequence[Ban], system: str) -> tuple[Wanted, ...]:
    """On macOS and Windows only a profile and the registry are read."""
    if system != LINUX:
        return ()
    return (
        Wanted(
            file=_FILE,
            form="json",
            settings=_settings(bans),
            effect="does not load the extensions, from 1.106",
            texts=(_KEY,),
        ),
    )


def registry(bans: Sequence[Ban]) -> tuple[Registry, ...]:
    settings = _settings(bans)
    if not settings:
        return ()
    key = r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\VSCode"
    return (Registry(key=key, value=_KEY, text=as_json(tree_of(settings)[_KEY])),)


def preferences(bans: Sequence[Ban]) -> tuple[Preferences, ...]:
    settings = _settings(bans)
    if not settings:
        return ()
    keys = {_KEY: as_json(tree_of(settings)[_KEY])}
    return tuple(Preferences(domain=domain, keys=keys) for domain in _DOMAINS)


def obeyed_by(finding: Finding) -> bool:
    """Whether the extension that was found lies in an editor that is known to read the file."""
    return finding.form.removeprefix("extension in ") in _EDITORS


def _settings(bans: Sequence[Ban]) -> tuple[Setting, ...]:
    ids = sorted({name.lower() for ban in bans for name in ban.tool.values(Kind.EXTENSION)})
    if not ids:
        return ()
    all_others = Setting(path=(_KEY, "*"), value=True, opening=True)
    return (all_others, *(Setting(path=(_KEY, name), value=False) for name in ids))
