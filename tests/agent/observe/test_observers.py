"""Every observer is in the list, keeps the form, and looks for nothing but what is wanted."""

import importlib
import pkgutil
from pathlib import Path

from aipolicy import observe
from aipolicy.core.model import Executable, Extension, Package, Unseen
from aipolicy.observe import OBSERVERS, install_roots, walk_everywhere
from aipolicy.observe.look import Look
from host import FakeMachine
from installed import NATIVE_CLAUDE, aider, described, examiner, extension, look, npm_package, put, wanted


def test_no_observer_is_missing_from_the_list() -> None:
    names = [found.name for found in pkgutil.iter_modules(observe.__path__)]
    modules = [importlib.import_module(f"aipolicy.observe.{name}") for name in names]
    with_name = [module.__name__ for module in modules if hasattr(module, "NAME")]
    assert sorted(with_name) == sorted(getattr(o, "__name__", "") for o in OBSERVERS)
    assert len({o.NAME for o in OBSERVERS}) == len(OBSERVERS)


def test_nothing_else_that_is_installed_is_noted(tmp_path: Path) -> None:
    """No inventory: other packages, extensions, programs and processes leave no trace."""
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    modules = f"{ann.home}/lib/node_modules"
    for name in ("left-pad", "@types/node", "@anthropic-ai/sdk", "claude"):
        put(f"{modules}/{name}/package.json", f'{{"name": "{name}", "version": "1"}}'.encode())
    put(
        f"{ann.home}/lib/python3.11/site-packages/flask-3.0.dist-info/METADATA",
        b"Name: flask\nVersion: 3\n",
    )
    extension(f"{ann.home}/.vscode/extensions", "ms-python", "python", "2024.1.0")
    put(f"{ann.home}/bin/private-tool", b"#!/bin/sh\n")
    machine.file("/usr/bin/git", b"\x7fELF git")
    machine.run(machine.at("/usr/bin/git"), ann)
    machine.run(machine.at("/usr/bin/python3"), ann, script=put(f"{ann.home}/diary.py", b"print()"))
    assert look(machine) == []


def test_twenty_thousand_copies_in_one_home_drowned_what_everybody_else_has(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann, bob = machine.add_user("ann"), machine.add_user("bob")
    for number in range(520):
        npm_package(f"{ann.home}/{number}/node_modules", "claude-code-1.0.100")
    npm_package(f"{ann.home}/x/node_modules", "codex-0.169.0")
    npm_package(f"{bob.home}/x/node_modules", "claude-code-1.0.100")
    seen = look(machine)
    packages = [found for found in seen if isinstance(found, Package)]
    unseen = [found for found in seen if isinstance(found, Unseen)]
    assert len([found for found in packages if found.package.name == "@anthropic-ai/claude-code"]) == 501
    assert {found.owner.name for found in packages if "codex" in found.package.name} == {"ann"}
    assert [(one.place, one.reason) for one in unseen] == [
        ("observer npm", "20 things of ann more than are listed")
    ]


def test_a_full_machine_shows_each_thing_once(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann, bob = machine.add_user("ann"), machine.add_user("bob")
    for user in (ann, bob):
        npm_package(f"{user.home}/.npm-global/lib/node_modules", "claude-code-2.1.197", NATIVE_CLAUDE)
        aider(f"{user.home}/.local/share/pipx/venvs/aider-chat")
        extension(f"{user.home}/.cursor/extensions")
    put(f"{ann.home}/bin/notes", NATIVE_CLAUDE)
    npm_package(machine.at("/usr/lib/node_modules"), "codex-0.169.0")
    seen = look(machine)
    keys = [
        found.package.path if isinstance(found, Package | Extension) else found.path
        for found in seen
        if isinstance(found, Package | Extension | Executable)
    ]
    assert len(keys) == len(set(keys)) == len(seen) == 10  # aider's script of each user counts, too
    assert {
        "npm global: @anthropic-ai/claude-code 2.1.197 of ann",
        "npm global: @anthropic-ai/claude-code 2.1.197 of bob",
        "pipx: aider-chat 0.86.2 of bob",
        "cursor: anthropic.claude-code 2.1.7 of ann",
        "npm global: @openai/codex 0.169.0 of root",
    } <= described(seen)


def test_removed_is_gone_from_the_next_look(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    package = npm_package(f"{ann.home}/lib/node_modules", "claude-code-1.0.100")
    assert look(machine) != []
    (package / "cli.js").unlink()
    assert [found.has_code for found in look(machine) if isinstance(found, Package)] == [False]
    (package / "package.json").unlink()
    package.rmdir()
    put(f"{ann.home}/.claude/settings.json", b"{}")
    assert look(machine) == []


def test_an_observer_that_fails_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    npm_package(f"{ann.home}/lib/node_modules", "claude-code-1.0.100")

    class Broken(type(machine)):  # type: ignore[misc]  # a machine whose process list raises
        def processes(self):  # type: ignore[no-untyped-def]
            raise RuntimeError("boom")

    broken = Broken(tmp_path)
    broken.accounts = machine.accounts
    seen = look(broken)
    assert Unseen(place="observer processes", reason="it failed: RuntimeError") in seen
    assert any(isinstance(found, Package) for found in seen)


def test_progress_is_told(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    put(f"{ann.home}/bin/x", b"\x7fELF")
    told: list[tuple[str, int]] = []
    list(
        observe.look_everywhere(machine, wanted(), examiner(), lambda stage, done: told.append((stage, done)))
    )
    assert ("programs", 0) in told


def test_roots_are_the_folders_where_installs_appear(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    npm_package(f"{ann.home}/.npm-global/lib/node_modules", "claude-code-1.0.100")
    extension(f"{ann.home}/.cursor/extensions")
    put(f"{ann.home}/bin/x", b"x")
    put(machine.at("/tmp/bin/x"), b"x")
    roots = install_roots(walk_everywhere(machine, wanted(), examiner())[0])
    assert machine.at("/tmp/bin") not in roots, "something comes and goes there all the time"
    for folder in ("", "/bin", "/.npm-global/lib/node_modules", "/.cursor/extensions"):
        assert f"{ann.home}{folder}" in roots
    scope = f"{ann.home}/.npm-global/lib/node_modules/@anthropic-ai"
    assert scope in roots, "only there an uninstall shows itself"
    assert machine.at("/usr/bin") in roots


def test_observers_have_the_protocols_form() -> None:
    assert all(observer.observe.__annotations__["look"] is Look for observer in OBSERVERS)
