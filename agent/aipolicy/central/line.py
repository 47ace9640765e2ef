"""The sockets of one exchange in our own hand, so that a deadline can cut them from another thread.

`requests` bounds the silence between two bytes, not the whole: a reply that drips never ends.
"""

import contextlib
import socket
import ssl
import threading
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection


class Cut(OSError):
    """The exchange's time was over before this connection stood."""


class Line:
    """All connections that one exchange makes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._is_cut = False

    @property
    def is_cut(self) -> bool:
        return self._is_cut

    def hold(self, connected: socket.socket) -> None:
        """Keep a second handle of a socket: the first one disappears into the TLS layer. Raises Cut."""
        with self._lock:
            if self._is_cut:
                raise Cut("the time for this request is over")
            self._sockets.append(connected.dup())

    def cut(self) -> None:
        """End every connection now; whoever waits on one wakes up, and no new one can be made."""
        with self._lock:
            self._is_cut = True
            for held in self._sockets:
                with contextlib.suppress(OSError):  # the other side has closed it already
                    held.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        """Close our handles."""
        with self._lock:
            for held in self._sockets:
                held.close()
            self._sockets.clear()


class LineAdapter(HTTPAdapter):
    """A `requests` adapter whose connections are held by a Line and checked against one TLS context only."""

    def __init__(self, line: Line, context: ssl.SSLContext) -> None:
        self._line = line
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **kwargs)
        _use(self.poolmanager, self._line)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(
            proxy, ssl_context=self._context, proxy_ssl_context=self._context, **kwargs
        )
        _use(manager, self._line)
        return manager

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context, "cert_reqs": "CERT_REQUIRED"}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing: `requests` would add certifi's authorities to the context, and so widen what we trust."""


def _use(manager: PoolManager, line: Line) -> None:
    manager.pool_classes_by_scheme = _pools(line)


def _pools(line: Line) -> dict[str, type[Any]]:
    class HeldConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            connected = super()._new_conn()
            _hold(line, connected)
            return connected

    class HeldTlsConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            connected = super()._new_conn()
            _hold(line, connected)
            return connected

    class Pool(HTTPConnectionPool):
        ConnectionCls = HeldConnection

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = HeldTlsConnection

    return {"http": Pool, "https": TlsPool}


def _hold(line: Line, connected: socket.socket) -> None:
    try:
        line.hold(connected)
    except Cut:
        connected.close()
        raise
