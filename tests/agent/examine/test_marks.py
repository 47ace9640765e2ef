"""Marks are found wherever they lie and in both encodings; nothing else counts as one."""

import os
from pathlib import Path

import pytest

from aipolicy.core.tool import Mark, VersionMark
from aipolicy.examine import open_regular
from aipolicy.examine.data import PIECE_BYTES
from aipolicy.examine.marks import MOST_PLACES, Found, MarkSearch
from installed import MARKS, VERSIONS

ONE, TWO, THREE, _FOUR = (mark.literal for mark in MARKS)
IDS = tuple(mark.id for mark in MARKS)
GENEROUS = 1 << 40


def search(path: Path, content: bytes, finder: MarkSearch | None = None, most_bytes: int = GENEROUS) -> Found:
    (path / "file").write_bytes(content)
    with open_regular(str(path / "file")) as file:
        return (finder or MarkSearch(MARKS, VERSIONS)).search(file, most_bytes)


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("odd", [0, 1])
def test_both_encodings_at_any_place(encoding: str, odd: int, tmp_path: Path) -> None:
    content = b"\1" * (1000 + odd) + TWO.encode(encoding) + os.urandom(500) + ONE.encode(encoding)
    assert search(tmp_path, content).marks == IDS[:2]  # in the catalog's order


def test_the_same_mark_twice_or_in_both_encodings_is_one_mark(tmp_path: Path) -> None:
    content = ONE.encode() * 3 + b"\0" + ONE.encode("utf-16-le")
    assert search(tmp_path, content).marks == IDS[:1]


@pytest.mark.parametrize("shift", [1, 7, 13, 26])
def test_a_mark_across_two_pieces(shift: int, tmp_path: Path) -> None:
    content = bytearray(os.urandom(2 * PIECE_BYTES))
    content[PIECE_BYTES - shift : PIECE_BYTES - shift + len(ONE)] = ONE.encode()
    assert search(tmp_path, bytes(content)).marks == IDS[:1]


def test_two_halves_with_a_hole_between_are_no_mark(tmp_path: Path) -> None:
    half, block = len(ONE) // 2, 1 << 16
    with open(tmp_path / "file", "wb") as file:
        file.write(b"x" * (block - half) + ONE[:half].encode())
        file.seek(50 * block)
        file.write(ONE[half:].encode() + b"x" * block)
    with open_regular(str(tmp_path / "file")) as opened:
        assert opened.status.st_blocks * 512 < opened.status.st_size
        assert MarkSearch(MARKS).search(opened, GENEROUS) == Found()


def test_pieces_of_a_mark_are_no_mark(tmp_path: Path) -> None:
    content = (
        ONE[:-1].encode()
        + b"\0"
        + THREE.encode("utf-16-le")[:-2]
        + ONE.lower().encode()
        + THREE.encode("utf-32-le")
    )
    assert search(tmp_path, content) == Found()


def test_special_characters_mean_themselves(tmp_path: Path) -> None:
    marks = (
        Mark(id="a:.*", literal=".*"),
        Mark(id="a:(x|y)+", literal="(x|y)+"),
        Mark(id="a:é", literal="é"),
    )
    assert search(tmp_path, b"anything at all", MarkSearch(marks)).marks == ()
    assert search(tmp_path, "(x|y)+ é".encode(), MarkSearch(marks)).marks == ("a:(x|y)+", "a:é")


def test_a_mark_inside_another_counts_as_both_and_two_tools_can_share_a_literal(tmp_path: Path) -> None:
    marks = (
        Mark(id="a:xyz", literal="xyz"),
        Mark(id="b:xyz", literal="xyz"),
        Mark(id="a:wxyz!", literal="wxyz!"),
    )
    assert search(tmp_path, b"wxyz!", MarkSearch(marks)).marks == ("a:xyz", "b:xyz", "a:wxyz!")


def test_without_marks_nothing_is_read(tmp_path: Path) -> None:
    assert search(tmp_path, b"x", MarkSearch(())) == Found()


def test_the_cap_is_told(tmp_path: Path) -> None:
    content = b"-" * 5000 + ONE.encode() + b"-" * 5000
    assert search(tmp_path, content, most_bytes=2000) == Found(whole=False)


# --- versions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le", "utf-16-be"])
def test_the_version_behind_its_prefix(encoding: str, tmp_path: Path) -> None:
    text = f'..{ONE}..README:"https://x/docs/en/overview",VERSION:"2.1.331",FEEDBACK..'
    assert search(tmp_path, text.encode(encoding)).version == "2.1.331"


def test_the_first_place_that_has_one_counts(tmp_path: Path) -> None:
    overview = b"docs/en/overview" + b" no number here" * 20
    content = (
        ONE.encode()
        + overview * 3
        + b'docs/en/overview",VERSION:"1.0.5"'
        + b'docs/en/overview",VERSION:"9.9.9"'
    )
    assert search(tmp_path, content).version == "1.0.5"


def test_a_prefix_across_two_pieces(tmp_path: Path) -> None:
    content = bytearray(b"\1" * (2 * PIECE_BYTES))
    content[100 : 100 + len(ONE)] = ONE.encode()
    text = b'docs/en/overview",VERSION:"2.1.9"'
    content[PIECE_BYTES - 9 : PIECE_BYTES - 9 + len(text)] = text
    assert search(tmp_path, bytes(content)).version == "2.1.9"


def test_a_version_without_the_tools_marks_is_none(tmp_path: Path) -> None:
    text = b'docs/en/overview",VERSION:"2.1.9"'
    assert search(tmp_path, text).version is None
    others = THREE.encode() + b"codex_tui::" + ONE.encode()  # mentions claude-code once, is codex
    assert search(tmp_path, others + text).version is None


def test_a_file_of_nothing_but_prefixes_is_given_up(tmp_path: Path) -> None:
    content = ONE.encode() + b"docs/en/overview" * 300_000
    assert search(tmp_path, content) == Found(marks=IDS[:1])


def test_what_stands_behind_too_many_prefixes_still_counts(tmp_path: Path) -> None:
    flood = b"docs/en/overview" * (MOST_PLACES + 1)
    assert search(tmp_path, ONE.encode() + flood + TWO.encode()).marks == IDS[:2]
    stated = ONE.encode() + b'docs/en/overview",VERSION:"2.1.9"' + flood + TWO.encode()
    assert search(tmp_path, stated) == Found(marks=IDS[:2], version="2.1.9")


def test_a_pattern_of_its_own_with_a_group(tmp_path: Path) -> None:
    versions = (VersionMark(tool="claude-code", before="build=", pattern=r"r(\d+)"),)
    assert search(tmp_path, ONE.encode() + b"build=r4711;", MarkSearch(MARKS, versions)).version == "4711"


def test_another_set_of_marks_has_another_digest() -> None:
    digests = {
        MarkSearch(MARKS, VERSIONS).digest,
        MarkSearch(MARKS).digest,
        MarkSearch(MARKS[1:], VERSIONS).digest,
        MarkSearch((), VERSIONS).digest,
    }
    assert len(digests) == 4
    assert MarkSearch(MARKS, VERSIONS).digest in digests
