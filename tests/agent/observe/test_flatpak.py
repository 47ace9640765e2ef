"""Flatpak applications, in the layout that flatpak documents: app/ID/ARCH/BRANCH/COMMIT and `active`."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aipolicy.core.model import Package, Unseen
from aipolicy.observe import install_roots, walk_everywhere
from host import FakeMachine
from hostile import fifo, link_to_itself, two_gigabytes
from installed import NATIVE_CLAUDE, NATIVE_OTHER, described, examiner, look, wanted

METADATA = b"""[Application]
name=dev.zed.Zed
runtime=org.freedesktop.Platform/x86_64/24.08
command=zed-wrapper

[Context]
command=none
"""
METAINFO = b"""<component><releases>
<release date="2026-10-01" version="0.190.6"/><release version="0.190.5"/></releases></component>"""
WANTED = {"dev.zed.Zed"}


def install(machine: FakeMachine, top: str = "/var/lib/flatpak/app", program: bytes = NATIVE_OTHER) -> Path:
    branch = Path(machine.at(top) if top.startswith("/var/lib") else top) / "dev.zed.Zed/x86_64/stable"
    folder = branch / ("0" * 64)
    machine.file(f"{folder}/files/bin/zed-wrapper", program)
    machine.file(f"{folder}/files/share/metainfo/dev.zed.Zed.metainfo.xml", METAINFO, 0o644)
    machine.file(f"{folder}/metadata", METADATA, 0o644)
    (branch / "active").symlink_to(folder.name)
    (branch.parent.parent / "current").symlink_to("x86_64/stable")
    return folder


def test_the_machines_and_its_end(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    folder = install(machine)
    assert described(look(machine, flatpak=WANTED)) == {"flatpak: dev.zed.Zed 0.190.6 of root"}
    assert look(machine) == [], "only what is wanted"
    shutil.rmtree(folder)
    assert look(machine, flatpak=WANTED) == []


def test_a_persons_own(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    folder = install(machine, f"{ann.home}/.local/share/flatpak/app")
    assert described(look(machine, flatpak=WANTED)) == {"flatpak: dev.zed.Zed 0.190.6 of ann"}
    (folder / "files" / "bin" / "zed-wrapper").unlink()
    assert described(look(machine, flatpak=WANTED)) == {"flatpak: dev.zed.Zed 0.190.6 of ann without code"}
    assert f"{ann.home}/.local/share/flatpak/app" in install_roots(
        walk_everywhere(machine, wanted(), examiner())[0]
    )


def test_a_tool_in_an_application_of_any_id(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    folder = install(machine, program=NATIVE_CLAUDE)
    assert described(look(machine)) == {f"program {folder}/files/bin/zed-wrapper of root: 2.1.7"}


@pytest.mark.parametrize("make", [fifo, link_to_itself, two_gigabytes])
def test_hostile_metadata_hides_no_other_application(make: Callable[[Path], None], tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    install(machine)
    bad = Path(machine.at("/var/lib/flatpak/app/bad/x86_64/stable/active"))
    bad.mkdir(parents=True)
    make(bad / "metadata")
    link_to_itself(bad.parent.parent / "loop")
    seen = look(machine, flatpak=WANTED)
    assert len([found for found in seen if isinstance(found, Package)]) == 1
    assert {found.place for found in seen if isinstance(found, Unseen)} <= {f"{bad}/metadata"}


@pytest.mark.parametrize("command", ["../../../../../../../../etc/x", "/usr/bin/x", ""])
def test_a_command_outside_of_the_application_is_none(command: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    folder = install(machine)
    machine.file("/etc/x", NATIVE_CLAUDE)
    (folder / "metadata").write_bytes(METADATA.replace(b"zed-wrapper", command.encode()))
    seen = look(machine, flatpak=WANTED)
    assert [found.has_code for found in seen if isinstance(found, Package)] == [False]
    assert len(seen) == 1
