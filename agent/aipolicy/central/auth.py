"""How a request proves which device sent it. One seam: a bearer now, signatures with a device key later."""

from collections.abc import Mapping
from typing import Protocol


class Auth(Protocol):
    """Gives the headers that prove who sends a request."""

    def headers(self, method: str, path: str, body: bytes) -> Mapping[str, str]: ...


class Bearer:
    """The token that the server gave this device when it enrolled."""

    def __init__(self, token: str) -> None:
        self._token = token

    def headers(self, method: str, path: str, body: bytes) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token}"}
