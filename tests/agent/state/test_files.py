"""Files of our own: whole or not at all, ours alone, never through a link."""

import os
import stat

import pytest

from aipolicy.state.files import read_small, write_safely
from aipolicy.state.folder import StateError, prepare_folder
from aipolicy.state.instance import AlreadyRunning, InstanceLock

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="gives a folder away, which needs root",
)


def test_written_files_are_whole_and_for_us_alone(tmp_path):
    path = tmp_path / "status.json"
    write_safely(path, b"one")
    write_safely(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["status.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "status.json"
    path.mkdir()
    (path / "x").write_text("in the way")
    with pytest.raises(OSError, match="directory"):
        write_safely(path, b"two")
    assert os.listdir(tmp_path) == ["status.json"]


def test_what_a_kill_left_behind_is_in_nobodys_way(tmp_path):
    (tmp_path / ".status.json.new").write_text("half")
    write_safely(tmp_path / "status.json", b"whole")
    assert os.listdir(tmp_path) == ["status.json"]


def test_a_link_is_replaced_and_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = tmp_path / "status.json"
    link.symlink_to(victim)
    (tmp_path / ".status.json.new").symlink_to(victim)
    write_safely(link, b"ours")
    assert victim.read_text() == "precious"
    assert not link.is_symlink()


def test_reading_takes_no_link_no_pipe_and_nothing_large(tmp_path):
    assert read_small(tmp_path / "none", 10) is None
    (tmp_path / "ten").write_bytes(b"x" * 10)
    assert read_small(tmp_path / "ten", 10) == b"x" * 10
    assert read_small(tmp_path / "ten", 9) is None
    os.mkfifo(tmp_path / "pipe")
    assert read_small(tmp_path / "pipe", 10) is None
    (tmp_path / "link").symlink_to("ten")
    with pytest.raises(OSError, match="symbolic"):
        read_small(tmp_path / "link", 10)


def test_the_folder_is_made_for_us_alone(tmp_path):
    old = os.umask(0)
    try:
        folder = prepare_folder(str(tmp_path / "deep" / "state"))
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert prepare_folder(str(folder)) == folder


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777, 0o720, 0o702])
def test_a_folder_that_others_may_write_to_is_refused(mode, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(mode)
    with pytest.raises(StateError, match=r"state: others may write to it .*chmod 0700"):
        prepare_folder(str(tmp_path / "state"))


@pytest.mark.parametrize("mode", [0o700, 0o711, 0o755, 0o750])
def test_a_folder_that_only_we_may_write_to_is_taken(mode, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(mode)
    prepare_folder(str(tmp_path / "state"))


@needs_root
def test_a_folder_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    os.chown(tmp_path / "state", 4711, 0)
    with pytest.raises(StateError, match="belongs to uid 4711"):
        prepare_folder(str(tmp_path / "state"))


def test_a_link_or_a_file_in_its_place_is_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "real")
    with pytest.raises(StateError, match="symbolic link"):
        prepare_folder(str(tmp_path / "state"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="--state"):
        prepare_folder(str(tmp_path / "file"))
    with pytest.raises(StateError, match="--state"):
        prepare_folder(str(tmp_path / "file" / "state"))


def test_one_agent_per_folder(tmp_path):
    lock = InstanceLock.take(tmp_path, 111)
    with pytest.raises(AlreadyRunning, match="pid 111") as refused:
        InstanceLock.take(tmp_path, 222)
    assert refused.value.pid == 111
    assert str(tmp_path) in str(refused.value)
    lock.release()
    lock.release()
    again = InstanceLock.take(tmp_path, 222)
    assert again is not None
    again.release()


def test_a_lock_is_taken_from_one_who_ends_and_not_from_one_who_does_not(tmp_path, monkeypatch):
    lock = InstanceLock.take(tmp_path, 111, "guard")
    asked = []

    def end(pid):
        asked.append(pid)
        lock.release()

    taken = InstanceLock.take_from(tmp_path, 222, "guard", end)
    assert taken is not None
    assert asked == [111]
    monkeypatch.setattr("aipolicy.state.instance._END_S", 0.05)
    with pytest.raises(AlreadyRunning, match="pid 222"):
        InstanceLock.take_from(tmp_path, 333, "guard", asked.append)
    assert asked == [111, 222]  # it is asked once
    taken.release()


def test_a_lock_file_without_a_pid_is_still_a_lock(tmp_path):
    lock = InstanceLock.take(tmp_path, 111)
    (tmp_path / "instance.lock").write_text("")
    with pytest.raises(AlreadyRunning, match="stop that one"):
        InstanceLock.take(tmp_path, 222)
    lock.release()


def test_a_folder_where_no_lock_can_be_made_has_none(tmp_path):
    assert InstanceLock.take(tmp_path / "missing", 1) is None
    (tmp_path / "instance.lock").symlink_to("/etc/passwd")
    assert InstanceLock.take(tmp_path, 1) is None
