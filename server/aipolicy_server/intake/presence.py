"""When devices were last heard of: collected in memory, written for all of them together every few seconds.

A heartbeat must not cost a write of its own: at 200,000 devices they are the server's main load. A crash
loses the last few seconds of it, which the next check-in repairs.
"""

import asyncio
import logging

import msgspec

from aipolicy.core.wire import CheckIn
from aipolicy_server.store import devices
from aipolicy_server.store.devices import Seen
from aipolicy_server.store.store import Store, Unavailable

logger = logging.getLogger(__name__)


class Presence:
    """Collects signs of life; `run` writes them until it is cancelled."""

    def __init__(self, store: Store, every_s: float) -> None:
        self._store = store
        self._every_s = every_s
        self._seen: dict[str, Seen] = {}

    def batch(self, device: str, now_us: int) -> None:
        """A batch came from the device."""
        self._note(device, Seen(last_seen=now_us))

    def check_in(self, device: str, request: CheckIn, now_us: int) -> None:
        """A check-in came from the device."""
        seen = Seen(
            last_seen=now_us,
            host=request.host,
            policy=request.policy,
            mode=request.mode,
            catalog=request.catalog,
            process_events=request.process_events,
            pending=request.pending,
            published=request.published,
            refused=request.refused,
            refused_why=request.refused_why,
            ceiling=request.ceiling,
            scanned=request.scanned,
            tags=None if request.tags is None else msgspec.json.encode(request.tags).decode(),
        )
        self._note(device, seen)

    def _note(self, device: str, seen: Seen) -> None:
        before = self._seen.get(device)
        if seen.host is None and before is not None:  # keep what the last check-in said
            seen = msgspec.structs.replace(before, last_seen=seen.last_seen)
        self._seen[device] = seen

    async def run(self) -> None:
        """Writes every few seconds."""
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.flush()
            except Exception:  # the loop goes on, whatever one round met
                logger.exception("last-seen times not written")

    async def flush(self) -> None:
        """Writes what was collected; what could not be written is kept for the next time."""
        if not self._seen:
            return
        seen, self._seen = self._seen, {}
        try:
            await self._store.write(lambda connection: devices.note_seen(connection, list(seen.items())))
        except Unavailable as error:
            logger.warning("last-seen times not written, kept: devices=%d reason=%s", len(seen), error)
            newer, self._seen = self._seen, seen
            for device, one in newer.items():
                self._note(device, one)
