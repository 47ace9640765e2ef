"""Python metadata, as pip and older tools leave it, and as a hostile user could."""

import os
from pathlib import Path

import pytest

from aipolicy.examine import CannotLook
from aipolicy.examine.python_package import (
    EntryPoint,
    entry_points,
    has_code,
    named_in_folder,
    read_distribution,
    read_entry_points,
    read_metadata,
    top_levels,
)
from hostile import UNREADABLE
from installed import RECORDINGS, aider, put


def test_a_recording_of_aider(tmp_path: Path) -> None:
    folder = str(aider(tmp_path))
    found = read_distribution(folder)
    assert (found.name, found.version) == ("aider-chat", "0.86.2")
    assert entry_points(folder) == (EntryPoint("aider", "aider.main", "main"),)
    assert top_levels(folder) == {"aider"}
    assert has_code(folder)


def test_metadata_without_the_code_is_no_install(tmp_path: Path) -> None:
    folder = aider(tmp_path)
    for path in (folder.parent / "aider").iterdir():
        path.unlink()
    assert not has_code(str(folder))
    put(folder.parent / "aider" / "__init__.py", b"", 0o644)
    assert not has_code(str(folder))


def test_without_a_record_the_name_or_top_level_says_where_the_code_is(tmp_path: Path) -> None:
    folder = aider(tmp_path)
    (folder / "RECORD").unlink()
    assert not has_code(str(folder))  # aider_chat/__init__.py is not there
    put(folder / "top_level.txt", b"aider\n")
    assert has_code(str(folder))


def test_an_editable_install_has_its_link_file(tmp_path: Path) -> None:
    folder = aider(tmp_path)
    put(
        folder / "RECORD",
        b"__editable__.aider_chat-0.86.2.pth,sha256=x,9\naider_chat-0.86.2.dist-info/METADATA,,\n",
    )
    assert not has_code(str(folder))
    put(folder.parent / "__editable__.aider_chat-0.86.2.pth", b"/home/ann/src/aider\n")
    assert has_code(str(folder))


@pytest.mark.parametrize("as_file", [True, False])
def test_the_older_egg_info(as_file: bool, tmp_path: Path) -> None:
    place = tmp_path / "aider_chat-0.50.egg-info"
    put(
        place if as_file else place / "PKG-INFO",
        b"Metadata-Version: 1.2\nName: aider_chat\nVersion: 0.50\n\nText",
    )
    found = read_distribution(str(place))
    assert (found.name, found.version) == ("aider_chat", "0.50")


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("aider_chat-0.86.2.dist-info", "aider-chat"),
        ("Aider.Chat-0.86.2.egg-info", "aider-chat"),
        ("aider_chat.egg-info", "aider-chat"),
        ("aider_chat-0.86.2", None),
        ("-.dist-info", ""),
    ],
)
def test_the_name_in_a_folders_name(entry: str, name: str | None) -> None:
    assert named_in_folder(entry) == name


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"Name: a\nVersion: 1\n\nName: b\n", ("a", "1")),
        (b"name : a\r\nVERSION:1\r\n", ("a", "1")),
        (b"\xef\xbb\xbfName: a\n", ("a", None)),
        (b"Name: a\nName: b\n", ("a", None)),
        (b"Name:\nVersion:\n", (None, None)),
        (b"Name: " + b"a" * 300 + b"\nVersion: 1\x1b[2J\n", (None, "1\\x1b[2J")),
        (b"\nName: a\n", (None, None)),
        (b"\xff\xfe\0N", (None, None)),
        (b"", (None, None)),
    ],
)
def test_the_header(head: bytes, found: tuple[str | None, str | None]) -> None:
    assert read_metadata(head) == found


def test_metadata_of_two_gigabytes_is_read_to_its_header(tmp_path: Path) -> None:
    folder = aider(tmp_path)
    os.truncate(folder / "METADATA", 2 << 30)
    os.truncate(folder / "RECORD", 2 << 30)
    assert read_distribution(str(folder)).version == "0.86.2"
    assert has_code(str(folder))


@pytest.mark.parametrize(("make", "reason"), UNREADABLE)
def test_metadata_that_is_no_file(make: object, reason: str, tmp_path: Path) -> None:
    folder = aider(tmp_path)
    for name in ("METADATA", "RECORD", "entry_points.txt"):
        (folder / name).unlink()
        make(folder / name)  # type: ignore[operator]  # a function of hostile
    with pytest.raises(CannotLook) as caught:
        read_distribution(str(folder))
    assert caught.value.reason == reason
    assert entry_points(str(folder)) == ()
    assert not has_code(str(folder))


def test_a_record_does_not_lead_outside(tmp_path: Path) -> None:
    folder = aider(tmp_path)
    put(folder / "RECORD", b"/etc/passwd.py,,\n../../../../../../../../etc/x.py,,\n../../../bin/aider,,\n")
    put(tmp_path / "etc" / "x.py", b"x")
    assert not has_code(str(folder))


def test_entry_points_of_other_groups_are_no_commands() -> None:
    text = (
        "[console_scripts]\n a = b.c:d [extra]\nbroken\n# c = d:e\n[other]\nx = y:z\n[gui_scripts]\ng=h:i.j\n"
    )
    assert read_entry_points(text) == (EntryPoint("a", "b.c", "d"), EntryPoint("g", "h", "i.j"))
    recorded = (RECORDINGS / "pypi" / "aider-chat-entry_points.txt").read_text()
    assert read_entry_points(recorded)[0].name == "aider"
