"""A crash loop ends in safe mode: three starts that went wrong, and the fourth only reports.

A start went wrong that was neither ended in order nor proven: proven is one that has looked around once and
then lived on for a while. What it was made with is noted before it is used, so that another policy, other
tool files or another aipolicy get starts of their own, and what is to blame can be set aside.
"""

import logging
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from aipolicy.core.ceiling import Ceiling
from aipolicy.core.model import Action
from aipolicy.core.policy import NO_POLICY, version_of
from aipolicy.state.starts import (
    Moment,
    SafeMode,
    SafeModeNote,
    Start,
    Starts,
    StartsFolder,
    With,
    seconds_between,
)

logger = logging.getLogger(__name__)

START: Final = "start"
CATALOG: Final = "catalog"
POLICY: Final = "policy"
SCAN: Final = "scan"
RUNNING: Final = "running"
"""The phases: what is underway. A program that dies says no more than that."""

_IN_WORDS: Final = {
    START: "it was starting",
    CATALOG: "it read the tool files",
    POLICY: "it read the policy or put it in force",
    SCAN: "it looked around for the first time",
    RUNNING: "it ran",
}
MOST_UNCLEAN: Final = 3
WITHIN_S: Final = 600.0
LASTS_S: Final = 86_400.0


def count(before: Starts | None, tried: With, now: Moment) -> Starts:
    """What is noted at a start: the marker that is still there is one more start that went wrong."""
    proven = before.proven if before else None
    unclean: tuple[Start, ...] = ()
    if before is not None and before.tried == tried:
        unclean = (*before.unclean, *([before.running] if before.running else []))
        unclean = tuple(start for start in unclean if seconds_between(start.at, now) <= WITHIN_S)
    return Starts(
        tried=tried,
        running=Start(phase=START, at=now),
        unclean=unclean[-MOST_UNCLEAN:],
        proven=proven,
    )


def blamed(starts: Starts) -> tuple[bool, bool]:
    """Whether the policy, and whether IT's own tool files, are to be set aside.

    Whose phase it was is to blame. In any other phase, what no agent has run well with yet.
    """
    phase, tried, proven = starts.unclean[-1].phase, starts.tried, starts.proven
    if phase in (CATALOG, POLICY):
        return phase == POLICY, phase == CATALOG
    new_policy = proven is None or proven.policy != tried.policy
    new_tools = proven is None or proven.tools != tried.tools
    return bool(tried.policy) and new_policy, bool(tried.tools) and new_tools


class Life:
    """This start: its marker and its safe mode. One thread uses it; it never raises.

    accepted: the policy version that an administrator accepted last, and what the note of it looks like.
    allowed: whether there is safe mode at all. It is a source of daemon/ceilings.py.
    """

    def __init__(
        self,
        folder: StartsFolder,
        tried: With,
        now: Callable[[], Moment],
        accepted: Callable[[], tuple[str, tuple[int, ...]]],
        *,
        allowed: bool = True,
    ) -> None:
        self._folder = folder
        self._now = now
        self._accepted = accepted
        self._allowed = allowed
        self._made_with = tried
        moment = now()
        self._starts = count(folder.starts(), tried, moment)
        self.safe = folder.safe_mode()
        # A policy counts once it is read: a wrong one would bring back the one that is set aside.
        if (why := self.over("")) is not None:
            self.leave(why)
        elif allowed and len(self._starts.unclean) >= MOST_UNCLEAN:
            self._enter(moment)
        else:
            if self.safe is None:  # a file that cannot be read would hold back the guard all the same
                folder.end_safe_mode()
            folder.keep(self._starts)

    def phase(self, phase: str) -> None:
        """From here on a crash is said to have come in this phase; nothing once the start is proven."""
        running = self._starts.running
        if running is not None and running.phase != phase:
            self._note(replace(self._starts, running=Start(phase=phase, at=self._now())))

    def trying(self, policy: str) -> None:
        """A policy is about to be read; with another one the starts count anew."""
        tried = replace(self._starts.tried, policy=policy)
        unclean = self._starts.unclean if tried == self._starts.tried else ()
        running = Start(phase=POLICY, at=self._now())
        self._note(replace(self._starts, tried=tried, running=running, unclean=unclean))

    def quiet_s(self) -> float | None:
        """How long it has been in its phase; None once it is proven."""
        running = self._starts.running
        return None if running is None else seconds_between(running.at, self._now())

    def well(self, policy: str) -> None:
        """It is proven, with this policy. Safe mode proves nothing but that it may go on."""
        starts = replace(self._starts, running=None, unclean=())
        if self.safe is None:
            proven = replace(starts.tried, policy=policy)
            starts = replace(starts, proven=proven)
        self._note(starts)

    def ended(self) -> None:
        """It was told to end, and ends in order."""
        if self._starts.running is not None:
            self._note(replace(self._starts, running=None))

    # --- safe mode ---------------------------------------------------------------------------------------

    def over(self, policy: str) -> str | None:
        """Why safe mode is over, None where there is none or it goes on.

        policy: the SHA-256 of the one that there is now, empty where there is nothing new to say of it.
        """
        if self.safe is None:
            return None
        if not self._allowed:
            return "it is switched off"
        before, (version, stamp) = self.safe.tried, self._accepted()
        if self._made_with.version != before.version:
            return f"aipolicy is {self._made_with.version} now"
        if policy not in ("", before.policy):
            return f"there is another policy, version {policy[:12]}"
        if self._made_with.tools != before.tools:
            return "your own tool files are others now"
        if stamp != self.safe.accepted and version == self.accepts:
            return f"the policy version {version} was accepted"
        if seconds_between(self.safe.since, self._now()) >= LASTS_S:
            return "24 hours are over"
        return None

    @property
    def accepts(self) -> str:
        """The version that `aipolicy policy accept` takes to end safe mode."""
        return (self.safe.tried.policy[:12] or version_of(NO_POLICY)) if self.safe else ""

    def leave(self, why: str) -> None:
        """Everything is tried again: three more starts."""
        logger.info("safe mode ends why=%s", why)
        self.safe = None
        self._folder.end_safe_mode()
        running = Start(phase=START, at=self._now())
        self._note(replace(self._starts, running=running, unclean=()))

    @property
    def part(self) -> str:
        return SafeModeNote.PART

    def ceiling(self) -> Ceiling | None:
        """What it lowers to, and what is to be said of it."""
        safe = self.safe
        if safe is None:
            return None
        aside = [
            *([f"the policy version {safe.tried.policy[:12]}"] if safe.policy and safe.tried.policy else []),
            *(["your own tool files"] if safe.tools else []),
        ]
        said = f"{MOST_UNCLEAN} starts within ten minutes went wrong, the last one while "
        said += _IN_WORDS.get(safe.phase, safe.phase)
        said += f"; {' and '.join(aside)} set aside" if aside else ""
        said += ". The agent's log may say why. It ends with another policy, other tool files or another "
        said += f"aipolicy, after 24 hours, or by: aipolicy policy accept {self.accepts}"
        return Ceiling(part=self.part, mode=Action.REPORT, reason=said)

    def _enter(self, now: Moment) -> None:
        policy, tools = blamed(self._starts)
        if self.safe is not None:  # even that went wrong: what may be to blame is left out altogether
            policy, tools = bool(self._starts.tried.policy), bool(self._starts.tried.tools)
        self.safe = SafeMode(
            since=now if self.safe is None else self.safe.since,
            tried=self._starts.tried,
            phase=self._starts.unclean[-1].phase,
            policy=policy,
            tools=tools,
            accepted=self._accepted()[1],
        )
        self._folder.keep(self.safe)
        self._note(replace(self._starts, unclean=()))
        logger.error("safe mode begins phase=%s policy=%s tools=%s", self.safe.phase, policy, tools)

    def _note(self, starts: Starts) -> None:
        self._starts = starts
        self._folder.keep(starts)
