"""Given mountinfo, then which paths may be touched."""

import os
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aipolicy.platforms.linux_mounts import MountTable, may_hang, mount_of, parse_mountinfo
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


@given(st.binary(max_size=300))
def test_no_bytes_break_it(data: bytes) -> None:
    parse_mountinfo(data)


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
