"""Tells systemd's watchdog that the agent lives: not only its loop, but also the watch of processes."""

import time
from collections.abc import Callable
from typing import Final

from aipolicy.platforms.service import Service

STUCK_S: Final = 120.0
"""How long the process watch may be without progress before systemd is no longer told that all is well."""


class Pulse:
    """beats: another number after each turn of the process watch. now: monotonic seconds."""

    def __init__(
        self, service: Service, beats: Callable[[], int], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._service = service
        self._beats = beats
        self._now = now
        self._last, self._moved = beats(), now()

    def tell(self) -> None:
        """Called with each turn of the loop."""
        beats, now = self._beats(), self._now()
        if beats != self._last:
            self._last, self._moved = beats, now
        if now - self._moved < STUCK_S:
            self._service.alive()
