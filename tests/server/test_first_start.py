"""The first start: what it makes, that later starts find it, and which folders it refuses."""

import os
from pathlib import Path

import pytest

from aipolicy_server.app import open_store
from aipolicy_server.first_start import BadDataFolder, prepare_folder
from aipolicy_server.settings import Settings
from server_lab import FakeClock, Lab


def start(folder: Path, database: str | None = None) -> tuple[str, str]:
    settings = Settings(data=str(folder), database=database)
    open_store(settings, FakeClock()).close()
    return settings.admin_token_file.read_text(), settings.enrolment_secret_file.read_text()


def test_tokens_are_made_once_and_are_their_owners_alone(data: Path, database: str | None) -> None:
    assert start(data, database) == start(data, database)
    for name in ("admin-token", "enrolment-secret", "server.db"):
        assert (data / name).stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in data.iterdir() if p.name[0] == ".") == []


def test_a_new_data_folder_is_closed_to_others(tmp_path: Path) -> None:
    start(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_deleting_the_admin_tokens_file_changes_the_token(data: Path, database: str | None) -> None:
    with Lab.open(data, database) as lab:
        old = lab.admin_token
        session = lab.http.get("/", params={"token": old}).cookies["aipolicy_session"]
    (data / "admin-token").unlink()
    with Lab.open(data, database) as lab:
        assert lab.admin_token != old
        for headers in ({"authorization": f"Bearer {old}"}, {"cookie": f"aipolicy_session={session}"}):
            assert lab.http.get("/api/v1/overview", headers=headers).status_code == 401
        assert lab.get("/overview")["devices"] == 0


def test_a_lost_database_takes_the_tokens_of_the_files(data: Path) -> None:
    kept = start(data)
    for path in data.glob("server.db*"):
        path.unlink()
    with Lab.open(data) as lab:
        assert (lab.admin_token, lab.secret) == tuple(text.strip() for text in kept)
        lab.enrol()
        lab.get("/overview")


def test_a_deleted_enrolment_secret_does_not_come_back(data: Path, database: str | None) -> None:
    start(data, database)
    (data / "enrolment-secret").unlink()
    open_store(Settings(data=str(data), database=database), FakeClock()).close()
    assert not (data / "enrolment-secret").exists()


@pytest.mark.parametrize("name", ["admin-token", "enrolment-secret"])
def test_a_token_file_that_others_may_read_is_refused(data: Path, name: str) -> None:
    (data / name).write_text("aipa_" + "x" * 43)
    (data / name).chmod(0o644)
    with pytest.raises(BadDataFolder, match="others may read"):
        start(data)


def test_an_empty_token_file_is_refused(data: Path) -> None:
    (data / "admin-token").touch(0o600)
    with pytest.raises(BadDataFolder, match="no token"):
        start(data)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(BadDataFolder, match="chmod go-w"):
        prepare_folder(str(tmp_path))


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(BadDataFolder, match="--data"):
            prepare_folder(str(path))


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere: needs another account"
)
def test_a_folder_that_one_may_not_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BadDataFolder, match="may not write"):
        prepare_folder(str(tmp_path))
