"""Facts and readings are kept for one identity of a file, and not without end."""

import os
import threading
from pathlib import Path

import pytest

from aipolicy.core.model import FileFacts, FileKind
from aipolicy.examine import CannotLook, MemoryCache
from aipolicy.examine.remembered import Remembered


def facts(inode: int) -> FileFacts:
    return FileFacts(path="/x", device=1, inode=inode, size=2, mtime_ns=3, ctime_ns=4, kind=FileKind.ELF)


def test_each_part_of_the_identity_counts() -> None:
    cache = MemoryCache()
    cache.put(facts(9), "digest")
    assert cache.get(1, 9, 2, 3, 4, "digest") == facts(9)
    assert cache.get(7, 9, 2, 3, 4, "digest") is None
    assert cache.get(1, 7, 2, 3, 4, "digest") is None
    assert cache.get(1, 9, 7, 3, 4, "digest") is None
    assert cache.get(1, 9, 2, 7, 4, "digest") is None
    assert cache.get(1, 9, 2, 3, 7, "digest") is None
    assert cache.get(1, 9, 2, 3, 4, "another") is None


def test_the_longest_unused_is_forgotten() -> None:
    cache = MemoryCache(most=2)
    cache.put(facts(1), "d")
    cache.put(facts(2), "d")
    cache.get(1, 1, 2, 3, 4, "d")
    cache.put(facts(3), "d")
    assert cache.get(1, 2, 2, 3, 4, "d") is None
    assert cache.get(1, 1, 2, 3, 4, "d") is not None


def test_a_reading_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    remembered: Remembered[str] = Remembered()
    path = tmp_path / "file"
    path.write_text("one")
    reads: list[str] = []

    def read() -> str:
        reads.append(path.read_text())
        return reads[-1]

    assert remembered.get(str(path), read) == remembered.get(str(path), read) == "one"
    assert reads == ["one"]
    path.unlink()
    path.write_text("three")
    assert remembered.get(str(path), read) == "three"


def test_what_could_not_be_read_is_tried_again(tmp_path: Path) -> None:
    remembered: Remembered[str] = Remembered()
    (tmp_path / "file").touch()

    def fail() -> str:
        raise CannotLook("x", "y")

    with pytest.raises(CannotLook):
        remembered.get(str(tmp_path / "file"), fail)
    assert remembered.get(str(tmp_path / "file"), lambda: "now") == "now"


def test_what_changed_while_it_was_read_is_not_remembered(tmp_path: Path) -> None:
    remembered: Remembered[str] = Remembered()
    path = tmp_path / "file"
    path.touch()

    def read_and_change() -> str:
        os.truncate(path, os.stat(path).st_size + 1)
        return "old"

    remembered.get(str(path), read_and_change)
    assert remembered.get(str(path), lambda: "new") == "new"


def test_threads_share_a_cache() -> None:
    cache = MemoryCache(most=5)

    def work() -> None:
        for inode in range(2000):
            cache.put(facts(inode % 11), "d")
            cache.get(1, inode % 7, 2, 3, 4, "d")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(cache.get(1, inode, 2, 3, 4, "d") is not None for inode in range(11)) == 5
