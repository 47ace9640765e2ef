"""On a real kernel: every exec is told, also many at once, and what is lost is said."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.core.model import Unseen
from aipolicy.platforms import this_machine
from aipolicy.platforms.linux_events import ProcessEvents, open_process_events
from aipolicy.platforms.sources import process_source
from machine_needs import LONG_S, NEEDS_LINUX, NEEDS_ROOT, Started, until

pytestmark = NEEDS_LINUX

SPAWN = """
import os, sys
program, count = sys.argv[1], int(sys.argv[2])
sys.stdin.readline()
pids = []
for _ in range(count):
    pids.append(os.posix_spawn(program, [program], {}))
    if len(pids) % 50 == 0:
        for pid in pids[-50:]:
            os.waitpid(pid, 0)
print(*pids)
"""


@pytest.fixture
def events() -> Iterator[ProcessEvents]:
    opened = open_process_events()
    if isinstance(opened, Unseen):
        pytest.skip(f"needs the kernel's process events: {opened.reason}")
    yield opened
    opened.close()


@pytest.fixture
def started() -> Iterator[Started]:
    with Started() as children:
        yield children


def spawned(started: Started, count: int) -> list[int]:
    child = started.run([sys.executable, "-I", "-c", SPAWN, "/bin/true", str(count)])
    child.write("\n")
    assert child.stdout is not None
    return [int(pid) for pid in child.stdout.readline().split()]


def test_every_exec_of_many_is_told(events: ProcessEvents, started: Started) -> None:
    pids = spawned(started, 2000)
    seen: set[int] = set()
    lost = 0
    while batch := events.wait(0.5):
        if not batch.pids and not batch.lost:
            break
        seen.update(batch.pids)
        lost += batch.lost
    assert lost == 0
    assert set(pids) - seen == set()


def test_a_full_buffer_is_told_as_loss(started: Started) -> None:
    small = open_process_events(buffer_bytes=1)
    if isinstance(small, Unseen):
        pytest.skip(f"needs the kernel's process events: {small.reason}")
    spawned(started, 500)
    batch = small.read()
    small.close()
    assert batch.lost > 0


def test_exec_in_place_is_told(events: ProcessEvents, started: Started) -> None:
    child = started.run(["/bin/sh", "-c", "read x; exec sleep 600"])
    until(lambda: child.pid in events.wait(1.0).pids)
    child.write("go\n")
    until(lambda: child.pid in events.wait(1.0).pids)


@NEEDS_ROOT
def test_in_another_pid_namespace_it_is_refused_and_polled() -> None:
    code = (
        "import time\n"
        "from aipolicy.platforms import this_machine\n"
        "from aipolicy.platforms.sources import process_source\n"
        "source, why = process_source(this_machine(), time.monotonic)\n"
        "print(source.way, why.reason)\n"
    )
    command = ["unshare", "-fp", "--mount-proc", sys.executable, "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LONG_S)
    assert answer.stdout.startswith("polling no answer")


@NEEDS_ROOT
def test_without_a_network_namespace_of_the_machines_it_is_polled(started: Started, tmp_path: Path) -> None:
    """`unshare -n`: the kernel refuses the connection; what is new is then found by looking."""
    code = (
        "import sys, time\n"
        "from aipolicy.platforms import this_machine\n"
        "from aipolicy.platforms.sources import process_source\n"
        "source, why = process_source(this_machine(), time.monotonic)\n"
        "print(source.way, flush=True)\n"
        "while True:\n"
        "    print(*source.wait(0.5).pids, flush=True)\n"
    )
    shutil.copy("/bin/sleep", tmp_path / "claude")
    poller = started.run(["unshare", "-n", sys.executable, "-c", code])
    assert poller.stdout is not None
    assert poller.stdout.readline() == "polling\n"
    child = started.run([str(tmp_path / "claude"), "600"])
    out = poller.stdout
    until(lambda: str(child.pid) in out.readline().split())


def test_this_machine_has_a_source() -> None:
    source, why = process_source(this_machine(), time.monotonic)
    assert (source.way == "kernel") == (why is None)
    child = subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(60)"])
    try:
        until(lambda: child.pid in source.wait(2.0).pids)
    finally:
        source.close()
        child.kill()
        child.wait()
