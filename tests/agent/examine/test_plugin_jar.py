"""The id of a JetBrains plugin, from a jar that may be anything."""

from pathlib import Path

import pytest

from aipolicy.examine import CannotLook
from aipolicy.examine.plugin_jar import Plugin, read_descriptor, read_plugin
from hostile import noise, terabyte
from installed import plugin_jar

DESCRIPTOR = b"<idea-plugin>\n  <id>com.anthropic.code.plugin</id>\n  <version>0.1.9</version></idea-plugin>"


@pytest.mark.parametrize(
    ("xml", "plugin"),
    [
        (DESCRIPTOR, Plugin("com.anthropic.code.plugin", "0.1.9")),
        (b"<!-- <id>other</id> --><id>\n a.b </id>", Plugin("a.b", None)),
        (b"<name>My Plugin</name>", Plugin("My Plugin", None)),
        (b"<idea-plugin/>", None),
        (b"", None),
    ],
)
def test_descriptors(xml: bytes, plugin: Plugin | None) -> None:
    assert read_descriptor(xml) == plugin


def test_a_jar(tmp_path: Path) -> None:
    assert read_plugin(plugin_jar(tmp_path / "a.jar", DESCRIPTOR)) == Plugin(
        "com.anthropic.code.plugin", "0.1.9"
    )


def test_a_descriptor_that_unfolds_without_end_is_read_to_a_cap(tmp_path: Path) -> None:
    jar = plugin_jar(tmp_path / "a.jar", b"<id>a.b</id>" + b" " * (20 << 20))
    assert read_plugin(jar) == Plugin("a.b", None)


@pytest.mark.parametrize("make", [noise, terabyte])
def test_what_is_no_jar(make: object, tmp_path: Path) -> None:
    make(tmp_path / "a.jar")  # type: ignore[operator]  # a function of hostile
    with pytest.raises(CannotLook):
        read_plugin(f"{tmp_path}/a.jar")
