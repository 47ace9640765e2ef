"""Program files are known by contents, place or name; whatever has none of them leaves no trace."""

import os
from pathlib import Path

import pytest

from aipolicy.core.model import Executable, Package, Unseen
from host import FakeMachine
from hostile import (
    AS_ROOT,
    acting_as,
    bound_socket,
    device,
    fifo,
    folder,
    folder_for_everybody,
    link_to_itself,
    terabyte,
)
from installed import (
    A_SCRIPT,
    NATIVE_CLAUDE,
    NATIVE_OTHER,
    RECORDINGS,
    bin_link,
    described,
    look,
    npm_package,
    put,
)


def programs(machine: FakeMachine, **fields: object) -> dict[str, str]:
    """Path of each program seen to the name it was found under."""
    return {found.path: found.found_as for found in look(machine, **fields) if isinstance(found, Executable)}


@pytest.mark.parametrize(
    "place", ["bin", ".local/bin", "go/bin", "some/project/bin", "sbin", ".asdf/shims", "dotfiles/bin"]
)
def test_a_renamed_copy_in_any_folder_of_programs(place: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    path = put(f"{ann.home}/{place}/notes", NATIVE_CLAUDE)
    assert described(look(machine), ann.home) == {f"program ~/{place}/notes of ann: 2.1.7"}
    assert programs(machine) == {path: path}


@pytest.mark.parametrize(
    "place", ["/usr/bin/notes", "/usr/local/bin/notes", "/opt/notes/bin/notes", "/srv/x/bin/notes"]
)
def test_a_renamed_copy_in_the_system(place: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    path = machine.file(place, NATIVE_CLAUDE)
    assert described(look(machine)) == {f"program {path} of root: 2.1.7"}


def test_a_native_install_is_found_once_through_its_link(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    version = put(f"{ann.home}/.local/share/claude/versions/2.1.7", NATIVE_CLAUDE)
    link = bin_link(f"{ann.home}/.local/bin", "claude", version)
    assert programs(machine) == {version: link}


def test_a_place_that_the_catalog_names_counts_without_link_or_mode(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    version = put(f"{ann.home}/.local/share/claude/versions/2.1.7", NATIVE_OTHER, mode=0o600)
    put(f"{ann.home}/.local/share/claude/versions/old/readme", b"text", mode=0o600)
    cursor = machine.file("/usr/share/cursor/cursor", NATIVE_OTHER)
    assert programs(machine) == {version: version, cursor: cursor}


def test_hard_links_are_two_places_read_once(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    one = put(f"{ann.home}/bin/notes", NATIVE_CLAUDE)
    os.link(one, f"{ann.home}/bin/other")
    assert set(programs(machine)) == {one, f"{ann.home}/bin/other"}


def test_a_folder_that_is_called_by_two_names_is_looked_into_once(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, path=["usr/bin", "bin2"])
    Path(machine.at("bin2")).rmdir()
    Path(machine.at("bin2")).symlink_to("usr/bin")
    path = machine.file("/usr/bin/notes", NATIVE_CLAUDE)
    assert programs(machine) == {path: path}


def test_a_name_alone_is_noted_wherever_it_lies(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    path = put(f"{ann.home}/Downloads/codex", NATIVE_OTHER)
    put(f"{ann.home}/src/codex", b"not executable", mode=0o644)
    Path(ann.home, "codex").mkdir()
    assert programs(machine) == {path: path}


def test_what_lies_in_an_observed_package_is_not_noted_again(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    package = npm_package(f"{ann.home}/np/lib/node_modules", "claude-code-2.1.197", NATIVE_CLAUDE)
    bin_link(f"{ann.home}/np/bin", "claude", package / "bin/claude.exe")
    assert programs(machine) == {}


def test_the_launcher_of_a_package_without_its_program_is_nothing(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    launcher = (RECORDINGS / "npm" / "droid-launcher.js").read_bytes()
    package = npm_package(f"{ann.home}/np/lib/node_modules", "factory-cli-0.225.1", launcher)
    bin_link(f"{ann.home}/np/bin", "codex", package / "bin/droid")
    assert programs(machine) == {}
    hidden = put(package / "hidden", NATIVE_CLAUDE)
    link = bin_link(f"{ann.home}/np/bin", "x", hidden)
    assert programs(machine) == {hidden: link}


def test_a_package_that_no_walk_finds_is_seen_through_its_link(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    package = npm_package(machine.at("/var/tools/node_modules"), "claude-code-2.1.197", NATIVE_CLAUDE)
    link = bin_link(machine.at("/usr/bin"), "c", package / "bin/claude.exe")
    (found,) = look(machine)
    assert isinstance(found, Executable)
    assert (found.found_as, found.file.package is not None) == (link, True)


def test_a_program_of_another_package_keeps_that_packages_name(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    package = npm_package(f"{ann.home}/np/lib/node_modules", "gemini-lookalike-7.5.2")
    bin_link(f"{ann.home}/np/bin", "gemini", package / "bin/gemini")
    (found,) = look(machine)
    assert isinstance(found, Executable)
    assert found.file.package is not None
    assert found.file.package.name == "gemini"


def test_a_link_out_of_the_home_is_read_only_if_it_leads_to_a_program(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    secret = machine.file("/etc/shadow", NATIVE_CLAUDE, mode=0o600)
    program = machine.file("/var/x/thing", NATIVE_CLAUDE)
    bin_link(f"{ann.home}/bin", "claude", secret)
    link = bin_link(f"{ann.home}/bin", "b", program)
    assert programs(machine) == {program: link}


def test_a_linked_bin_folder(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    path = put(f"{ann.home}/dotfiles/scripts/notes", NATIVE_CLAUDE)
    Path(ann.home, "bin").symlink_to("dotfiles/scripts")
    assert programs(machine) == {path: path}


@pytest.mark.parametrize("make", [fifo, bound_socket])
def test_what_bears_the_name_and_is_no_file_is_unseen(make: object, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    place = Path(machine.add_user("ann").home, "bin", "claude")
    place.parent.mkdir()
    make(place)  # type: ignore[operator]  # a function of hostile
    assert look(machine) == [Unseen(place=str(place), reason="not a regular file")]


@pytest.mark.parametrize("make", [fifo, bound_socket, folder, link_to_itself])
def test_what_is_no_file_and_bears_another_name_is_passed_over(make: object, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    place = Path(machine.add_user("ann").home, "bin", "other")
    place.parent.mkdir()
    make(place)  # type: ignore[operator]  # a function of hostile
    assert look(machine) == []


@AS_ROOT
def test_a_device_is_not_opened(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    place = Path(machine.add_user("ann").home, "bin", "claude")
    place.parent.mkdir()
    device(place)
    assert look(machine) == [Unseen(place=str(place), reason="not a regular file")]


def test_an_executable_terabyte_of_nothing_in_a_home(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    path = put(f"{ann.home}/bin/notes", NATIVE_CLAUDE)
    os.truncate(path, 1 << 40)
    terabyte(Path(put(f"{ann.home}/bin/empty", b"")))
    assert programs(machine) == {path: path}


@AS_ROOT
def test_to_an_ordinary_user_what_the_system_closes_is_no_concern() -> None:
    with folder_for_everybody() as top:
        machine = FakeMachine(top, admin=False)
        ann = machine.add_user("ann", uid=12345)
        machine.file("/usr/bin/sudo", NATIVE_OTHER, mode=0o111)
        Path(machine.at("/opt/closed")).mkdir(parents=True)
        os.chmod(machine.at("/opt/closed"), 0)
        own = put(f"{ann.home}/bin/closed", NATIVE_OTHER, mode=0o111)
        os.chown(own, ann.uid, ann.gid)
        look(machine)  # Python loads codecs and ctypes at first use, from folders that only root may enter
        with acting_as(ann.uid):
            seen = look(machine)
        assert seen == [Unseen(place=own, reason="permission denied")]


def test_names_that_are_no_text(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    folder_name = os.fsencode(ann.home) + b"/\xff\n/bin"
    put(os.fsdecode(folder_name + b"/not\xe9s"), NATIVE_CLAUDE)
    assert set(programs(machine)) == {f"{ann.home}/\\xff\\n/bin/not\\xe9s"}


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (
            ".asdf/shims/claude",
            '# asdf-plugin: nodejs 20.20.2\nexec /home/ann/.asdf/bin/asdf exec "claude" "$@"',
        ),
        (".nodenv/shims/claude", 'export NODENV_ROOT="/x"\nexec "/x/bin/nodenv" exec "$program" "$@"'),
    ],
)
def test_the_shim_of_a_version_manager_is_no_tool(place: str, text: str, tmp_path: Path) -> None:
    """As asdf 0.15.0 and nodenv 1.6.2 wrote them; with the tool's marks in it, it is the tool."""
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    shim = put(f"{ann.home}/{place}", f"#!/usr/bin/env bash\n{text}\n".encode())
    assert look(machine) == []
    with open(shim, "ab") as file:
        file.write(NATIVE_CLAUDE[4:].replace(b"\0", b"\n"))
    assert set(programs(machine)) == {shim}


def test_the_link_to_a_managers_one_shim_is_no_tool(tmp_path: Path) -> None:
    """volta and mise lay a link for each command to one program of their own."""
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    shim = put(f"{ann.home}/.volta/bin/volta-shim", NATIVE_OTHER)
    bin_link(f"{ann.home}/.volta/bin", "claude", shim)
    npm_package(
        f"{ann.home}/.volta/tools/image/packages/@anthropic-ai/claude-code/lib/node_modules",
        "claude-code-2.1.197",
    )
    assert described([found for found in look(machine) if isinstance(found, Package)]) == {
        "npm global, volta: @anthropic-ai/claude-code 2.1.197 of ann"
    }


def test_a_tool_that_unpacked_itself_is_the_package_it_says(tmp_path: Path) -> None:
    """Copilot's package names a launcher of one kilobyte, and its code has no mark."""
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    folder = npm_package(f"{ann.home}/.cache/tool/pkg/linux-x64", "codex-0.169.0", b"import x\n", "0.169.0")
    put(folder / "index.js", A_SCRIPT)
    found = look(machine, paths=("~/.cache/tool/pkg/*/*/index.js",))
    assert described(found) == {"own copy: @openai/codex 0.169.0 of ann"}
    put(folder / "index.js", b"")
    found = look(machine, paths=("~/.cache/tool/pkg/*/*/index.js",))
    assert described(found) == {"own copy: @openai/codex 0.169.0 of ann without code"}


@pytest.mark.parametrize(
    "text", [b"\n", b" ", b"$basedir/", b"exec\n a", b"# cmd-shim-target=", b"node_modules/"]
)
def test_a_launcher_made_to_be_read_for_ever_is_read_in_a_moment(text: bytes, tmp_path: Path) -> None:
    """Where this comes back, the test does not end for minutes."""
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    for number in range(50):
        put(f"{ann.home}/bin{number}/bin/claude", b"#!/bin/sh\n" + text * (60_000 // len(text)))
    assert len(programs(machine)) == 50


def test_a_tools_own_place_in_a_folder_of_programs_is_looked_at_whatever_is_there(tmp_path: Path) -> None:
    """Passed over among the others, for it has neither name nor marks, it was not looked at again."""
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    path = put(f"{ann.home}/.acme/bin/start", NATIVE_OTHER)
    other = put(f"{ann.home}/.acme/bin/other", NATIVE_OTHER)
    seen = programs(machine, paths=("~/.acme/bin/start",))
    assert path in seen
    assert other not in seen
