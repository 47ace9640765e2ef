"""Facts that outlive a restart, and a cache file that may be anything at all."""

import os
import threading

import msgspec
import pytest

from aipolicy.core.model import FileFacts, FileKind
from aipolicy.state.evidence import EvidenceCache


def facts(number: int = 1, **changes) -> FileFacts:
    made = FileFacts(
        path=f"/opt/{number}",
        device=1,
        inode=number,
        size=100 + number,
        mtime_ns=10,
        ctime_ns=20,
        kind=FileKind.ELF,
        marks=("claude-code:a", "claude-code:b"),
        version="1.0.100",
    )
    return msgspec.structs.replace(made, **changes)


def get(cache: EvidenceCache, f: FileFacts, digest: str = "d"):
    return cache.get(f.device, f.inode, f.size, f.mtime_ns, f.ctime_ns, digest)


def test_facts_outlive_a_restart(tmp_path):
    cache = EvidenceCache(tmp_path / "evidence.db")
    cache.put(facts(), "d")
    assert get(cache, facts()) == facts()
    cache.close()
    assert get(EvidenceCache(tmp_path / "evidence.db"), facts()) == facts()
    assert os.stat(tmp_path / "evidence.db").st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change", [{"device": 2}, {"inode": 2}, {"size": 2}, {"mtime_ns": 2}, {"ctime_ns": 2}]
)
def test_another_state_of_the_file_is_looked_at_again(change, tmp_path):
    cache = EvidenceCache(tmp_path / "evidence.db")
    cache.put(facts(), "d")
    cache.close()
    cache = EvidenceCache(tmp_path / "evidence.db")
    assert get(cache, facts(**change)) is None
    assert get(cache, facts(), "other marks") is None


@pytest.mark.parametrize("inode", [2**63 - 1, 2**63, 2**64 - 1])
def test_inode_numbers_of_any_size(inode, tmp_path):
    cache = EvidenceCache(tmp_path / "evidence.db")
    cache.put(facts(inode=inode), "d")
    cache.close()
    assert get(EvidenceCache(tmp_path / "evidence.db"), facts(inode=inode)) == facts(inode=inode)


@pytest.mark.parametrize(
    "content",
    [b"", b"not a database", os.urandom(8192), b"SQLite format 3\0" + bytes(4096)],
    ids=["empty", "text", "noise", "zeros"],
)
def test_a_damaged_file_is_begun_anew(content, tmp_path):
    path = tmp_path / "evidence.db"
    path.write_bytes(content)
    cache = EvidenceCache(path)
    cache.put(facts(), "d")
    cache.close()
    assert get(EvidenceCache(path), facts()) == facts()


def test_damage_while_it_runs_costs_a_second_look(tmp_path):
    path = tmp_path / "evidence.db"
    cache = EvidenceCache(path)
    for number in range(6000):
        cache.put(facts(number), "d")
    cache.close()
    cache = EvidenceCache(path)
    with path.open("r+b") as file:
        for page in range(path.stat().st_size // 4096):
            file.seek(page * 4096)
            file.write(os.urandom(4096))
    for number in range(6000):
        assert get(cache, facts(number)) in (None, facts(number))
        cache.put(facts(number), "d")
    cache.close()
    cache = EvidenceCache(path)
    cache.put(facts(7), "d")
    assert get(cache, facts(7)) == facts(7)


@pytest.mark.parametrize("in_place", ["folder", "fifo", "nowhere"])
def test_where_no_file_can_be_it_works_from_memory(in_place, tmp_path):
    path = tmp_path / "evidence.db"
    if in_place == "folder":
        path.mkdir()
    elif in_place == "fifo":
        os.mkfifo(path)
    else:
        path = tmp_path / "missing" / "evidence.db"
    cache = EvidenceCache(path)
    cache.put(facts(), "d")
    cache.flush()
    assert get(cache, facts()) == facts()
    cache.close()


def test_a_name_that_is_no_utf8_raises_nothing(tmp_path):
    cache = EvidenceCache(tmp_path / "evidence.db")
    cache.put(facts(path="/opt/\udcff"), "d")
    cache.close()


def test_it_is_bounded(tmp_path):
    path = tmp_path / "evidence.db"
    cache = EvidenceCache(path, most=100)
    for number in range(2500):
        cache.put(facts(number), "d")
    cache.close()
    cache = EvidenceCache(path, most=100)
    kept = [n for n in range(2500) if get(cache, facts(n))]
    assert kept == list(range(2400, 2500))


def test_threads_share_it(tmp_path):
    cache = EvidenceCache(tmp_path / "evidence.db")

    def work(base: int) -> None:
        for number in range(base, base + 1500):
            cache.put(facts(number), "d")
            assert get(cache, facts(number)) == facts(number)

    threads = [threading.Thread(target=work, args=(i * 10_000,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache.close()
    assert get(EvidenceCache(tmp_path / "evidence.db"), facts(31_499)) == facts(31_499)
