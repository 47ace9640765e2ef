"""Given a banned editor that runs, then what it starts of itself is a part of it; what is typed is none."""

from pathlib import Path

import pytest

from aipolicy.core.model import Process
from aipolicy.daemon.guard.instances import Instances
from aipolicy.platforms.machine import Terminal
from host import FakeMachine

HERE = Terminal(path="/dev/pts/1", device=1, uid=1000)
INSIDE = Terminal(path="/dev/pts/2", device=2, uid=1000)


class Bench:
    """The editor runs, started from a terminal of a person's."""

    def __init__(self, folder: Path) -> None:
        self.machine = machine = FakeMachine(folder)
        self.ann = machine.add_user("ann")
        self.editor = machine.file("/opt/editor/editor")
        self.shell = machine.file("/bin/bash")
        self.login = machine.run(self.shell, self.ann, terminal=HERE)
        self.running = machine.run(self.editor, self.ann, parent=self.login.pid, terminal=HERE)
        self.instances = Instances(machine, lambda process, tool: (process.exe, tool) == (self.editor, "e"))

    def forked(self, of: Process, terminal: Terminal | None = HERE) -> Process:
        """A child of it, about to execute something."""
        return self.machine.run(of.exe, self.ann, parent=of.pid, terminal=terminal)

    def starts(self, of: Process, terminal: Terminal | None = HERE) -> Process | None:
        """The editor, started by a child of `of`; None: it is no part of an instance that runs."""
        child = self.forked(of, terminal)
        if not self.instances.starts_part(child.pid, "e"):
            self.machine.end(child.pid)
            return None
        return self.machine.execute(child.pid, self.editor)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_the_editor_starts_of_itself_is_a_part_of_it_and_what_that_starts(bench: Bench) -> None:
    part = bench.starts(bench.running)
    assert part is not None
    assert bench.starts(part, None) is not None


def test_so_is_what_a_helper_of_another_program_starts_for_it(bench: Bench) -> None:
    """Chromium's sandbox, and the shell that VS Code asks for the environment."""
    for program, terminal in (("/opt/editor/chrome-sandbox", HERE), ("/bin/bash", None)):
        helper = bench.machine.run(
            bench.machine.file(program), bench.ann, parent=bench.running.pid, terminal=terminal
        )
        assert bench.starts(helper, terminal) is not None


def test_what_is_typed_is_none_also_in_the_terminal_inside_the_editor(bench: Bench) -> None:
    assert bench.starts(bench.login) is None
    inside = bench.machine.run(bench.shell, bench.ann, parent=bench.running.pid, terminal=INSIDE)
    assert bench.starts(inside, INSIDE) is None


def test_nor_is_what_starts_while_none_runs(bench: Bench) -> None:
    bench.machine.end(bench.running.pid)
    assert bench.starts(bench.login) is None


def test_what_waits_for_the_editors_end_to_start_it_anew_is_none(bench: Bench) -> None:
    """As Electron's relauncher does: no part outlives its instance."""
    waiting = bench.starts(bench.running, None)
    assert waiting is not None
    bench.machine.end(bench.running.pid)
    assert bench.machine.parent(waiting.pid) == 1
    assert bench.starts(waiting, None) is None


def test_a_part_that_its_parent_has_left_is_one_while_the_editor_runs(bench: Bench) -> None:
    middle = bench.starts(bench.running)
    assert middle is not None
    left = bench.starts(middle, None)
    assert left is not None
    bench.machine.end(middle.pid)
    assert bench.starts(left, None) is not None


def test_another_process_of_the_editors_number_is_not_the_editor(bench: Bench) -> None:
    part = bench.starts(bench.running, None)
    assert part is not None
    bench.machine.reuse(bench.running.pid, bench.editor, bench.ann)
    assert bench.starts(part, None) is None


def test_a_process_that_is_gone_is_none(bench: Bench) -> None:
    assert not bench.instances.starts_part(99_999, "e")


def test_an_endless_line_of_ancestors_is_left(bench: Bench) -> None:
    bench.machine.running[bench.login.pid] = bench.machine.running[bench.running.pid]
    assert not bench.instances.starts_part(bench.login.pid, "another tool")
