"""The two emergency brakes as they lie in the state folder: the server's, until it is lifted, and root's own.

Daemon, guard and command line read them here, each by itself, so that a brake holds whichever of them runs.
"""

import contextlib
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from aipolicy.core.ceiling import Boot, Ceiling
from aipolicy.core.model import Action, Record
from aipolicy.core.published import Brake
from aipolicy.state.files import read_small, stamp, write_safely

LONGEST_S: Final = 24 * 3600.0
_LIMIT: Final = 16 * 1024

R = TypeVar("R", bound=Record)


class Pulled(Record, frozen=True, kw_only=True):
    """A brake for a time, pulled on this machine.

    boot: in which boot of the machine; after a restart it is over. until_s: seconds after that boot's start.
    by, since: who pulled it and when, for people. ends: when it ends, by the wall clock of then, for people.
    """

    boot: str
    until_s: float
    by: str
    reason: str
    since: datetime
    ends: datetime


class LocalBrake:
    """Pulled by `aipolicy brake`. No clock setting moves its end: only the time since boot counts."""

    PART: Final = "local brake"

    def __init__(self, folder: Path, boot_now: Callable[[], Boot | None]) -> None:
        self._file = _File(folder / "brake.json", Pulled)
        self._boot_now = boot_now

    @property
    def part(self) -> str:
        return self.PART

    def pull(self, pulled: Pulled) -> None:
        """In place of one that holds already. Raises OSError."""
        self._file.write(pulled)

    def lift(self) -> bool:
        """Whether one was in force. Raises OSError."""
        held = self.held() is not None
        self._file.remove()
        return held

    def held(self) -> Pulled | None:
        """The brake in force; None where none is, or its time is over."""
        pulled = self._file.read()
        if not isinstance(pulled, Pulled):
            return None
        now = self._boot_now()
        # No brake is longer than the bound, so one that claims to be is a damaged file.
        if now is None or now.id != pulled.boot or not 0 < pulled.until_s - now.seconds <= LONGEST_S:
            return None
        return pulled

    def ceiling(self) -> Ceiling | None:
        """What it lowers the agent to."""
        pulled = self.held()
        if pulled is None:
            return None
        ends = pulled.ends.strftime("%Y-%m-%d %H:%M UTC")
        said = f"pulled by {pulled.by}, ends by itself about {ends} or when this machine restarts"
        return Ceiling(part=self.PART, mode=Action.REPORT, reason=_with_reason(said, pulled.reason))


class ServerBrake:
    """Ordered by the server at a check-in. It holds over restarts until a check-in lifts it."""

    PART: Final = "server brake"

    def __init__(self, folder: Path) -> None:
        self._file = _File(folder / "brake.server.json", Brake)
        self._unwritten: Brake | None = None

    @property
    def part(self) -> str:
        return self.PART

    def order(self, brake: Brake | None) -> bool:
        """What the server says now; whether the disk has it. Obeyed here in any case."""
        try:
            if brake is None:
                self._file.remove()
            elif brake != self._file.read():
                self._file.write(brake)
        except OSError:
            self._unwritten = brake
            return False
        self._unwritten = None
        return True

    def ceiling(self) -> Ceiling | None:
        """What it lowers the agent to. An order that cannot be read any more still is one."""
        found = self._unwritten or self._file.read()
        if found is None:
            return None
        said = "pulled for every machine; its words cannot be read until the server says them again"
        if isinstance(found, Brake):
            since = found.since.strftime("%Y-%m-%d %H:%M UTC")
            said = _with_reason(f"pulled for every machine by {found.by} at {since}", found.reason)
        return Ceiling(part=self.PART, mode=Action.REPORT, reason=said)


class _Damaged:
    """There is a file, and it cannot be understood."""


class _File(Generic[R]):
    """One record in a file, read again only when the file is another one."""

    def __init__(self, path: Path, kind: type[R]) -> None:
        self._path = path
        self._kind = kind
        self._stamp: tuple[int, ...] | None = None
        self._found: R | _Damaged | None = None

    def read(self) -> R | _Damaged | None:
        now = stamp(self._path)
        if now != self._stamp:
            self._found, self._stamp = self._load() if now else None, now
        return self._found

    def write(self, record: R) -> None:
        write_safely(self._path, msgspec.json.encode(record))

    def remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    def _load(self) -> R | _Damaged | None:
        try:
            content = read_small(self._path, _LIMIT)
            return _Damaged() if content is None else msgspec.json.decode(content, type=self._kind)
        except (OSError, msgspec.MsgspecError, UnicodeError):
            return _Damaged()


def _with_reason(said: str, reason: str) -> str:
    return f"{said}: {reason}" if reason else said
