"""Where the programs of banned tools lie that a scan has found: the guard refuses them before anybody tries.

So an interpreter is refused a script that was never executed by itself.
"""

import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from aipolicy.core.model import Action, Finding, Outcome
from aipolicy.examine import CannotLook, Examiner
from aipolicy.examine.files import is_folder
from aipolicy.examine.node_package import native_programs, program_files
from aipolicy.examine.places import OutOfReach
from aipolicy.examine.python_package import program_modules


class Place(NamedTuple):
    """A file, and the uid of the person in whose hands it is."""

    path: str
    uid: int


def found(outcomes: Iterable[Outcome], examiner: Examiner, out_of_reach: OutOfReach) -> Iterator[Place]:
    """The places of what is installed and banned. out_of_reach: see Machine."""
    for outcome in outcomes:
        if outcome.verdict.action is Action.BLOCK:
            finding = outcome.verdict.finding
            programs = _programs(finding, examiner, out_of_reach)
            yield from (Place(path, finding.owner.uid) for path in programs)


def compiled(path: str) -> Iterator[str]:
    """What CPython keeps compiled of a module (PEP 3147), and reads instead of it."""
    folder, name = os.path.split(path)
    cache = f"{folder}/__pycache__"
    if not name.endswith(".py") or not is_folder(cache):  # a link would lead to others' modules
        return
    begins = name.removesuffix("py")
    try:
        with os.scandir(cache) as entries:
            there = [entry.name for entry in itertools.islice(entries, _MOST_COMPILED)]
    except (OSError, ValueError):
        return
    fitting = (name for name in there if name.startswith(begins) and name.endswith(".pyc"))
    yield from (f"{cache}/{name}" for name in itertools.islice(fitting, _MOST_VERSIONS))


def _programs(finding: Finding, examiner: Examiner, out_of_reach: OutOfReach) -> Iterator[str]:
    if finding.path.endswith((".dist-info", ".egg-info")):
        yield from program_modules(finding.path)
        return
    if not os.path.isdir(finding.path):
        yield finding.path
        return
    try:
        manifest = examiner.manifest(finding.path)
    except CannotLook:
        return
    if manifest is not None:
        yield from program_files(finding.path, manifest)
        yield from native_programs(finding.path, manifest, out_of_reach)


_MOST_COMPILED: Final = 5_000
_MOST_VERSIONS: Final = 16
