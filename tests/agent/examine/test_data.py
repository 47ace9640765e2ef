"""A file is read in pieces; what it claims to be large costs nothing, and there is a cap."""

import os
from pathlib import Path

from aipolicy.examine import open_regular
from aipolicy.examine.data import PIECE_BYTES, Reading

GENEROUS = 1 << 40


def pieces(path: Path, most_bytes: int = GENEROUS, **caps: int) -> tuple[list[tuple[int, bytes]], bool]:
    with open_regular(str(path)) as file:
        reading = Reading(file, most_bytes, **caps)
        found = [(piece.offset, bytes(piece.data)) for piece in reading.pieces()]
    return found, reading.whole


def test_a_plain_file_comes_whole_and_in_order(tmp_path: Path) -> None:
    content = os.urandom(PIECE_BYTES + 10)
    (tmp_path / "file").write_bytes(content)
    found, whole = pieces(tmp_path / "file")
    assert [offset for offset, _ in found] == [0, PIECE_BYTES]
    assert b"".join(data for _, data in found) == content
    assert whole


def test_of_a_terabyte_of_nothing_only_the_data_is_read(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        file.write(b"first")
        file.seek(1 << 39)
        file.write(b"second")
        file.truncate(1 << 40)
    found, whole = pieces(tmp_path / "file")
    read = b"".join(data for _, data in found)
    assert b"first" in read
    assert b"second" in read
    assert len(read) < 1 << 20
    assert whole


def test_a_file_of_nothing_but_a_hole_has_no_data(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.truncate(tmp_path / "file", 1 << 40)
    assert pieces(tmp_path / "file") == ([], True)


def test_an_empty_file_has_no_data(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert pieces(tmp_path / "file") == ([], True)


def test_beyond_the_cap_the_beginning_and_the_end_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"A" * 100 + b"-" * 800 + b"Z" * 100)
    found, whole = pieces(tmp_path / "file", most_bytes=200)
    assert found == [(0, b"A" * 100), (900, b"Z" * 100)]
    assert not whole


def test_beyond_the_cap_holes_do_not_count(tmp_path: Path) -> None:
    block = 1 << 16
    with open(tmp_path / "file", "wb") as file:
        for number in range(8):
            file.seek(number * 10 * block)
            file.write(bytes([65 + number]) * block)
    found, whole = pieces(tmp_path / "file", most_bytes=2 * block)
    assert {data[:1] for _, data in found} == {b"A", b"H"}
    assert not whole


def test_a_file_of_countless_holes_is_cut_off(tmp_path: Path) -> None:
    block = 1 << 16
    with open(tmp_path / "file", "wb") as file:
        for number in range(20):
            file.seek(number * 2 * block)
            file.write(b"x" * block)
    found, whole = pieces(tmp_path / "file", most_extents=5)
    assert len(found) == 5
    assert not whole


def test_a_file_cut_short_while_it_is_read_ends_early(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * (3 * PIECE_BYTES))
    with open_regular(str(tmp_path / "file")) as file:
        seen = 0
        for piece in Reading(file, GENEROUS).pieces():
            seen += len(piece.data)
            os.truncate(tmp_path / "file", PIECE_BYTES)
    assert seen == PIECE_BYTES
