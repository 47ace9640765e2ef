"""How a request proves who sends it. It is told the whole request, as a signature would need it."""

from collections.abc import Mapping


class Bearer:
    """The token that the server gave this device when it enrolled, or a person's."""

    def __init__(self, token: str) -> None:
        self._token = token

    def headers(self, method: str, path: str, body: bytes) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token}"}
