"""Tells a person what was done about a tool of theirs, once per tool and hour, wherever they can be
reached.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from aipolicy.core.countdown import from_when
from aipolicy.core.model import Done, Verdict
from aipolicy.enforce.desktop import Desktop
from aipolicy.enforce.notify import RateLimit, notice_text, tell
from aipolicy.platforms.machine import Terminal


class _What(NamedTuple):
    """What is told once an hour. stage: warned, warned for the last time, or stopped."""

    tool: str
    uid: int
    stage: str


class Teller:
    """Threads share it. contact, instead: whom to ask and which tools to use, by the policy in force.

    guarded: whether new starts are refused.
    """

    def __init__(
        self,
        desktop: Desktop | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._lock = threading.Lock()
        self._notices = RateLimit()
        self._told: dict[tuple[str, int], bool] = {}
        self._desktop = desktop or Desktop()
        self._clock = clock
        self.contact = ""
        self.instead: Sequence[str] = ()
        self.guarded: Callable[[], bool] = lambda: False

    def tell(self, verdict: Verdict, terminal: Terminal | None, done: Done, now: float) -> bool:
        """Whether the person was told, now or within the last hour."""
        finding = verdict.finding
        what = _What(finding.tool, finding.owner.uid, self._stage(verdict, done))
        with self._lock:
            if self._notices.may_tell(what, now):
                self._told[what.tool, what.uid] = True
                if not self._give(what, verdict, terminal, done, now):
                    self._not_told(what)
            return self._told.get((what.tool, what.uid), False)

    def _give(self, what: _What, verdict: Verdict, terminal: Terminal | None, done: Done, now: float) -> bool:
        """On the terminal and on the desktop: who looks at the one may not see the other."""
        guarded = self.guarded()
        at = self._clock()
        text = notice_text(verdict, self.contact, now=at, instead=self.instead, done=done, guarded=guarded)
        title = f"{verdict.finding.name}: {_TITLES.get(done, 'not allowed here')}"
        if done is Done.WARNED and verdict.blocks_from is not None:
            title = f"{verdict.finding.name}: blocked {from_when(verdict.blocks_from, at)}"
        seen = terminal is not None and tell(terminal, text)
        person = what.uid if terminal is None else terminal.uid
        failed = (lambda: None) if seen else (lambda: self._not_told(what))
        return self._desktop.tell(person, title, text, now, failed) or seen

    def _stage(self, verdict: Verdict, done: Done) -> str:
        """Who was told in one stage is told all the same in the next."""
        if done is not Done.WARNED:
            return "stopped"
        left = _LAST if verdict.blocks_from is None else verdict.blocks_from - self._clock()
        return "warned" if left >= _LAST else "warned for the last time"

    def _not_told(self, what: _What) -> None:
        """It could not be: the next time is tried again."""
        self._told[what.tool, what.uid] = False
        self._notices.forget(what)

    def was_told(self, verdict: Verdict) -> bool:
        """Whether the person was told of this tool when there last was something to tell."""
        return self._told.get((verdict.finding.tool, verdict.finding.owner.uid), False)

    def poll(self, now: float) -> None:
        """Look after notices underway; now and then."""
        with self._lock:
            self._desktop.poll(now)


def in_words(told: bool, what: str = "told") -> str:
    """The sentence of an outcome's detail. what: what the person was, if so."""
    return f"the person was {what}" if told else "there was no terminal or desktop to tell the person on"


_LAST: Final = timedelta(hours=1)
"""Before its block whoever runs it is warned once more."""
_TITLES: Final = {Done.NOT_ENFORCEABLE: "save your work and close it"}
