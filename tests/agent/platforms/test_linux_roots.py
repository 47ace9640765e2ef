"""The roots that processes see instead of ours, from what the kernel says of each process."""

import os
from pathlib import Path

import pytest

from aipolicy.core.model import Unseen
from aipolicy.platforms.linux_mounts import parse_mountinfo
from aipolicy.platforms.linux_roots import MOST, container_of, other_roots
from aipolicy.platforms.machine import Root
from machine_needs import NEEDS_LINUX
from proc_folder import ProcFolder

pytestmark = NEEDS_LINUX

OURS = parse_mountinfo(
    b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    b"23 22 8:2 /@home /home rw - btrfs /dev/sda2 rw\n"
    b"24 22 0:50 / /far rw - nfs4 server:/ rw\n"
    b"25 22 0:4 / /proc rw - proc proc rw\n"
    b"26 22 0:60 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n"
)
OVERLAY = b"90 80 0:60 / / rw - overlay overlay rw\n"


@pytest.fixture
def proc(tmp_path: Path) -> ProcFolder:
    folder = ProcFolder(tmp_path)
    (folder.place / "self/ns").mkdir()
    os.link(folder.place / "namespaces/host", folder.place / "self/ns/mnt")
    os.symlink("/", folder.place / "self/root")
    return folder


def seen(proc: ProcFolder) -> list[Root | Unseen]:
    return list(other_roots(proc.path, OURS))


def test_processes_that_see_our_files_have_no_other_root(proc: ProcFolder) -> None:
    proc.add(200, exe="/usr/bin/node")
    (proc.add(201, exe="/x", namespace="private") / "mountinfo").write_bytes(
        b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    )
    assert seen(proc) == []


def test_a_chroot_is_called_after_its_folder_and_seen_once(proc: ProcFolder, tmp_path: Path) -> None:
    (tmp_path / "jail").mkdir()
    proc.add(300, exe="/x", root=f"{tmp_path}/jail", started=9)
    proc.add(200, exe="/x", root=f"{tmp_path}/jail", started=10)
    status = os.stat(tmp_path / "jail")
    assert seen(proc) == [
        Root(
            pids=(300, 200),
            container=f"{tmp_path}/jail",
            device=status.st_dev,
            inode=status.st_ino,
            shared=(("/", f"{tmp_path}/jail"),),
        )
    ]


def test_what_may_hang_is_told_and_not_touched(proc: ProcFolder) -> None:
    place = proc.add(200, exe="/x", namespace="c1")
    (place / "mountinfo").write_bytes(OVERLAY + b"91 90 0:70 / / rw - fuse.evil evil rw\n")
    number = os.stat(place / "ns/mnt").st_ino
    proc.add(201, exe="/x", root="/far/jail")
    assert seen(proc) == [
        Unseen(place=f"ns-{number}:/", reason="on fuse.evil, which may hang"),
        Unseen(place="/far/jail:/", reason="on nfs4, which may hang"),
    ]


def test_a_process_that_shut_itself_off_has_no_programs(proc: ProcFolder) -> None:
    proc.add(200, exe="/opt/google/chrome/chrome", root="/proc/77/fdinfo")
    proc.add(201, exe="/opt/google/chrome/chrome", root="/proc/78/fdinfo (deleted)")
    assert seen(proc) == []


def test_a_thread_of_the_kernel_is_no_container(proc: ProcFolder) -> None:
    place = proc.add(25, exe=None, comm=b"kdevtmpfs", flags=0x00200000, namespace="kernel")
    (place / "mountinfo").write_bytes(b"24 27 0:6 / / rw - devtmpfs devtmpfs rw\n")
    assert seen(proc) == []


def test_a_root_within_a_mount_that_is_not_told(proc: ProcFolder) -> None:
    place = proc.add(200, exe="/x", root="/inner", namespace="c1")
    (place / "mountinfo").write_bytes(b"")
    (one,) = seen(proc)
    assert isinstance(one, Unseen)
    assert one.reason == "a part of a filesystem that is not told"


def test_a_chroot_in_a_container_is_a_part_of_it(proc: ProcFolder, tmp_path: Path) -> None:
    first = proc.add(200, exe="/x", namespace="c1", started=1)
    (first / "mountinfo").write_bytes(OVERLAY)
    proc.add(201, exe="/x", root="/run/sshd", namespace="c1", started=2)
    assert [one for one in seen(proc) if isinstance(one, Unseen)] == []


def test_of_thousands_of_namespaces_the_oldest_are_asked(proc: ProcFolder) -> None:
    for number in range(MOST + 3):
        proc.add(1000 + number, exe="/x", root=f"/nowhere/{number}")
    assert seen(proc) == [Unseen(place="containers", reason="3 namespaces more than are looked at")]


ID = "3f2a8c11d0e4" + "5" * 52
CGROUPS = {
    "docker, cgroup v2": f"0::/system.slice/docker-{ID}.scope\n",
    "docker, cgroup v1": f"12:pids:/docker/{ID}\n1:name=systemd:/docker/{ID}\n",
    "podman": f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container\n",
    "kubernetes in docker": f"0::/docker/{'a' * 64}/kubelet/kubepods/pod1/cri-containerd-{ID}.scope\n",
}


@pytest.mark.parametrize("engine", CGROUPS)
def test_a_container_is_called_by_its_id(proc: ProcFolder, engine: str) -> None:
    place = proc.add(200, exe="/x", namespace="c1")
    (place / "cgroup").write_text(CGROUPS[engine])
    assert container_of(str(place)) == "3f2a8c11d0e4"


def test_names_that_people_gave_are_not_taken(proc: ProcFolder) -> None:
    place = proc.add(200, exe="/x", namespace="c1")
    (place / "cgroup").write_text("0::/lxc.payload.project-of-ann\n")
    assert container_of(str(place)).startswith("ns-")
