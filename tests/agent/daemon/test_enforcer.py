"""Given a running tool and a verdict, this is done about it, and nothing else is touched."""

import os
from pathlib import Path

import pytest
from msgspec import structs

from aipolicy.core.model import Action, Confidence, Done, Evidence, Process, State, Verdict
from aipolicy.daemon.enforcer import Enforcer, installed_outcome
from aipolicy.daemon.teller import Teller
from host import FakeMachine
from ptys import Pty
from sightings import outcome

NOBODY = 654_321
"""Has no session here whose desktop could be told."""


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path / "machine")


def verdict(action: Action, process: Process, tool: str = "claude-code", kind: str = "content") -> Verdict:
    found = outcome(tool, state=State.RUNNING, pid=process.pid, action=action).verdict
    evidence = (Evidence(kind=kind, value="mark"),)
    return structs.replace(found, finding=structs.replace(found.finding, because=evidence))


def always(_process: Process) -> bool:
    return True


def test_a_banned_tool_is_ended_and_said_so(machine: FakeMachine) -> None:
    enforcer = Enforcer(machine, Teller(), tool_packages=())
    bob = machine.add_user("bob")
    process = machine.run(machine.file("/home/bob/bin/notes"), bob)
    shell = machine.run(machine.file("/bin/bash"), bob)
    assert enforcer.act(process, verdict(Action.BLOCK, process), always, machine.clock()) is None
    [(done, pid, survivors, _)] = enforcer.poll(machine.clock())
    assert (done.done, pid, survivors) == (Done.ENDED, process.pid, ())
    assert machine.signals == [(process.pid, "TERM")]
    assert shell.pid in machine.running
    assert not enforcer.busy


def test_one_that_ignores_the_request_is_killed_after_five_seconds(machine: FakeMachine) -> None:
    enforcer = Enforcer(machine, Teller(), tool_packages=())
    process = machine.run(machine.file("/home/bob/bin/notes"), machine.add_user("bob"), ignores_term=True)
    enforcer.act(process, verdict(Action.BLOCK, process), always, machine.clock())
    assert enforcer.poll(machine.clock.advance(4.9)) == []
    assert enforcer.is_ending(process.pid)
    enforcer.poll(machine.clock.advance(0.2))
    [(done, *_)] = enforcer.poll(machine.clock())
    assert done.done is Done.ENDED
    assert done.detail.startswith("killed")
    assert machine.signals == [(process.pid, "TERM"), (process.pid, "KILL")]


def test_a_process_that_is_no_longer_what_was_judged_is_left_alone(machine: FakeMachine) -> None:
    enforcer = Enforcer(machine, Teller(), tool_packages=())
    process = machine.run(machine.file("/home/bob/bin/notes"), machine.add_user("bob"))
    assert enforcer.act(process, verdict(Action.BLOCK, process), lambda _: False, machine.clock()) is None
    assert machine.signals == []
    assert not enforcer.busy


def test_what_is_never_stopped_is_reported_as_not_enforceable(machine: FakeMachine) -> None:
    enforcer = Enforcer(machine, Teller(), tool_packages=())
    init = machine.run(machine.file("/sbin/init"), pid=1, init=True)
    done = enforcer.act(init, verdict(Action.BLOCK, init), always, machine.clock())
    assert done is not None
    assert done.done is Done.NOT_ENFORCEABLE
    assert "first process" in done.detail
    assert machine.signals == []


def test_a_tool_under_an_interpreters_name_is_ended_and_a_real_interpreter_never(
    machine: FakeMachine,
) -> None:
    enforcer = Enforcer(machine, Teller(), tool_packages=())
    bob = machine.add_user("bob")
    renamed = machine.run(machine.file("/home/bob/bin/bash"), bob, script="/home/bob/notes.txt")
    real = machine.run(machine.file("/home/bob/.nvm/bin/node"), bob)
    found = verdict(Action.BLOCK, renamed)
    found = structs.replace(found, finding=structs.replace(found.finding, path=renamed.exe))
    assert enforcer.act(renamed, found, always, machine.clock()) is None
    assert machine.signals == [(renamed.pid, "TERM")]
    done = enforcer.act(real, verdict(Action.BLOCK, real, kind="npm"), always, machine.clock())
    assert done is not None
    assert done.done is Done.NOT_ENFORCEABLE


def test_a_window_with_unsaved_files_is_not_ended_but_the_command_line_form_is(machine: FakeMachine) -> None:
    enforcer = Enforcer(machine, Teller(), tool_packages=(), with_windows={"cursor"})
    bob = machine.add_user("bob", uid=NOBODY)
    editor = machine.run(machine.file("/opt/cursor/cursor"), bob)
    done = enforcer.act(editor, verdict(Action.BLOCK, editor, "cursor", "path"), always, machine.clock())
    assert done is not None
    assert done.done is Done.NOT_ENFORCEABLE
    assert done.detail == (
        "it may hold unsaved files, so it is not ended while it runs; "
        "there was no terminal or desktop to tell the person on"
    )
    assert machine.signals == []
    command = machine.run(machine.file("/home/bob/bin/cursor-agent"), bob)
    assert enforcer.act(command, verdict(Action.BLOCK, command, "cursor"), always, machine.clock()) is None
    assert machine.signals == [(command.pid, "TERM")]


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo terminals")
def test_its_person_is_asked_to_close_it_once_an_hour_while_it_runs(machine: FakeMachine) -> None:
    teller = Teller()
    enforcer = Enforcer(machine, teller, tool_packages=(), with_windows={"cursor"})
    bob = machine.add_user("bob", uid=NOBODY)
    with Pty() as pty:
        editor = machine.run(machine.file("/opt/cursor/cursor"), bob, terminal=pty.terminal)
        judged = verdict(Action.BLOCK, editor, "cursor", "path")
        for guarded, words in (
            (True, "Save your work and close it: it will not start again."),
            (False, "Save your work and close it, and do not start it again."),
        ):
            teller.guarded = lambda guarded=guarded: guarded  # type: ignore[misc]
            for _ in range(3):
                done = enforcer.act(editor, judged, always, machine.clock.advance(1000))
                assert done is not None
                assert done.detail.endswith("the person was asked to close it")
            screen = pty.read()
            assert screen.count("may no longer be used, by your organisation's AI policy") == 1
            assert words in screen
            machine.clock.advance(600)
    assert machine.signals == []


@pytest.mark.parametrize(
    ("action", "done"),
    [(Action.ALLOW, Done.ALLOWED), (Action.REPORT, Done.REPORTED), (Action.WARN, Done.REPORTED)],
)
def test_nothing_milder_than_block_sends_a_signal(machine: FakeMachine, action: Action, done: Done) -> None:
    enforcer = Enforcer(machine, Teller(), tool_packages=())
    process = machine.run(machine.file("/home/bob/bin/notes"), machine.add_user("bob"))
    told = enforcer.act(process, verdict(action, process), always, machine.clock())
    assert told is not None
    assert told.done is done  # warned counts only where there was a terminal to warn on
    assert machine.signals == []


def test_an_extension_is_not_enforceable_and_an_installed_program_is_reported() -> None:
    program = outcome(action=Action.BLOCK).verdict
    assert installed_outcome(program).done is Done.REPORTED
    evidence = (Evidence(kind="vscode-extension", value="anthropic.claude-code"),)
    extension = structs.replace(program, finding=structs.replace(program.finding, because=evidence))
    assert installed_outcome(extension).done is Done.NOT_ENFORCEABLE
    assert installed_outcome(structs.replace(extension, action=Action.ALLOW)).done is Done.ALLOWED
    assert program.finding.confidence is Confidence.CERTAIN


def test_what_is_started_again_and_again_is_ended_each_time_and_its_starter_is_named_once(
    machine: FakeMachine,
) -> None:
    enforcer = Enforcer(machine, Teller(), tool_packages=())
    bob = machine.add_user("bob")
    starter = machine.run(machine.file("/usr/bin/keeper"), bob)
    details = []
    for _ in range(8):
        process = machine.run(machine.file("/home/bob/bin/notes"), bob, parent=starter.pid)
        enforcer.act(process, verdict(Action.BLOCK, process), always, machine.clock.advance(1.0))
        [ends] = enforcer.poll(machine.clock())
        details.append(ends.outcome.detail if ends.worth else "")
        assert process.pid not in machine.running
    named = f"again and again, lastly by keeper (pid {starter.pid})"
    assert [bool(detail) for detail in details] == [True] * 4 + [False] * 4
    assert [named in detail for detail in details] == [False] * 3 + [True] + [False] * 4
    assert starter.pid in machine.running
    machine.clock.advance(3600)
    process = machine.run(machine.file("/home/bob/bin/notes"), bob, parent=starter.pid)
    enforcer.act(process, verdict(Action.BLOCK, process), always, machine.clock())
    [ends] = enforcer.poll(machine.clock())
    assert "ended 4 times more" in ends.outcome.detail
