"""A copy of a tool is seen under any name and in any folder, and nobody's large files hide another's."""

import dataclasses
import itertools
import os
from pathlib import Path

import pytest

from aipolicy.core.model import Executable, Observation, Unseen
from aipolicy.examine import Examiner, MemoryCache
from aipolicy.observe import look_everywhere, observe_all, walk_everywhere
from aipolicy.observe.loose import SMALLEST, TURNS, Disguises
from aipolicy.observe.walk import Bounds, walk_by_owner
from host import FakeMachine
from hostile import AS_ROOT, device, fifo, link_to_itself
from installed import MARKS, NATIVE_CLAUDE, NATIVE_OTHER, VERSIONS, examiner, extension, look, put, wanted

CLAUDE = NATIVE_CLAUDE + b"\0" * SMALLEST
OTHER = NATIVE_OTHER + b"\1" * SMALLEST


def paths(machine: FakeMachine, disguises: Disguises | None = None) -> list[str]:
    seen = look_everywhere(machine, wanted(), examiner(), disguises=disguises)
    return [found.path for found in seen if isinstance(found, Executable)]


@pytest.mark.parametrize("name", ["Notes.AppImage", "notes.pyz", "notes.pex"])
def test_an_application_in_one_file_needs_no_mode(name: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    machine.add_user("ann")
    path = machine.file(f"/home/ann/Downloads/{name}", NATIVE_CLAUDE)
    os.chmod(path, 0o644)
    assert paths(machine) == [path]


@pytest.mark.parametrize(
    "place",
    [
        "/home/ann/notes",
        "/home/ann/Downloads/report.pdf",
        "/home/ann/src/project/helper.py",
        "/home/ann/.config/x/y/z/thing",
        "/home/ann/.cache/some-tool/thing",
        "/opt/acme/thing",
        "/usr/local/lib/thing",
        "/srv/data/thing",
        "/tmp/thing",
        "/tmp/a/b/thing",
        "/var/tmp/thing",
        "/dev/shm/thing",
    ],
)
def test_a_renamed_copy_outside_of_every_folder_of_programs(place: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    machine.add_user("ann")
    path = machine.file(place, CLAUDE)
    assert paths(machine) == [path]
    os.unlink(path)
    assert paths(machine) == []


def test_bytes_appended_and_hard_links_change_nothing(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    one = put(f"{ann.home}/x/one", CLAUDE + b"padding")
    os.link(one, f"{ann.home}/x/two")
    assert set(paths(machine)) == {one, f"{ann.home}/x/two"}


def test_other_large_programs_leave_no_trace(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    put(f"{ann.home}/src/target/debug/server", OTHER)
    put(f"{ann.home}/video.mp4", CLAUDE[1:])
    put(f"{ann.home}/disk.img", CLAUDE, mode=0o600)
    assert look(machine) == []


def test_what_is_no_file_is_no_program(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    fifo(Path(ann.home, "pipe"))
    link_to_itself(Path(ann.home, "loop"))
    Path(ann.home, "to-outside").symlink_to(machine.file("/var/x/thing", CLAUDE))
    Path(ann.home, "folder").mkdir()
    fifo(Path(machine.at("/tmp")).mkdir() or Path(machine.at("/tmp/pipe")))
    assert look(machine) == []


@AS_ROOT
def test_a_device_is_not_opened(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    device(Path(ann.home, "device"))
    assert look(machine) == []


def test_what_is_called_like_a_source_is_asked_in_turns_and_stays_found(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    disguises = Disguises()
    assert paths(machine, disguises) == []
    path = put(f"{ann.home}/src/helper.py", CLAUDE)
    looks = [paths(machine, disguises) for _ in range(TURNS)]
    assert looks[-1] == [path]
    assert [seen for seen in looks if seen] == [[path]] * (TURNS - looks.index([path])), "no flapping"
    assert paths(machine, disguises) == [path]
    os.unlink(path)
    assert paths(machine, disguises) == []


def look_with(machine: FakeMachine, kept: Examiner, most_bytes: int) -> list[Observation | Unseen]:
    walked, _ = walk_everywhere(machine, wanted(), kept)
    return list(observe_all(dataclasses.replace(walked, most_bytes=most_bytes)))


def test_who_uses_up_his_bound_hides_nobody_elses(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann, bob = machine.add_user("ann"), machine.add_user("bob")
    for number in range(8):
        put(f"{ann.home}/big/{number}", OTHER + bytes([number]))
    path = put(f"{bob.home}/notes", CLAUDE)
    seen = look_with(machine, examiner(), 3 * SMALLEST)
    assert [found.path for found in seen if isinstance(found, Executable)] == [path]
    assert [found.reason for found in seen if isinstance(found, Unseen)] == [
        "more programs than one look can read; the rest comes later"
    ]


def test_after_new_marks_each_look_reads_a_part_until_all_is_known(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    for number in range(9):
        put(f"{ann.home}/big/{number}", OTHER + bytes([number]))
    path = put(f"{ann.home}/big/x", CLAUDE)
    cache = MemoryCache()
    most = 4 * SMALLEST
    for marks in (MARKS[:1], MARKS):
        kept = Examiner(
            marks=marks, versions=VERSIONS, cache=cache, now_ns=lambda: 1 << 62, in_memory=lambda _fd: False
        )
        reads = [0]
        looks = []
        for _ in range(4):
            looks.append(look_with(machine, kept, most))
            reads.append(kept.bytes_read)
        amounts = [after - before for before, after in itertools.pairwise(reads)]
        assert all(amount <= most + 2 * SMALLEST for amount in amounts)
        assert amounts[-1] == 0, "what was read is not read again"
        assert reads[-1] > 10 * SMALLEST
        (found,) = looks[-1]
        assert isinstance(found, Executable)
        assert found.path == path


@AS_ROOT
def test_a_folder_for_everybody_is_walked_for_each_owner_by_himself(tmp_path: Path) -> None:
    for number in range(30):
        os.chown(put(tmp_path / "ann" / str(number), b""), 1001, 1001)
    os.chown(tmp_path / "ann", 1001, 1001)
    os.chown(put(tmp_path / "bobs", CLAUDE), 1002, 1002)
    bounds = Bounds(out_of_reach=lambda _path: None, most_entries=20)
    trees = list(walk_by_owner(str(tmp_path), wanted(), bounds, lambda _stage, _done: None))
    assert [tree.loose for tree in trees if tree.loose] == [[f"{tmp_path}/bobs"]]
    assert [unseen.reason for tree in trees for unseen in tree.unseen] == [
        "more than 20 files: only a part was looked at"
    ]


def test_the_program_inside_an_extension_is_the_extension(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    place = extension(f"{ann.home}/.vscode-server/extensions")
    put(place / "resources" / "native-binary" / "claude", CLAUDE)
    assert len(look(machine)) == 1


@pytest.mark.parametrize("what", ["an unknown extension", "one without its code"])
def test_the_program_inside_what_is_no_such_extension_is_a_program(what: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    publisher = "somebody" if what == "an unknown extension" else "Anthropic"
    place = extension(f"{ann.home}/.cursor/extensions", publisher)
    if publisher == "Anthropic":
        (place / "extension.js").unlink()
    program = put(place / "resources" / "native-binary" / "claude", CLAUDE)
    assert paths(machine) == [program]
