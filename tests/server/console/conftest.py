"""The console over a store of its own, empty or filled, with somebody signed in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from aipolicy_server.app import build
from aipolicy_server.settings import Settings
from databases import KINDS, database_of
from server.console.browser import Site, chromium, open_site
from server.console.company import fill
from server.console.reader import Company, Reader, open_company, sign_in
from server.console.synthetic import NOW, Fleet


@pytest.fixture
def fleet(tmp_path: Path, database: str | None) -> Iterator[Fleet]:
    fleet = Fleet.in_folder(tmp_path, database)
    yield fleet
    fleet.store.close()


@pytest.fixture
def app(fleet: Fleet, tmp_path: Path) -> FastAPI:
    return build(Settings(data=str(tmp_path)), clock=lambda: NOW, store=fleet.store)


@pytest.fixture
def stranger(app: FastAPI) -> TestClient:
    """A browser that is not signed in, and that shows redirects instead of following them."""
    return TestClient(app, follow_redirects=False, raise_server_exceptions=False)


@pytest.fixture
def reader(stranger: TestClient) -> Reader:
    sign_in(stranger)
    return Reader(stranger)


@pytest.fixture(scope="session", params=KINDS)
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    yield from open_company(tmp_path_factory.mktemp("company"), database_of(request), fill)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from open_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from open_site(tmp_path_factory.mktemp("hostile"), hostile=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found
