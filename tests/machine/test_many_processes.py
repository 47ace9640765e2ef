"""Given ten thousand processes, a look at them all sees the one tool among them."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aipolicy.core.model import Process
from aipolicy.enforce.terminate import Ended, Ending
from aipolicy.platforms import this_machine
from machine_needs import NEEDS_LINUX, Started, until

pytestmark = NEEDS_LINUX

MANY = 10_000
_SOURCE = f"""
#include <unistd.h>
int main(void) {{
    for (int i = 0; i < {MANY}; i++) {{
        int pid = fork();
        if (pid < 0) return 1;
        if (!pid) for (;;) pause();
    }}
    if (write(1, "all\\n", 4) != 4) return 1;
    for (;;) pause();
}}
"""


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[int]:
    """The first of them, which leads their group."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    if int(Path("/proc/sys/kernel/pid_max").read_text()) < 3 * MANY:
        pytest.skip("needs more pids")
    (tmp_path / "crowd.c").write_text(_SOURCE)
    subprocess.run(["gcc", "-static", "-o", tmp_path / "crowd", tmp_path / "crowd.c"], check=True)
    first = subprocess.Popen([tmp_path / "crowd"], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert first.stdout is not None
        if first.stdout.readline() != b"all\n":
            pytest.skip("needs the right to so many processes")
        yield first.pid
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()


def test_one_tool_among_ten_thousand_processes_is_seen_and_ended(
    crowd: int, started: Started, tmp_path: Path
) -> None:
    machine = this_machine()
    tool = str(tmp_path / "claude")
    shutil.copy("/bin/sleep", tool)
    child = started.run([tool, "600"])
    until(lambda: (found := machine.process(child.pid)) and isinstance(found, Process) and found.exe == tool)
    seen = [one for one in machine.processes() if isinstance(one, Process)]
    assert sum(one.name == "crowd" for one in seen) == MANY + 1
    (process,) = [one for one in seen if one.exe == tool]
    ending = Ending.start(machine, process, lambda now: now.exe == tool, time.monotonic())
    assert isinstance(ending, Ending)
    until(lambda: isinstance(ending.poll(time.monotonic()), Ended) or None)
    ending.close()
    assert len(Path(f"/proc/{crowd}/task/{crowd}/children").read_text().split()) == MANY
