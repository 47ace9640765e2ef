"""The table is what is refused from the first moment; a file that is not as it should be is an empty one."""

import json
import os
from pathlib import Path

import pytest

from aipolicy.enforce.guard.book import EVERYBODY, Says, file_of
from aipolicy.enforce.guard.table import Refusal, encoded, load, on_this_start
from aipolicy.platforms.linux_mounts import MountTable
from machine_needs import NEEDS_LINUX

pytestmark = NEEDS_LINUX


def refusal(place: Path) -> Refusal:
    return Refusal(file=file_of(os.lstat(place)), place=str(place), anywhere=True, uid=EVERYBODY)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    place = tmp_path / "tool-\udcff"
    place.write_bytes(b"x")
    return place


def write(folder: Path, content: bytes, mode: int = 0o600) -> str:
    place = folder / "table.json"
    place.write_bytes(content)
    place.chmod(mode)
    return str(place)


def test_it_comes_back_as_it_was(tmp_path: Path, program: Path) -> None:
    one = refusal(program)
    other = one._replace(depends=True)
    assert load(write(tmp_path, encoded([one, other]))) == (one, other)
    assert [known.known().says for known in (one, other)] == [Says.REFUSED, Says.DEPENDS]


def test_it_ends_when_the_policy_may_say_something_else(tmp_path: Path, program: Path) -> None:
    """A ban that ended while the machine was off must not refuse from the first moment of the next start."""
    table = write(tmp_path, encoded([refusal(program)], until=1_000.0))
    assert [len(load(table, now)) for now in (999.9, 1_000.0, 5e9, None)] == [1, 0, 0, 1]
    assert len(load(write(tmp_path, encoded([refusal(program)])), 5e9)) == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"version": 1, "refused": []}', b"\xff" * 9, b"[" * 200_000],
)
def test_a_damaged_table_is_empty(tmp_path: Path, content: bytes) -> None:
    assert load(write(tmp_path, content)) == ()


def test_a_row_that_is_not_as_it_should_be_makes_it_empty(tmp_path: Path) -> None:
    for row in (
        1,
        [],
        [[1], "/x", True, 0, False],
        [["a"] * 5, "/x", True, 0, False],
        [[float("inf")] * 5, "/x", True, 0, False],
        [[1] * 5, "/x", True, 0],
        {},
    ):
        written = json.dumps({"version": 3, "until": None, "refused": [row]})
        assert load(write(tmp_path, written.encode())) == ()


def test_a_table_that_others_may_write_is_not_taken(tmp_path: Path, program: Path) -> None:
    assert load(write(tmp_path, encoded([refusal(program)]), 0o666)) == ()


def test_nothing_hangs_on_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    assert [load(str(tmp_path / name)) for name in ("fifo", "link", "missing", ".")] == [()] * 4


def test_a_file_is_known_again_under_another_device_number(program: Path) -> None:
    now = refusal(program)
    before = now._replace(file=now.file._replace(device=now.file.device + 7))
    assert list(on_this_start([before], MountTable())) == [now]


def test_another_file_at_its_place_is_not_taken_for_it(program: Path) -> None:
    before = refusal(program)
    program.write_bytes(b"other")
    assert list(on_this_start([before], MountTable())) == [before]
    assert before.file != file_of(os.lstat(program))
