"""Acts on one running tool as the verdict says: nothing, a notice, or its end. Never raises past here."""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

from aipolicy.core.model import Action, Done, Finding, Outcome, Process, State, Verdict
from aipolicy.core.place import place_in
from aipolicy.core.plural import plural
from aipolicy.daemon.repeats import Repeats
from aipolicy.daemon.teller import Teller, in_words
from aipolicy.daemon.windows import may_hold_unsaved
from aipolicy.enforce.terminate import Ended, Ending, Failed, Refused, Running
from aipolicy.platforms.machine import Machine, Terminal

logger = logging.getLogger(__name__)

Matches = Callable[[Process], bool]


@dataclass
class _Underway:
    ending: Ending
    verdict: Verdict
    terminal: Terminal | None
    starter: str


class Ends(NamedTuple):
    """What came of one. survivors: what it had started and still runs. worth: whether it is to be told."""

    outcome: Outcome
    pid: int
    survivors: tuple[Process, ...]
    worth: bool = True


class Enforcer:
    """One thread drives it: `act` at once, `poll` until nothing is underway.

    tool_packages: packages of the operating system that are themselves AI tools. with_windows: tools that may
    hold unsaved files (`stop: deny-new`).
    """

    def __init__(
        self,
        machine: Machine,
        teller: Teller,
        tool_packages: Collection[str],
        with_windows: Collection[str] = (),
    ) -> None:
        self._machine = machine
        self._teller = teller
        self._with_windows = with_windows
        self._tool_packages = tool_packages
        self._repeats = Repeats(free=_TOLD_ONE_BY_ONE + 1)
        self._underway: dict[int, _Underway] = {}

    @property
    def busy(self) -> bool:
        """Whether some process is on its way out."""
        return bool(self._underway)

    def is_ending(self, pid: int) -> bool:
        """Whether this process is on its way out already."""
        return pid in self._underway

    def act(self, process: Process, verdict: Verdict, matches: Matches, now: float) -> Outcome | None:
        """What was done about a running tool; None where `poll` will say it later, or it is gone by now.

        matches: whether the process, looked at anew, is still what was judged. now: monotonic seconds.
        """
        match verdict.action:
            case Action.ALLOW | Action.REPORT:
                return self.as_before(verdict)
            case Action.WARN:
                self._teller.tell(verdict, self._machine.terminal(process.pid), Done.WARNED, now)
                return self.as_before(verdict)
            case Action.BLOCK:
                return self._end(process, verdict, matches, now)

    def as_before(self, verdict: Verdict) -> Outcome:
        """What was done about a running tool that is allowed, reported or warned of."""
        if verdict.action is Action.WARN:
            told = self._teller.was_told(verdict)
            return Outcome(
                verdict=verdict, done=Done.WARNED if told else Done.REPORTED, detail=in_words(told)
            )
        return Outcome(
            verdict=verdict, done=Done.ALLOWED if verdict.action is Action.ALLOW else Done.REPORTED
        )

    def _end(self, process: Process, verdict: Verdict, matches: Matches, now: float) -> Outcome | None:
        # After its end nobody knows where it ran, and who had started it.
        terminal, starter = self._machine.terminal(process.pid), self._starter(process.pid)
        if may_hold_unsaved(verdict.finding, self._with_windows):
            told = self._teller.tell(verdict, terminal, Done.NOT_ENFORCEABLE, now)
            detail = f"{_UNSAVED}; {in_words(told, 'asked to close it')}"
            return Outcome(verdict=verdict, done=Done.NOT_ENFORCEABLE, detail=detail)
        started = Ending.start(
            self._machine,
            process,
            matches,
            now,
            tool_packages=self._tool_packages,
            by_contents=_program_itself(process, verdict.finding),
        )
        if isinstance(started, Refused):
            if started.gone:
                return None
            return Outcome(verdict=verdict, done=Done.NOT_ENFORCEABLE, detail=started.reason)
        self._underway[process.pid] = _Underway(started, verdict, terminal, starter)
        return None

    def _starter(self, pid: int) -> str:
        """Who started it, for the case that it does so again and again."""
        parent = self._machine.parent(pid)
        found = None if parent is None else self._machine.process(parent)
        return f"{found.name} (pid {parent})" if isinstance(found, Process) else "a program that has ended"

    def poll(self, now: float) -> list[Ends]:
        """What came of those underway."""
        self._teller.poll(now)
        done: list[Ends] = []
        for pid, one in list(self._underway.items()):
            state = one.ending.poll(now)
            if isinstance(state, Running):
                continue
            del self._underway[pid]
            survivors = one.ending.survivors() if isinstance(state, Ended) else ()
            one.ending.close()
            done.append(self._ends(one, state, now, pid, survivors))
        return done

    def close(self) -> None:
        """Let go of all processes held."""
        for one in self._underway.values():
            one.ending.close()
        self._underway.clear()

    def _ends(
        self, one: _Underway, state: Ended | Failed, now: float, pid: int, survivors: tuple[Process, ...]
    ) -> Ends:
        if isinstance(state, Failed):
            return Ends(Outcome(verdict=one.verdict, done=Done.FAILED, detail=state.reason), pid, survivors)
        told = self._teller.tell(one.verdict, one.terminal, Done.ENDED, now)
        detail = f"{state.how}; {in_words(told)}"
        finding = one.verdict.finding
        worth = self._repeats.one_more((finding.tool, finding.owner.uid, finding.path), now)
        if worth is not None and worth.before:
            detail += f"; ended {plural(worth.before, 'time')} more since the last report"
        if worth is not None and worth.last:
            detail += f"; started again and again, lastly by {one.starter}: further ends are counted"
        outcome = Outcome(verdict=one.verdict, done=Done.ENDED, detail=detail)
        return Ends(outcome, pid, survivors, worth=worth is not None)


def installed_outcome(
    verdict: Verdict, on_extension: Callable[[Finding], tuple[bool, str]] = lambda _finding: (False, "")
) -> Outcome:
    """What is done about a tool that lies on the disk: it is reported, and ended when it runs.

    An extension runs inside its editor, which is never ended because of it: that is said, not passed over.
    on_extension: whether its editor refuses to load it by itself, and more to say of that.
    """
    if verdict.action is Action.ALLOW:
        return Outcome(verdict=verdict, done=Done.ALLOWED)
    if verdict.action is not Action.BLOCK:
        return Outcome(verdict=verdict, done=Done.REPORTED)
    if _inside_an_editor(verdict.finding):
        refused, more = on_extension(verdict.finding)
        if refused:
            return Outcome(verdict=verdict, done=Done.DENIED, detail=more)
        said = "an extension runs inside its editor, and the editor is not ended because of it"
        return Outcome(verdict=verdict, done=Done.NOT_ENFORCEABLE, detail=f"{said}; {more}" if more else said)
    return Outcome(verdict=verdict, done=Done.REPORTED, detail="it is ended when it runs")


_TOLD_ONE_BY_ONE = 3
"""Ends of one tool within an hour; with the next, whoever starts it again and again is named."""
_UNSAVED = "it may hold unsaved files, so it is not ended while it runs"


def _program_itself(process: Process, finding: Finding) -> bool:
    """Whether the program's own contents gave it away, and not those of a script that it was told to run."""
    by_contents = any(evidence.kind == "content" for evidence in finding.because)
    return by_contents and finding.path == place_in(process.container, process.exe.removesuffix(" (deleted)"))


def _inside_an_editor(finding: Finding) -> bool:
    kinds = {evidence.kind for evidence in finding.because}
    return finding.state is State.INSTALLED and bool(kinds & {"vscode-extension", "jetbrains-plugin"})
