"""Looks now and then whether the canary wave of the newest policy bears it, and holds it where not."""

import asyncio
import logging
from functools import partial
from typing import Final

from sqlalchemy import Connection

from aipolicy.core.publishing import Step
from aipolicy_server.clock import Clock, to_us
from aipolicy_server.store import rollouts
from aipolicy_server.store.rollouts import Doubt
from aipolicy_server.store.store import Store, Unavailable

logger = logging.getLogger(__name__)

BY: Final = "the server"
EVERY_S: Final = 60.0


class CanaryWatch:
    """Several nodes may look: a policy that is held already is not held again."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look()
            except Unavailable as error:
                logger.warning("the canary wave was not looked at: %s", error)
            except Exception:  # the loop goes on, whatever one round met
                logger.exception("the canary wave was not looked at")

    async def look(self) -> Doubt | None:
        """What speaks against the newest policy, which is then held."""
        now = self._clock()
        found = await asyncio.to_thread(self._doubt)
        if found is None:
            return None
        if await self._store.write(partial(_hold, found=found, now_us=to_us(now))):
            logger.warning("policy held number=%d reason=%s", found.number, found.reason)
        return found

    def _doubt(self) -> Doubt | None:
        with self._store.reading() as connection:
            return rollouts.doubt(connection, self._clock())


def _hold(connection: Connection, found: Doubt, now_us: int) -> bool:
    return rollouts.go_on(connection, found.number, Step.HELD, found.reason, BY, now_us)
