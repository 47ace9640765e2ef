"""Desktop applications in one file or in any folder: seen once, and what is mounted is not unseen."""

import json
from pathlib import Path

from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Executable, Finding, Process, Unseen
from aipolicy.examine import examiner_for
from aipolicy.observe import look_everywhere
from aipolicy.tools import load
from appimages import ELECTRON, NEEDS_MKSQUASHFS, appimage, asar, fill, product
from host import FakeMachine
from installed import NATIVE_OTHER

CATALOG = load()
EDITOR = {"editor": ELECTRON, "resources/app/product.json": product(), "resources/app/out/main.js": b"1"}


def looked(machine: FakeMachine) -> tuple[list[Finding], list[Unseen]]:
    seen = list(look_everywhere(machine, CATALOG.wanted, examiner_for(CATALOG)))
    findings = [f for one in seen if isinstance(one, Executable | Process) for f in identify(one, CATALOG)]
    return findings, [one for one in seen if isinstance(one, Unseen)]


def said(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(f.tool, f.confidence, f.form) for f in findings]


def test_an_editor_in_a_folder_of_any_name(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    fill(Path(f"{ann.home}/apps/thing"), EDITOR | {"helper": NATIVE_OTHER + b"\0" * (2 << 20)})
    findings, unseen = looked(machine)
    assert said(findings) == [("windsurf", Confidence.CERTAIN, "application")]
    assert unseen == []
    machine.run(f"{ann.home}/apps/thing/editor", owner=ann)
    findings, _ = looked(machine)
    assert said(findings)[1:] == [("windsurf", Confidence.CERTAIN, "process")]


def test_an_application_by_the_name_in_its_archive(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    for name in ("CherryStudio", "notes"):
        archive = asar({"package.json": json.dumps({"name": name}).encode()})
        fill(Path(f"{ann.home}/apps/{name}"), {"x": ELECTRON, "resources/app.asar": archive})
    assert said(looked(machine)[0]) == [("cherry-studio", Confidence.LIKELY, "application")]


def test_another_editor_is_nothing(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    ours = {"resources/app/product.json": product("com.microsoft.VSCode")}
    fill(Path(f"{ann.home}/apps/code"), EDITOR | ours)
    # what is left of one: no program beside it, or no code
    fill(Path(f"{ann.home}/left"), {name: content for name, content in EDITOR.items() if name != "editor"})
    fill(Path(f"{ann.home}/left2"), {name: content for name, content in EDITOR.items() if "out" not in name})
    assert looked(machine) == ([], [])


@NEEDS_MKSQUASHFS
def test_what_runs_from_an_appimage_that_may_not_be_read(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    Path(f"{ann.home}/Downloads").mkdir()
    file = appimage(Path(f"{ann.home}/Downloads/Notes.AppImage"), {"AppRun": "editor"} | EDITOR)
    mounted = machine.at("/tmp/.mount_NotesAb12")
    Path(mounted).mkdir(parents=True)
    machine.far[mounted] = "on fuse.Notes.AppImage, which may hang"
    server = machine.run(file, owner=ann)
    inside = machine.run(f"{mounted}/editor", owner=ann)
    machine.served[inside.pid] = (server.pid,)
    findings, unseen = looked(machine)
    assert said(findings) == [
        ("windsurf", Confidence.CERTAIN, "AppImage"),
        ("windsurf", Confidence.CERTAIN, "process"),
        ("windsurf", Confidence.CERTAIN, "process"),
    ]
    assert {finding.path for finding in findings} == {file}
    assert unseen == []


def test_what_runs_from_any_other_folder_out_of_reach_is_unseen(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    server = machine.run(machine.file("/usr/bin/sshfs", NATIVE_OTHER), owner=ann)
    mounted = machine.at("/home/ann/far")
    Path(mounted).mkdir()
    machine.far[mounted] = "on fuse.sshfs, which may hang"
    inside = machine.run(f"{mounted}/thing", owner=ann)
    machine.served[inside.pid] = (server.pid,)
    assert {one.place for one in looked(machine)[1]} == {mounted, f"{mounted}/thing"}
