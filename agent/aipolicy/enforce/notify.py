"""Tells the person whose tool was stopped: what, why, what to use instead, whom to ask.

On the terminal it ran in (desktop.py: on the desktop), without waiting for one that nobody reads. What was
done is reported elsewhere: a notice that could not be given changes nothing.
"""

import os
from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import Final

from aipolicy.core.countdown import from_when
from aipolicy.core.model import Done, Verdict
from aipolicy.core.wire import printable
from aipolicy.platforms.linux_calls import device_at, open_flags
from aipolicy.platforms.machine import Terminal

QUIET_S: Final = 3600.0
_MAX_NAME: Final = 100
_MAX_LINE: Final = 300
_MAX_MESSAGE: Final = 1000
_MAX_LINES: Final = 12
_MAX_REMEMBERED: Final = 10_000


def notice_text(
    verdict: Verdict,
    contact: str = "",
    *,
    instead: Sequence[str] = (),
    done: Done = Done.ENDED,
    guarded: bool = False,
    now: datetime | None = None,
) -> str:
    """What to tell, in lines. The policy's own words come whole; what they leave out is added.

    Every character is printable: the text comes from a policy and names from anybody. However long one is,
    the others are there. instead: the approved tools, for people. guarded: whether new starts are refused.
    now: for a warning, which says when the block comes.
    """
    finding = verdict.finding
    said = _cut("\n".join(verdict.message.splitlines()[:_MAX_LINES]), _MAX_MESSAGE)
    name = _cut(f"{finding.name} {finding.version}" if finding.version else finding.name, _MAX_NAME)
    lines = [f"aipolicy: {name} {_DONE.get(done, _AGAINST)} (rule {verdict.reason})"]
    if done is Done.NOT_ENFORCEABLE:
        lines.append(f"Save your work and close it{_REFUSED_ANEW if guarded else _NOT_ANEW}.")
    if done is Done.WARNED and verdict.blocks_from is not None and now is not None:
        lines.append(f"It will be blocked {from_when(verdict.blocks_from, now)}.")
    lines += said.splitlines()
    if verdict.why and verdict.why not in said:
        lines.append(_cut(f"Reason: {verdict.why}", _MAX_LINE))
    if instead and not any(tool in said for tool in instead):
        lines.append(_cut(f"Use instead: {', '.join(instead)}", _MAX_LINE))
    if contact and contact not in said:
        lines.append(_cut(f"Questions: {contact}", _MAX_LINE))
    return "\n".join(map(printable, lines))


_AGAINST: Final = "is against your organisation's AI policy"
_DONE: Final = {
    Done.ENDED: "was ended by your organisation's AI policy",
    Done.DENIED: "was not started, by your organisation's AI policy",
    Done.NOT_ENFORCEABLE: "may no longer be used, by your organisation's AI policy",
}
_REFUSED_ANEW: Final = ": it will not start again"
_NOT_ANEW: Final = ", and do not start it again"


def _cut(text: str, most: int) -> str:
    """Made printable, which makes it longer, then as long as it may be."""
    text = "\n".join(map(printable, text.split("\n")))
    return text if len(text) <= most else f"{text[: most - 1]}…"


class RateLimit:
    """The same once in an hour, by a clock that is given. Bounded: a new start forgets."""

    def __init__(self, quiet_s: float = QUIET_S) -> None:
        self._quiet_s = quiet_s
        self._told_at: dict[Hashable, float] = {}

    def may_tell(self, what: Hashable, now: float) -> bool:
        """Asked and answered yes counts as told."""
        last = self._told_at.get(what)
        if last is not None and now - last < self._quiet_s:
            return False
        self._told_at.pop(what, None)
        if len(self._told_at) >= _MAX_REMEMBERED:
            del self._told_at[next(iter(self._told_at))]  # the one told longest ago
        self._told_at[what] = now
        return True

    def forget(self, what: Hashable) -> None:
        """It could not be told after all: the next time is tried again."""
        self._told_at.pop(what, None)


def tell(terminal: Terminal, text: str) -> bool:
    """Writes to the terminal unless that would mean waiting. True when all of it was written."""
    # NOCTTY: it must not become ours. NONBLOCK: one that nobody reads, or stopped by Ctrl-S, says EAGAIN.
    flags = os.O_WRONLY | open_flags("O_NOCTTY", "O_NONBLOCK", "O_CLOEXEC", "O_NOFOLLOW")
    try:
        fd = os.open(terminal.path, flags)
    except OSError:
        return False
    try:
        device = device_at(fd)
        if device is None or device.number != terminal.device or device.uid != terminal.uid:
            return False  # somebody else's by now
        lines = "".join(f"\r\n{printable(line)}" for line in text.splitlines()) + "\r\n"
        data = lines.encode("utf-8", "replace")
        return os.write(fd, data) == len(data)
    except OSError:
        return False
    finally:
        os.close(fd)
