"""Extensions in the editors made from VS Code."""

from pathlib import Path

import pytest

from aipolicy.core.model import Extension, Unseen
from aipolicy.observe.vscode import editor_of
from host import FakeMachine
from hostile import NO_JSON, UNREADABLE
from installed import described, extension, look, put


@pytest.mark.parametrize(
    ("folder", "editor"),
    [
        (".vscode/extensions", "vscode"),
        (".vscode-insiders/extensions", "vscode-insiders"),
        (".vscode-oss/extensions", "vscodium"),
        (".vscode-server/extensions", "vscode-server"),
        (".cursor/extensions", "cursor"),
        (".cursor-server/extensions", "cursor-server"),
        (".vscode-server/bin/0123abcd/extensions", "vscode-server"),
        (".cursor-server/cli/servers/Stable-0123abcd/server/extensions", "cursor-server"),
        (".vscode-server-insiders/bin/0123abcd/extensions", "vscode-insiders-server"),
        (".windsurf/extensions", "windsurf"),
        (".qoder/extensions", "qoder"),
        (".trae/extensions", "trae"),
        (".trae-cn/extensions", "trae-cn"),
        (".kiro/extensions", "kiro"),
        (".antigravity/extensions", "antigravity"),
        (".an-editor-of-2027/extensions", "an-editor-of-2027"),
        (".local/share/code-server/extensions", "code-server"),
        (".var/app/com.visualstudio.code/data/vscode/extensions", "vscode"),
        ("portable/data/extensions", "portable"),
    ],
)
def test_every_editor(folder: str, editor: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    place = extension(f"{ann.home}/{folder}")
    (found,) = look(machine)
    assert isinstance(found, Extension)
    assert (found.editor, found.owner.name, found.has_code) == (editor, "ann", True)
    assert (found.package.ecosystem, found.package.name, found.package.version, found.package.path) == (
        "vscode-extension",
        "anthropic.claude-code",
        "2.1.7",
        str(place),
    )


def test_a_platform_in_the_folders_name(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    outer = Path(machine.add_user("ann").home, ".vscode/extensions")
    extension(outer).rename(outer / "anthropic.claude-code-2.1.7-linux-x64")
    assert described(look(machine)) == {"vscode: anthropic.claude-code 2.1.7 of ann"}


def test_a_renamed_folder_in_an_extensions_folder(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    outer = Path(machine.add_user("ann").home, ".vscode/extensions")
    extension(outer).rename(outer / "theme")
    assert described(look(machine)) == {"vscode: anthropic.claude-code 2.1.7 of ann"}


def test_a_linked_folder(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    home = Path(machine.add_user("ann").home)
    place = extension(home / "src")
    for editor in (".vscode", ".cursor"):
        (home / editor / "extensions").mkdir(parents=True)
        (home / editor / "extensions" / "mine").symlink_to(place)
    assert len(look(machine)) == 1


def test_the_parts_of_an_editor_are_not_extensions_that_somebody_installed(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    outer = Path(machine.at("/opt/VSCode-linux-x64/resources/app/extensions"))
    extension(outer, "GitHub", "copilot").rename(outer / "copilot")
    assert look(machine) == []


def test_what_the_manifest_says_counts_and_not_the_folder(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    outer = Path(machine.add_user("ann").home, ".vscode/extensions")
    extension(outer, "somebody", "else").rename(outer / "anthropic.claude-code-2.1.7")
    assert look(machine) == []


def test_uninstalled_but_not_yet_deleted(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    outer = Path(machine.add_user("ann").home, ".vscode/extensions")
    old, new = extension(outer, version="2.1.6"), extension(outer)
    put(outer / ".obsolete", f'{{"{old.name}": true, "other": true}}'.encode())
    assert described(look(machine)) == {"vscode: anthropic.claude-code 2.1.7 of ann"}
    put(outer / ".obsolete", f'{{"{new.name}": false}}'.encode())
    assert len(look(machine)) == 2


def test_a_manifest_without_its_code(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    outer = Path(machine.add_user("ann").home, ".vscode/extensions")
    (extension(outer) / "extension.js").unlink()
    (found,) = look(machine)
    assert isinstance(found, Extension)
    assert not found.has_code


@pytest.mark.parametrize(("make", "reason"), [*UNREADABLE[:4], *NO_JSON])
def test_a_hostile_manifest(make: object, reason: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    outer = Path(machine.add_user("ann").home, ".vscode/extensions")
    place = extension(outer)
    (place / "package.json").unlink()
    make(place / "package.json")  # type: ignore[operator]  # a function of hostile
    assert look(machine) == [Unseen(place=f"{place}/package.json", reason=reason)]


def test_a_folder_outside_of_any_editor() -> None:
    assert editor_of("/a/b/anthropic.claude-code-1.0.0") == "b"
