"""Everything that may keep this agent below its policy's mode, in one list for daemon and guard.

Another reason to do less is one more source in `sources`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from aipolicy.core.ceiling import Ceiling
from aipolicy.daemon.health import Conditions
from aipolicy.platforms.boot import boot_now
from aipolicy.state.brake import LocalBrake, ServerBrake
from aipolicy.state.starts import SafeModeNote


class Source(Protocol):
    """Says whether the agent is to do less now. Asked every second: it must be quick."""

    @property
    def part(self) -> str:
        """Its name in `status` and in events."""

    def ceiling(self) -> Ceiling | None: ...


def sources(
    state: Path, server: ServerBrake | None = None, safe_mode: Source | None = None
) -> tuple[Source, ...]:
    """Every source there is for an agent with this state folder. server: the brake that gets its orders.
    safe_mode: as the agent itself sees it.
    """
    brake = ServerBrake(state) if server is None else server
    return (LocalBrake(state, boot_now), brake, safe_mode or SafeModeNote(state))


def in_force(found: Sequence[Source]) -> tuple[Ceiling, ...]:
    """What holds at this moment."""
    return tuple(ceiling for source in found if (ceiling := source.ceiling()) is not None)


class Ceilings:
    """The daemon's view of them. Each that begins or ends is told, to `status` and to the server."""

    def __init__(self, found: Sequence[Source], conditions: Conditions, now: Callable[[], datetime]) -> None:
        self._sources = found
        self._conditions = conditions
        self._now = now
        self.current: tuple[Ceiling, ...] = ()
        self.look()

    def look(self) -> bool:
        """Ask the sources anew; whether something holds now that did not, or the other way round."""
        before, self.current = self.current, in_force(self._sources)
        for ceiling in self.current:
            said = f"Enforcement is lowered to {ceiling.mode}: {ceiling.reason}"
            self._conditions.wrong(ceiling.part, "on", said, self._now())
        for part in {source.part for source in self._sources} - {c.part for c in self.current}:
            self._conditions.well(part, "off")
        return self.current != before
