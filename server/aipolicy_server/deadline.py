"""uvicorn's HTTP protocol with a bound on how long a request may take to arrive, head and body each.

Handlers bound the time of a body they read; before the head is complete there is no handler, and after an
early answer nobody reads. uvicorn itself waits for ever, so a thousand clients that send one byte a minute
would hold all connections.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class DeadlineProtocol(HttpToolsProtocol):
    """Closes a connection whose request does not arrive in time; body_s lets a handler say so first."""

    head_s = 10.0
    body_s = 13.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._within(self.head_s)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._within(self.head_s)

    def on_headers_complete(self) -> None:
        self._within(self.body_s)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _within(self, seconds: float) -> None:
        self._stop()
        self._deadline = self.loop.call_later(seconds, self._too_slow)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
