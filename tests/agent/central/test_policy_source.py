"""The policy file: complete and stable content, or a reason; and the last good one, whatever the disk did."""

import hashlib
import itertools
import os
import random
from collections.abc import Iterator

import pytest

from aipolicy.central.policy_source import MOST_BYTES, FilePolicy, LastGood, NoPolicy, PolicyText

GOOD = b"banned: [claude-code]\n"


def nothing(_seconds: float) -> None:
    """No waiting in tests."""


def test_a_file_is_read_whole(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_bytes(GOOD)
    read = FilePolicy(str(path), nothing).read()
    assert isinstance(read, PolicyText)
    assert (read.name, read.content) == ("policy.yaml", GOOD)
    assert len(read.sha256) == 64


@pytest.mark.parametrize("content", [b"", b"x" * MOST_BYTES, b"\xff\xfe\x00"])
def test_any_bytes_are_given_as_they_are(content, tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_bytes(content)
    assert FilePolicy(str(path), nothing).read().content == content


def test_links_are_followed_to_a_regular_file(tmp_path):
    """Kubernetes: policy.yaml -> ..data/policy.yaml, ..data -> ..2026_09_01."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "policy.yaml").write_bytes(GOOD)
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "policy.yaml").symlink_to("..data/policy.yaml")
    assert FilePolicy(str(tmp_path / "policy.yaml"), nothing).read().content == GOOD


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "device", "dangling", "loop", "large"])
def test_what_is_no_policy_file_is_named_and_never_waited_for(kind, tmp_path):
    path = tmp_path / "policy.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "loop":
        path.symlink_to("policy.yaml")
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(MOST_BYTES + 1)
    read = FilePolicy(str(path), nothing).read()
    assert isinstance(read, NoPolicy)
    assert str(path) in read.reason
    assert not read.passing


def test_a_file_that_changes_between_two_looks_is_being_written(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"banned: [cla")

    def finish(_seconds: float) -> None:
        path.write_bytes(GOOD)

    read = FilePolicy(str(path), finish).read()
    assert isinstance(read, NoPolicy)
    assert read.passing
    assert FilePolicy(str(path), nothing).read().content == GOOD


def test_a_file_exchanged_for_an_equal_one_is_looked_at_again(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_bytes(GOOD)

    def exchange(_seconds: float) -> None:
        (tmp_path / "new").write_bytes(GOOD)
        (tmp_path / "new").replace(path)

    assert FilePolicy(str(path), exchange).read().passing


def test_a_thousand_writes_in_place_are_never_seen_half(tmp_path):
    """A writer that gets a little further during every wait, at every point of its work."""
    path = tmp_path / "policy.yaml"
    wholes = [b"banned:\n" + b"".join(b"  - tool-%06d\n" % (n * k) for n in range(60)) for k in (1, 2, 3)]

    def write() -> Iterator[None]:
        for content in itertools.cycle(wholes):
            with path.open("wb", buffering=0) as file:
                yield
                for start in range(0, len(content), 100):
                    file.write(content[start : start + 100])
                    yield

    writer, chance = write(), random.Random(7)

    def further(_seconds: float) -> None:
        for _ in range(chance.randrange(1, 4)):
            next(writer)

    further(0)
    taken = [
        r.content for _ in range(1000) if isinstance(r := FilePolicy(str(path), further).read(), PolicyText)
    ]
    assert set(taken) <= set(wholes)


def test_the_last_good_one_outlives_a_restart(tmp_path):
    text = PolicyText(name="policy.yaml", content=GOOD, sha256=digest(GOOD))
    assert LastGood(tmp_path).keep(text)
    assert LastGood(tmp_path).load() == text
    assert (tmp_path / "policy.last-good.yaml").stat().st_mode & 0o777 == 0o600


def test_without_one_there_is_none(tmp_path):
    assert LastGood(tmp_path).load() is None
    assert LastGood(tmp_path / "missing").load() is None
    assert not LastGood(tmp_path / "missing").keep(PolicyText(name="p", content=GOOD, sha256=""))


@pytest.mark.parametrize("damage", [b"", b"# x", GOOD, b"# 00 policy.yaml\n" + GOOD, b"\xff" * 50])
def test_a_damaged_one_is_as_none(damage, tmp_path):
    (tmp_path / "policy.last-good.yaml").write_bytes(damage)
    assert LastGood(tmp_path).load() is None


def test_a_bit_that_flipped_on_the_disk_is_noticed(tmp_path):
    LastGood(tmp_path).keep(PolicyText(name="policy.yaml", content=GOOD, sha256=digest(GOOD)))
    path = tmp_path / "policy.last-good.yaml"
    path.write_bytes(path.read_bytes().replace(b"claude-code", b"claude-cod3"))
    assert LastGood(tmp_path).load() is None


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
