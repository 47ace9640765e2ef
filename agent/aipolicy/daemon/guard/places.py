"""Where the programs of banned tools lie that a scan has found: the guard refuses them before anybody tries.

So an interpreter is refused a script that was never executed by itself.
"""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from aipolicy.core.model import Action, Finding, Outcome
from aipolicy.examine import CannotLook, Examiner
from aipolicy.examine.node_package import program_files


class Place(NamedTuple):
    """A file, and the uid of the person in whose hands it is."""

    path: str
    uid: int


def found(outcomes: Iterable[Outcome], examiner: Examiner) -> Iterator[Place]:
    """The places of what is installed and banned."""
    for outcome in outcomes:
        if outcome.verdict.action is Action.BLOCK:
            finding = outcome.verdict.finding
            yield from (Place(path, finding.owner.uid) for path in _programs(finding, examiner))


def _programs(finding: Finding, examiner: Examiner) -> Iterator[str]:
    if not os.path.isdir(finding.path):
        yield finding.path
        return
    try:
        manifest = examiner.manifest(finding.path)
    except CannotLook:
        return
    if manifest is not None:
        yield from program_files(finding.path, manifest)
