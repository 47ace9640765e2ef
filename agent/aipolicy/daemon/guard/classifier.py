"""Says for the exec gate what a file is and whether this person may start it, by the judge of everything.

Only what certainly is a banned tool is refused, and never what is never stopped (enforce/protected.py).
"""

import os
import stat
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

import msgspec

from aipolicy.core.model import Action, Confidence, FileFacts, FileKind, Owner, Process, Verdict
from aipolicy.daemon.guard.instances import Instances
from aipolicy.daemon.judge import Judge
from aipolicy.daemon.windows import may_hold_unsaved
from aipolicy.enforce.guard.book import File
from aipolicy.enforce.protected import protected_file
from aipolicy.examine import Examiner
from aipolicy.observe.processes import with_facts
from aipolicy.platforms.machine import Machine


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """May it start? verdict: why not, None where it may.

    anywhere: the same at every place. everybody: the same for every person. depends: on who starts it, for
    a running instance of the tool may. changing: the file is another one by now than was asked about, so
    this counts for this start alone.
    """

    verdict: Verdict | None = None
    anywhere: bool = False
    everybody: bool = False
    depends: bool = False
    changing: bool = False


PASSES: Final = Ruling(anywhere=True, everybody=True)
_PASSES_NOW: Final = Ruling()


class Classifier:
    """judge, now: asked anew for each file. tool_packages: packages of the system that are AI tools
    themselves. with_windows: tools that may hold unsaved files.
    """

    def __init__(
        self,
        machine: Machine,
        examiner: Examiner,
        judge: Callable[[], Judge],
        tool_packages: Collection[str],
        now: Callable[[], datetime],
        with_windows: Collection[str] = (),
    ) -> None:
        self._machine = machine
        self._examiner = examiner
        self._judge = judge
        self._tool_packages = tool_packages
        self._now = now
        self._with_windows = with_windows
        self._instances = Instances(machine, self._is_tool)

    def start(self, fd: int, path: str, uid: int, file: File, *, given: bool = False, pid: int = 0) -> Ruling:
        """About executing the file that `fd` has open and that the kernel calls `path`.

        given: also about a text that an interpreter may be told to run, with or without a first line `#!`.
        pid: the process that is about to become it; 0 where nobody is.
        """
        # What lies there by our view may be something else, which may hang: its name alone is looked at then.
        reachable = self._machine.out_of_reach(path) is None
        shown = path if reachable else f"/{os.path.basename(path)}"
        facts = self._examiner.program(f"/proc/self/fd/{fd}", shown)
        if not isinstance(facts, FileFacts):
            return _PASSES_NOW
        in_place = reachable and _lies_at(path, file)
        if in_place and (facts.kind is FileKind.SCRIPT or (given and facts.kind is FileKind.OTHER)):
            facts = self._examiner.script(path)  # with what it loads
            if not isinstance(facts, FileFacts):
                return _PASSES_NOW
        # Touched or written to since it was asked about: else a `touch` at the right moment lets it pass.
        changing = (facts.device, facts.inode, facts.size, facts.mtime_ns, facts.ctime_ns) != file
        if facts.interpreter is not None:
            return _PASSES_NOW if changing else PASSES
        starting = _starting(facts, path, self._machine.owner(uid))
        verdicts = self._verdicts(starting)
        blocked = next((v for v in verdicts if v.action is Action.BLOCK), None)
        if blocked is None and changing:
            return _PASSES_NOW
        if blocked is None:
            shared = os.fstat(fd).st_nlink > 1 and not (in_place and self._machine.root_only(path))
            return Ruling(anywhere=not verdicts and not shared, everybody=not verdicts)
        if in_place and protected_file(path, self._machine, self._tool_packages) is not None:
            return _PASSES_NOW
        depends = may_hold_unsaved(blocked.finding, self._with_windows)
        if self._is_part(pid, blocked):
            return Ruling(depends=True)
        if changing:
            return _PASSES_NOW if depends else Ruling(verdict=blocked, changing=True)
        anywhere = self._by_contents_alone(facts, starting, blocked)
        return Ruling(verdict=blocked, anywhere=anywhere, depends=depends)

    def open(self, pid: int, path: str) -> Ruling:
        """About a program that opens the file of a banned tool: refused where it is told to run it."""
        seen = self._machine.process(pid)
        if not isinstance(seen, Process):
            return _PASSES_NOW
        for process in with_facts(seen, self._machine, self._examiner):
            if not isinstance(process, Process) or (process.script is None and process.module is None):
                continue
            blocked = next((v for v in self._verdicts(process) if v.action is Action.BLOCK), None)
            # It is the loader or interpreter already, and so an instance itself: who started it counts.
            if blocked is None or self._is_part(self._machine.parent(pid) or 0, blocked):
                continue
            if protected_file(path, self._machine, self._tool_packages) is None:
                return Ruling(verdict=blocked)
        return _PASSES_NOW

    def _is_part(self, pid: int, blocked: Verdict) -> bool:
        """Whether this process is, or is about to be, a part of an instance that is not to be ended."""
        unsaved = may_hold_unsaved(blocked.finding, self._with_windows)
        return unsaved and self._instances.starts_part(pid, blocked.finding.tool)

    def _is_tool(self, process: Process, tool: str) -> bool:
        """Whether this process certainly is an instance of the tool."""
        looked = with_facts(process, self._machine, self._examiner)
        seen = [one for one in looked if isinstance(one, Process)]
        findings = self._judge().findings(seen)
        return any(f.tool == tool and f.confidence is Confidence.CERTAIN for f in findings)

    def _verdicts(self, process: Process) -> list[Verdict]:
        judge = self._judge()
        return [judge.verdict(finding, self._now()) for finding in judge.findings([process])]

    def _by_contents_alone(self, facts: FileFacts, starting: Process, blocked: Verdict) -> bool:
        """Whether it would be refused at any other place. A script is judged with what lies beside it."""
        if facts.kind is FileKind.SCRIPT:
            return False
        bare = _starting(msgspec.structs.replace(facts, package=None), "/", starting.owner)
        return any(
            v.action is Action.BLOCK and v.finding.tool == blocked.finding.tool for v in self._verdicts(bare)
        )


def _starting(facts: FileFacts, path: str, owner: Owner) -> Process:
    """The process as it will be, if it starts."""
    name = os.path.basename(path)[:15]
    if facts.kind is FileKind.SCRIPT:
        return Process(pid=0, started=0, owner=owner, name=name, exe="", script=path, script_file=facts)
    return Process(pid=0, started=0, owner=owner, name=name, exe=path, file=facts)


def _lies_at(path: str, file: File) -> bool:
    """Whether it lies there by our own view of the files: it may be in another mount namespace."""
    try:
        here = os.lstat(path)
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(here.st_mode) and (here.st_dev, here.st_ino) == (file.device, file.inode)
