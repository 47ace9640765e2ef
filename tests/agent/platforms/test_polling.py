"""Given sweeps over the process table, then what is new in it."""

from collections.abc import Hashable
from pathlib import Path

from aipolicy.core.model import Owner
from aipolicy.platforms.linux_process import ProcessTable
from aipolicy.platforms.polling import PolledProcesses, ProgramSweep, start_times
from host import Clock
from proc_folder import ProcFolder


def test_new_processes_and_those_that_execute_another_program() -> None:
    table: dict[int, Hashable] = {1: "init", 2: "sh"}
    polled = PolledProcesses(lambda: dict(table), Clock())
    assert polled.sweep() == ()
    table[3] = "node"
    table[2] = "claude"
    assert polled.sweep() == (2, 3)
    del table[3]
    assert polled.sweep() == ()
    table[3] = "node"
    assert polled.sweep() == (3,)


def test_waiting_looks_when_it_is_due_and_ends_when_closed() -> None:
    table: dict[int, Hashable] = {}
    clock = Clock()
    polled = PolledProcesses(lambda: dict(table), clock, interval_s=1.0)
    table[7] = "x"
    assert polled.wait(0.0).pids == ()
    clock.advance(1.0)
    assert polled.wait(0.0).pids == (7,)
    polled.close()
    assert polled.wait(60.0).pids == ()
    assert (polled.way, polled.fileno()) == ("polling", None)


def test_a_program_is_told_by_its_name_and_an_interpreter_by_its_exec(tmp_path: Path) -> None:
    proc = ProcFolder(tmp_path)
    table = ProcessTable(proc.path, lambda uid: Owner(uid=uid, name=""), lambda _path: None)
    proc.add(200, exe="/bin/sh", stack=1)
    proc.add(201, exe="/opt/claude", stack=1)
    proc.add(202, exe=None)
    polled = PolledProcesses(ProgramSweep(proc.path, table.image), Clock())
    proc.add(200, exe="/bin/sh", stack=2)
    proc.add(203, exe="/opt/claude")
    assert sorted(polled.sweep()) == [200, 203]


def test_any_system_has_start_times() -> None:
    assert start_times()
