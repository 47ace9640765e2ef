"""When each tool was first seen here under an entry of the policy that has a grace: from then on it counts.

It outlives the tool's removal and the entry's, so that a grace does not begin anew with the next installation
or after a policy was taken back; the server hands it back where the state folder was lost. A file of its own:
the guard's classifier and root's commands read it, too.
"""

import contextlib
import logging
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from aipolicy.core.first_sights import FirstSight, believable, newest, well_formed
from aipolicy.core.model import Record
from aipolicy.state import files
from aipolicy.state.files import read_small, write_safely

logger = logging.getLogger(__name__)

SIGHTS_FILE: Final = "sights.json"
MOST: Final = 20_000
"""Sights remembered; then the oldest are forgotten, and their grace would begin anew."""
_MOST_BYTES: Final = 16_000_000

ByTool = dict[str, dict[str, datetime]]


class _Kept(Record, frozen=True, kw_only=True):
    """The file. sights: by tool and by the entry's id, when it was first seen."""

    schema: str = "aipolicy.sights/1"
    sights: ByTool


class Sights:
    """The daemon's own, shared by its threads; the only one that writes the file."""

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self._path = folder / SIGHTS_FILE
        self._most = most
        self._lock = threading.Lock()
        self._by_tool = read(folder)
        self._unwritten = False
        self.changes = 0
        """How often something was noted."""
        self.handed_back = 0
        """How often an earlier one came from the server."""

    def of(self, tool: str) -> Mapping[str, datetime]:
        """When this tool was first seen, by the entry's id."""
        with self._lock:
            return dict(self._by_tool.get(tool, {}))

    def all(self) -> ByTool:
        """Every one, as they are now."""
        with self._lock:
            return {tool: dict(of) for tool, of in self._by_tool.items()}

    def note(self, tool: str, entry: str, now: datetime) -> None:
        """It is seen `now`; remembered the first time, and where the clock was ahead the last time."""
        at = now.replace(microsecond=0)
        with self._lock:
            of_tool = self._by_tool.setdefault(tool, {})
            if entry in of_tool and of_tool[entry] <= at:
                return
            of_tool[entry] = at
            self._forget_oldest()
            self.changes += 1
            self._unwritten = True
        self.flush()

    def told(self) -> tuple[FirstSight, ...]:
        """Those that the server is told."""
        with self._lock:
            every = [(t, entry, at) for t, of in self._by_tool.items() for entry, at in of.items()]
        sights = (FirstSight(tool=tool, entry=entry, at=at) for tool, entry, at in every)
        return newest(filter(well_formed, sights))

    def take_back(self, sights: Iterable[FirstSight], now: datetime) -> int:
        """Take over from the server what is earlier than here, or not here; how many.

        Only ever earlier ones, so that no answer lengthens a grace; nothing that is not believable; and none
        for which another one would have to be forgotten.
        """
        taken = 0
        with self._lock:
            room = self._most - sum(map(len, self._by_tool.values()))
            for sight in sights:
                own = self._by_tool.get(sight.tool, {}).get(sight.entry)
                if not believable(sight, now) or (own is not None and own <= sight.at):
                    continue
                if own is None and room <= 0:
                    continue
                room -= own is None
                self._by_tool.setdefault(sight.tool, {})[sight.entry] = sight.at.replace(microsecond=0)
                taken += 1
            if taken:
                self.changes += 1
                self.handed_back += 1
                self._unwritten = True
        self.flush()
        return taken

    def flush(self) -> None:
        """Bring to disk what it did not take before: so long the guard takes it for not seen yet."""
        with self._lock:
            if not self._unwritten:
                return
            with contextlib.suppress(OSError):
                write_safely(self._path, msgspec.json.encode(_Kept(sights=self._by_tool)))
                self._unwritten = False

    def _forget_oldest(self) -> None:
        every = [(at, tool, entry) for tool, of in self._by_tool.items() for entry, at in of.items()]
        if len(every) <= self._most:
            return
        for _, tool, entry in sorted(every)[: len(every) - self._most + self._most // 10]:
            del self._by_tool[tool][entry]
        self._by_tool = {tool: of for tool, of in self._by_tool.items() if of}


def read(folder: Path) -> ByTool:
    """What is kept in a state folder; nothing where it is damaged or may not be read: then each grace begins
    now, and nobody is stopped too early.
    """
    try:
        content = read_small(folder / SIGHTS_FILE, _MOST_BYTES)
        if content is None:
            return {}
        kept = msgspec.json.decode(content, type=_Kept).sights
    except (OSError, msgspec.MsgspecError) as error:
        logger.warning("first sights not read folder=%s error=%s", folder, error)
        return {}
    aware = {tool: {e: at for e, at in of.items() if at.tzinfo is not None} for tool, of in kept.items()}
    return {tool: of for tool, of in aware.items() if of}


def stamp(folder: Path) -> tuple[int, ...]:
    """Another one after each write; empty where nothing is kept."""
    return files.stamp(folder / SIGHTS_FILE)
