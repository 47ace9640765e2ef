"""Snaps, in the layout that snapd mounts: NAME/REVISION and `current`, with meta/snap.yaml."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aipolicy.core.model import Package, Unseen
from host import FakeMachine
from hostile import fifo, link_to_itself, two_gigabytes
from installed import NATIVE_CLAUDE, NATIVE_OTHER, described, look

SNAP_YAML = b"""name: ollama
version: 'v0.5.7'
summary: x
apps:
  ollama:
    command: bin/ollama
  listener:
    command: "bin/listener serve"
    daemon: simple
"""
WANTED = {"ollama"}


def install(machine: FakeMachine, outer: str = "/snap", program: bytes = NATIVE_OTHER) -> Path:
    folder = Path(machine.at(f"{outer}/ollama/73"))
    machine.file(f"{folder}/bin/ollama", program)
    machine.file(f"{folder}/meta/snap.yaml", SNAP_YAML, 0o644)
    (folder.parent / "current").symlink_to("73")
    return folder


@pytest.mark.parametrize("outer", ["/snap", "/var/lib/snapd/snap"])
def test_an_installed_snap_and_its_end(outer: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    folder = install(machine, outer)
    (package,) = [seen for seen in look(machine, snap=WANTED) if isinstance(seen, Package)]
    assert (package.package.path, package.form, package.has_code) == (str(folder), "snap", True)
    assert described([package]) == {f"snap: ollama v0.5.7 of {machine.owner(folder.stat().st_uid).name}"}
    assert look(machine) == [], "only what is wanted"
    (folder.parent / "current").unlink()
    assert look(machine, snap=WANTED) == []


def test_a_snap_without_its_program_says_so(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    (install(machine) / "bin" / "ollama").unlink()
    assert [seen.has_code for seen in look(machine, snap=WANTED) if isinstance(seen, Package)] == [False]


def test_a_tool_in_a_snap_of_any_name(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    folder = install(machine, program=NATIVE_CLAUDE)
    assert described(look(machine)) == {f"program {folder}/bin/ollama of root: 2.1.7"}


def test_two_names_of_one_folder_are_one(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    install(machine, "/var/lib/snapd/snap")
    Path(machine.at("/snap")).symlink_to("var/lib/snapd/snap")
    assert len(look(machine, snap=WANTED)) == 1


@pytest.mark.parametrize("make", [fifo, link_to_itself, two_gigabytes])
def test_a_hostile_description_hides_no_other_snap(make: Callable[[Path], None], tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    install(machine)
    bad = Path(machine.at("/snap/bad/1/meta"))
    bad.mkdir(parents=True)
    make(bad / "snap.yaml")
    Path(machine.at("/snap/bad/current")).symlink_to("1")
    Path(machine.at("/snap/loop")).mkdir()
    link_to_itself(Path(machine.at("/snap/loop/current")))
    seen = look(machine, snap=WANTED)
    assert len([found for found in seen if isinstance(found, Package)]) == 1
    assert {found.place for found in seen if isinstance(found, Unseen)} <= {f"{bad}/snap.yaml"}


def test_a_command_that_leads_out_of_the_snap_is_none(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    folder = install(machine)
    (folder / "bin" / "ollama").unlink()
    (folder / "bin" / "ollama").symlink_to(machine.file("/var/x/thing", NATIVE_CLAUDE))
    seen = look(machine, snap=WANTED)
    assert [found.has_code for found in seen if isinstance(found, Package)] == [False]
    assert len(seen) == 1
