"""Where a path leads is found link by link, and nothing that may hang is touched on the way."""

import os
from pathlib import Path

import pytest

from aipolicy.examine import CannotLook, resolve
from aipolicy.examine.places import is_within


def nothing_is_far(_path: str) -> None:
    return None


def test_links_of_every_kind_are_resolved_as_the_system_does(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "lib" / "pkg").mkdir(parents=True)
    (home / "lib" / "pkg" / "cli.js").touch()
    (home / "bin").mkdir()
    (home / "bin" / "tool").symlink_to("../lib/pkg/cli.js")
    (home / "bin" / "again").symlink_to("./tool")
    (home / "absolute").symlink_to(home / "bin")
    (home / "up").symlink_to("absolute/../lib")
    for path in ("bin/tool", "bin/again", "absolute/again", "up/pkg/cli.js", "bin/../bin/./tool"):
        assert resolve(f"{home}/{path}", nothing_is_far) == os.path.realpath(f"{home}/{path}")
    assert resolve("/", nothing_is_far) == "/"
    assert resolve("/..", nothing_is_far) == "/"


def test_a_loop_and_a_dangling_link_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "gone").symlink_to("nothing")
    (tmp_path / "file").touch()
    for name in ("a", "b/below", "gone", "nothing", "file/below", "no\0name"):
        with pytest.raises(CannotLook) as caught:
            resolve(f"{tmp_path}/{name}", nothing_is_far)
        assert caught.value.absent


def test_a_link_onto_a_network_is_not_followed(tmp_path: Path) -> None:
    asked: list[str] = []

    def far(path: str) -> str | None:
        asked.append(path)
        return "on nfs4, which may hang" if path.startswith("/net/") else None

    (tmp_path / "tool").symlink_to("/net/server/tool")
    with pytest.raises(CannotLook) as caught:
        resolve(f"{tmp_path}/tool", far)
    assert (caught.value.place, caught.value.absent) == ("/net/server/tool", False)
    assert asked[0] == f"{tmp_path}/tool"


def test_within_means_the_folder_or_below() -> None:
    assert is_within("/home/ann/x", "/home/ann")
    assert is_within("/home/ann", "/home/ann/")
    assert not is_within("/home/anna", "/home/ann")
