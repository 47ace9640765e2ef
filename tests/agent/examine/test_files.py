"""Users' files are opened as regular files only, through no link, up to a cap; all else is a reason."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from aipolicy.examine import CannotLook, open_regular, read_json, read_text
from aipolicy.examine.files import open_by_parts, open_linked, parse_json, read_head
from aipolicy.examine.root import Root
from hostile import AS_ROOT, NO_JSON, UNREADABLE, acting_as, device, two_gigabytes

Maker = Callable[[Path], None]


def refused(path: str | Path, limit: int | None = None) -> CannotLook:
    with pytest.raises(CannotLook) as caught, open_regular(str(path), limit=limit):
        pass
    return caught.value


@pytest.mark.parametrize(("make", "reason"), UNREADABLE)
def test_what_is_no_regular_file_is_refused(make: Maker, reason: str, tmp_path: Path) -> None:
    make(tmp_path / "package.json")
    found = refused(tmp_path / "package.json")
    assert (found.place, found.reason, found.absent) == (str(tmp_path / "package.json"), reason, False)


@AS_ROOT
def test_a_device_is_not_even_opened(tmp_path: Path) -> None:
    device(tmp_path / "package.json")
    assert refused(tmp_path / "package.json").reason == "not a regular file"


def test_no_folder_on_the_way_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("text")
    (tmp_path / "link").symlink_to("real")
    assert refused(tmp_path / "link" / "file").reason == "a symbolic link"
    assert read_text(str(tmp_path / "real" / "file")) == "text"


def test_the_way_without_openat2_refuses_the_same(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("text")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "name").symlink_to("file")
    os.close(open_by_parts(str(tmp_path / "real" / "file")))
    for path in ("link/file", "real/name"):
        with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
            open_by_parts(str(tmp_path / path))
    with pytest.raises(FileNotFoundError):
        open_by_parts(str(tmp_path / "real" / "other"))


def test_a_missing_file_is_absent_and_not_unseen(tmp_path: Path) -> None:
    assert refused(tmp_path / "nothing").absent
    (tmp_path / "file").touch()
    assert refused(tmp_path / "file" / "below").absent
    assert refused("/no\0name").absent
    assert refused("/half a character \ud800").absent


def test_the_cap_is_told_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert refused(tmp_path / "file", limit=4).reason == "larger than 4 bytes"
    with open_regular(str(tmp_path / "file"), limit=5) as file:
        assert file.read(100) == b"12345"
        assert file.read(2, 1) == b"23"
        assert file.read(2, 99) == b""


@AS_ROOT
def test_a_closed_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "file").chmod(0)
    refused(tmp_path / "gone")  # loads what Python loads at first use, from folders that only root may enter
    with acting_as(12345):
        found = refused(tmp_path / "file")
    assert (found.reason, found.absent) == ("permission denied", False)


@pytest.mark.parametrize("name", [b"new\nline", b"not utf-8 \xff\xfe", "ünï".encode(), b" ", b"$(reboot)"])
def test_any_name_can_be_opened_and_is_printable_when_told(name: bytes, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/" + name)
    with open(path, "w") as file:
        file.write("text")
    assert read_text(path) == "text"
    assert CannotLook(path, "x").unseen().place.isprintable()


def test_an_open_file_is_not_swapped_by_a_rename(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("first")
    (tmp_path / "other").write_text("other")
    with open_regular(str(tmp_path / "file")) as file:
        os.replace(tmp_path / "other", tmp_path / "file")
        assert file.read(100) == b"first"


def test_a_link_of_the_kernel_leads_to_the_program_that_runs() -> None:
    with open_linked("/proc/self/exe", "shown") as file:
        assert file.read(4) == b"\x7fELF"
        assert file.path == "shown"


def test_below_another_root_links_start_at_that_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "shadow").write_text("the container's own")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "absolute").symlink_to("/etc/shadow")
    (tmp_path / "app" / "climbing").symlink_to("../../../../../../etc/shadow")
    (tmp_path / "app" / "pipe").touch()
    (tmp_path / "app" / "pipe").unlink()
    os.mkfifo(tmp_path / "app" / "pipe")
    for name in ("absolute", "climbing"):
        with Root(str(tmp_path), f"/app/{name}") as root:
            assert read_head(f"/app/{name}", 100, root) == b"the container's own"
    with Root(str(tmp_path), "/app/pipe") as root, pytest.raises(CannotLook, match="not a regular file"):
        read_head("/app/pipe", 100, root)


@pytest.mark.parametrize(("make", "reason"), NO_JSON)
def test_what_is_no_json_object_says_why(make: Maker, reason: str, tmp_path: Path) -> None:
    make(tmp_path / "package.json")
    with pytest.raises(CannotLook) as caught:
        read_json(str(tmp_path / "package.json"))
    assert caught.value.reason == reason


def test_nesting_is_bounded_in_a_thread_too(tmp_path: Path) -> None:
    (tmp_path / "deep").write_bytes(b"[" * 1_000_000)
    reasons: list[str] = []

    def read() -> None:
        with pytest.raises(CannotLook) as caught:
            read_json(str(tmp_path / "deep"))
        reasons.append(caught.value.reason)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert reasons == ["nested too deeply"]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'\xef\xbb\xbf{"name": "a"}', "a"),
        (b'{"name": "a\xff"}', "a\ufffd"),
        (b'{"name": "a", "x": 1e99999, "y": NaN}', "a"),
        (b'{"name": "a", "n": ' + b"9" * 5000 + b"}", "a"),
        (b'{"name": "b", "name": "a"}', "a"),
        (b'{"name": "a", "x": "\\ud800"}', "a"),
    ],
)
def test_what_node_accepts_does_not_blind_us(data: bytes, name: str) -> None:
    assert parse_json("package.json", data)["name"] == name


def test_the_head_of_a_huge_file_can_be_read(tmp_path: Path) -> None:
    two_gigabytes(tmp_path / "METADATA")
    assert read_head(str(tmp_path / "METADATA"), 8) == b'{"name":'
