"""Files made to flood or to mislead: huge, cut, lying about themselves, or changing under our eyes."""

import json
import os
import shutil
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aipolicy.core.model import FileFacts, FileKind, Unseen
from aipolicy.examine import CannotLook, open_regular
from aipolicy.examine.node_package import program_files, read_manifest
from installed import MARKS, NATIVE_CLAUDE, NATIVE_OTHER, examiner, put

CLAUDE = ("claude-code:CLAUDE_CODE_ENABLE_TELEMETRY", "claude-code:tengu_api_success")
GIB = 1 << 30
ROUNDS = 200


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """`work` again and again in another thread."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            work()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# --- ELF that lies ---------------------------------------------------------------------------------------

HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
"""Elf64_Ehdr, elf(5)."""
LIES = {
    "its section table lies behind the end": {6: 1 << 60},
    "its program headers lie behind the end": {5: (1 << 64) - 1},
    "it has 65,535 sections": {12: 0xFFFF, 11: 0xFFFF},
    "it has 65,535 program headers": {10: 0xFFFF, 9: 0xFFFF},
    "it is of no known machine": {2: 0xFFFF, 1: 0xFFFF},
    "its header has no size": {8: 0},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_program_whose_header_lies_is_searched_all_the_same(lie: str, tmp_path: Path) -> None:
    data = bytearray(Path(os.path.realpath("/bin/true")).read_bytes())
    fields = list(HEADER.unpack_from(data))
    for place, value in LIES[lie].items():
        fields[place] = value
    HEADER.pack_into(data, 0, *fields)
    found = examiner().file(put(tmp_path / "file", bytes(data) + NATIVE_CLAUDE))
    assert isinstance(found, FileFacts)
    assert (found.kind, found.marks) == (FileKind.ELF, CLAUDE)


@pytest.mark.parametrize("at", [4, 16, 63, 64, 200, 1000, 20_000])
def test_a_real_program_cut_short_is_no_tool(at: int, tmp_path: Path) -> None:
    data = Path(os.path.realpath("/bin/true")).read_bytes()
    found = examiner().file(put(tmp_path / "file", data[:at]))
    assert isinstance(found, FileFacts)
    assert (found.kind, found.marks, found.interpreter) == (FileKind.ELF, (), None)


# --- huge ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [4 * GIB, 8 << 40])
@pytest.mark.parametrize("mode", [0o755, 0o644])
def test_marks_at_both_ends_of_a_file_of_nothing(size: int, mode: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with open(path, "wb") as file:
        file.write(b"\x7fELF" + MARKS[0].literal.encode())
        file.truncate(size)
        file.seek(size - 100)
        file.write(MARKS[1].literal.encode("utf-16-le"))
    path.chmod(mode)
    looking = examiner()
    found = looking.file(str(path))
    assert isinstance(found, FileFacts)
    assert (found.marks, found.size) == (CLAUDE, size)
    assert looking.bytes_read < 1 << 20


# --- package.json ----------------------------------------------------------------------------------------

STATED = {
    "twice": (b'{"name": "a", "name": "b", "version": "1"}', "b"),
    "behind a byte order mark": (b'\xef\xbb\xbf{"name": "b"}', "b"),
    "behind huge numbers": (b'{"x": ' + b"9" * 500_000 + b', "y": 1e999999, "name": "b"}', "b"),
    "with a NUL": (b'{"name": "b\\u0000c"}', "b\\x00c"),
    "as a list": (b'{"name": ["b"], "bin": ["x"]}', None),
    "of a kilobyte": (b'{"name": "' + b"b" * 1024 + b'"}', None),
    "with a lone surrogate": (b'{"name": "\\ud800"}', "\\ud800"),
    "with colours": (b'{"name": "\\u001b[31mb"}', "\\x1b[31mb"),
    "written from right to left": ('{"name": "\u202eb"}'.encode(), "\\u202eb"),
}


@pytest.mark.parametrize("how", STATED)
def test_a_name_stated(how: str) -> None:
    data, name = STATED[how]
    assert read_manifest(data, "package.json").name == name


@pytest.mark.parametrize(
    "target", ["../../etc/passwd", "/etc/passwd", "a/../../x", "..", "", "\0", "x" * 300]
)
def test_a_program_stated_elsewhere_is_none(target: str) -> None:
    stated = read_manifest(json.dumps({"name": "a", "bin": {"a": target}}).encode(), "package.json")
    for path in program_files("/home/ann/a", stated):
        assert path.startswith("/home/ann/a")


# --- changing while it is read ---------------------------------------------------------------------------


def test_a_file_that_is_rewritten_all_the_time_is_judged_by_what_it_becomes(tmp_path: Path) -> None:
    """Facts of bytes that are no more may be seen, but never kept."""
    path = put(tmp_path / "file", NATIVE_OTHER.ljust(3 << 20, b"\1"))
    contents = (NATIVE_CLAUDE.ljust(3 << 20, b"\1"), NATIVE_OTHER.ljust(3 << 20, b"\1"))
    looking = examiner()
    turn = [0]

    def rewrite() -> None:
        turn[0] += 1
        with open(path, "r+b") as file:
            file.write(contents[turn[0] % 2])

    with meanwhile(rewrite):
        for _ in range(20):
            assert isinstance(looking.file(path), FileFacts)
    for number, marks in ((0, CLAUDE), (1, ())):
        Path(path).write_bytes(contents[number])
        found = looking.file(path)
        assert isinstance(found, FileFacts)
        assert found.marks == marks


def test_a_file_that_is_cut_short_while_it_is_read(tmp_path: Path) -> None:
    """Through a mapping of it this would end us with SIGBUS."""
    path = put(tmp_path / "file", NATIVE_OTHER.ljust(8 << 20, b"\1"))

    def cut() -> None:
        os.truncate(path, 4096)
        os.truncate(path, 8 << 20)

    looking = examiner()
    with meanwhile(cut):
        for _ in range(ROUNDS):
            assert isinstance(looking.file(path), FileFacts)


def test_a_file_that_is_replaced_all_the_time_never_lends_its_verdict_to_another(tmp_path: Path) -> None:
    paths = [put(tmp_path / "claude", NATIVE_CLAUDE), put(tmp_path / "other", NATIVE_OTHER)]
    of_tool = os.stat(paths[0]).st_ino
    place = tmp_path / "file"
    turn = [0]

    def swap() -> None:
        turn[0] += 1
        spare = tmp_path / "spare"
        os.link(paths[turn[0] % 2], spare)
        os.replace(spare, place)
        spare.unlink(missing_ok=True)

    swap()
    looking = examiner()
    with meanwhile(swap):
        for _ in range(ROUNDS):
            found = looking.file(str(place))
            if isinstance(found, FileFacts):
                assert found.marks == (CLAUDE if found.inode == of_tool else ())


def test_a_folder_that_becomes_a_link_all_the_time_leads_nowhere_else(tmp_path: Path) -> None:
    put(tmp_path / "real/notes", NATIVE_OTHER)
    secret = put(tmp_path / "elsewhere/notes", NATIVE_CLAUDE)
    folder = tmp_path / "folder"

    def swap() -> None:
        folder.symlink_to(tmp_path / "elsewhere")
        folder.unlink()
        os.rename(tmp_path / "real", folder)
        os.rename(folder, tmp_path / "real")

    with meanwhile(swap):
        for _ in range(ROUNDS):
            found = examiner().file(f"{folder}/notes")
            assert isinstance(found, Unseen) or found.inode != os.stat(secret).st_ino


# --- what cannot be read ---------------------------------------------------------------------------------


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc")
def test_a_read_that_fails_is_told() -> None:
    with open_regular(f"/proc/{os.getpid()}/mem") as file, pytest.raises(CannotLook) as told:
        file.read_into(memoryview(bytearray(100)), 0)
    assert told.value.reason == "input/output error"


def test_long_names_and_paths(tmp_path: Path) -> None:
    put(tmp_path / ("n" * 255), NATIVE_CLAUDE)
    found = examiner().file(f"{tmp_path}/" + "n" * 255)
    assert isinstance(found, FileFacts)
    for path in (f"{tmp_path}/" + "n" * 256, f"{tmp_path}/" + "d/" * 3000 + "x"):
        told = examiner().file(path)
        assert isinstance(told, Unseen)
        assert told.reason in ("its name is too long", "no such file")


def test_a_hard_link_under_another_name_has_the_same_facts(tmp_path: Path) -> None:
    one = put(tmp_path / "one", NATIVE_CLAUDE)
    two = shutil.copy(put(tmp_path / "other", NATIVE_OTHER), tmp_path / "two")
    looking = examiner()
    assert isinstance(looking.file(str(two)), FileFacts)
    os.unlink(two)
    os.link(one, two)
    found = looking.file(str(two))
    assert isinstance(found, FileFacts)
    assert found.marks == CLAUDE
