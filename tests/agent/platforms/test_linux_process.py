"""Given a process table, then one Process each, with its script and without any other argument."""

import os
from pathlib import Path

import pytest

from aipolicy.core.model import Owner, Process
from aipolicy.platforms.linux_proc import PF_KTHREAD
from aipolicy.platforms.linux_process import ProcessTable
from proc_folder import ProcFolder


@pytest.fixture
def proc(tmp_path: Path) -> ProcFolder:
    return ProcFolder(tmp_path)


def table(proc: ProcFolder, far: str = "/far") -> ProcessTable:
    return ProcessTable(
        proc.path,
        lambda uid: Owner(uid=uid, name=f"user{uid}"),
        lambda path: "on nfs, which may hang" if path.startswith(far) else None,
    )


def one(proc: ProcFolder, pid: int) -> Process:
    found = table(proc).one(pid)
    assert isinstance(found, Process)
    return found


def script(tmp_path: Path, name: str = "work/cli.js") -> str:
    place = tmp_path / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("x")
    return str(place)


def test_a_native_program(proc: ProcFolder) -> None:
    proc.add(200, exe="/opt/bin/claude", arguments=["claude", "-p", "SECRET"], uid=1000)
    found = one(proc, 200)
    assert (found.exe, found.name, found.owner.name) == ("/opt/bin/claude", "claude", "user1000")
    assert (found.script, found.module, found.contained) == (None, None, False)
    assert "SECRET" not in repr(found)


def test_a_script_is_taken_relative_to_the_folder_of_the_process(proc: ProcFolder, tmp_path: Path) -> None:
    place = script(tmp_path)
    proc.add(200, exe="/usr/bin/node", arguments=["node", "work/cli.js", "SECRET"], folder=str(tmp_path))
    assert one(proc, 200).script == place


def test_a_link_to_a_script_is_followed_to_its_package(proc: ProcFolder, tmp_path: Path) -> None:
    place = script(tmp_path, "lib/node_modules/@google/gemini-cli/bundle/gemini.js")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gemini").symlink_to("../lib/node_modules/@google/gemini-cli/bundle/gemini.js")
    proc.add(200, exe="/usr/bin/node", arguments=["node", f"{tmp_path}/bin/gemini"])
    assert one(proc, 200).script == place


def test_an_argument_that_is_no_file_is_not_kept(proc: ProcFolder) -> None:
    proc.add(200, exe="/usr/bin/node", arguments=["node", "SECRET"])
    assert one(proc, 200).script is None


def test_a_title_over_the_arguments_leaves_no_script(proc: ProcFolder) -> None:
    proc.add(200, exe="/usr/bin/node", cmdline=b"claude\0\0\0\0\0\0", comm=b"claude")
    found = one(proc, 200)
    assert (found.name, found.script) == ("claude", None)


def test_a_script_is_remembered_for_this_exec_and_no_other(proc: ProcFolder, tmp_path: Path) -> None:
    place = script(tmp_path)
    looking = table(proc)

    def seen(pid: int) -> str | None:
        found = looking.one(pid)
        assert isinstance(found, Process)
        return found.script

    proc.add(200, exe="/usr/bin/node", arguments=["node", place], stack=1)
    assert seen(200) == place
    proc.add(200, exe="/usr/bin/node", cmdline=b"claude\0\0\0", stack=1)
    assert seen(200) == place
    proc.add(200, exe="/usr/bin/node", arguments=["node"], stack=2)
    assert seen(200) is None
    proc.add(200, exe="/usr/bin/node", cmdline=b"claude\0\0\0", stack=1, started=9999)
    assert seen(200) is None


def test_a_python_module_and_its_file(proc: ProcFolder, tmp_path: Path) -> None:
    place = script(tmp_path, "venv/lib/python3.11/site-packages/aider/__main__.py")
    proc.add(
        200, exe="/usr/bin/python3.11", arguments=[f"{tmp_path}/venv/bin/python", "-m", "aider", "SECRET"]
    )
    found = one(proc, 200)
    assert (found.module, found.script) == ("aider", place)


def test_names_that_are_not_text_are_made_printable_and_still_open(proc: ProcFolder, tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff\n.js"
    with open(raw, "wb"):
        pass
    proc.add(200, exe=os.fsdecode(b"/opt/\xfe/node"), arguments=[b"node", raw], comm=b"x) R\n\x1b[2J")
    found = one(proc, 200)
    assert found.exe == "/opt/\\xfe/node"
    assert found.name == "x) R\\n\\x1b[2J"
    assert found.script == f"{tmp_path}/\\xff\\n.js"
    assert os.fsencode(table(proc).script_place(found) or "") == raw


def test_kernel_threads_zombies_and_the_gone_are_passed_over(proc: ProcFolder) -> None:
    proc.add(2, exe=None, flags=PF_KTHREAD, comm=b"kthreadd")
    proc.add(300, exe=None, state="Z")
    (proc.place / "400").mkdir()
    assert [p.pid for p in table(proc).all(None) if isinstance(p, Process)] == [1]
    assert [table(proc).one(pid) for pid in (2, 300, 400, 500)] == [None] * 4
    assert table(proc).is_kernel(2)
    assert not table(proc).is_kernel(1)


def test_a_program_whose_first_thread_has_ended_still_runs(proc: ProcFolder) -> None:
    leader = proc.add(300, exe=None, state="Z", threads=3)
    thread = ProcFolder(leader / "inner").add(301, exe="/opt/claude", started=5001)
    (leader / "task").mkdir()
    os.rename(thread, leader / "task" / "301")
    assert one(proc, 300).exe == "/opt/claude"
    assert table(proc).program(300) == f"{proc.path}/300/task/301/exe"


def test_only_ones_own_when_asked(proc: ProcFolder) -> None:
    proc.add(200, exe="/bin/a", uid=1000)
    proc.add(201, exe="/bin/b", uid=1001)
    assert [p.pid for p in table(proc).all(1000) if isinstance(p, Process)] == [200]


def test_a_container_is_another_namespace(proc: ProcFolder, tmp_path: Path) -> None:
    place = script(tmp_path, "image/app/cli.js")
    (tmp_path / "image/bin").mkdir()
    (tmp_path / "image/bin/tool").symlink_to("/app/cli.js")  # absolute: from the container's root
    proc.add(
        200,
        exe="/usr/bin/node",
        arguments=["node", "/bin/tool"],
        root=str(tmp_path / "image"),
        namespace="other",
        pids=[200, 17],
    )
    found = one(proc, 200)
    assert found.contained
    assert found.script == "/app/cli.js"
    opened = table(proc).script_place(found)
    assert opened == f"{proc.path}/200/root/app/cli.js"
    assert os.path.samefile(opened, place)


def test_a_chroot_is_named_as_we_see_it(proc: ProcFolder, tmp_path: Path) -> None:
    place = script(tmp_path, "jail/app/cli.js")
    jail = str(tmp_path / "jail")
    proc.add(200, exe=f"{jail}/bin/node", arguments=["node", "/app/cli.js"], root=jail, folder=jail)
    assert one(proc, 200).script == place
    assert not one(proc, 200).contained


def test_a_script_on_a_filesystem_that_may_hang_is_named_but_not_touched(proc: ProcFolder) -> None:
    proc.add(200, exe="/usr/bin/node", arguments=["node", "/far/home/a/cli.js"])
    assert one(proc, 200).script == "/far/home/a/cli.js"


def test_the_image_changes_with_an_exec_of_the_same_program(proc: ProcFolder) -> None:
    proc.add(200, exe="/bin/sh", stack=1)
    before = table(proc).image(200)
    proc.add(200, exe="/bin/sh", stack=2)
    after = table(proc).image(200)
    assert before is not None
    assert after is not None
    assert (before.inode, before.started) == (after.inode, after.started)
    assert before != after


def test_descendants_and_parents(proc: ProcFolder) -> None:
    proc.add(200, exe="/bin/a")
    proc.add(201, exe="/bin/a", parent=200)
    proc.add(202, exe="/bin/a", parent=201)
    proc.add(203, exe="/bin/a", parent=1)
    assert table(proc).descendants(200) == (201, 202)
    assert table(proc).parent(202) == 201
    assert table(proc).parent(999) is None


def test_the_first_process_of_a_container_is_an_init(proc: ProcFolder) -> None:
    image = proc.place.parent / "image"
    image.mkdir()
    proc.add(200, exe="/bin/a", pids=[200, 1], root=str(image))
    proc.add(201, exe="/bin/a", pids=[201, 7], root=str(image))
    assert [table(proc).is_init(pid) for pid in (1, 200, 201)] == [True, True, False]


def test_unshare_alone_made_a_tool_a_first_process_that_was_never_ended(proc: ProcFolder) -> None:
    proc.add(200, exe="/home/bob/notes", pids=[200, 1])
    assert not table(proc).is_init(200)


def test_no_terminal_where_there_is_none_or_it_may_be_somebody_elses(proc: ProcFolder) -> None:
    proc.add(200, exe="/bin/a", tty=0)
    proc.add(201, exe="/bin/a", tty=(136 << 8) | 1, pids=[201, 5])
    proc.add(202, exe="/bin/a", tty=(3 << 8) | 1)
    assert [table(proc).terminal(pid) for pid in (200, 201, 202, 999)] == [None] * 4


FUSE = b"90 80 0:60 / / rw - overlay overlay rw\n91 90 0:70 / /work rw - fuse.evil evil rw\n"


@pytest.mark.parametrize(
    ("exe", "reason"), [("/work/notes", "on fuse.evil, which may hang"), ("/usr/bin/notes", None)]
)
def test_the_mounts_that_a_process_sees_say_whether_its_program_is_touched(
    proc: ProcFolder, exe: str, reason: str | None
) -> None:
    place = proc.add(200, exe=exe, namespace="other")
    (place / "mountinfo").write_bytes(FUSE)
    assert table(proc).program_out_of_reach(200) == reason
    found = one(proc, 200)
    assert found.container == f"ns-{os.stat(place / 'ns/mnt').st_ino}"


def test_where_our_mounts_count_its_own_are_not_read(proc: ProcFolder) -> None:
    place = proc.add(200, exe="/work/notes")
    (place / "mountinfo").write_bytes(FUSE)
    assert table(proc).program_out_of_reach(200) is None
    proc.add(201, exe="/far/notes")
    assert table(proc).program_out_of_reach(201) == "on nfs, which may hang"
