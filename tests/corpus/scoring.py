"""Builds cases into one fake machine, a home each, looks as `aipolicy scan` does, and scores the answers."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from aipolicy.core import policy as policies
from aipolicy.core.model import Confidence, Finding, Owner, Process, State, Unseen
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.daemon.survey import survey
from aipolicy.examine import Examiner, examiner_for
from aipolicy.platforms import this_machine
from aipolicy.platforms.machine import Root
from aipolicy.tools import load
from corpus.cases import Case
from corpus.places import Place
from host import FakeMachine, Running
from machine.roots import Box
from machine_needs import Started


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the look said of one case. not_built: why the case could not be had here.

    left: what another look still said when the home had been emptied.
    """

    case: Case
    home: str = ""
    findings: tuple[Finding, ...] = ()
    left: tuple[Finding, ...] = ()
    not_built: str | None = None

    @property
    def meant(self) -> Finding | None:
        """The surest finding of what is to be found."""
        case = self.case
        state = State.RUNNING if case.runs else State.INSTALLED
        fitting = [f for f in self.findings if f.tool == case.tool and f.state is state]
        return max(fitting, key=lambda f: (_SURE[f.confidence], f.version == case.version), default=None)

    @property
    def found(self) -> bool:
        """The tool is found, and for certain."""
        return self.meant is not None and self.meant.confidence is Confidence.CERTAIN

    @property
    def version_right(self) -> bool:
        return self.meant is not None and self.meant.version == self.case.version

    @property
    def shown_right(self) -> bool:
        """It is told once, under the right name of its form, and no longer when it is gone."""
        shown = [finding.form for finding in self.findings if finding.tool == self.case.tool]
        return self.case.shown is None or (shown == [self.case.shown] and not self.left)

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """Findings above `possible` of what is not there."""
        right = {self.case.tool} - {None}
        accused = [f for f in self.findings if f.confidence is not Confidence.POSSIBLE]
        return tuple(f for f in accused if f.tool not in right and not self._embedded(f))

    def _embedded(self, finding: Finding) -> bool:
        return finding.tool == self.case.named and finding.form.startswith("embedded in")

    @property
    def convicted(self) -> bool:
        """Something that is not there was found for certain: it could be ended."""
        return any(f.confidence is Confidence.CERTAIN for f in self.wrong)

    @property
    def changed(self) -> bool:
        """The answer is wrong and the corpus knows nothing of it, or right and the corpus knows a fault."""
        return self.as_meant == (self.case.missed is not None)

    @property
    def as_meant(self) -> bool:
        """The right answer: found, or not accused; what carries a tool along is named for it."""
        if self.wrong:
            return False
        if self.case.named is not None:
            return any(self._embedded(finding) for finding in self.findings)
        return self.case.tool is None or (self.found and self.shown_right)


_SURE = {Confidence.POSSIBLE: 0, Confidence.LIKELY: 1, Confidence.CERTAIN: 2}


@dataclass(frozen=True, kw_only=True)
class Score:
    """precision: of what was said for certain, the share that was right. recall: of what is there, found so.

    versions: of what was found so, the share with the right version.
    """

    precision: float
    recall: float
    versions: float
    convicted: tuple[Answer, ...]
    missed: tuple[Answer, ...]


def score(answers: Sequence[Answer]) -> Score:
    """Over the cases that could be built."""
    built = [answer for answer in answers if answer.not_built is None]
    there = [answer for answer in built if answer.case.tool is not None]
    found = [answer for answer in there if answer.found]
    wrong = sum(f.confidence is Confidence.CERTAIN for answer in built for f in answer.wrong)
    return Score(
        precision=_share(len(found), len(found) + wrong),
        recall=_share(len(found), len(there)),
        versions=_share(sum(answer.version_right for answer in found), len(found)),
        convicted=tuple(answer for answer in built if answer.convicted),
        missed=tuple(answer for answer in there if not answer.found),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def answers(cases: Iterable[Case], folder: Path, started: Started) -> tuple[Answer, ...]:
    """Builds every case below `folder`, looks at all at once, and again when the installs are gone."""
    machine = _Corpus(folder)
    built = build(cases, machine, started)
    examiner = examiner_for(load())
    found = look(machine, examiner)
    for answer in built:
        if answer.home and answer.case.shown is not None:
            shutil.rmtree(answer.home)
            Path(answer.home).mkdir()
    left = look(machine, examiner)
    return tuple(
        replace(answer, findings=_of(found, number), left=_of(left, number))
        for number, answer in enumerate(built)
    )


def _of(findings: Iterable[Finding], number: int) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.owner.name == f"home{number}")


class _Corpus(FakeMachine):
    """Homes of its own, and in them processes as this kernel shows them, but of the cases' persons."""

    def process(self, pid: int, family: str | None = None) -> Process | Unseen | None:
        seen = super().process(pid)
        if family is None or not isinstance(seen, Process):
            return seen
        again = this_machine().process(pid, family)
        return msgspec.structs.replace(again, owner=seen.owner) if isinstance(again, Process) else again

    def program(self, pid: int) -> str:
        return this_machine().program(pid)

    def script_place(self, process: Process) -> str | None:
        return this_machine().script_place(process)


def build(cases: Iterable[Case], machine: FakeMachine, started: Started) -> list[Answer]:
    """A home for every case; the answers are still empty."""
    built: list[Answer] = []
    boxes: list[Box] = []
    for number, case in enumerate(cases):
        user = machine.add_user(f"home{number}")
        place = Place(home=Path(user.home), started=started, uid=user.uid, boxes=boxes)
        try:
            pid = case.build(place)
            if pid is not None:
                _run(machine, pid, Owner(uid=user.uid, name=user.name), case)
        except pytest.skip.Exception as reason:
            built.append(Answer(case=case, not_built=str(reason.msg)))
            continue
        built.append(Answer(case=case, home=user.home))
    names = {box.name for box in boxes}
    roots = this_machine().other_roots()
    machine.roots += [root for root in roots if isinstance(root, Root) and root.container in names]
    return built


def _run(machine: FakeMachine, pid: int, owner: Owner, case: Case) -> None:
    seen = this_machine().process(pid)
    if seen is None and case.tool is None:
        pytest.skip("it ended before it could be stopped and looked at")
    assert isinstance(seen, Process), seen
    machine.running[pid] = Running(process=msgspec.structs.replace(seen, owner=owner))


def look(machine: FakeMachine, examiner: Examiner | None = None) -> tuple[Finding, ...]:
    """The look of `aipolicy scan`."""
    catalog = load()
    judge = Judge(
        catalog=catalog,
        policy=policies.parse(policies.NO_POLICY, "(no policy)", catalog.known),
        surroundings=Surroundings(device="corpus", hostname="corpus", os=machine.os),
    )
    return survey(machine, judge, examiner or examiner_for(catalog)).findings
