"""A browser that is signed in, as the route tests use it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from starlette.testclient import TestClient

from aipolicy_server.app import build
from aipolicy_server.settings import Settings
from server.console.markup import Markup
from server.console.synthetic import ADMIN_TOKEN, NOW, Fleet


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


class Company(Reader):
    """A signed-in browser before a small company's devices. For tests that only read: they share it."""

    def __init__(self, client: TestClient, devices: dict[str, str]) -> None:
        super().__init__(client)
        self.devices = devices


def sign_in(client: TestClient) -> None:
    assert client.post("/sign-in", data={"token": ADMIN_TOKEN}).status_code == 303


def open_company(
    folder: Path, database: str | None, fill: Callable[[Fleet], dict[str, str]]
) -> Iterator[Company]:
    """The console over a store, filled; in that folder where no other database is given."""
    fleet = Fleet.in_folder(folder, database)
    devices = fill(fleet)
    app = build(Settings(data=str(folder)), clock=lambda: NOW, store=fleet.store)
    client = TestClient(app, follow_redirects=False, raise_server_exceptions=False)
    sign_in(client)
    yield Company(client, devices)
    fleet.store.close()
