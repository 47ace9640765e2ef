"""Given mountinfo, then which paths may be touched."""

import os
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aipolicy.platforms.linux_mounts import MountTable, may_hang, mount_of, parse_mountinfo, ways
from machine_needs import NEEDS_LINUX

MOUNTINFO = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
40 27 0:50 / /home rw - nfs4 server:/home rw
41 40 8:1 / /home/alice\040b rw - xfs /dev/sda1 rw
42 27 0:51 / /mnt/x rw - fuse.sshfs x rw
43 27 0:52 / /mnt/x rw - tmpfs x rw
44 27 0:53 / /net rw - autofs auto rw
garbage
"""


def test_each_path_lies_on_the_nearest_and_latest_mount() -> None:
    mounts = parse_mountinfo(MOUNTINFO)

    def kind(path: str) -> str:
        found = mount_of(path, mounts)
        return found.kind if found else ""

    assert kind("/") == "ext4"
    assert kind("/homes") == "ext4"
    assert kind("/home") == "nfs4"
    assert kind("/home/alice b/x") == "xfs"
    assert kind("/mnt/x/y") == "tmpfs"
    assert kind("/proc/1/exe") == "proc"


def test_what_waits_for_others_is_not_touched() -> None:
    mounts = parse_mountinfo(MOUNTINFO)
    assert may_hang(mount_of("/home/bob", mounts)) == "on nfs4, which may hang"
    assert may_hang(mount_of("/net/x", mounts)) == "on autofs, which may hang"
    assert may_hang(mount_of("/home/alice b", mounts)) is None
    assert may_hang(mount_of("/proc/1", mounts)) is None
    assert may_hang(None) is None


def test_a_mount_that_is_hidden_or_behind_what_may_hang_is_not_looked_up() -> None:
    mounts = parse_mountinfo(
        MOUNTINFO
        + rb"""50 44 0:60 / /net/x rw - ext4 /dev/vdb rw
51 44 0:61 / /net/x/deep rw - tmpfs x rw
52 41 0:62 / /home/alice\040b/deep rw - tmpfs x rw
53 27 0:63 / /srv/a/b rw - tmpfs x rw
54 27 0:64 / /srv/a rw - fuse x rw
55 53 0:65 / /srv/a/b/c rw - tmpfs x rw
56 54 0:66 / /srv/a rw - tmpfs x rw
60 999 0:67 / /elsewhere rw - tmpfs x rw
"""
    )
    found = {mount.number: ways(mounts)[mount.number] for mount in mounts}
    behind = "behind what is on nfs4, which may hang"
    assert {number: why for number, why in found.items() if why} == {
        41: behind,
        51: "hidden by another mount",
        52: behind,
        53: "hidden by another mount",
        55: "hidden by another mount",
    }


def test_an_overlay_may_hang_where_a_layer_may() -> None:
    layers = {
        70: "lowerdir=/home/bob:/usr,upperdir=/a,workdir=/b",
        71: "lowerdir+=/usr,lowerdir+=/home/b\\134:b",
        72: "lowerdir=l/A:/home/alice\\040b/x,upperdir=/up,workdir=/home/bob",
        73: "lowerdir=/m70/x",
    }
    lines = [f"{n} 27 0:{n} / /m{n} rw - overlay overlay rw,{words}" for n, words in layers.items()]
    mounts = parse_mountinfo(MOUNTINFO + "\n".join(lines).encode().replace(b"\\\\", b"\\"))
    kinds = {mount.number: mount.kind for mount in mounts if mount.number in layers}
    nested = "overlay on overlay on nfs4"
    assert kinds == {70: "overlay on nfs4", 71: "overlay on nfs4", 72: "overlay", 73: nested}
    assert may_hang(mount_of("/m70/prog", mounts)) == "on overlay on nfs4, which may hang"


@given(st.binary(max_size=300))
def test_no_bytes_break_it(data: bytes) -> None:
    ways(parse_mountinfo(data))


def test_the_table_of_this_machine(tmp_path: Path) -> None:
    table = MountTable()
    assert (mount_of("/proc/1", table.mounts()) is not None) == os.path.exists("/proc/self/mountinfo")
    table.close()
    nowhere = MountTable(str(tmp_path / "none"))
    assert nowhere.mounts() == ()
    assert nowhere.fileno() == -1


@NEEDS_LINUX
def test_the_scanner_and_the_process_watch_ask_at_the_same_time() -> None:
    """A scan died of "concurrent poll() invocation", and the scanner with it."""
    table = MountTable()
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(20_000):
                table.out_of_reach("/home/alice")
        except RuntimeError as error:
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert table.mounts()


def test_only_what_may_hang_is_out_of_reach(tmp_path: Path) -> None:
    place = tmp_path / "mountinfo"
    place.write_bytes(MOUNTINFO)
    table = MountTable(str(place))
    assert table.out_of_reach("/home/bob/../bob") == "on nfs4, which may hang"
    assert table.out_of_reach("/usr/bin") is None
    before = table.version
    place.write_bytes(b"27 1 254:0 / / rw - ext4 /dev/vda rw\n")
    table.reread()
    assert table.version != before
    assert table.out_of_reach("/home/bob") is None
    table.close()
