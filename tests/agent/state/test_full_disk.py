"""A disk that takes nothing: full, read-only, failing. Real file systems, mounted here, so root only."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from aipolicy.core.model import Health
from aipolicy.state.changes import full_look
from aipolicy.state.records import Changes, Look, Told
from sightings import enrolled_store, numbered, open_store, seen, tell_numbers
from spool_reading import drain, losses, numbers

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a small file system, which needs root"
)


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    folder.mkdir()
    try:
        run("mount", *options, str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"cannot mount here: {error}")
    try:
        yield folder
    finally:
        run("umount", "-l", str(folder))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m,mode=700", "none") as disk:
        yield disk


def fill(disk: Path) -> Path:
    """Another program takes all the room there is."""
    hog = disk / "hog"
    with contextlib.suppress(OSError), hog.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with contextlib.suppress(OSError), hog.open("ab", buffering=0) as file:
        while True:
            file.write(b"x")
    return hog


def look(store, count):
    sightings = [seen(path=f"/opt/{n}") for n in range(count)]
    return store.change(lambda ledger: full_look(ledger, sightings, Look()))


def test_a_full_disk_loses_nothing_and_counts_nothing_as_stored(small_disk):
    store = enrolled_store(small_disk / "state")
    assert all(tell_numbers(store, range(20)))
    hog = fill(small_disk)
    durable = tell_numbers(store, range(20, 2000))
    assert not all(durable), "the disk is full, and that is said"
    on_disk = open_store(small_disk / "state").pending()
    assert on_disk == 20 + sum(durable), "what was called durable is on the disk, the rest is not"
    assert store.pending() == 2000
    hog.unlink()
    assert tell_numbers(store, [2000]) == [True]
    assert store.undurable() == 0
    assert numbers(drain(store)) == list(range(2001)), "all of them, once, in order"


def test_what_waits_can_be_sent_from_a_full_disk_and_makes_room(small_disk):
    store = enrolled_store(small_disk / "state")
    assert all(tell_numbers(store, range(300)))
    fill(small_disk)
    tell_numbers(store, range(300, 330))
    assert numbers(drain(store)) == list(range(330))
    assert store.undurable() == 0


def test_a_spool_that_fills_the_disk_by_itself_goes_on(small_disk):
    """Ten times more than the disk holds, sending now and then: alive, whole, in order, nothing twice."""
    store = enrolled_store(small_disk / "state")
    sent = []
    for round_ in range(10):
        tell = [Told(about=numbered(n)) for n in range(round_ * 1500, (round_ + 1) * 1500)]
        for start in range(0, 1500, 100):
            store.commit(Changes(tell=tuple(tell[start : start + 100])))
        sent += drain(store)
    assert numbers(sent) == list(range(15_000))


def test_a_disk_that_stays_full_costs_the_oldest_in_memory_and_counts_them(small_disk):
    store = enrolled_store(small_disk / "state", most_in_memory=50)
    hog = fill(small_disk)
    durable = tell_numbers(store, range(1000))
    assert store.undurable() <= 50
    hog.unlink()
    assert tell_numbers(store, [1000]) == [True]
    batches = drain(store)
    sent = numbers(batches)
    lost = losses(batches)["overflow"]
    assert lost > 0
    assert len(sent) + lost == 1001
    assert sent == [n for n in range(1001) if n < sum(durable) or n >= 1001 - (len(sent) - sum(durable))]


def test_a_disk_that_is_full_from_the_start(small_disk):
    (small_disk / "state").mkdir(mode=0o700)
    hog = fill(small_disk)
    store = open_store(small_disk / "state")
    changes, durable = look(store, 3)
    assert (len(changes.tell), durable) == (3, False)
    assert not look(store, 3)[0].tell, "the ledger in memory is right meanwhile"
    assert store.next_batch() is None, "nothing leaves before it is durable"
    hog.unlink()
    assert look(store, 4)[1] is True
    assert store.pending() == 4


def test_many_times_full_and_free_again(small_disk):
    """The ladder must not wear out: ballast and database are whole after each round."""
    store = enrolled_store(small_disk / "state")
    number, sent = 0, []
    for _ in range(40):
        hog = fill(small_disk)
        tell_numbers(store, range(number, number + 7))
        sent += drain(store, max_events=5)
        hog.unlink()
        tell_numbers(store, range(number + 7, number + 10))
        number += 10
        assert (small_disk / "state" / "ballast").stat().st_size == 256 * 1024
    sent += drain(store)
    assert numbers(sent) == list(range(number))
    store.close()
    assert not list((small_disk / "state").glob("*corrupt*"))


def test_a_read_only_disk_at_the_start(small_disk):
    store = enrolled_store(small_disk / "state")
    look(store, 2)
    store.close()
    run("mount", "-o", "remount,ro", str(small_disk))
    store = enrolled_store(small_disk / "state")
    assert look(store, 3)[1] is False
    assert tell_numbers(store, [1]) == [False]
    assert store.next_batch() is None
    run("mount", "-o", "remount,rw", str(small_disk))
    assert tell_numbers(store, [2]) == [True]
    changes, durable = look(store, 3)
    assert (changes.tell, durable) == ((), True), "what was told before and meanwhile is known"
    batches = drain(store)
    assert numbers(batches) == [1, 2]


def test_no_folder_can_be_made_on_a_read_only_disk(small_disk):
    run("mount", "-o", "remount,ro", str(small_disk))
    store = open_store(small_disk / "deep" / "state")
    assert look(store, 2)[1] is False
    assert store.pending() == 2


def test_a_disk_that_fails_under_a_running_agent(tmp_path):
    """ext4 turns itself read-only on an error; repaired and mounted anew, it has all events, once."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    try:
        run("mkfs.ext4", "-q", str(image))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no ext4 here: {error}")
    disk = tmp_path / "disk"
    with mounted(disk, "-o", "loop,errors=remount-ro", str(image)):
        device = subprocess.run(
            ["findmnt", "-no", "SOURCE", str(disk)], capture_output=True, text=True, check=True, timeout=60
        ).stdout.strip()
        fault = Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error")
        if not fault.exists():
            pytest.skip("this kernel cannot be told to fail a file system")
        store = enrolled_store(disk / "state")
        assert all(tell_numbers(store, range(10)))
        fault.write_text("1")
        assert not any(tell_numbers(store, range(10, 19)))
        assert store.pending() == 19, "what is on it can still be read"
        assert not any(tell_numbers(store, [19]))
    subprocess.run(
        ["e2fsck", "-fy", str(image)], capture_output=True, timeout=60
    )  # its exit code says "repaired"
    disk.rmdir()
    with mounted(disk, "-o", "loop", str(image)):
        assert tell_numbers(store, [20]) == [True]
        assert numbers(drain(store)) == list(range(21))
        store.close()


def test_an_identity_that_is_not_on_disk_sends_nothing(small_disk):
    store = open_store(small_disk / "state")
    hog = fill(small_disk)
    with contextlib.suppress(OSError):
        (small_disk / "state" / "ballast").unlink()
    fill(small_disk)
    identity = msgspec.structs.replace(store.identity(), device="device-9", token="t")
    saved = store.save_identity(identity)
    store.tell(Health(part="test", condition="number 1"))
    if not saved:
        assert store.next_batch() is None
    hog.unlink()
    assert store.tell(Health(part="test", condition="number 2"))
    assert {b.device for b in drain(store)} == {"device-9"}
