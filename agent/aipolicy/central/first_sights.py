"""Tells the server when graces began here, and takes back what it knew of this machine before."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from aipolicy.central.auth import Bearer
from aipolicy.central.http import Client, Failure
from aipolicy.core.first_sights import (
    FIRST_SIGHTS_PATH,
    MOST_TOLD,
    FirstSights,
    KnownSights,
    digest,
    machine_name,
)
from aipolicy.state.sights import Sights

logger = logging.getLogger(__name__)

_MOST_BYTES: Final = 1_000_000
"""2,000 first sights of tools with long ids are 500 KB."""


class SightsExchange:
    """Follows what check-ins ask for. One thread calls it; `sights` is shared with others."""

    def __init__(
        self,
        client: Client,
        sights: Sights,
        installation: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        """installation: see platforms.machine.Machine."""
        self._client = client
        self._sights = sights
        self._installation = installation
        self._clock = clock

    def digest(self) -> str:
        """Of what the server is to know."""
        return digest(self._sights.told())

    def run_once(self, token: str) -> str:
        """Tell all and take back what is earlier; why that could not be done now, or empty."""
        told = FirstSights(machine=machine_name(self._installation()), sights=self._sights.told())
        body = msgspec.json.encode(told)
        headers = Bearer(token).headers("POST", FIRST_SIGHTS_PATH, body)
        answer = self._client.post(FIRST_SIGHTS_PATH, body, headers, most_bytes=_MOST_BYTES)
        if isinstance(answer, Failure):
            return f"first sights could not be told: {answer.reason}"
        if answer.status != 200:
            return f"first sights could not be told: {answer.said()}"
        known = _known(answer.body)
        if known is None:
            logger.warning("the server's first sights are not taken: they cannot be read or are too many")
            return ""
        taken = self._sights.take_back(known.sights, self._clock())
        if taken:
            logger.info("graces go on that the server knew of first_sights=%d", taken)
        return ""


def _known(body: bytes) -> KnownSights | None:
    try:
        known = msgspec.json.decode(body, type=KnownSights)
    except msgspec.MsgspecError:
        return None
    return known if known.schema == "aipolicy.known-sights/1" and len(known.sights) <= MOST_TOLD else None
