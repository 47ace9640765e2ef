"""A list of many tools' marks says nothing of the file that holds it, and hides nothing else in the file."""

from pathlib import Path

import pytest

from aipolicy.core.tool import Mark
from aipolicy.examine import open_regular
from aipolicy.examine.data import PIECE_BYTES
from aipolicy.examine.lists_of_marks import BLOCK_BYTES
from aipolicy.examine.marks import MarkSearch

MARKS = tuple(
    Mark(id=f"{tool}:{tool.upper()}_{word}", literal=f"{tool.upper()}_{word}")
    for tool in ("acme", "bolt", "cone", "dune")
    for word in ("FIRST_MARK", "SECOND_MARK", "THIRD_MARK")
)
ACME = tuple(mark.id for mark in MARKS[:3])
BOLT = tuple(mark.id for mark in MARKS[3:6])
PROGRAM = b"".join(b"\1" * 300_000 + mark.literal.encode() for mark in MARKS[:3]) + b"\1" * 300_000


def listed(*marks: Mark, encoding: str = "ascii", between: bytes = b"\n") -> bytes:
    return between.join(mark.literal.encode(encoding) for mark in marks)


def found(folder: Path, content: bytes) -> tuple[str, ...]:
    (folder / "file").write_bytes(content)
    with open_regular(str(folder / "file")) as file:
        return MarkSearch(MARKS).search(file, 1 << 40).marks


@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
@pytest.mark.parametrize("before", [0, 10_000_000])
def test_a_scanner_was_taken_for_every_tool_in_its_list(encoding: str, before: int, tmp_path: Path) -> None:
    assert found(tmp_path, b"\1" * before + listed(*MARKS, encoding=encoding)) == ()


def test_a_list_behind_a_copied_program_hid_the_program(tmp_path: Path) -> None:
    assert found(tmp_path, PROGRAM + listed(*MARKS)) == ACME
    assert found(tmp_path, listed(*MARKS) + PROGRAM) == ACME


def test_a_catalog_in_which_each_tool_has_a_page_is_a_list(tmp_path: Path) -> None:
    pages = [listed(*MARKS[n : n + 3]) for n in range(0, len(MARKS), 3)]
    assert found(tmp_path, (b"\n" * 20_000).join(pages)) == ()


def test_a_list_of_two_tools_is_one_with_several_marks_of_each(tmp_path: Path) -> None:
    assert found(tmp_path, listed(*MARKS[:2], *MARKS[3:5])) == ()


def test_a_tool_that_mentions_another_is_still_the_tool(tmp_path: Path) -> None:
    assert found(tmp_path, listed(*MARKS[:3], MARKS[3])) == (*ACME, BOLT[0])


def test_two_programs_one_behind_the_other_are_both(tmp_path: Path) -> None:
    other = b"\1" * 300_000 + listed(*MARKS[3:6])
    assert found(tmp_path, PROGRAM + other) == (*ACME, *BOLT)


@pytest.mark.parametrize("place", [PIECE_BYTES, BLOCK_BYTES, 3 * BLOCK_BYTES])
@pytest.mark.parametrize("shift", [0, 1, 7, 16])
def test_a_mark_on_the_border_of_two_blocks_is_whole(place: int, shift: int, tmp_path: Path) -> None:
    content = bytearray(b"\1" * 8 * PIECE_BYTES)
    for mark, at in ((MARKS[0], place - shift), (MARKS[1], place - shift), (MARKS[3], 5 * PIECE_BYTES)):
        at += 0 if mark is not MARKS[1] else 2 * PIECE_BYTES
        content[at : at + len(mark.literal)] = mark.literal.encode()
    assert found(tmp_path, bytes(content)) == (*ACME[:2], BOLT[0])


def test_a_file_full_of_marks_costs_no_more_than_one_look(tmp_path: Path) -> None:
    """Each mark is reported once per block, however often it stands there."""
    content = listed(*MARKS[:1], *MARKS[3:4]) * (8 * PIECE_BYTES // 40)
    assert found(tmp_path, content) == (ACME[0], BOLT[0])
