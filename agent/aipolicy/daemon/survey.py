"""One look at the whole machine: what was found, and where we could not look."""

from collections.abc import Callable
from dataclasses import dataclass

from aipolicy.core.model import Finding, Observation, Package, Unseen
from aipolicy.daemon.judge import Judge
from aipolicy.examine import Examiner
from aipolicy.observe import Disguises, install_roots, observe_all, walk_everywhere
from aipolicy.platforms.machine import Machine


@dataclass(frozen=True, kw_only=True)
class Survey:
    """findings: one per tool, owner and place. unseen: the places we could not look into.

    packages: what was installed, to hold a process against that starts later. roots: see install_roots.
    """

    findings: tuple[Finding, ...]
    packages: tuple[Package, ...]
    roots: tuple[str, ...]
    unseen: tuple[Unseen, ...]

    @property
    def complete(self) -> bool:
        """Whether every place could be looked into."""
        return not self.unseen


def survey(
    machine: Machine,
    judge: Judge,
    examiner: Examiner,
    progress: Callable[[str, int], None] | None = None,
    disguises: Disguises | None = None,
) -> Survey:
    """Look everywhere once. `progress(stage, done)` is called now and then.

    disguises: see look_everywhere.
    """
    observations: list[Observation] = []
    look, unseen = walk_everywhere(machine, judge.catalog.wanted, examiner, progress, disguises)
    for seen in observe_all(look):
        if isinstance(seen, Unseen):
            unseen.append(seen)
        else:
            observations.append(seen)
    packages = tuple(seen for seen in observations if isinstance(seen, Package))
    return Survey(
        findings=judge.findings(observations),
        packages=packages,
        roots=install_roots(look),
        unseen=tuple(unseen),
    )
