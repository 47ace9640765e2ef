"""Given a process that is to end, then it ends, and never another one than was judged."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from aipolicy.core.model import Owner, Process
from aipolicy.enforce.terminate import TERM_S, Ended, Ending, Failed, Refused, Running, as_known_before
from host import FakeMachine


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


def yes(_process: Process) -> bool:
    return True


def start(machine: FakeMachine, process: Process, **how: object) -> Ending:
    ending = Ending.start(machine, process, yes, machine.clock(), **how)  # type: ignore[arg-type]  # by the test
    assert isinstance(ending, Ending)
    return ending


def refused(machine: FakeMachine, process: Process, matches: Callable[[Process], bool] = yes) -> Refused:
    answer = Ending.start(machine, process, matches, machine.clock())
    assert isinstance(answer, Refused)
    return answer


def test_it_is_asked_and_ends(machine: FakeMachine) -> None:
    claude = machine.run("/opt/claude")
    ending = start(machine, claude)
    assert ending.poll(machine.clock()) == Ended(how="by itself when asked")
    assert machine.signals == [(claude.pid, "TERM")]
    ending.close()


def test_it_does_not_listen_and_is_killed_after_five_seconds(machine: FakeMachine) -> None:
    claude = machine.run("/opt/claude", ignores_term=True)
    ending = start(machine, claude)
    assert isinstance(ending.poll(machine.clock.advance(TERM_S - 0.1)), Running)
    assert machine.signals == [(claude.pid, "TERM")]
    assert isinstance(ending.poll(machine.clock.advance(0.2)), Running)
    assert machine.signals[-1] == (claude.pid, "KILL")
    assert ending.poll(machine.clock()) == Ended(how="killed")


def test_what_cannot_even_be_killed_is_a_failure_once(machine: FakeMachine) -> None:
    ending = start(machine, machine.run("/opt/claude", unkillable=True))
    for _ in range(3):
        ending.poll(machine.clock.advance(6))
    assert isinstance(ending.poll(machine.clock.advance(600)), Failed)
    assert [name for _pid, name in machine.signals] == ["TERM", "KILL"]


def test_a_process_that_took_over_the_pid_lives(machine: FakeMachine) -> None:
    claude = machine.run("/opt/claude")
    machine.reuse(claude.pid, "/usr/bin/vim")
    assert refused(machine, claude).gone
    assert machine.signals == []


def test_a_pid_taken_over_while_it_was_asked_lives(machine: FakeMachine) -> None:
    claude = machine.run("/opt/claude", ignores_term=True)
    ending = start(machine, claude)
    machine.reuse(claude.pid, "/usr/bin/vim")
    assert isinstance(ending.poll(machine.clock.advance(6)), Ended)
    assert claude.pid in machine.running
    assert machine.signals == [(claude.pid, "TERM")]


def test_one_that_executes_something_else_while_it_is_judged_lives(machine: FakeMachine) -> None:
    claude = machine.run("/opt/claude")

    def judged(process: Process) -> bool:
        machine.execute(process.pid, "/usr/bin/vim")
        return True

    assert refused(machine, claude, judged).gone
    assert machine.signals == []


def test_one_that_executes_something_else_when_asked_lives(machine: FakeMachine) -> None:
    claude = machine.run("/opt/claude", ignores_term=True)
    ending = Ending.start(machine, claude, lambda p: p.exe == "/opt/claude", machine.clock())
    assert isinstance(ending, Ending)
    machine.execute(claude.pid, "/usr/bin/vim")
    assert isinstance(ending.poll(machine.clock.advance(6)), Failed)
    assert machine.signals == [(claude.pid, "TERM")]


def test_one_that_executes_itself_anew_when_asked_is_killed(machine: FakeMachine) -> None:
    claude = machine.run("/opt/claude", ignores_term=True)
    ending = start(machine, claude)
    machine.execute(claude.pid, "/opt/claude")
    ending.poll(machine.clock.advance(6))
    assert machine.signals[-1] == (claude.pid, "KILL")


def test_another_image_than_the_script_was_read_from_is_let_be(machine: FakeMachine) -> None:
    node = machine.run("/usr/bin/node", script="/x/claude/cli.js")
    image = machine.image(node.pid)
    machine.execute(node.pid, "/usr/bin/node", script="/x/server.js")
    answer = Ending.start(machine, node, yes, machine.clock(), image=image)
    assert isinstance(answer, Refused)
    assert machine.signals == []


def test_the_judgement_sees_the_process_of_now_with_the_script_of_before(machine: FakeMachine) -> None:
    """Claude Code 1.x overwrites its arguments half a second after it started."""
    node = machine.run("/usr/bin/node", script="/x/claude/cli.js")
    running = machine.running[node.pid]
    titled = msgspec.structs.replace(node, name="claude", script=None)
    machine.running[node.pid] = type(running)(process=titled)
    seen: list[Process] = []

    def judged(process: Process) -> bool:
        seen.append(process)
        return True

    assert isinstance(Ending.start(machine, node, judged, machine.clock()), Ending)
    assert [(p.name, p.script) for p in seen] == [("claude", "/x/claude/cli.js")]


def test_a_script_of_before_is_not_pinned_on_another_program() -> None:
    before = Process(pid=1, started=1, owner=Owner(uid=1, name="a"), name="n", exe="/a/node", script="/x")
    now = msgspec.structs.replace(before, exe="/b/other", script=None)
    assert as_known_before(now, before).script is None


def test_what_no_longer_matches_lives(machine: FakeMachine) -> None:
    answer = refused(machine, machine.run("/opt/claude"), lambda _process: False)
    assert answer.gone
    assert machine.signals == []


def test_the_protected_are_refused_whatever_the_judgement(machine: FakeMachine) -> None:
    answer = refused(machine, machine.run("/usr/bin/node"))
    assert answer.reason == "never stopped: an interpreter or loader by itself"
    assert not answer.gone
    assert machine.signals == []


def test_no_right_to_end_it_is_said(machine: FakeMachine) -> None:
    claude = machine.run("/opt/claude")
    machine.unsignalled.add(claude.pid)
    answer = refused(machine, claude)
    assert answer.reason == "it may not be ended: operation not permitted"
    assert not answer.gone


def test_what_may_not_be_looked_at_is_not_ended(machine: FakeMachine) -> None:
    claude = machine.run("/opt/claude")
    machine.denied.add(claude.pid)
    assert refused(machine, claude).reason == "it cannot be looked at: permission denied"
    assert machine.signals == []


def test_a_judgement_that_fails_lets_go_and_ends_nothing(machine: FakeMachine) -> None:
    def judged(_process: Process) -> bool:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        Ending.start(machine, machine.run("/opt/claude"), judged, machine.clock())
    assert machine.signals == []
    assert all(hold.closed for hold in machine.holds)


def test_its_children_are_noted_before_and_judged_by_others(machine: FakeMachine) -> None:
    claude = machine.run("/opt/claude")
    helper = machine.run("/opt/mcp", parent=claude.pid)
    make = machine.run("/usr/bin/make", parent=helper.pid)
    machine.run("/usr/bin/vim", parent=1)
    ending = start(machine, claude)
    assert ending.poll(machine.clock()) == Ended(how="by itself when asked")
    machine.end(helper.pid)
    assert [process.pid for process in ending.survivors()] == [make.pid]
    machine.reuse(make.pid, "/usr/bin/vim")
    assert ending.survivors() == ()
    ending.close()
    assert all(hold.closed for hold in machine.holds)
    assert machine.signals == [(claude.pid, "TERM")]
