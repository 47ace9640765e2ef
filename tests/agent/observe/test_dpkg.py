"""dpkg's database: a recording, and what a broken one costs."""

from pathlib import Path

import pytest

from aipolicy.core.model import Package, Unseen
from aipolicy.observe.dpkg import Entry, read
from host import FakeMachine
from hostile import UNREADABLE
from installed import NATIVE_OTHER, RECORDINGS, look

STATUS = (RECORDINGS / "dpkg" / "status").read_bytes()
LISTED = b"/.\n/usr\n/usr/share/cursor\n/usr/share/cursor/cursor\n/usr/share/cursor/readme\n/usr/bin/cursor\n"


def test_a_recording() -> None:
    wanted = frozenset({"cursor", "nodejs", "claude-desktop", "not-a-package", "install", ""})
    assert list(read(STATUS, wanted)) == [
        Entry("cursor", "1.7.54-1759958000", "amd64"),
        Entry("nodejs", "20.20.2-1nodesource1+repack1", "amd64"),
    ]


def test_an_installed_package_lies_where_its_program_does(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    machine.file("/var/lib/dpkg/status", STATUS)
    machine.file("/var/lib/dpkg/info/cursor.list", LISTED)
    program = machine.file("/usr/share/cursor/cursor", NATIVE_OTHER)
    machine.file("/usr/share/cursor/readme", b"text", mode=0o644)
    Path(machine.at("/usr/bin/cursor")).symlink_to("../share/cursor/cursor")
    (found,) = (found for found in look(machine, deb={"cursor"}) if isinstance(found, Package))
    assert (found.package.name, found.package.version) == ("cursor", "1.7.54-1759958000")
    assert (found.package.path, found.form, found.owner.uid, found.has_code) == (program, "dpkg", 0, True)


def test_listed_but_deleted_by_hand_has_no_code(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    machine.file("/var/lib/dpkg/status", STATUS)
    machine.file("/var/lib/dpkg/info/cursor:amd64.list", LISTED)
    (found,) = look(machine, deb={"cursor"})
    assert isinstance(found, Package)
    assert not found.has_code


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\n" * 5_000_000,
        b"Package: cursor\n" * 100_000,
        b"Package: cursor\nStatus: " + b"x" * 5_000_000,
        b"\xff\0" * 1_000_000,
        b"Package: cursor\nStatus: install ok half-installed\n\n",
        b"Package: cursor\nVersion: 1\n\n",
    ],
)
def test_garbage_names_nothing(garbage: bytes) -> None:
    assert list(read(garbage, frozenset({"cursor"}))) == []


def test_a_version_of_control_characters_is_printable() -> None:
    text = b"Package: cursor\nStatus: install ok installed\nVersion: 1\x1b[2J" + b"9" * 1000 + b"\n"
    ((_, version, _),) = read(text, frozenset({"cursor"}))
    assert version is not None
    assert version.startswith("1\\x1b[2J")
    assert len(version) < 300


@pytest.mark.parametrize(("make", "reason"), UNREADABLE[:4])
def test_a_database_that_is_no_file_is_unseen(make: object, reason: str, tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    place = Path(machine.at("/var/lib/dpkg/status"))
    place.parent.mkdir(parents=True)
    make(place)  # type: ignore[operator]  # a function of hostile
    assert look(machine) == [Unseen(place=str(place), reason=reason)]


def test_without_dpkg_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert look(FakeMachine(tmp_path)) == []
