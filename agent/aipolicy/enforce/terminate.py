"""Ending one process: asked first, made to after five seconds, and never another one than was judged.

An Ending is driven by its caller's loop (`poll`), has no thread and never sleeps. Whether a process is to be
ended at all is decided before; what is never ended is refused here.
"""

import logging
from collections.abc import Callable, Collection
from typing import Final

import msgspec

from aipolicy.core.model import Process, Record, Unseen
from aipolicy.enforce.protected import protected
from aipolicy.platforms.machine import Hold, Image, Machine

logger = logging.getLogger(__name__)

TERM_S: Final = 5.0
"""How long a process may take to end by itself."""
KILL_S: Final = 5.0
"""How long after being made to; one that sleeps in the kernel (D) ends later or never."""
_MAX_DESCENDANTS: Final = 256


class Refused(Record, frozen=True, kw_only=True):
    """It is not touched. gone: because it is another program by now, or none. reason: one sentence."""

    reason: str
    gone: bool = False


class Running(Record, frozen=True, kw_only=True):
    """It was asked to end and has time until `due` (monotonic seconds)."""

    due: float


class Ended(Record, frozen=True, kw_only=True):
    """It has ended. how: "by itself when asked" or "killed"."""

    how: str


class Failed(Record, frozen=True, kw_only=True):
    """It runs on. reason: one sentence."""

    reason: str


class Descendant(Record, frozen=True, kw_only=True):
    """A process that the ended one had started, held since before. It is judged on its own evidence."""

    pid: int
    hold: Hold


class _Judge(Record, frozen=True, kw_only=True):
    """What stands between a process and its end, asked of the process as it is at that moment."""

    machine: Machine
    before: Process
    still_matches: Callable[[Process], bool]
    packages: Collection[str]
    by_contents: bool

    def refuses(self, pid: int) -> Refused | None:
        seen = self.machine.process(pid)
        if isinstance(seen, Unseen):
            return Refused(reason=f"it cannot be looked at: {seen.reason}")
        if seen is None or seen.started != self.before.started:
            return _GONE
        seen = as_known_before(seen, self.before)
        why = protected(seen, self.machine, self.packages, by_contents=self.by_contents)
        if why is not None:
            return Refused(reason=f"never stopped: {why}")
        if not self.still_matches(seen):
            return Refused(reason="it is not what it was taken for", gone=True)
        return None


_GONE: Final = Refused(reason="it has ended or runs another program by now", gone=True)
_ASKED: Final = "by itself when asked"


class Ending:
    """One process on its way out. Made by start(); poll() until it is no longer Running, then close()."""

    def __init__(
        self, machine: Machine, hold: Hold, image: Image, judge: _Judge, descendants: tuple[Descendant, ...]
    ) -> None:
        self._machine = machine
        self._hold = hold
        self._image = image
        self._judge = judge
        self._descendants = descendants
        self._due = 0.0
        self._killed = False
        self._result: Ended | Failed | None = None

    @classmethod
    def start(
        cls,
        machine: Machine,
        process: Process,
        still_matches: Callable[[Process], bool],
        now: float,
        *,
        image: Image | None = None,
        tool_packages: Collection[str] = (),
        by_contents: bool = False,
    ) -> "Ending | Refused":
        """Takes hold of it, has it judged once more, and asks it to end.

        still_matches: the judgement, on the process as it is now that it cannot be exchanged any more. It is
        given the script known from before where the process has meanwhile overwritten its arguments.
        now: monotonic seconds. image: what machine.image said when the script was read, if it was kept.
        tool_packages, by_contents: see protected().
        """
        hold = machine.hold(process.pid)
        if hold is None:
            return _GONE
        if isinstance(hold, Unseen):
            return Refused(reason=f"it cannot be taken hold of: {hold.reason}")
        judge = _Judge(
            machine=machine,
            before=process,
            still_matches=still_matches,
            packages=tool_packages,
            by_contents=by_contents,
        )
        try:
            started = cls._started(hold, judge, now, image)
        except BaseException:
            hold.close()
            raise
        if isinstance(started, Refused):
            hold.close()
        return started

    @classmethod
    def _started(cls, hold: Hold, judge: _Judge, now: float, image: Image | None) -> "Ending | Refused":
        seen = hold.image()
        if seen is None or image not in (None, seen):
            return _GONE
        refused = judge.refuses(hold.pid)
        if refused is not None:
            return refused
        ending = cls(judge.machine, hold, seen, judge, _held_descendants(judge.machine, hold.pid))
        refused = ending._ask(now)
        if refused is None:
            return ending
        ending.close()
        return refused

    def _ask(self, now: float) -> Refused | None:
        if self._hold.image() != self._image:
            return _GONE
        try:
            self._hold.terminate()
        except ProcessLookupError:
            self._result = Ended(how=_ASKED)
        except OSError as error:
            return Refused(reason=f"it may not be ended: {error.strerror or error}".lower())
        logger.info("asked to end pid=%s", self._hold.pid)
        self._due = now + TERM_S
        return None

    @property
    def pid(self) -> int:
        return self._hold.pid

    def fileno(self) -> int | None:
        """A descriptor that becomes readable when the process ends; None where there is none."""
        return self._hold.fileno()

    def poll(self, now: float) -> Running | Ended | Failed:
        if self._result is not None:
            return self._result
        if self._hold.ended():
            self._result = Ended(how="killed" if self._killed else _ASKED)
        elif now >= self._due:
            self._overdue(now)
        return self._result or Running(due=self._due)

    def survivors(self) -> tuple[Process, ...]:
        """What the process had started and still runs: to be judged each by itself, never by its parent."""
        found = []
        for descendant in self._descendants:
            if descendant.hold.ended():
                continue
            seen = self._machine.process(descendant.pid)
            if isinstance(seen, Process) and not descendant.hold.ended():
                found.append(seen)
        return tuple(found)

    def close(self) -> None:
        self._hold.close()
        for descendant in self._descendants:
            descendant.hold.close()
        self._descendants = ()

    def _overdue(self, now: float) -> None:
        if self._killed:
            self._result = Failed(reason="it did not end when killed: it waits in the kernel")
            return
        # A program that executes itself anew when it is asked to end is judged anew.
        image = self._hold.image()
        changed = image != self._image
        refused = self._judge.refuses(self.pid) if changed else None
        if image is None or refused or self._hold.image() != image:
            ended = self._hold.ended()
            self._result = Ended(how=_ASKED) if ended else Failed(reason="it runs another program by now")
            return
        try:
            self._hold.kill()
        except ProcessLookupError:
            self._result = Ended(how=_ASKED)
        except OSError as error:
            self._result = Failed(reason=f"it may not be killed: {error.strerror or error}".lower())
        else:
            logger.info("killed pid=%s", self.pid)
            self._killed = True
            self._due = now + KILL_S


def as_known_before(seen: Process, before: Process) -> Process:
    """With the script known from before, where it has overwritten its arguments with a title since."""
    if seen.script is None and seen.module is None and seen.exe == before.exe:
        return msgspec.structs.replace(seen, script=before.script, module=before.module)
    return seen


def _held_descendants(machine: Machine, pid: int) -> tuple[Descendant, ...]:
    """Taken hold of before anything ends: later they hang below pid 1 and nobody knows whose they were."""
    found = []
    for child in machine.descendants(pid)[:_MAX_DESCENDANTS]:
        hold = machine.hold(child)
        if hold is not None and not isinstance(hold, Unseen):
            found.append(Descendant(pid=child, hold=hold))
    return tuple(found)
