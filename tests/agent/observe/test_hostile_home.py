"""A home full of traps costs bounded work, ends no look, and hides none of what lies beside the traps."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aipolicy.core.model import Executable, Package, Unseen
from host import FakeMachine
from hostile import NO_JSON, UNREADABLE, device, terabyte, wrong_types
from installed import NATIVE_CLAUDE, aider, extension, look, npm_package, put

FILES = {"home": 50_000, "bin": 20_100, "extensions": 5_000}


def trapped(home: Path) -> None:
    """Each trap at each place that is read."""
    makers = [make for make, _ in (*UNREADABLE, *NO_JSON)] + [wrong_types, terabyte]
    if os.geteuid() == 0:
        makers.append(device)
    for number, make in enumerate(makers):
        outer = home / f"trap{number}"
        package = npm_package(outer / "lib/node_modules", "claude-code-1.0.100")
        (package / "package.json").unlink()
        make(package / "package.json")
        folder = aider(outer / "venv")
        for name in ("METADATA", "RECORD", "entry_points.txt"):
            (folder / name).unlink()
            make(folder / name)
        editor = extension(outer / ".vscode/extensions")
        (editor / "package.json").unlink()
        make(editor / "package.json")
        make(editor.parent / ".obsolete")
        for place in ("bin/claude", ".local/share/claude/versions/1"):
            (outer / place).parent.mkdir(parents=True)
            make(outer / place)
            if (outer / place).is_file() and not (outer / place).is_symlink():
                (outer / place).chmod(0o755)


def test_every_trap_at_every_place(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann, bob = machine.add_user("ann"), machine.add_user("bob")
    trapped(Path(ann.home))
    good = [npm_package(f"{home}/good/lib/node_modules", "codex-0.169.0") for home in (ann.home, bob.home)]
    notes = put(f"{ann.home}/bin/notes", NATIVE_CLAUDE)
    seen = look(machine)
    packages = {found.package.path for found in seen if isinstance(found, Package)}
    assert {str(folder) for folder in good} <= packages
    assert notes in {found.path for found in seen if isinstance(found, Executable)}
    unseen = [found for found in seen if isinstance(found, Unseen)]
    assert all(not found.place.startswith("observer") for found in unseen)
    assert len(unseen) > 20


@pytest.mark.parametrize("place", FILES)
def test_tens_of_thousands_of_files(place: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    outer = Path(ann.home, {"home": "x", "bin": "bin", "extensions": ".vscode/extensions"}[place])
    outer.mkdir(parents=True)
    for number in range(FILES[place]):
        os.close(os.open(f"{outer}/{number}", os.O_CREAT | os.O_WRONLY, 0o755))
    npm_package(f"{ann.home}/np/lib/node_modules", "codex-0.169.0")
    seen = look(machine)
    assert any(isinstance(found, Package) for found in seen)
    full = [found for found in seen if isinstance(found, Unseen)]
    expected = [Unseen(place=str(outer), reason="more than 20,000 files")] if place == "bin" else []
    assert full == expected


def is_a_name(name: bytes) -> bool:
    return b"/" not in name and b"\0" not in name and name not in (b".", b"..")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(names=st.lists(st.binary(min_size=1, max_size=60).filter(is_a_name), min_size=1, max_size=4))
def test_any_names(names: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    machine = FakeMachine(tmp_path_factory.mktemp("names"))
    ann = machine.add_user("ann")
    outer = os.fsencode(ann.home) + b"/" + b"/".join(names)
    put(os.fsdecode(outer + b"/bin/notes"), NATIVE_CLAUDE)
    npm_package(os.fsdecode(outer + b"/lib/node_modules"), "codex-0.169.0")
    for found in look(machine):
        if isinstance(found, Package):
            assert found.package.path.isprintable()
        elif isinstance(found, Executable):
            assert found.path.isprintable()
        else:
            assert isinstance(found, Unseen)


def test_a_user_whose_home_is_the_root_or_a_link(tmp_path: Path) -> None:
    from aipolicy.platforms.machine import User

    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    real = Path(machine.at("/data/ann"))
    real.parent.mkdir()
    Path(ann.home).rename(real)
    Path(ann.home).symlink_to(real)
    npm_package(real / "np/lib/node_modules", "codex-0.169.0")
    machine.accounts.append(User(name="daemon", uid=1, gid=1, home=str(tmp_path)))
    machine.accounts.append(User(name="nobody", uid=65534, gid=65534, home="/nonexistent"))
    (found,) = look(machine)
    assert isinstance(found, Package)
    assert (found.owner.name, found.package.path.startswith(str(real))) == ("ann", True)


def test_a_home_that_may_hang_is_unseen_and_the_others_are_looked_into(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann, bob = machine.add_user("ann"), machine.add_user("bob")
    machine.far[ann.home] = "on nfs4, which may hang"
    npm_package(f"{bob.home}/np/lib/node_modules", "codex-0.169.0")
    seen = look(machine)
    assert Unseen(place=ann.home, reason="on nfs4, which may hang") in seen
    assert any(isinstance(found, Package) and found.owner.name == "bob" for found in seen)


def test_as_an_ordinary_user_other_homes_are_no_concern(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path, admin=False)
    bob, ann = machine.add_user("bob"), machine.add_user("ann")
    npm_package(f"{bob.home}/np/lib/node_modules", "codex-0.169.0")
    npm_package(f"{ann.home}/np/lib/node_modules", "claude-code-1.0.100")
    npm_package(machine.at("/usr/lib/node_modules"), "opencode-ai-1.18.33")
    seen = look(machine)
    assert {found.package.name for found in seen if isinstance(found, Package)} == {
        "@anthropic-ai/claude-code",
        "opencode-ai",
    }
    assert not any(isinstance(found, Unseen) for found in seen)
