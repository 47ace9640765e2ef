"""What several verbs need before they can start: the machine, the catalog, the policy, the time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aipolicy import __version__
from aipolicy.central.policy_source import LastGood, PolicyText
from aipolicy.cli.catalog import catalog, tool
from aipolicy.cli.errors import Failure
from aipolicy.core import policy as policies
from aipolicy.core import yamlfile
from aipolicy.core.days import read_day
from aipolicy.core.problem import Problems
from aipolicy.core.tools import Catalog
from aipolicy.core.wire import printable
from aipolicy.core.yamlfile import Scalar
from aipolicy.daemon.directory import Directory
from aipolicy.daemon.judge import Surroundings
from aipolicy.platforms import this_machine
from aipolicy.platforms.machine import Machine
from aipolicy.settings import SYSTEM_POLICY, Settings, SettingsError
from aipolicy.settings import load as load_settings
from aipolicy.state import sights
from aipolicy.state.evidence import EvidenceCache
from aipolicy.state.folder import StateError, prepare_folder

__all__ = [
    "catalog",
    "environ",
    "evidence_cache",
    "moment",
    "now",
    "policy",
    "settings",
    "surroundings",
    "tool",
]

_DIRECTORY_WAIT_S: Final = 5.0


def now() -> datetime:
    """This moment, UTC."""
    return datetime.now(UTC)


def moment(at: str | None) -> datetime:
    """The beginning of the day that a person named, else this moment."""
    if at is None:
        return now()
    problems = Problems("--at", at)
    day = read_day(at, "--at", Scalar(text=at, line=1, column=1), problems)
    if day is None:
        problem = problems.all()[0]
        raise Failure(f"{problem.message}" + (f": {problem.suggestion}" if problem.suggestion else ""))
    return day


def settings(machine: Machine, config: str | None = None, **flags: Any) -> Settings:
    """The agent's settings here; flags: those of the command line, by the settings' names."""
    try:
        return load_settings(config, environ(), machine.managed(), **flags)
    except SettingsError as error:
        raise Failure(str(error)) from error


def surroundings(machine: Machine, hostname: str | None = None) -> Surroundings:
    """What a decision may know of this machine, as the agent here would say, as far as we may read it.

    hostname: as if it had that name. Where first sights may not be read, every grace begins now.
    """
    here = settings(machine)
    kept = sights.read(Path(here.state_dir(admin=machine.is_admin(), environ=environ())))
    name = hostname or machine.host(__version__).hostname
    return Surroundings(
        device=name,
        hostname=name,
        os=machine.os,
        tags=frozenset(here.tags),
        groups=Directory(machine.groups_of, _DIRECTORY_WAIT_S).groups,
        first_seen=lambda tool: kept.get(tool, {}),
    )


def policy(path: str | None, tools: Catalog) -> tuple[policies.Policy, str]:
    """The policy at `path`, else the one in force here, else none; and the name to show for it.

    In force here is what the server published, where this person may read it, else the system's file.
    """
    kept = None if path is not None else _published()
    if kept is not None:
        text, path, shown = kept.content, kept.name, f"{kept.name}, number {kept.number} of the server"
    else:
        if path is None and Path(SYSTEM_POLICY).is_file():
            path = SYSTEM_POLICY
        if path is None:
            return policies.parse(policies.NO_POLICY, "(no policy)", tools.known), "(no policy)"
        text, shown = _content(path), path
    try:
        return policies.parse(text, path, tools.known), shown
    except policies.PolicyErrors as errors:
        raise Failure("\n".join(yamlfile.annotate(problem) for problem in errors.problems)) from errors


def _content(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(yamlfile.MAX_BYTES + 1)
    except OSError as error:
        raise Failure(f"{printable(path)}: {error.strerror}: give the file of a policy") from error


def _published() -> PolicyText | None:
    """What the server published and the agent here has in force."""
    machine = this_machine()
    folder = settings(machine).state_dir(admin=machine.is_admin(), environ=environ())
    kept = LastGood(Path(folder)).load()
    return kept if kept is not None and kept.number else None


@contextmanager
def evidence_cache(machine: Machine) -> Iterator[EvidenceCache | None]:
    """What earlier scans read, so that unchanged files are not read again; None where it cannot be kept."""
    home = environ().get("XDG_CACHE_HOME") or os.path.join(environ().get("HOME", "/"), ".cache")
    folder = Path("/var/cache/aipolicy") if machine.is_admin() else Path(home, "aipolicy")
    try:
        prepare_folder(str(folder))
    except (OSError, StateError):
        yield None
        return
    cache = EvidenceCache(folder / "evidence.db")
    try:
        yield cache
    finally:
        cache.close()


def environ() -> dict[str, str]:
    """The environment, taken once."""
    return dict(os.environ)
