"""What several verbs need before they can start: the machine, the catalog, the policy, the time."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from aipolicy.cli.catalog import catalog, tool
from aipolicy.cli.errors import Failure
from aipolicy.core import policy as policies
from aipolicy.core import yamlfile
from aipolicy.core.days import read_day
from aipolicy.core.problem import Problems
from aipolicy.core.tools import Catalog
from aipolicy.core.yamlfile import Scalar
from aipolicy.platforms.machine import Machine
from aipolicy.settings import SYSTEM_POLICY, Settings
from aipolicy.state import sights
from aipolicy.state.evidence import EvidenceCache
from aipolicy.state.folder import StateError, prepare_folder

__all__ = [
    "NO_POLICY",
    "catalog",
    "environ",
    "evidence_cache",
    "first_sights",
    "moment",
    "now",
    "policy",
    "tool",
]

NO_POLICY = b"name: none\nbanned: []\n"
"""What holds where no policy is given: everything is unlisted, and reported."""


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


def first_sights(machine: Machine) -> Callable[[str], Mapping[str, datetime]]:
    """What the agent here knows of first sights, where we may read it; else every grace begins now."""
    kept = sights.read(Path(Settings().state_dir(admin=machine.is_admin(), environ=environ())))
    return lambda tool: kept.get(tool, {})


def policy(path: str | None, tools: Catalog) -> tuple[policies.Policy, str]:
    """The policy at `path`, else the system's, else none; and the name to show for it."""
    if path is None and Path(SYSTEM_POLICY).is_file():
        path = SYSTEM_POLICY
    if path is None:
        return policies.parse(NO_POLICY, "(no policy)", tools.known), "(no policy)"
    try:
        with Path(path).open("rb") as file:
            text = file.read(yamlfile.MAX_BYTES + 1)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}: give the policy with --policy FILE") from error
    try:
        return policies.parse(text, path, tools.known), path
    except policies.PolicyErrors as errors:
        raise Failure("\n".join(yamlfile.annotate(problem) for problem in errors.problems)) from errors


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
