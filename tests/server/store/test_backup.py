"""The copy before a migration: whole, private, and without it no migration."""

import shutil
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from click.testing import CliRunner, Result

from aipolicy_server.cli import server
from aipolicy_server.store import backup, migrate
from aipolicy_server.store.engine import open_engine, parse_url
from postgres import Cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str | None]:
    """A data folder and the address of a database of the first form, which holds a device."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    database = None
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        database = cluster.new_database()
    engine = open_engine(parse_url(database or f"sqlite:///{data / 'server.db'}"))
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO devices"
            " (id, token_hash, hostname, os, os_version, arch, agent_version, secret, enrolled)"
            " VALUES ('d', 't', 'pc-of-old', 'linux', '12', 'x86_64', '0.1', 'first', 1)"
        )
    engine.dispose()
    return data, database


def migrated(old: tuple[Path, str | None], *options: str, **environ: str) -> Result:
    data, database = old
    where = ["--data", str(data), *(["--database", database] if database else [])]
    return CliRunner().invoke(server, ["migrate", *where, *options], env=environ)


def test_the_copy_is_whole_and_private_and_of_the_old_form(old: tuple[Path, str | None]) -> None:
    result = migrated(old)
    assert result.exit_code == 0, result.output
    (copy,) = backup.kept(str(old[0]))
    assert f"copied to {copy}" in result.output
    assert copy.stat().st_mode & 0o777 == 0o600
    if old[1] is None:
        engine = sa.create_engine(f"sqlite:///{copy}")
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT hostname FROM devices").scalar() == "pc-of-old"
            assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0001"
        engine.dispose()
        return
    program = shutil.which("pg_restore")
    assert program is not None
    text = subprocess.run(
        [program, "--file=-", str(copy)], check=True, capture_output=True, timeout=60
    ).stdout
    assert b"pc-of-old" in text


def test_what_is_up_to_date_is_not_copied(old: tuple[Path, str | None]) -> None:
    migrated(old, "--no-backup")
    assert backup.kept(str(old[0])) == ()
    assert "was up to date" in migrated(old).output
    assert backup.kept(str(old[0])) == ()


def test_without_a_copy_nothing_is_migrated(old: tuple[Path, str | None], tmp_path: Path) -> None:
    if old[1] is None:
        pytest.skip("SQLite copies itself")
    result = migrated(old, PATH=str(tmp_path))
    assert result.exit_code == 2
    assert "--no-backup" in result.output
    assert backup.kept(str(old[0])) == ()
    engine = open_engine(parse_url(old[1] or ""))
    assert migrate.outdated(engine) == "0001"
    engine.dispose()
    assert migrated(old, "--no-backup", PATH=str(tmp_path)).exit_code == 0
