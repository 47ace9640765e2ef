"""The agent's settings: flags above environment above management above `agent.yaml` and its drop-ins."""

import os
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Final, NoReturn

from aipolicy.core import yamlfile
from aipolicy.core.problem import shown
from aipolicy.platforms.management import Managed
from aipolicy.settings_files import SettingsFile, settings_files

SYSTEM_STATE = "/var/lib/aipolicy"
SYSTEM_CONFIG = "/etc/aipolicy/agent.yaml"
SYSTEM_POLICY = "/etc/aipolicy/policy.yaml"


class SettingsError(Exception):
    """Settings that cannot be used; each line names file, line and column, or the flag, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything an agent can be told.

    policy: the policy file. policy_from: auto takes the policy that the server publishes once it does so,
    and the file before that; file takes the file alone. state: the folder for spool and ledger. server: the
    server's address, None to keep all events here. enrolment_secret_file: the file that holds the enrolment
    secret. enrolment_secret: the secret itself, from management alone, where only administrators may read
    it; the file counts before it. proxy: the HTTP proxy's address. ca: a PEM file with the private CA; the
    system's own trust store otherwise. tools: a folder with IT's own tool files. tags: labels for the policy.
    scan_every_s: seconds from scan to scan. stop_at_most: how many programs that run here a new policy may
    newly stop without being accepted first; 0 is no limit. native_controls: whether this agent writes the
    vendors' managed settings: on, off, or auto, which is on for root with the system's state folder. guard:
    whether root's agent on Linux starts the exec gate where no service does: on, off, or auto, which is on.
    healthy_after_s: how many seconds an agent lives on after its first scan until its start counts as a good
    one. safe_mode: whether an agent whose starts go wrong again and again only reports: on, off, or auto,
    which is on. files: no setting, but the files that they were read from; of a key that stands in several
    the last one counts.
    """

    policy: str | None = None
    policy_from: str = "auto"
    state: str | None = None
    server: str | None = None
    enrolment_secret_file: str | None = None
    enrolment_secret: str | None = field(default=None, repr=False)
    proxy: str | None = None
    ca: str | None = None
    tools: str | None = None
    tags: tuple[str, ...] = ()
    scan_every_s: int = 900
    stop_at_most: int = 20
    native_controls: str = "auto"
    guard: str = "auto"
    healthy_after_s: int = 60
    safe_mode: str = "auto"
    files: tuple[str, ...] = ()

    @property
    def takes_policy(self) -> bool:
        """Whether the server's policy counts once it publishes one."""
        return self.server is not None and self.policy_from == "auto"

    def state_dir(self, *, admin: bool, environ: Map[str, str]) -> str:
        """The state folder: as set, else the system's for root, else the user's own."""
        if self.state:
            return self.state
        if admin:
            return SYSTEM_STATE
        home = environ.get("XDG_STATE_HOME") or os.path.join(environ.get("HOME", "/"), ".local", "state")
        return os.path.join(home, "aipolicy")


KEYS: Final = frozenset(one.name for one in fields(Settings)) - {"files", "enrolment_secret"}
"""What files and environment may say; not the secret itself: everybody reads the ones, children the other."""


def load(
    config: str | None, environ: Map[str, str], managed: Iterable[Managed] = (), **flags: Any
) -> Settings:
    """Settings from `config` (or the system's file where it exists), management, environment and flags.

    Drop-ins of `config` count above it, see settings_files.py. Raises SettingsError with all that is wrong.
    """
    settings = Settings()
    if config is not None and not os.path.lexists(config):
        raise SettingsError(
            f"{config}: No such file or directory: give the path of the agent's settings file"
        )
    read = settings_files(config or SYSTEM_CONFIG)
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for file in read:
        wrong += file.wrong
        wrong += _taken(_settings(file), found)
    wrong += _taken(((one.name, partial(_managed, one)) for one in managed), found)
    if wrong:
        raise SettingsError("\n".join(wrong))
    settings = replace(settings, **found, files=tuple(file.path for file in read))
    settings = replace(settings, **_from_environment(environ))
    return replace(settings, **{name: value for name, value in flags.items() if value is not None})


def _taken(settings: Iterable[tuple[str, Callable[[], Any]]], found: dict[str, Any]) -> list[str]:
    """Adds them to `found`; what is wrong. settings: each key with what reads its value, or raises."""
    wrong = []
    for key, read in settings:
        try:
            found[key] = read()
        except SettingsError as error:
            wrong.append(str(error))
    return wrong


def _settings(file: SettingsFile) -> Iterator[tuple[str, Callable[[], Any]]]:
    root = file.root
    if isinstance(root, yamlfile.Mapping):
        for key, node in root.items:
            yield key.text, partial(_value, file.path, key, node)
    elif root is not None:
        yield "", partial(_no_mapping, f"{file.path}:{root.line}:{root.column}")


def _no_mapping(where: str) -> NoReturn:
    raise SettingsError(f"{where}: a mapping is needed, like `server: https://...`")


def _value(path: str, key: yamlfile.Scalar, node: yamlfile.Node) -> Any:
    if key.text not in KEYS:
        raise _unknown(f"{path}:{key.line}:{key.column}", key.text)
    where = f"{path}:{node.line}:{node.column}"
    if key.text == "tags":
        if isinstance(node, yamlfile.Sequence) and all(isinstance(n, yamlfile.Scalar) for n in node.items):
            return tuple(n.text for n in node.items if isinstance(n, yamlfile.Scalar))
        raise SettingsError(f"{where}: tags is a list of words")
    if not isinstance(node, yamlfile.Scalar) or not node.text:
        raise SettingsError(f"{where}: {key.text} is one text")
    return _checked(where, key.text, node.text)


def _managed(one: Managed) -> Any:
    where = f"{one.place}: {one.name}"
    if one.name not in KEYS | {"enrolment_secret"}:
        raise _unknown(one.place, one.name)
    if one.name == "tags":
        if isinstance(one.value, tuple):
            return one.value
        raise SettingsError(f"{where} is a list of words")
    if isinstance(one.value, tuple):
        raise SettingsError(f"{where} is one text")
    return _checked(where, one.name, one.value)


def _unknown(where: str, name: str) -> SettingsError:
    return SettingsError(f"{where}: unknown setting {shown(name)}; known: {', '.join(sorted(KEYS))}")


def _checked(where: str, setting: str, text: str) -> str | int:
    if setting == "scan_every_s":
        return _number(where, setting, text, 10, 86_400)
    if setting == "healthy_after_s":
        return _number(where, setting, text, 0, 600)
    if setting == "stop_at_most":
        return _number(where, setting, text, 0, 1_000_000)
    if setting == "policy_from":
        if text in ("auto", "file"):
            return text
        raise SettingsError(f"{where}: policy_from is auto or file, not {text!r}")
    if setting in ("native_controls", "guard", "safe_mode"):
        return _switch(where, setting, text)
    return text


def _number(where: str, setting: str, text: str, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
        return int(text)
    raise SettingsError(f"{where}: {setting} is a whole number from {least} to {most}, not {text!r}")


def _switch(where: str, setting: str, text: str) -> str:
    if text in ("auto", "on", "off"):
        return text
    raise SettingsError(f"{where}: {setting} is auto, on or off, not {text!r}")


def _from_environment(environ: Map[str, str]) -> dict[str, Any]:
    """AIPOLICY_SERVER, AIPOLICY_STATE ...: every setting but the lists, for containers and tests."""
    found: dict[str, Any] = {}
    for name in sorted(KEYS - {"tags"}):
        variable = f"AIPOLICY_{name.upper()}"
        if value := environ.get(variable):
            found[name] = _checked(variable, name, value)
    return found
