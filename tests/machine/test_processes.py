"""On a real kernel: what runs is seen as it is, under whatever name and by whatever interpreter."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.core.model import Process, Unseen
from aipolicy.platforms import this_machine
from aipolicy.platforms.linux import LinuxMachine
from aipolicy.platforms.linux_calls import NAME_TOO_LONG
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Started, runs, until

pytestmark = NEEDS_LINUX


@pytest.fixture
def started() -> Iterator[Started]:
    with Started() as children:
        yield children


@pytest.fixture
def machine() -> LinuxMachine:
    found = this_machine()
    assert isinstance(found, LinuxMachine)
    return found


def seen(machine: LinuxMachine, pid: int, exe: str) -> Process:
    """The process, once it runs the program meant."""

    until(lambda: runs(pid, f"/{exe}"))
    found = machine.process(pid)
    assert isinstance(found, Process)
    return found


def test_a_renamed_copy(machine: LinuxMachine, started: Started, tmp_path: Path) -> None:
    shutil.copy("/bin/sleep", tmp_path / "claude")
    child = started.run([str(tmp_path / "claude"), "600"])
    found = seen(machine, child.pid, "claude")
    assert (found.name, found.exe, found.script) == ("claude", f"{tmp_path}/claude", None)
    assert found.owner.uid == os.geteuid()
    assert os.path.samefile(machine.program(child.pid), tmp_path / "claude")
    assert child.pid in [p.pid for p in machine.processes() if isinstance(p, Process)]


def test_it_is_read_when_its_file_is_gone(machine: LinuxMachine, started: Started, tmp_path: Path) -> None:
    shutil.copy("/bin/sleep", tmp_path / "claude")
    child = started.run([str(tmp_path / "claude"), "600"])
    seen(machine, child.pid, "claude")
    (tmp_path / "claude").unlink()
    found = machine.process(child.pid)
    assert isinstance(found, Process)
    assert found.exe == f"{tmp_path}/claude (deleted)"
    assert Path(machine.program(child.pid)).read_bytes()[:4] == b"\x7fELF"


INTERPRETED = {
    "python": ([sys.executable, "-I", "-W", "ignore", "tool.py"], "tool.py", "import time; time.sleep(600)"),
    "shell": (["/bin/sh", "-e", "tool.sh"], "tool.sh", "sleep 600; :"),
    "perl": (["perl", "-w", "tool.pl"], "tool.pl", "sleep 600"),
    "node": (
        ["node", "--stack-size=900", "-r", "fs", "tool.js", "x"],
        "tool.js",
        "setTimeout(() => 0, 600000)",
    ),
}


def test_one_that_lies_too_deep_for_its_path_to_be_named(
    machine: LinuxMachine, started: Started, tmp_path: Path
) -> None:
    code = """
import os, shutil
for _ in range(20):
    os.mkdir("x" * 250)
    os.chdir("x" * 250)
shutil.copy("/bin/sleep", "claude")
os.execv("./claude", ["./claude", "600"])
"""
    child = started.run([sys.executable, "-c", code], cwd=tmp_path)
    until(lambda: Path(f"/proc/{child.pid}/comm").read_text() == "claude\n" or None)
    found = machine.process(child.pid)
    assert isinstance(found, Process)
    assert (found.name, found.exe) == ("claude", NAME_TOO_LONG)
    assert machine.program_out_of_reach(found) is None
    assert Path(machine.program(child.pid)).read_bytes() == Path("/bin/sleep").read_bytes()


@pytest.mark.parametrize("kind", INTERPRETED)
def test_the_script_of_a_real_interpreter(
    machine: LinuxMachine, started: Started, tmp_path: Path, kind: str
) -> None:
    command, name, code = INTERPRETED[kind]
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    (tmp_path / name).write_text(code)
    child = started.run(command, cwd=tmp_path)
    found = until(lambda: p if isinstance(p := machine.process(child.pid), Process) and p.script else None)
    assert found.script == f"{tmp_path}/{name}"


def test_a_script_run_by_its_first_line_with_any_interpreter(
    machine: LinuxMachine, started: Started, tmp_path: Path
) -> None:
    shutil.copy("/bin/dash", tmp_path / "my-own-interpreter")
    tool = tmp_path / "tool"
    tool.write_text(f"#!{tmp_path}/my-own-interpreter\nsleep 600; :\n")
    tool.chmod(0o755)
    child = started.run([str(tool), "SECRET"])
    found = seen(machine, child.pid, "my-own-interpreter")
    assert found.script == str(tool)


def test_a_program_run_by_the_loader(machine: LinuxMachine, started: Started, tmp_path: Path) -> None:
    loader = next((p for p in Path("/lib64").glob("ld-linux*.so.*")), None)
    if loader is None:
        pytest.skip("needs glibc's loader in /lib64")
    shutil.copy("/bin/sleep", tmp_path / "notes")
    child = started.run([str(loader), "--argv0", "vim", "./notes", "600"], cwd=tmp_path)
    assert seen(machine, child.pid, "ld-linux").script == f"{tmp_path}/notes"


def test_a_title_over_the_arguments_leaves_no_script(
    machine: LinuxMachine, started: Started, tmp_path: Path
) -> None:
    if shutil.which("node") is None:
        pytest.skip("needs node")
    (tmp_path / "cli.js").write_text("process.title = 'claude'; setTimeout(() => 0, 600000)")
    child = started.run(["node", str(tmp_path / "cli.js")])
    comm = Path(f"/proc/{child.pid}/comm")
    until(lambda: comm.read_text() == "claude\n")
    found = machine.process(child.pid)
    assert isinstance(found, Process)
    assert (found.name, found.script) == ("claude", None)


def test_a_script_that_was_seen_before_the_title_is_remembered(
    machine: LinuxMachine, started: Started, tmp_path: Path
) -> None:
    """Claude Code 1.x and pi: seen at their start, known to the end."""
    if shutil.which("node") is None:
        pytest.skip("needs node")
    code = "process.stdin.once('data', () => { process.title = 'claude' }); setTimeout(() => 0, 600000)"
    (tmp_path / "cli.js").write_text(code)
    child = started.run(["node", str(tmp_path / "cli.js")])
    until(lambda: p if isinstance(p := machine.process(child.pid), Process) and p.script else None)
    child.write("now\n")
    found = until(
        lambda: p if isinstance(p := machine.process(child.pid), Process) and p.name == "claude" else None
    )
    assert found.script == f"{tmp_path}/cli.js"
    assert machine.script_place(found) == f"{tmp_path}/cli.js"


def test_a_title_over_the_arguments_of_a_script_run_by_its_first_line(
    machine: LinuxMachine, started: Started, tmp_path: Path
) -> None:
    """The kernel keeps the path that was executed where no title reaches: also known when older than us."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    cli = tmp_path / "cli.js"
    cli.write_text(f"#!{node}\nprocess.title = 'claude'; setTimeout(() => 0, 600000)")
    cli.chmod(0o755)
    child = started.run([str(cli), "SECRET"])
    comm = Path(f"/proc/{child.pid}/comm")
    until(lambda: comm.read_text() == "claude\n")
    found = machine.process(child.pid)
    assert isinstance(found, Process)
    assert (found.name, found.script) == ("claude", str(cli))


def test_a_module_of_the_virtual_environment_that_is_active(
    machine: LinuxMachine, started: Started, tmp_path: Path
) -> None:
    """`python -m aider` in an activated environment: its arguments do not say where that lies."""
    python = Path(os.path.realpath(sys.executable))
    site = tmp_path / "venv/lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "aider").mkdir(parents=True)
    (site / "aider/__main__.py").write_text("import time; time.sleep(600)")
    (tmp_path / "venv/bin").mkdir()
    (tmp_path / "venv/bin/python").symlink_to(python)
    (tmp_path / "venv/pyvenv.cfg").write_text(f"home = {python.parent}\n")
    path = f"{tmp_path}/venv/bin:{os.environ['PATH']}"
    child = started.run(["sh", "-c", "exec python -m aider"], cwd=tmp_path, env={**os.environ, "PATH": path})
    found = seen(machine, child.pid, "python")
    assert (found.module, found.script) == ("aider", f"{site}/aider/__main__.py")


@pytest.mark.parametrize(
    "command",
    [["bash"], ["-bash"], [sys.executable], ["node"], ["sleep", "600"], ["busybox", "sh"]],
    ids=lambda command: os.path.basename(command[0]),
)
def test_what_runs_no_script_has_none(machine: LinuxMachine, started: Started, command: list[str]) -> None:
    program = shutil.which(command[0].lstrip("-"))
    if program is None:
        pytest.skip(f"needs {command[0]}")
    child = started.run(command, executable=program)
    found = until(lambda: p if isinstance(p := machine.process(child.pid), Process) and p.exe else None)
    until(lambda: True if Path(f"/proc/{child.pid}/cmdline").read_bytes() else None)
    found = machine.process(child.pid)
    assert isinstance(found, Process)
    assert (found.script, found.module) == (None, None)


def test_exec_in_place_is_another_image(machine: LinuxMachine, started: Started) -> None:
    child = started.run(["/bin/sh", "-c", "read x; exec /bin/sh -c 'read y; exec sleep 600'"])
    first = until(lambda: machine.image(child.pid))
    child.write("go\n")
    second = until(lambda: i if (i := machine.image(child.pid)) != first else None)
    assert (first.started, first.inode) == (second.started, second.inode)
    assert machine.image(child.pid) == second


def test_a_zombie_is_gone(machine: LinuxMachine, started: Started) -> None:
    child = started.run(["/bin/true"])
    until(lambda: True if machine.process(child.pid) is None else None)
    assert machine.image(child.pid) is None
    assert machine.descendants(child.pid) == ()


def test_the_first_thread_ended_and_the_program_still_runs(
    machine: LinuxMachine, started: Started, tmp_path: Path
) -> None:
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "ctypes.CDLL(None).syscall(60, 0)\n"  # SYS_exit on x86_64: this thread only
    )
    if os.uname().machine != "x86_64":
        pytest.skip("knows the number of exit(2) on x86_64 only")
    child = started.run([sys.executable, "-c", code])
    stat = Path(f"/proc/{child.pid}/stat")
    until(lambda: True if stat.read_text().rpartition(") ")[2][0] == "Z" else None)
    found = machine.process(child.pid)
    assert isinstance(found, Process)
    assert "python" in found.exe
    assert machine.image(child.pid) is not None


@NEEDS_ROOT
def test_a_private_mount_namespace_is_a_container(
    machine: LinuxMachine, started: Started, tmp_path: Path
) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "seen").mkdir()
    (tmp_path / "image/tool.sh").write_text("sleep 600; :")
    script = f"mount --bind {tmp_path}/image {tmp_path}/seen && exec sh {tmp_path}/seen/tool.sh"
    child = started.run(["unshare", "-m", "sh", "-c", script])
    found = until(lambda: p if isinstance(p := machine.process(child.pid), Process) and p.script else None)
    assert found.contained
    assert not (tmp_path / "seen/tool.sh").exists()
    place = machine.script_place(found)
    assert place is not None
    assert Path(place).read_text() == "sleep 600; :"
    assert machine.terminal(child.pid) is None
    assert not machine.lies_here(found)


@NEEDS_ROOT
def test_in_a_private_mount_namespace_a_file_of_ours_is_ours(
    machine: LinuxMachine, started: Started, tmp_path: Path
) -> None:
    """A service with PrivateTmp, say."""
    (tmp_path / "tool.sh").write_text("sleep 600; :")
    child = started.run(["unshare", "-m", "sh", f"{tmp_path}/tool.sh"])
    found = until(lambda: p if isinstance(p := machine.process(child.pid), Process) and p.script else None)
    assert found.contained
    assert machine.script_place(found) == f"{tmp_path}/tool.sh"
    assert machine.lies_here(found)
    shutil.copy("/bin/sleep", tmp_path / "daemon")
    replaced = started.run(["unshare", "-m", f"{tmp_path}/daemon", "600"])
    seen(machine, replaced.pid, "daemon")
    (tmp_path / "daemon").unlink()
    upgraded = seen(machine, replaced.pid, "daemon (deleted)")
    assert upgraded.contained
    assert machine.lies_here(upgraded)


@NEEDS_ROOT
def test_a_tool_mounted_over_a_system_program_and_removed_passed_for_that_program(
    machine: LinuxMachine, started: Started
) -> None:
    """In a user namespace of one's own anybody can have a file called /usr/games/vim."""
    script = "mount -t tmpfs x /usr/games; cp /bin/sleep /usr/games/vim; exec /usr/games/vim 600"
    child = started.run(["unshare", "-Urm", "sh", "-c", script])
    seen(machine, child.pid, "vim")
    Path(f"/proc/{child.pid}/root/usr/games/vim").unlink()
    removed = seen(machine, child.pid, "vim (deleted)")
    assert removed.exe == "/usr/games/vim (deleted)"
    assert not machine.lies_here(removed)


@NEEDS_ROOT
def test_a_pid_namespace_on_our_own_files_has_no_init(machine: LinuxMachine, started: Started) -> None:
    child = started.run(["unshare", "-fp", "sleep", "600"])
    inner = until(lambda: machine.descendants(child.pid) or None)[0]
    until(lambda: machine.process(inner))
    assert not machine.is_init(inner)
    assert not machine.is_init(child.pid)


@NEEDS_ROOT
def test_of_others_without_the_right_to_look_one_unseen(machine: LinuxMachine, started: Started) -> None:
    children = [started.run(["sleep", "600"]).pid for _ in range(3)]
    code = (
        "from aipolicy.platforms import this_machine\n"
        "from aipolicy.core.model import Unseen\n"
        "print([s.place for s in this_machine().processes() if isinstance(s, Unseen)])\n"
    )
    bounded = ["setpriv", "--bounding-set", "-sys_ptrace", sys.executable, "-c", code]
    answer = subprocess.run(bounded, capture_output=True, text=True, check=False, timeout=60)
    if answer.returncode:
        pytest.skip(f"needs setpriv: {answer.stderr.strip()[-100:]}")
    counts = re.findall(r"/proc: program of (\d+) processes", answer.stdout)
    assert [int(count) >= 3 for count in counts] == [True]
    assert [machine.process(pid) is not None for pid in children] == [True] * 3


def test_kernel_threads_are_not_processes(machine: LinuxMachine) -> None:
    assert all(not isinstance(p, Process) or p.exe for p in machine.processes())
    assert not [p for p in machine.processes() if isinstance(p, Process) and machine.is_kernel(p.pid)]


def test_users_homes_exist_and_are_each_named_once(machine: LinuxMachine) -> None:
    homes = [user.home for user in machine.users()]
    assert homes
    assert len(set(homes)) == len(homes)
    assert all(os.path.isdir(home) for home in homes if machine.out_of_reach(home) is None)


def test_the_owner_of_a_system_program(machine: LinuxMachine) -> None:
    if not Path("/var/lib/dpkg/info").is_dir():
        pytest.skip("needs dpkg")
    assert machine.os_package(os.path.realpath("/bin/sh")) in ("dash", "bash")
    assert machine.os_package("/usr/bin/no-such-program") is None
    assert not isinstance(machine.os_package("/bin/ls"), Unseen)
    assert machine.root_only(os.path.realpath("/bin/sh"))
