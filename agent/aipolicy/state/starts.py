"""The agent's starts on disk: the marker of the one that is not proven yet, those before it that went wrong,
and the safe mode that follows from too many.

A crash loop must be seen by a program that always dies young, so each step is on disk before it is taken.
Whatever is wrong with the files or the disk, they count as missing: they never stop the agent.
"""

import contextlib
import logging
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec

from aipolicy.core.ceiling import Boot, Ceiling
from aipolicy.core.model import Action, Record
from aipolicy.state.files import read_small, write_safely
from aipolicy.state.safe_mode_file import SAFE_MODE, in_safe_mode

logger = logging.getLogger(__name__)

_STARTS: Final = "starts.json"
_MOST_BYTES: Final = 64_000

_UTC = Annotated[datetime, msgspec.Meta(tz=True)]


class Moment(Record, frozen=True, kw_only=True):
    """A point in time that survives a wrong wall clock. boot: None where the system has no such clock. at: by
    the wall clock, UTC.
    """

    boot: Boot | None
    at: _UTC


def seconds_between(earlier: Moment, later: Moment) -> float:
    """By the machine's own count within one boot, else by the wall clock; never less than nothing."""
    if earlier.boot is not None and later.boot is not None and earlier.boot.id == later.boot.id:
        return max(0.0, later.boot.seconds - earlier.boot.seconds)
    return max(0.0, (later.at - earlier.at).total_seconds())


class With(Record, frozen=True, kw_only=True):
    """What an agent runs with, any of which may be what breaks it.

    version: of aipolicy. policy: SHA-256 of the policy. tools: SHA-256 of IT's own tool files. Both empty
    where there is none.
    """

    version: str
    policy: str
    tools: str


class Start(Record, frozen=True, kw_only=True):
    """A start that was neither ended in order nor proven. phase: what it did last. at: when it began that."""

    phase: str
    at: Moment


class Starts(Record, frozen=True, kw_only=True):
    """tried: what the starts below were made with. running: the marker: the start of now. unclean: those
    before it that went wrong, the oldest first. proven: what an agent last ran well with.
    """

    tried: With
    running: Start | None = None
    unclean: tuple[Start, ...] = ()
    proven: With | None = None


class SafeMode(Record, frozen=True, kw_only=True):
    """since: when it began. tried: what the starts were made with that went wrong; phase: what the last of
    them did. policy, tools: whether that is set aside. accepted: what the note of an accepted policy looked
    like then, so that an old one ends nothing.
    """

    since: Moment
    tried: With
    phase: str
    policy: bool
    tools: bool
    accepted: tuple[int, ...] = ()


class SafeModeNote:
    """Safe mode as all but the agent itself see it: its note in the state folder."""

    PART: Final = "safe mode"

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    @property
    def part(self) -> str:
        return self.PART

    def ceiling(self) -> Ceiling | None:
        """What it lowers to."""
        if not in_safe_mode(self._folder):
            return None
        return Ceiling(part=self.PART, mode=Action.REPORT, reason="the agent's starts went wrong")


_Kept = TypeVar("_Kept", Starts, SafeMode)


class StartsFolder:
    """Both files in the state folder. Never raises."""

    def __init__(self, folder: Path) -> None:
        self._starts, self._safe_mode = folder / _STARTS, folder / SAFE_MODE

    def starts(self) -> Starts | None:
        return _read(self._starts, Starts)

    def safe_mode(self) -> SafeMode | None:
        return _read(self._safe_mode, SafeMode)

    def keep(self, kept: Starts | SafeMode) -> None:
        path = self._starts if isinstance(kept, Starts) else self._safe_mode
        try:
            write_safely(path, msgspec.json.encode(kept))
        except OSError as error:  # a full disk: crash loops are not seen while it lasts
            logger.warning("how the agent started could not be noted file=%s error=%s", path.name, error)

    def end_safe_mode(self) -> None:
        with contextlib.suppress(OSError):  # a read-only disk: the guard stays out of it, we do not
            self._safe_mode.unlink(missing_ok=True)


def _read(path: Path, kind: type[_Kept]) -> _Kept | None:
    try:
        content = read_small(path, _MOST_BYTES)
        return msgspec.json.decode(content, type=kind) if content else None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
