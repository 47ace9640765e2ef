"""Programs whose contents are packed: what is said of them, since their marks cannot be seen."""

import gzip
import os
import zlib
from pathlib import Path

import pytest

from aipolicy.core.model import FileFacts, Unseen
from aipolicy.examine.examiner import SMALLEST_PACKED
from installed import NATIVE_CLAUDE, examiner, put

HEAD = b"\x7fELF\x02\x01\x01" + b"\0" * 225
UPX = HEAD + b"\xfa\x12\x8e\x7cUPX!\x20\x0a\x0d\x16"


def sized(path: str, size: int) -> str:
    os.truncate(path, size)
    return path


def test_a_large_program_packed_by_upx_cannot_be_judged_and_that_is_said(tmp_path: Path) -> None:
    found = examiner().file(
        sized(put(tmp_path / "notes", UPX + zlib.compress(NATIVE_CLAUDE)), SMALLEST_PACKED)
    )
    assert isinstance(found, Unseen)
    assert found.reason == "packed by UPX: what is in it cannot be judged"


def test_of_a_small_one_nothing_is_said(tmp_path: Path) -> None:
    found = examiner().file(sized(put(tmp_path / "notes", UPX), SMALLEST_PACKED - 1))
    assert isinstance(found, FileFacts)


def test_a_program_that_speaks_of_upx_is_judged(tmp_path: Path) -> None:
    """Scanners know the letters, too, and have them in their data."""
    path = put(tmp_path / "notes", HEAD + b"\0" * 5_000 + b"UPX!" + NATIVE_CLAUDE)
    found = examiner().file(sized(path, SMALLEST_PACKED))
    assert isinstance(found, FileFacts)
    assert found.marks


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(NATIVE_CLAUDE), zlib.compress(NATIVE_CLAUDE), NATIVE_CLAUDE[::-1]],
    ids=["gzip", "zlib", "backwards"],  # gzip's bytes hold the time: workers would collect other names
)
def test_what_any_other_packer_packed_still_escapes(packed: bytes, tmp_path: Path) -> None:
    """As pkg does with --compress, a single executable with an archive of its own, or a packer of one's own.

    Nothing tells them from other programs with data in them: docs/limitations.md.
    """
    found = examiner().file(sized(put(tmp_path / "notes", HEAD + packed), SMALLEST_PACKED))
    assert isinstance(found, FileFacts)
    assert found.marks == ()
    assert found.package is None
