"""Tells a person what was done about a tool of theirs, once per tool and hour, wherever they can be
reached.
"""

import threading
from collections.abc import Sequence

from aipolicy.core.model import Done, Verdict
from aipolicy.enforce.desktop import Desktop
from aipolicy.enforce.notify import RateLimit, notice_text, tell
from aipolicy.platforms.machine import Terminal


class Teller:
    """Threads share it. contact, instead: whom to ask and which tools to use, by the policy in force."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notices = RateLimit()
        self._told: dict[tuple[str, int], bool] = {}
        self._desktop = Desktop()
        self.contact = ""
        self.instead: Sequence[str] = ()

    def tell(self, verdict: Verdict, terminal: Terminal | None, done: Done, now: float) -> bool:
        """Whether the person was told, now or within the last hour."""
        finding = verdict.finding
        key = (finding.tool, finding.owner.uid)
        with self._lock:
            if self._notices.may_tell(*key, now):
                text = notice_text(verdict, self.contact, instead=self.instead, done=done)
                self._told[key] = (terminal is not None and tell(terminal, text)) or self._desktop.tell(
                    finding.owner.uid, f"{finding.name}: not allowed here", text, now
                )
                if not self._told[key]:
                    self._notices.forget(*key)
            return self._told.get(key, False)

    def was_told(self, verdict: Verdict) -> bool:
        """Whether the person was told of this tool when there last was something to tell."""
        return self._told.get((verdict.finding.tool, verdict.finding.owner.uid), False)

    def poll(self, now: float) -> None:
        """Look after notices underway; now and then."""
        with self._lock:
            self._desktop.poll(now)


def in_words(told: bool) -> str:
    """The sentence of an outcome's detail."""
    return "the person was told" if told else "there was no terminal or desktop to tell the person on"
