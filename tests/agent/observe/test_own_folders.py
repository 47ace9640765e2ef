"""Folders of a machine that no system has, and those in which other disks are mounted."""

from pathlib import Path

import pytest

from aipolicy.core.model import Executable, Unseen
from host import FakeMachine
from installed import NATIVE_CLAUDE, look, put

LARGE = NATIVE_CLAUDE.ljust(2 << 20, b"\0")


@pytest.mark.parametrize(
    "place", ["data/ann/notes", "workspace/x/notes", "mnt/disk/notes", "var/opt/x/notes"]
)
def test_a_program_in_them(place: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    path = put(tmp_path / place, LARGE)
    assert [found.path for found in look(machine) if isinstance(found, Executable)] == [path]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("3n5vgy2s-claude-code-2.1.197", True),
        ("3n5vgy2s-nodejs-qwen-code-0.15.10", True),
        ("3n5vgy2s-codex", True),
        ("3n5vgy2s-hello-2.12", False),
        ("codex", False),
    ],
)
@pytest.mark.parametrize("store", ["nix/store", "gnu/store"])
def test_of_a_store_what_is_called_like_a_tool_is_walked(
    store: str, name: str, found: bool, tmp_path: Path
) -> None:
    machine = FakeMachine(tmp_path)
    path = put(tmp_path / store / name / "libexec/notes", LARGE)
    assert [one.path for one in look(machine) if isinstance(one, Executable)] == [path] * found


@pytest.mark.parametrize(
    "place", ["nix/store/x/notes", "proc/x/notes", "usr/lib/x/notes", ".snapshots/7/snapshot/opt/x/notes"]
)
def test_a_store_the_systems_own_folders_and_snapshots_are_not_walked(place: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    put(tmp_path / place, LARGE)
    assert look(machine) == []


def test_on_another_system_they_are_not_looked_for(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, os="macos")
    put(tmp_path / "System/notes", LARGE)
    assert look(machine) == []


def test_a_share_in_them_is_told(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    put(tmp_path / "data/far/notes", LARGE)
    machine.far[str(tmp_path / "data/far")] = "a network mount"
    assert look(machine) == [Unseen(place=f"{tmp_path}/data/far", reason="a network mount")]
