"""The kinds of database that the server runs on: what is about the store is tested on each."""

import pytest

from postgres import Cluster

KINDS = ("sqlite", "postgresql")


def database_of(request: pytest.FixtureRequest) -> str | None:
    """For a fixture whose parameter is one of KINDS: the address of a database that has our tables.

    None is SQLite, in whatever folder the fixture uses.
    """
    if request.param == "sqlite":
        return None
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.new_database(request.getfixturevalue("migrated"))
