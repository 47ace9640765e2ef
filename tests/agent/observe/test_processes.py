"""A process with the facts of its program and its script; one without any clue is of no concern."""

from pathlib import Path

from aipolicy.core.model import Observation, Process, Unseen
from aipolicy.observe.processes import with_facts
from host import FakeMachine
from installed import A_SCRIPT, NATIVE_CLAUDE, NATIVE_OTHER, aider, examiner, look, npm_package, put


def processes(seen: list[Observation | Unseen]) -> list[Process]:
    return [found for found in seen if isinstance(found, Process)]


def test_a_renamed_program_shows_its_marks(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    machine.run(put(f"{ann.home}/x/notes", NATIVE_CLAUDE), ann)
    (found,) = processes(look(machine))
    assert found.file is not None
    assert (found.name, found.owner.name, found.file.version, len(found.file.marks)) == (
        "notes",
        "ann",
        "2.1.7",
        2,
    )


def test_a_script_shows_its_package(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    node = machine.file("/usr/bin/node", NATIVE_OTHER)
    package = npm_package(f"{ann.home}/np/lib/node_modules", "claude-code-1.0.100")
    machine.run(node, ann, script=f"{package}/cli.js")
    machine.run(node, ann, script=put(f"{ann.home}/app/server.js", A_SCRIPT))
    (found,) = processes(look(machine))
    assert found.script_file is not None
    assert found.script_file.package is not None
    assert found.script_file.package.name == "@anthropic-ai/claude-code"
    assert found.file is not None
    assert found.file.marks == ()


def test_a_module_shows_its_distribution(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    folder = aider(f"{ann.home}/venv")
    python = machine.file("/usr/bin/python3", NATIVE_OTHER)
    machine.run(python, ann, module="aider", script=str(folder.parent / "aider" / "__main__.py"))
    machine.run(python, ann, module="http.server")
    (found,) = processes(look(machine))
    assert found.script_file is not None
    assert found.script_file.package is not None
    assert (found.script_file.package.name, found.script_file.package.version) == ("aider-chat", "0.86.2")


def test_a_title_and_a_name_are_clues(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    node = machine.file("/usr/bin/node", NATIVE_OTHER)
    machine.run(node, name="claude")
    machine.run(machine.file("/usr/local/bin/codex", NATIVE_OTHER), name="MainThread")
    machine.run(node, name="MainThread")
    machine.run(node, name="Kimi Code")
    names = [found.name for found in processes(look(machine, titles={"Kimi Code"}))]
    assert names == ["claude", "MainThread", "Kimi Code"]


def test_a_place_that_the_catalog_names_is_a_clue(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    machine.run(put(f"{ann.home}/.local/share/claude/versions/2.1.7", NATIVE_OTHER), ann, name="x")
    assert len(processes(look(machine))) == 1


def test_a_program_that_is_gone_keeps_what_the_kernel_says(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    process = machine.run(machine.at("/usr/bin/claude (deleted)"), name="claude")
    assert list(with_facts(process, machine, examiner())) == [process]


def test_what_may_hang_is_not_opened(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, far={"/net/": "on nfs4, which may hang"})
    machine.run("/net/server/claude", name="claude")
    seen = look(machine)
    assert Unseen(place="/net/server/claude", reason="on nfs4, which may hang") in seen
    assert [found.file for found in processes(seen)] == [None]


def test_processes_that_may_not_be_looked_at_are_unseen(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    process = machine.run(machine.file("/usr/bin/claude", NATIVE_CLAUDE))
    machine.denied.add(process.pid)
    assert processes(look(machine)) == []
    assert any(isinstance(found, Unseen) and found.place.startswith("/proc") for found in look(machine))
