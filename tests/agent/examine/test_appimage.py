"""What an AppImage starts: only that is what it is; and images made to hang or flood us."""

import json
import random
import struct
from pathlib import Path

import pytest

from aipolicy.core.model import FileFacts, FileKind, PackageRef, Unseen
from aipolicy.examine.squashfs_blocks import MOST_BYTES
from appimages import ELECTRON, NEEDS_MKSQUASHFS, RUNTIME, appimage, asar, desktop, fill, product, squashed
from installed import NATIVE_CLAUDE, NATIVE_OTHER, examiner

pytestmark = NEEDS_MKSQUASHFS

LARGE = b"\0" * (1 << 20)
CLAUDE = NATIVE_CLAUDE + LARGE
OTHER = NATIVE_OTHER + LARGE
MARKS = ("claude-code:CLAUDE_CODE_ENABLE_TELEMETRY", "claude-code:tengu_api_success")
SCRIPT = b"const a = 'CLAUDE_CODE_ENABLE_TELEMETRY', b = 'tengu_api_success';\n"

LINKED = {"AppRun": "usr/bin/notes", "usr/bin/notes": CLAUDE}


def facts(path: str) -> FileFacts:
    found = examiner().file(path)
    assert isinstance(found, FileFacts), found
    assert found.kind in (FileKind.APPIMAGE, FileKind.ELF)
    return found


@pytest.mark.parametrize("packed", ["gzip", "xz", "zstd"])
@pytest.mark.parametrize(
    "how", [(), ("-noI", "-noD", "-noF"), ("-b", "4096"), ("-b", "1M"), ("-always-use-fragments",)]
)
def test_a_native_tool_in_an_image(packed: str, how: tuple[str, ...], tmp_path: Path) -> None:
    found = facts(appimage(tmp_path / "notes", LINKED, "-comp", packed, *how))
    assert (found.kind, found.marks, found.version) == (FileKind.APPIMAGE, MARKS, "2.1.7")


STARTED: dict[str, dict[str, bytes | str]] = {
    "a link": LINKED,
    "a script": {
        "AppRun": b'#!/bin/sh\nexec "$APPDIR/usr/bin/notes" "$@"\n',
        "usr/bin/notes": CLAUDE,
        "usr/bin/other": OTHER,
    },
    "the desktop file": {"AppRun": b"\x7fELF", "n.desktop": desktop("notes"), "usr/bin/notes": CLAUDE},
    "a link to the desktop file": {
        "AppRun": b"\x7fELF",
        "notes.desktop": "usr/share/n.desktop",
        "usr/share/n.desktop": desktop("notes"),
        "x/notes": CLAUDE,
    },
    "two scripts": {
        "AppRun": b"#!/bin/sh\n. start.sh\n",
        "start.sh": b"#!/bin/sh\nnotes\n",
        "usr/notes": CLAUDE,
    },
    "node": {
        "AppRun": b'#!/bin/sh\n"$APPDIR/bin/node" "$APPDIR/lib/notes.js"\n',
        "bin/node": OTHER,
        "lib/notes.js": b"#!/usr/bin/env node\n" + SCRIPT + b"//" + b" " * (1 << 20),
    },
    "AppRun itself": {"AppRun": CLAUDE},
    "nothing": {"usr/bin/notes": CLAUDE, "lib.so": b"\x7fELF"},
}
CARRIED: dict[str, dict[str, bytes | str]] = {
    "beside it": {"AppRun": "usr/bin/editor", "usr/bin/editor": OTHER, "usr/lib/claude": CLAUDE},
    "in node_modules": {
        "AppRun": b"\x7fELF",
        "e.desktop": desktop("editor"),
        "editor": OTHER,
        "node_modules/c/claude": CLAUDE,
    },
    "beside a small program": {
        "AppRun": b"\x7fELF",
        "e.desktop": desktop("editor"),
        "editor": b"\x7fELF",
        "lib/claude": CLAUDE,
    },
    "a link out": {"AppRun": "../../../../usr/bin/claude", "usr/bin/editor": OTHER},
    "a link to itself": {"AppRun": "AppRun", "usr/bin/editor": OTHER},
}


@pytest.mark.parametrize("files", STARTED.values(), ids=STARTED)
def test_what_is_started(files: dict[str, bytes | str], tmp_path: Path) -> None:
    assert facts(appimage(tmp_path / "notes", files)).marks == MARKS


@pytest.mark.parametrize("how", [(), ("-noD",)])
@pytest.mark.parametrize("files", CARRIED.values(), ids=CARRIED)
def test_what_is_merely_carried_along(
    files: dict[str, bytes | str], how: tuple[str, ...], tmp_path: Path
) -> None:
    assert facts(appimage(tmp_path / "notes", files, *how)).marks == ()


def test_a_small_image_in_a_tool_does_not_hide_it(tmp_path: Path) -> None:
    image = squashed(fill(tmp_path / "AppDir", {"AppRun": b"x"}))
    (tmp_path / "notes").write_bytes(NATIVE_CLAUDE + image + LARGE)
    assert facts(f"{tmp_path}/notes").marks == MARKS


def test_without_the_letters_of_an_appimage(tmp_path: Path) -> None:
    """The kernel does not ask for them either."""
    assert facts(appimage(tmp_path / "notes", LINKED, runtime=b"\x7fELF" + b"\0" * 900_000)).marks == MARKS


def test_an_editor_by_its_product(tmp_path: Path) -> None:
    files = {
        "AppRun": b"#!/bin/sh\n",
        "usr/share/x/x": ELECTRON,
        "usr/share/x/resources/app/product.json": product(version="1.2.3"),
        "usr/share/x/resources/app/out/main.js": b"import x;\n",
    }
    path = appimage(tmp_path / "notes", files)
    found = PackageRef(ecosystem="app", name="com.exafunction.windsurf", version="1.2.3", path=path)
    looked = examiner()
    assert [looked.file(path), looked.file(path)] == [facts(path)] * 2
    assert facts(path).package == found


def test_an_electron_application_by_its_name(tmp_path: Path) -> None:
    manifest = json.dumps({"name": "CherryStudio", "version": "1.5.8"}).encode()
    archive = asar({"main.js": b"1", "package.json": manifest})
    path = appimage(tmp_path / "n", {"AppRun": b"", "x": ELECTRON, "resources/app.asar": archive})
    named = PackageRef(ecosystem="electron", name="CherryStudio", version="1.5.8", path=path)
    assert facts(path).package == named


def test_a_product_without_its_program_is_nothing(tmp_path: Path) -> None:
    files = {"AppRun": OTHER, "resources/app/product.json": product(), "resources/app/out/main.js": b"1"}
    assert facts(appimage(tmp_path / "notes", files)).package is None


# --- hostile ---------------------------------------------------------------------------------------------


def test_an_image_with_any_byte_changed(tmp_path: Path) -> None:
    """Whatever stands in it, an answer comes."""
    files = LINKED | {"a/b/c.txt": b"x" * 3_000, "notes.desktop": desktop("notes"), "l": "a/b"}
    for packed in ("gzip", "zstd", "xz"):
        sound = Path(appimage(tmp_path / packed, files, "-comp", packed)).read_bytes()
        chance = random.Random(packed)
        start = sound.index(b"hsqs")
        for turn in range(150):
            changed = bytearray(sound)
            for _ in range(chance.choice((1, 3, 20))):
                place = start + chance.randrange(96) if turn % 2 else chance.randrange(start, len(sound))
                changed[place] = chance.randrange(256)
            place = tmp_path / f"{packed}-{turn}"
            place.write_bytes(changed)
            assert isinstance(examiner().file(str(place)), FileFacts | Unseen)
            place.unlink()


def test_more_than_one_look_unpacks_is_unseen(tmp_path: Path) -> None:
    """Zeros take next to no room in an image: half a gigabyte fits into a few kilobytes."""
    folder = fill(tmp_path / "AppDir", {"AppRun": "usr/bin/notes", "usr/bin/notes": b"\x7fELF\1"})
    with (folder / "usr/bin/notes").open("r+b") as program:
        program.seek(4)
        for _ in range(MOST_BYTES // (8 << 20) + 1):
            program.write(b"\1" * (8 << 20))
    place = tmp_path / "notes"
    place.write_bytes(RUNTIME + squashed(folder, "-comp", "zstd", "-Xcompression-level", "1"))
    found = examiner().file(str(place))
    assert isinstance(found, Unseen)
    assert "an image of more than" in found.reason


def test_images_that_are_not_looked_into_are_said(tmp_path: Path) -> None:
    found = examiner().file(appimage(tmp_path / "notes", LINKED, "-comp", "lzo"))
    assert isinstance(found, Unseen)
    assert "lzo" in found.reason


def test_many_beginnings_of_images(tmp_path: Path) -> None:
    (tmp_path / "notes").write_bytes(RUNTIME + b"hsqs" * 900_000)
    assert isinstance(examiner().file(f"{tmp_path}/notes"), FileFacts)


def test_an_archive_that_lies_about_its_header(tmp_path: Path) -> None:
    archives = [
        struct.pack("<4I", 4, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        struct.pack("<4I", 4, 8, 4, 2) + b"{}",
        struct.pack("<4I", 4, 8, 4, 40_000) + b"[" * 40_000,
        asar({})[:10],
        b"",
    ]
    for number, archive in enumerate(archives):
        folder = fill(tmp_path / f"{number}", {"x": ELECTRON, "resources/app.asar": archive})
        assert facts(f"{folder}/x").package is None
