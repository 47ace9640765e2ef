"""A database per test: what is about the store runs on SQLite and, where it is installed, on PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy_server.store import migrate
from aipolicy_server.store.engine import open_engine, parse_url
from databases import KINDS, database_of
from postgres import Cluster, why_not
from server_lab import Lab


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Cluster.start() as started:
        yield started


@pytest.fixture(scope="session")
def migrated(cluster: Cluster) -> str:
    """The name of a PostgreSQL database that has our tables: to copy, which is quicker than to migrate."""
    engine = open_engine(parse_url(cluster.new_database()))
    migrate.upgrade(engine)
    engine.dispose()
    return str(engine.url.database)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database that has our tables, to copy."""
    path = tmp_path_factory.mktemp("migrated") / "server.db"
    engine = open_engine(parse_url(f"sqlite:///{path}"))
    migrate.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def data(tmp_path: Path, migrated_file: Path) -> Path:
    """A server's data folder with an empty database."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copy(migrated_file, folder)
    return folder


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> str | None:
    """The address of a database of each kind, with our tables; None is SQLite in the data folder."""
    return database_of(request)


@pytest.fixture
def lab(data: Path, database: str | None) -> Iterator[Lab]:
    """An application on each kind of database."""
    with Lab.open(data, database) as opened:
        yield opened


@pytest.fixture
def sqlite_lab(data: Path) -> Iterator[Lab]:
    """An application on SQLite: for what has nothing to do with the kind of database."""
    with Lab.open(data) as opened:
        yield opened
