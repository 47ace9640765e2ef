"""Plugins of JetBrains editors."""

from pathlib import Path

import pytest

from aipolicy.core.model import Extension, Unseen
from host import FakeMachine
from hostile import noise
from installed import look, plugin_jar

DESCRIPTOR = b"<idea-plugin><id>com.anthropic.code.plugin</id><version>0.1.9</version></idea-plugin>"


def test_a_plugin_of_each_product(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    for product in ("JetBrains/IntelliJIdea2026.1", "Google/AndroidStudio2025.3"):
        lib = f"{ann.home}/.local/share/{product}/claude-code-jetbrains-plugin/lib"
        plugin_jar(f"{lib}/annotations.jar", b"")
        plugin_jar(f"{lib}/claude-code-jetbrains-plugin-0.1.9.jar", DESCRIPTOR)
        plugin_jar(f"{ann.home}/.local/share/{product}/other/lib/other.jar", b"<id>com.other</id>")
    seen = look(machine)
    assert {
        (found.editor, found.package.name, found.package.version, found.owner.name)
        for found in seen
        if isinstance(found, Extension)
    } == {
        ("IntelliJIdea2026.1", "com.anthropic.code.plugin", "0.1.9", "ann"),
        ("AndroidStudio2025.3", "com.anthropic.code.plugin", "0.1.9", "ann"),
    }
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("place", "editor"),
    [
        (".local/share/JetBrains/Toolbox/apps/goland/ch-0/253.1.plugins", "goland"),
        (".local/share/JetBrains/RemoteDev-IU/_home_ann_shop/plugins", "RemoteDev-IU"),
        (".var/app/com.jetbrains.GoLand/data/JetBrains/GoLand2026.1", "GoLand2026.1"),
        (".GoLand2019.3/config/plugins", "GoLand2019.3"),
        ("snap/goland/12/plugins", "12"),
        ("Library/Application Support/JetBrains/GoLand2026.1/plugins", "GoLand2026.1"),
    ],
)
def test_wherever_an_editor_keeps_its_plugins(place: str, editor: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    ann = machine.add_user("ann")
    plugin_jar(f"{ann.home}/{place}/claude/lib/claude.jar", DESCRIPTOR)
    plugin_jar(f"{ann.home}/{place}/other/lib/other.jar", b"<id>com.other</id>")
    assert [found.editor for found in look(machine) if isinstance(found, Extension)] == [editor]


def test_what_an_editor_brings_along_is_a_part_of_it(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    editor = f"{machine.add_user('ann').home}/apps/idea-IU-261.1"
    plugin_jar(f"{editor}/plugins/claude/lib/claude.jar", DESCRIPTOR)
    machine.file(f"{editor}/product-info.json", b"{}")
    assert look(machine) == []


def test_a_jar_that_is_none(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    lib = Path(machine.add_user("ann").home, ".local/share/JetBrains/GoLand2026.1/x/lib")
    lib.mkdir(parents=True)
    noise(lib / "x.jar")
    assert look(machine) == [Unseen(place=f"{lib}/x.jar", reason="not a readable zip")]
