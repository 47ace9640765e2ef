"""The database's form: what the migrations make is what the tables say, newer or foreign ones are refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from aipolicy_server.store import migrate
from aipolicy_server.store.engine import BadDatabase, open_engine, parse_url
from aipolicy_server.store.schema import METADATA
from aipolicy_server.store.store import Store
from postgres import Cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'server.db'}"
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        url = cluster.new_database()
    engine = open_engine(parse_url(url))
    yield engine
    engine.dispose()


def test_the_migrations_make_the_tables_of_the_schema(empty: sa.Engine) -> None:
    assert migrate.upgrade(empty) is True
    with empty.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_an_up_to_date_database_is_left_alone(empty: sa.Engine) -> None:
    migrate.upgrade(empty)
    assert migrate.upgrade(empty) is False
    migrate.check(empty)


def test_an_empty_database_is_not_current(empty: sa.Engine) -> None:
    with pytest.raises(BadDatabase, match="server migrate"):
        migrate.check(empty)


def test_a_newer_database_is_refused_and_not_touched(empty: sa.Engine) -> None:
    migrate.upgrade(empty)
    with empty.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for use in (migrate.upgrade, migrate.check):
        with pytest.raises(BadDatabase, match="newer version"):
            use(empty)


def test_a_postgresql_that_was_not_migrated_is_not_used(cluster: Cluster) -> None:
    with pytest.raises(BadDatabase, match="server migrate"):
        Store.open(cluster.new_database(), b"k" * 32)


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://h/d", "sqlite://", "sqlite:///:memory:", "oracle+x://h"]
)
def test_other_databases_are_refused_with_what_to_give(url: str) -> None:
    with pytest.raises(BadDatabase, match="postgresql"):
        parse_url(url)


def test_the_password_is_not_in_the_message() -> None:
    with pytest.raises(BadDatabase) as caught:
        parse_url("mysql://user:hunter2@host/db")
    assert "hunter2" not in str(caught.value)


def test_an_sqlite_file_is_its_owners_alone(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'server.db'}", b"k" * 32)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    store.close()
    assert set(modes) >= {"server.db", "server.db-wal"}
    assert set(modes.values()) == {0o600}


def test_an_sqlite_database_is_as_durable_as_it_can_be(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'server.db'}", b"k" * 32)
    with store.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    store.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize("what", ["folder", "link", "garbage"])
def test_an_sqlite_file_that_is_none_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "server.db"
    if what == "folder":
        path.mkdir()
    elif what == "link":
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_bytes(b"this is not a database" * 1000)
    with pytest.raises(BadDatabase, match=r"server\.db"):
        Store.open(f"sqlite:///{path}", b"k" * 32)


def test_the_token_key_is_made_once_and_shared(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'server.db'}"
    first, second = Store.open(url, b"a" * 32), Store.open(url, b"b" * 32)
    assert first.token_key == second.token_key == b"a" * 32
    first.close()
    second.close()


def test_devices_of_the_first_version_are_kept(empty: sa.Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    with empty.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO devices"
            " (id, token_hash, hostname, os, os_version, arch, agent_version, secret, enrolled)"
            " VALUES ('d', 't', 'pc', 'linux', '12', 'x86_64', '0.1', 'first', 1)"
        )
        connection.exec_driver_sql("INSERT INTO presence (device, policy, pending) VALUES (1, 'cafe', 0)")
    assert migrate.upgrade(empty) is True
    with empty.connect() as connection:
        row = connection.exec_driver_sql("SELECT policy, published, refused, ceiling FROM presence").one()
    assert tuple(row) == ("cafe", None, None, None)


def test_a_step_that_takes_longer_than_a_request_may_is_waited_for(cluster: Cluster) -> None:
    url = parse_url(cluster.new_database())
    as_superuser = sa.create_engine(url)
    with as_superuser.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql"
            " AS $$ BEGIN IF current_setting('statement_timeout') <> '0' THEN"
            " RAISE query_canceled; END IF; END $$"
        )
        connection.exec_driver_sql("CREATE EVENT TRIGGER slow ON ddl_command_start EXECUTE FUNCTION slow()")
    as_superuser.dispose()
    engine = open_engine(url)
    assert migrate.upgrade(engine) is True
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "30s", "a request's"
    engine.dispose()
