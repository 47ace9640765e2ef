"""On a real kernel: what is banned ends, however it resists, and no other process is ever touched."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.core.model import Process
from aipolicy.enforce.terminate import TERM_S, Ended, Ending, Failed, Refused, Running
from aipolicy.platforms import this_machine
from aipolicy.platforms.machine import Machine
from machine_needs import NEEDS_LINUX, NEEDS_ROOT, Child, Started, until

pytestmark = NEEDS_LINUX

IGNORES_TERM = [
    "-I",
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(600)",
]


@pytest.fixture
def started() -> Iterator[Started]:
    with Started() as children:
        yield children


@pytest.fixture
def machine() -> Machine:
    return this_machine()


@pytest.fixture
def claude(tmp_path: Path) -> str:
    """A program that may be ended: a native one with the name of a tool, in a folder of the user's."""
    place = tmp_path / "claude"
    shutil.copy("/bin/sleep", place)
    return str(place)


@pytest.fixture
def python(tmp_path: Path) -> str:
    """One that can be told how to take a signal: an interpreter under a name that is not an interpreter's."""
    place = tmp_path / "agent-tool"
    shutil.copy(os.path.realpath(sys.executable), place)
    return str(place)


def look(machine: Machine, pid: int) -> Process:
    found = machine.process(pid)
    assert isinstance(found, Process)
    return found


def runs(machine: Machine, child: Child, exe: str) -> Process:
    return until(lambda: p if isinstance(p := machine.process(child.pid), Process) and p.exe == exe else None)


def start(machine: Machine, process: Process) -> Ending:
    ending = Ending.start(machine, process, lambda now: now.exe == process.exe, time.monotonic())
    assert isinstance(ending, Ending), ending
    return ending


def outcome(ending: Ending, skip_s: float = 0.0) -> Ended | Failed:
    """Polls to the end. skip_s: how far the clock is put forward, so that no test waits five seconds."""

    answers: list[Ended | Failed] = []

    def ended() -> bool:
        answer = ending.poll(time.monotonic() + skip_s)
        if isinstance(answer, Ended | Failed):
            answers.append(answer)
        return bool(answers)

    try:
        until(ended)
    finally:
        ending.close()
    return answers[0]


def test_a_running_tool_is_asked_and_ends(machine: Machine, started: Started, claude: str) -> None:
    child = started.run([claude, "600"])
    ending = start(machine, runs(machine, child, claude))
    assert outcome(ending) == Ended(how="by itself when asked")
    assert child.wait() == -15


def test_one_that_ignores_being_asked_is_killed(machine: Machine, started: Started, python: str) -> None:
    child = started.run([python, *IGNORES_TERM])
    assert child.stdout is not None
    child.stdout.readline()
    ending = start(machine, runs(machine, child, python))
    assert isinstance(ending.poll(time.monotonic()), Running)
    assert outcome(ending, skip_s=TERM_S) == Ended(how="killed")
    assert child.wait() == -9


def test_a_stopped_one_is_woken_to_end(machine: Machine, started: Started, claude: str) -> None:
    child = started.run([claude, "600"])
    process = runs(machine, child, claude)
    os.kill(child.pid, 19)
    assert outcome(start(machine, process)) == Ended(how="by itself when asked")


def test_one_held_by_a_debugger_is_killed(machine: Machine, started: Started, claude: str) -> None:
    code = textwrap.dedent(
        f"""
        import ctypes, os, sys, time
        pid = os.fork()
        if not pid:
            ctypes.CDLL(None).ptrace(0, 0, 0, 0)  # PTRACE_TRACEME: stops at its exec for good
            os.execv({claude!r}, [{claude!r}, "600"])
        os.waitpid(pid, 0)
        print(pid, flush=True)
        time.sleep(600)
        """
    )
    debugger = started.run([sys.executable, "-c", code])
    assert debugger.stdout is not None
    pid = int(debugger.stdout.readline())
    assert look(machine, pid).exe == claude
    ending = start(machine, look(machine, pid))
    assert outcome(ending, skip_s=TERM_S) == Ended(how="killed")


def test_a_descriptor_tells_of_the_end(machine: Machine, started: Started, claude: str) -> None:
    child = started.run([claude, "600"])
    ending = start(machine, runs(machine, child, claude))
    assert ending.fileno() is not None
    until(lambda: isinstance(ending.poll(time.monotonic()), Ended))
    ending.close()


def test_one_that_becomes_another_program_while_judged_lives(
    machine: Machine, started: Started, python: str
) -> None:
    child = started.run([python, "-I", "-c", "import os; input(); os.execv('/bin/sleep', ['sleep', '600'])"])
    process = runs(machine, child, python)

    def judged(_process: Process) -> bool:
        child.write("go\n")
        until(lambda: os.path.basename(look(machine, child.pid).exe) == "sleep")
        return True

    answer = Ending.start(machine, process, judged, time.monotonic())
    assert isinstance(answer, Refused)
    assert answer.gone
    assert child.poll() is None


def test_one_that_executes_the_same_program_again_while_judged_lives(
    machine: Machine, started: Started, python: str
) -> None:
    """The same file, the same pid, the same start time: only the kernel's new stack tells them apart."""
    again = (
        f"import os; input(); os.execv({python!r}, [{python!r}, '-I', '-c', 'import time; time.sleep(600)'])"
    )
    child = started.run([python, "-I", "-c", again])
    process = runs(machine, child, python)
    before = machine.image(child.pid)

    def judged(_process: Process) -> bool:
        child.write("go\n")
        until(lambda: machine.image(child.pid) not in (before, None))
        return True

    assert isinstance(Ending.start(machine, process, judged, time.monotonic()), Refused)
    assert child.poll() is None


def test_one_that_becomes_another_program_when_asked_lives(
    machine: Machine, started: Started, python: str
) -> None:
    code = (
        "import os, signal, time\n"
        "signal.signal(15, lambda *_: os.execv('/bin/sleep', ['sleep', '600']))\n"
        "print(1, flush=True)\n"
        "time.sleep(600)\n"
    )
    child = started.run([python, "-I", "-c", code])
    assert child.stdout is not None
    child.stdout.readline()
    ending = start(machine, runs(machine, child, python))
    until(lambda: os.path.basename(look(machine, child.pid).exe) == "sleep")
    assert isinstance(outcome(ending, skip_s=TERM_S), Failed)
    assert child.poll() is None


def test_the_shell_it_was_started_from_and_its_siblings_live(
    machine: Machine, started: Started, claude: str
) -> None:
    shell = started.run(["/bin/sh", "-c", f"sleep 601 & {claude} 600 & echo $!; wait; echo done; read x"])
    assert shell.stdout is not None
    pid = int(shell.stdout.readline())
    process = until(lambda: p if isinstance(p := machine.process(pid), Process) and p.exe == claude else None)
    assert outcome(start(machine, process)) == Ended(how="by itself when asked")
    assert shell.poll() is None
    names = [
        p.name for pid in machine.descendants(shell.pid) if isinstance(p := machine.process(pid), Process)
    ]
    assert names == ["sleep"]


def test_what_it_had_started_is_left_and_named(machine: Machine, started: Started, python: str) -> None:
    code = (
        "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
    )
    child = started.run([python, "-I", "-c", code])
    assert child.stdout is not None
    helper = int(child.stdout.readline())
    until(lambda: look(machine, helper).name == "sleep")
    ending = start(machine, runs(machine, child, python))
    until(lambda: isinstance(ending.poll(time.monotonic()), Ended))
    assert [p.pid for p in ending.survivors()] == [helper]
    os.kill(helper, 9)
    until(lambda: ending.survivors() == ())
    ending.close()


def test_the_never_stopped(machine: Machine, started: Started) -> None:
    """Given a judgement that convicts everything, the machine goes on."""
    bare = started.run([sys.executable, "-I", "-c", "import time; time.sleep(600)"])
    until(lambda: machine.process(bare.pid))
    interpreter = look(machine, bare.pid)
    ourselves = [pid for pid in (os.getpid(), os.getppid()) if pid > 1]
    targets = [interpreter, *(p for pid in ourselves if isinstance(p := machine.process(pid), Process))]
    for target in targets:
        answer = Ending.start(machine, target, lambda _process: True, time.monotonic())
        assert isinstance(answer, Refused)
        assert answer.reason.startswith("never stopped")
    assert bare.poll() is None


def test_the_systems_own_programs_are_never_stopped(machine: Machine, started: Started) -> None:
    if not machine.os_package("/bin/sleep"):
        pytest.skip("needs a package database that knows /bin/sleep")
    child = started.run(["/bin/sleep", "600"])
    process = until(
        lambda: p if isinstance(p := machine.process(child.pid), Process) and p.name == "sleep" else None
    )
    answer = Ending.start(machine, process, lambda _process: True, time.monotonic())
    assert isinstance(answer, Refused)
    assert "package" in answer.reason
    assert child.poll() is None


@NEEDS_ROOT
def test_the_first_process_of_a_container_is_reported_and_not_ended(
    machine: Machine, started: Started, claude: str, tmp_path: Path
) -> None:
    answer = end_first_process(machine, started, tool_in_its_own_root(claude, tmp_path))
    assert isinstance(answer, Refused)
    assert answer.reason == "never stopped: the first process of a container"


@NEEDS_ROOT
def test_a_process_namespace_on_the_machines_own_files_is_no_container(
    machine: Machine, started: Started, claude: str
) -> None:
    """`unshare -Urfp claude` was never ended."""
    answer = end_first_process(machine, started, [claude, "600"])
    assert isinstance(answer, Ending)
    answer.close()


def tool_in_its_own_root(claude: str, folder: Path) -> list[str]:
    """A command that runs it in a folder of its own as the root, like the files of an image."""
    needed = [
        word
        for word in subprocess.run(["ldd", claude], capture_output=True, text=True, check=True).stdout.split()
        if word.startswith("/")
    ]
    for path in (*needed, claude):
        (folder / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path[1:])
    return ["chroot", str(folder), claude, "600"]


def end_first_process(machine: Machine, started: Started, command: list[str]) -> Ending | Refused:
    child = started.run(["unshare", "-fp", *command])
    inner = until(lambda: machine.descendants(child.pid) or None)[0]

    def runs() -> Process | None:
        found = machine.process(inner)
        return found if isinstance(found, Process) and found.exe.endswith("claude") else None

    return Ending.start(machine, until(runs), lambda _process: True, time.monotonic())


REUSE = """
import os, subprocess, sys, time
from aipolicy.core.model import Process
from aipolicy.enforce.terminate import Ending, Refused
from aipolicy.platforms import this_machine

machine = this_machine()
reused = spared = 0
for _ in range(40):
    child = subprocess.Popen([sys.argv[1], "600"])
    while not isinstance(process := machine.process(child.pid), Process) or process.exe != sys.argv[1]:
        time.sleep(0.001)

    def judged(_process):
        # While it is judged it ends, and an innocent program of the same file gets its pid.
        global innocent
        child.kill()
        child.wait()
        with open("/proc/sys/kernel/ns_last_pid", "w") as file:
            file.write(str(child.pid - 1))
        innocent = subprocess.Popen([sys.argv[1], "600"])
        return True

    answer = Ending.start(machine, process, judged, time.monotonic())
    reused += innocent.pid == child.pid
    time.sleep(0.002)
    spared += isinstance(answer, Refused) and innocent.poll() is None
    innocent.kill()
    innocent.wait()
print(reused, spared)
"""


@NEEDS_ROOT
def test_an_innocent_program_that_got_the_pid_lives(started: Started, claude: str) -> None:
    command = ["unshare", "-fp", "--mount-proc", sys.executable, "-c", REUSE, claude]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    reused, spared = map(int, answer.stdout.split())
    if not reused:
        pytest.skip("needs /proc/sys/kernel/ns_last_pid to steer pids")
    assert spared == 40
