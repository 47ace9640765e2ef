"""Farms of links, endless paths, special files and names for a terminal, wherever observers read."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from aipolicy.core.model import Executable, Extension, Package, Unseen
from host import FakeMachine
from hostile import (
    AS_ROOT,
    bound_socket,
    device,
    fifo,
    folder,
    link_to_itself,
    link_to_shadow,
    noise,
    terabyte,
)
from installed import NATIVE_CLAUDE, aider, extension, look, npm_package, plugin_jar, put

ODD = "\x1b[2J\u202ex\r\ny\x9b\u2028\ud800"
SPECIAL = (fifo, bound_socket, folder, link_to_itself, link_to_shadow, noise, terabyte)
FILES = (
    "lib/node_modules/@anthropic-ai/claude-code/package.json",
    "lib/node_modules/@anthropic-ai/claude-code/cli.js",
    "venv/lib/python3.11/site-packages/aider_chat-0.86.2.dist-info/METADATA",
    "venv/lib/python3.11/site-packages/aider_chat-0.86.2.dist-info/RECORD",
    "venv/lib/python3.11/site-packages/aider_chat-0.86.2.dist-info/entry_points.txt",
    "venv/bin/aider",
    ".vscode/extensions/anthropic.claude-code-2.1.7/package.json",
    ".vscode/extensions/anthropic.claude-code-2.1.7/extension.js",
    ".vscode/extensions/.obsolete",
    ".local/share/JetBrains/GoLand2026.1/claude/lib/claude.jar",
    "bin/claude",
    ".local/share/claude/versions/2",
    "node_modules",
    "lib/node_modules",
    ".local/share/flatpak/app/a/b/c/active/metadata",
    ".local/share/flatpak/app",
)
PLUGIN = b"<id>com.anthropic.code.plugin</id><version>1</version>"


def furnish(home: str) -> None:
    npm_package(f"{home}/lib/node_modules", "claude-code-1.0.100")
    aider(f"{home}/venv")
    extension(f"{home}/.vscode/extensions")
    plugin_jar(f"{home}/.local/share/JetBrains/GoLand2026.1/claude/lib/claude.jar", PLUGIN)
    put(f"{home}/bin/claude", NATIVE_CLAUDE)


@pytest.mark.parametrize("place", FILES)
def test_something_else_in_the_place_of_a_file_hides_only_that(place: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    bob = machine.add_user("bob")
    npm_package(f"{bob.home}/lib/node_modules", "codex-0.169.0")
    makers: list[Callable[[Path], None]] = list(SPECIAL)
    if os.geteuid() == 0:
        makers.append(device)
    for number, make in enumerate(makers):
        home = Path(machine.add_user(f"user{number}").home)
        furnish(str(home))
        target = home / place
        if target.is_dir():
            target.rename(home / "away")
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        make(target)
    seen = look(machine)
    assert [found for found in seen if isinstance(found, Package) and found.owner.name == "bob"]
    unseen = [found for found in seen if isinstance(found, Unseen)]
    assert not [found for found in unseen if found.place.startswith("observer")]
    assert all(found.reason for found in unseen)
    editors = [found for found in seen if isinstance(found, Extension)]
    assert len(editors) >= len(makers), "of the two extensions of each person one is whole"


def strings_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (*strings_in(key), *strings_in(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings_in(inner)


def test_nothing_seen_holds_what_a_terminal_obeys(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    inner = f"{ann.home}/" + ODD.replace("\ud800", "\udcff")
    npm = npm_package(f"{inner}/lib/node_modules", "claude-code-1.0.100")
    stated = json.loads((npm / "package.json").read_text())
    (npm / "package.json").write_text(json.dumps(stated | {"version": ODD}))
    metadata = aider(f"{inner}/venv") / "METADATA"
    metadata.write_bytes(b"Name: aider-chat\nVersion: 1\x1b[31m\xe2\x80\xae\xff\n")
    extension(f"{inner}/.vscode/extensions", version="1", engines={"vscode": ODD})
    plugin_jar(f"{ann.home}/.local/share/JetBrains/Go\x1b[2J/x/lib/x.jar", PLUGIN)
    put(f"{inner}/bin/claude", NATIVE_CLAUDE)
    fifo(Path(f"{inner}/bin/codex"))
    seen = look(machine)
    kinds = {type(found) for found in seen}
    assert kinds == {Package, Extension, Executable, Unseen}
    for found in seen:
        for text in strings_in(msgspec.to_builtins(found)):
            assert text.isprintable()


def test_a_farm_of_links_in_a_folder_of_programs(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    farm = Path(ann.home, "bin")
    farm.mkdir()
    targets = (
        "/proc/self/exe",
        "/proc/self/root",
        "/dev/zero",
        "/dev/stdin",
        "..",
        ".",
        "farm0",
        "/proc/1/mem",
    )
    for number in range(15_000):
        (farm / f"farm{number}").symlink_to(targets[number % len(targets)])
    for number in range(60):
        (farm / f"chain{number}").symlink_to(f"chain{number + 1}")
    notes = put(farm / "notes", NATIVE_CLAUDE)
    seen = look(machine)
    assert [found.path for found in seen if isinstance(found, Executable)] == [notes]
    assert not [found for found in seen if isinstance(found, Unseen) and found.place.startswith("observer")]


def test_a_farm_of_links_in_the_walk_and_among_packages(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    modules = Path(ann.home, "x/node_modules")
    modules.mkdir(parents=True)
    for number in range(3_000):
        (modules / f"p{number}").symlink_to(("..", "/", "/proc/self", f"p{number}")[number % 4])
        (modules.parent / f"l{number}").symlink_to(("..", "/", "/proc/self", f"l{number}")[number % 4])
    for name in ("bin", "site-packages", "extensions"):
        (modules.parent / name).symlink_to("..")
    npm_package(modules, "codex-0.169.0")
    assert [found.package.name for found in look(machine) if isinstance(found, Package)] == ["@openai/codex"]


def test_folders_deeper_than_a_path_may_be_long(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    here = os.open(ann.home, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 255, dir_fd=here)
        inner = os.open("d" * 255, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    npm_package(f"{ann.home}/np/lib/node_modules", "codex-0.169.0")
    seen = look(machine)
    assert [found.package.name for found in seen if isinstance(found, Package)] == ["@openai/codex"]
    (unseen,) = [found for found in seen if isinstance(found, Unseen)]
    assert unseen.reason == "its name is too long"


@AS_ROOT
def test_a_look_beside_someone_who_changes_everything(tmp_path: Path) -> None:
    """Folders become links, files vanish, rights change while it lasts: others' installs are found."""
    machine = FakeMachine(tmp_path)
    ann, bob = machine.add_user("ann"), machine.add_user("bob")
    npm_package(f"{bob.home}/lib/node_modules", "codex-0.169.0")
    over = threading.Event()

    def change() -> None:
        top = Path(ann.home, "x")
        number = 0
        while not over.is_set():
            number += 1
            here = top / str(number % 50)
            npm_package(here / "lib/node_modules", "claude-code-1.0.100")
            here.rename(top / "moved")
            here.symlink_to(bob.home)
            (top / "moved").chmod(number % 8)
            here.unlink()
            for path in sorted((top / "moved").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            (top / "moved").rmdir()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(20):
            seen = look(machine)
            assert [found for found in seen if isinstance(found, Package) and found.owner.name == "bob"]
            assert not [f for f in seen if isinstance(f, Unseen) and f.place.startswith("observer")]
    finally:
        over.set()
        thread.join()
