"""Retention: a job inside the server that removes what is older than it may be kept, and writes down what.

One node at a time, by a lease in the database. It goes through the intake's own writer in small steps and
rests after each as long as that took, so that what devices send is never behind more than one of them.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy import Connection

from aipolicy_server.clock import Clock, to_us
from aipolicy_server.kept_for import by_policy, in_force
from aipolicy_server.settings import Keep
from aipolicy_server.store import expiry, leases, removals
from aipolicy_server.store.expiry import Removed, Step
from aipolicy_server.store.removals import Act
from aipolicy_server.store.store import Store, Unavailable

logger = logging.getLogger(__name__)

_DAY_US: Final = 86_400_000_000
_LEASE: Final = "retention"
_LEASE_US: Final = 600_000_000
_ROWS: Final = 500
"""Removed in one transaction: some 10 ms of the writer's time."""

STEPS: Final[dict[str, Step]] = {
    "events": expiry.old_events,
    "batches": expiry.old_batches,
    "alarms": expiry.old_alarms,
    "findings": expiry.old_findings,
    "devices": expiry.old_devices,
}
"""By the setting that says how long."""


class Retention:
    """Removes what is too old; `run` does so every hour until it is cancelled."""

    def __init__(
        self,
        store: Store,
        keep: Keep,
        clock: Clock,
        every_s: float = 3600.0,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._keep = keep
        self._clock = clock
        self._every_s = every_s
        self._pause = pause
        self._holder = secrets.token_hex(16)

    async def run(self) -> None:
        """Goes on whatever one round met."""
        while True:
            # Apart from the start's own load, and not all nodes in the same second.
            await self._pause(self._every_s * random.uniform(0.02, 0.1))  # noqa: S311  # spreads load
            try:
                await self.run_once()
            except Unavailable as error:
                logger.warning("retention goes on later: %s", error)
            except Exception:
                logger.exception("retention failed, it is tried again")
            await self._pause(self._every_s)

    async def run_once(self) -> bool:
        """Removes all that is too old now. False: another node is at it. Raises Unavailable."""
        began_us = to_us(self._clock())
        policy = await self._store.read(by_policy)
        keep = in_force(self._keep, policy)
        for name, step in STEPS.items():
            days: int | None = getattr(keep, name)
            if days is None:
                continue
            before_us = began_us - days * _DAY_US
            shortened = policy is not None and days != getattr(self._keep, name)
            reason = f"retention of policy number {policy.number}" if policy and shortened else ""
            act = Act(cause=removals.RETENTION, began_us=began_us, before_us=before_us, reason=reason)
            if not await self._remove(act, step, before_us):
                return False
        return True

    async def _remove(self, act: Act, step: Step, before_us: int) -> bool:
        total: dict[str, int] = {}
        while True:
            began_s = time.monotonic()
            removed = await self._store.write(lambda connection: self._some(connection, act, step, before_us))
            if removed is None:
                return False
            if not removed:
                break
            for kind, rows in removed.items():
                total[kind] = total.get(kind, 0) + rows
            await self._pause(time.monotonic() - began_s)
        for kind, rows in total.items():
            logger.info("retention removed: kind=%s rows=%d", kind, rows)
        return True

    def _some(self, connection: Connection, act: Act, step: Step, before_us: int) -> Removed | None:
        """One step and its record, in one transaction. None: another node is at it."""
        now_us = to_us(self._clock())
        if not leases.take(connection, _LEASE, self._holder, now_us, now_us + _LEASE_US):
            return None
        removed = step(connection, before_us, _ROWS)
        for kind, rows in removed.items():
            removals.note(connection, act, kind, rows, now_us)
        return removed
