"""Given a few folders, then any change in them is a hint, also in those that come later."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.platforms.watched_folders import WatchedFolders, nearest_existing

LONG_S = 20.0


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[WatchedFolders]:
    (tmp_path / "bin").mkdir()
    source = WatchedFolders(lambda path: "nfs" if "/far/" in path else None)
    source.watch((f"{tmp_path}/bin", f"{tmp_path}/.local/bin", f"{tmp_path}/far/away/bin"))
    yield source
    source.close()


def drained(source: WatchedFolders) -> None:
    while source.wait(0.3).changed:
        pass


def test_a_program_appears_is_made_executable_and_goes(watched: WatchedFolders, tmp_path: Path) -> None:
    tool = tmp_path / "bin/notes"
    tool.write_bytes(b"x")
    assert watched.wait(LONG_S).changed
    drained(watched)
    tool.chmod(0o700)
    assert watched.wait(LONG_S).changed
    drained(watched)
    tool.unlink()
    assert watched.wait(LONG_S).changed


def test_reading_and_what_happens_elsewhere_is_no_hint(watched: WatchedFolders, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("x")
    list((tmp_path / "bin").iterdir())
    assert not watched.wait(0.3).changed


def test_a_folder_that_comes_later_is_watched_from_then_on(watched: WatchedFolders, tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    assert watched.wait(LONG_S).changed
    (tmp_path / ".local/bin").mkdir()
    assert watched.wait(LONG_S).changed
    drained(watched)
    (tmp_path / ".local/bin/notes").write_bytes(b"x")
    assert watched.wait(LONG_S).changed


def test_a_folder_made_anew_is_watched_again(watched: WatchedFolders, tmp_path: Path) -> None:
    (tmp_path / "bin").rmdir()
    assert watched.wait(LONG_S).changed
    (tmp_path / "bin").mkdir()
    assert watched.wait(LONG_S).changed
    drained(watched)
    (tmp_path / "bin/notes").write_bytes(b"x")
    assert watched.wait(LONG_S).changed


def test_more_folders_than_can_be_watched_are_unseen(tmp_path: Path) -> None:
    source = WatchedFolders(lambda _path: None)
    folders = [tmp_path / str(number) for number in range(260)]
    for folder in folders:
        folder.mkdir()
    source.watch(tuple(map(str, folders)))
    assert len(source.unseen) == 4
    source.close()


def test_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)

    def near(path: str) -> tuple[str, str | None] | None:
        return nearest_existing(path, lambda where: "nfs" if where.startswith("/net/x") else None)

    assert near(str(tmp_path / "link")) == (str(tmp_path), None)
    assert near(f"{tmp_path}/a/b") == (str(tmp_path), "a")
    assert near("/net/x/bin") is None


def test_whoever_waits_returns_when_it_is_closed(tmp_path: Path) -> None:
    source = WatchedFolders(lambda _path: None)
    source.watch((str(tmp_path),))
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(source.wait(3600).changed), daemon=True)
    waiting.start()
    source.close()
    waiting.join(60)
    assert answers == [False]
    source.watch((str(tmp_path),))  # too late, and no error
