"""A browser that is signed in, as the route tests use it."""

import httpx
from starlette.testclient import TestClient

from server.console.markup import Markup


class Reader:
    """Gets addresses and reads what comes back."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, address: str, **headers: str) -> httpx.Response:
        answer: httpx.Response = self.client.get(
            address, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        return answer

    def page(self, address: str, status: int = 200) -> Markup:
        response = self.get(address)
        assert response.status_code == status, response.text
        return Markup(response.text)
