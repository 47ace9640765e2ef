"""Given a file that changes in all the ways files do, then the listener is called."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.platforms.policy_watch import FileWatch, folders_of, identity

LONG_S = 20.0  # how long to wait for what comes at once; only a failing test waits


class Listener:
    """Counts calls, and lets a test wait for the next."""

    def __init__(self) -> None:
        self.calls = 0
        self._called = threading.Semaphore(0)

    def __call__(self) -> None:
        self.calls += 1
        self._called.release()

    def called(self) -> bool:
        return self._called.acquire(timeout=LONG_S)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    place = tmp_path / "etc/policy.yaml"
    place.parent.mkdir()
    place.write_text("banned: []")
    return place


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def watched(policy: Path, listener: Listener) -> Iterator[FileWatch]:
    watch = FileWatch(str(policy), listener)
    yield watch
    watch.close()


@pytest.mark.usefixtures("watched")
def test_written_in_place_replaced_removed_and_back(policy: Path, listener: Listener) -> None:
    policy.write_text("banned: [a]")
    assert listener.called()
    new = policy.with_suffix(".new")
    new.write_text("banned: [b]")
    new.replace(policy)
    assert listener.called()
    policy.unlink()
    assert listener.called()
    policy.write_text("banned: []")
    assert listener.called()


@pytest.mark.usefixtures("watched")
def test_its_whole_folder_is_replaced(policy: Path, listener: Listener) -> None:
    folder = policy.parent
    folder.rename(folder.with_name("old"))
    folder.mkdir()
    policy.write_text("banned: [c]")
    assert listener.called()


def test_a_link_swapped_two_steps_away_as_kubernetes_does(tmp_path: Path, listener: Listener) -> None:
    for number in ("1", "2"):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}/policy.yaml").write_text(number)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "policy.yaml").symlink_to("..data/policy.yaml")
    watch = FileWatch(str(tmp_path / "policy.yaml"), listener)
    try:
        (tmp_path / "..next").symlink_to("..2")
        (tmp_path / "..next").replace(tmp_path / "..data")
        assert listener.called()
    finally:
        watch.close()


def test_a_link_into_another_folder(tmp_path: Path, listener: Listener) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "repo/policy.yaml").write_text("1")
    link = tmp_path / "etc/policy.yaml"
    link.symlink_to(tmp_path / "repo/policy.yaml")
    assert set(folders_of(str(link))) == {str(tmp_path / "etc"), str(tmp_path / "repo")}
    watch = FileWatch(str(link), listener)
    try:
        (tmp_path / "repo/policy.yaml").write_text("2 2")
        assert listener.called()
    finally:
        watch.close()


def test_a_folder_that_is_not_there_yet(tmp_path: Path, listener: Listener) -> None:
    place = tmp_path / "later/policy.yaml"
    watch = FileWatch(str(place), listener, poll_s=0.05)
    try:
        place.parent.mkdir()
        place.write_text("banned: []")
        assert listener.called()
    finally:
        watch.close()


def test_a_listener_that_fails_is_called_again(policy: Path, caplog: pytest.LogCaptureFixture) -> None:
    calls = threading.Semaphore(0)

    def fails() -> None:
        calls.release()
        raise RuntimeError("no")

    watch = FileWatch(str(policy), fails)
    try:
        for text in ("a", "bb"):
            policy.write_text(text)
            assert calls.acquire(timeout=LONG_S)
    finally:
        watch.close()
    assert "the listener failed" in caplog.text


def test_a_loop_of_links_is_no_file(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    assert identity(str(loop)) is None
    assert folders_of(str(loop)) == (str(tmp_path),)
    assert identity(os.fspath(tmp_path)) is not None
