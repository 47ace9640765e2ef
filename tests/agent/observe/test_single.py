"""One file, folder or process, also one of no interest: what `explain` and the process events ask for."""

from pathlib import Path

from aipolicy.core.model import Executable, Extension, FileKind, Observation, Package, Process, Unseen
from aipolicy.observe import look_at_path, look_at_process
from host import FakeMachine
from hostile import fifo
from installed import (
    A_SCRIPT,
    NATIVE_CLAUDE,
    NATIVE_OTHER,
    aider,
    bin_link,
    examiner,
    extension,
    npm_package,
    put,
    wanted,
)


def at(machine: FakeMachine, path: object) -> list[Observation | Unseen]:
    return list(look_at_path(str(path), machine, wanted(), examiner()))


def test_a_file_of_no_interest_is_shown_too(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    (found,) = at(machine, machine.file("/usr/bin/git", NATIVE_OTHER))
    assert isinstance(found, Executable)
    assert (found.file.kind, found.file.marks, found.owner.name) == (FileKind.ELF, (), "root")


def test_a_link_is_followed_and_keeps_its_name(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    package = npm_package(f"{ann.home}/np/lib/node_modules", "claude-code-2.1.197", NATIVE_CLAUDE)
    link = bin_link(f"{ann.home}/np/bin", "claude", package / "bin/claude.exe")
    (found,) = at(machine, link)
    assert isinstance(found, Executable)
    assert (found.path, found.found_as, found.owner.name) == (f"{package}/bin/claude.exe", link, "ann")
    assert found.file.package is not None


def test_a_source_file_is_a_script_and_a_text_is_not(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    (source,) = at(machine, put(tmp_path / "copied.mjs", b"let a = 'CLAUDE_CODE_ENABLE_TELEMETRY';\n"))
    (text,) = at(machine, put(tmp_path / "README.md", b"CLAUDE_CODE_ENABLE_TELEMETRY\n"))
    assert isinstance(source, Executable)
    assert isinstance(text, Executable)
    assert (source.file.kind, len(source.file.marks)) == (FileKind.SCRIPT, 1)
    assert (text.file.kind, text.file.marks) == (FileKind.OTHER, ())


def test_folders_of_packages_and_extensions(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    (package,) = at(machine, npm_package(tmp_path / "node_modules", "claude-code-1.0.100"))
    (distribution,) = at(machine, aider(tmp_path / "venv"))
    (plugin,) = at(machine, extension(tmp_path / ".cursor/extensions"))
    assert isinstance(package, Package)
    assert isinstance(distribution, Package)
    assert isinstance(plugin, Extension)
    assert at(machine, tmp_path) == []


def test_what_cannot_be_looked_at_says_why(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    fifo(tmp_path / "pipe")
    assert at(machine, tmp_path / "pipe") == [Unseen(place=f"{tmp_path}/pipe", reason="not a regular file")]
    assert at(machine, tmp_path / "gone") == [Unseen(place=f"{tmp_path}/gone", reason="no such file")]


def test_a_process(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    running = machine.run(machine.file("/usr/bin/x", NATIVE_OTHER), script=put(tmp_path / "a.js", A_SCRIPT))
    (found,) = look_at_process(running.pid, machine, examiner())
    assert isinstance(found, Process)
    assert found.file is not None
    assert found.script_file is not None
    assert list(look_at_process(99999, machine, examiner())) == []
    machine.denied.add(running.pid)
    assert isinstance(next(look_at_process(running.pid, machine, examiner())), Unseen)
