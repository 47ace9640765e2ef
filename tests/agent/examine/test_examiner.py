"""Facts about a file come from the file itself, once, as long as it does not change."""

import mmap
import os
import tempfile
import threading
from pathlib import Path

import pytest

from aipolicy.core.model import FileFacts, FileKind, Unseen
from aipolicy.examine import Examiner, MemoryCache
from aipolicy.examine.examiner import LARGEST_SCRIPT, LONG_BYTES
from aipolicy.examine.filesystem import is_in_memory
from hostile import UNREADABLE, terabyte
from installed import A_SCRIPT, MARKS, NATIVE_CLAUDE, NATIVE_OTHER, VERSIONS, examiner, npm_package, put

CLAUDE = ("claude-code:CLAUDE_CODE_ENABLE_TELEMETRY", "claude-code:tengu_api_success")


def facts(examined: FileFacts | Unseen) -> FileFacts:
    assert isinstance(examined, FileFacts)
    return examined


def test_a_renamed_program_is_known_by_its_contents(tmp_path: Path) -> None:
    found = facts(examiner().file(put(tmp_path / "notes", NATIVE_CLAUDE)))
    assert (found.kind, found.marks, found.version) == (FileKind.ELF, CLAUDE, "2.1.7")
    assert (found.path, found.package) == (f"{tmp_path}/notes", None)


@pytest.mark.parametrize("name", ["README", "pack-1.pack", "x.pyc", "list.txt"])
def test_a_file_that_only_mentions_the_tool_has_no_marks(name: str, tmp_path: Path) -> None:
    text = " ".join(mark.literal for mark in MARKS).encode()
    assert facts(examiner().file(put(tmp_path / name, text))).marks == ()
    assert facts(examiner().script(put(tmp_path / name, b"\0PACK" + text))).marks == ()


def test_a_script_run_by_an_interpreter_needs_no_first_line(tmp_path: Path) -> None:
    path = put(tmp_path / "copied.js", b"var a;\n" + b" ".join(m.literal.encode() for m in MARKS[:2]))
    looking = examiner()
    assert facts(looking.file(path)).kind is FileKind.OTHER
    found = facts(looking.script(path))
    assert (found.kind, found.marks) == (FileKind.SCRIPT, CLAUDE)
    assert facts(looking.file(path)).marks == ()


def test_what_the_loader_was_told_to_run_is_still_a_program(tmp_path: Path) -> None:
    assert facts(examiner().script(put(tmp_path / "notes", NATIVE_CLAUDE))).kind is FileKind.ELF


@pytest.mark.parametrize(("make", "reason"), UNREADABLE)
def test_what_is_no_regular_file_is_unseen(make: object, reason: str, tmp_path: Path) -> None:
    make(tmp_path / "claude")  # type: ignore[operator]  # a function of hostile
    assert examiner().file(f"{tmp_path}/claude") == Unseen(place=f"{tmp_path}/claude", reason=reason)


# --- once ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [NATIVE_CLAUDE, NATIVE_OTHER, b"#!/bin/sh\n", b"text"])
def test_an_unchanged_file_is_not_read_again_even_if_it_was_of_no_interest(
    content: bytes, tmp_path: Path
) -> None:
    looking = examiner()
    path = put(tmp_path / "file", content)
    first = looking.file(path)
    read = looking.bytes_read
    assert read > 0
    assert looking.file(path) == first
    assert looking.bytes_read == read


def test_a_cache_outlives_the_examiner(tmp_path: Path) -> None:
    cache = MemoryCache()
    path = put(tmp_path / "notes", NATIVE_CLAUDE)
    examiner(cache=cache).file(path)
    later = examiner(cache=cache)
    assert facts(later.file(path)).marks == CLAUDE
    assert later.bytes_read == 0


def test_the_cache_is_no_list_of_what_is_installed(tmp_path: Path) -> None:
    kept: list[FileFacts] = []

    class Noting(MemoryCache):
        def put(self, facts: FileFacts, marks_digest: str) -> None:
            kept.append(facts)
            super().put(facts, marks_digest)

    looking = examiner(cache=Noting())
    path = put(tmp_path / "private", NATIVE_OTHER)
    assert facts(looking.file(path)).path == facts(looking.file(path)).path == path
    assert [one.path for one in kept] == [""]


def test_new_marks_make_it_look_again(tmp_path: Path) -> None:
    cache = MemoryCache()
    path = put(tmp_path / "notes", NATIVE_CLAUDE)
    other = Examiner(marks=MARKS[2:], cache=cache, now_ns=lambda: 1 << 62, in_memory=lambda _fd: False)
    assert facts(other.file(path)).marks == ()
    assert facts(examiner(cache=cache).file(path)).marks == CLAUDE


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    looking = examiner()
    path = put(tmp_path / "file", NATIVE_OTHER)
    assert facts(looking.file(path)).marks == ()
    times = os.stat(path)
    with open(path, "r+b") as file:  # same size, and the old times set back
        file.write(NATIVE_CLAUDE[-300:].ljust(len(NATIVE_OTHER), b"\0")[: len(NATIVE_OTHER)])
        file.seek(0)
        file.write(b"\x7fELF")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert os.stat(path).st_size == times.st_size
    assert facts(looking.file(path)).marks != ()


def test_facts_of_a_file_changed_this_moment_are_not_kept(tmp_path: Path) -> None:
    """Within one tick of the clock a file can change twice and look the same."""
    path = put(tmp_path / "file", NATIVE_OTHER)
    now = [os.stat(path).st_ctime_ns + 1_000_000]
    looking = examiner(now_ns=lambda: now[0])
    looking.file(path)
    read = looking.bytes_read
    looking.file(path)
    assert looking.bytes_read == 2 * read
    now[0] += 10_000_000_000
    looking.file(path)
    looking.file(path)
    assert looking.bytes_read == 3 * read


@pytest.mark.parametrize("mtime_ns", [4_000_000_000_000_000_000, 0, -1_000_000_000_000])
def test_a_time_set_by_hand_does_not_make_a_new_file_an_old_one(mtime_ns: int, tmp_path: Path) -> None:
    path = put(tmp_path / "file", NATIVE_OTHER)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    now = os.stat(path).st_ctime_ns + 1_000_000
    looking = examiner(now_ns=lambda: now)
    for _ in range(2):
        looking.file(path)
    assert looking.bytes_read == 2 * os.stat(path).st_blocks * 512


def test_what_changes_through_a_mapping_is_read_again_where_no_time_tells_of_it(tmp_path: Path) -> None:
    """A program on a filesystem in memory was run, overwritten through a mapping, and not read again."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm", prefix="aipolicy-test-") as file:
        if not is_in_memory(file.fileno()):
            pytest.skip("/dev/shm is no filesystem in memory here")
        innocent = NATIVE_OTHER.ljust(len(NATIVE_CLAUDE), b"\1")
        file.write(innocent)
        file.flush()
        looking = Examiner(marks=MARKS, now_ns=lambda: 1 << 62)
        with mmap.mmap(file.fileno(), len(NATIVE_CLAUDE)) as mapping:
            mapping[:] = innocent
            assert facts(looking.file(file.name)).marks == ()
            before = os.stat(file.name)
            mapping[:] = NATIVE_CLAUDE
            assert os.stat(file.name).st_ctime_ns == before.st_ctime_ns
            assert facts(looking.file(file.name)).marks == CLAUDE


def test_facts_of_a_large_program_are_kept_once_a_store_would_show(tmp_path: Path) -> None:
    path = put(tmp_path / "file", NATIVE_OTHER)
    os.truncate(path, LONG_BYTES + 1)
    now = [os.stat(path).st_ctime_ns + 30_000_000_000]
    looking = examiner(now_ns=lambda: now[0])
    for _ in range(2):
        looking.file(path)
    now[0] += 15_000_000_000
    for _ in range(2):
        looking.file(path)
    assert looking.bytes_read == 3 * os.stat(path).st_blocks * 512


# --- large -----------------------------------------------------------------------------------------------


def test_a_terabyte_of_nothing_is_a_small_program(tmp_path: Path) -> None:
    path = put(tmp_path / "huge", NATIVE_CLAUDE)
    os.truncate(path, 1 << 40)
    looking = examiner()
    assert facts(looking.file(path)).marks == CLAUDE
    assert looking.bytes_read < 1 << 20


def test_a_terabyte_without_a_byte_is_nothing(tmp_path: Path) -> None:
    terabyte(tmp_path / "huge")
    assert facts(examiner().file(f"{tmp_path}/huge")).kind is FileKind.OTHER


def test_of_a_bundle_too_large_the_part_left_out_is_told_and_not_read_twice(tmp_path: Path) -> None:
    path = put(tmp_path / "huge.js", b"#!/usr/bin/env node\n" + b"/" * LARGEST_SCRIPT)
    looking = examiner()
    reason = "too large: only its beginning and its end were searched"
    assert looking.file(path) == Unseen(place=path, reason=reason)
    read = looking.bytes_read
    assert looking.file(path) == Unseen(place=path, reason=reason)
    assert looking.bytes_read == read
    with open(path, "ab") as file:
        file.write(b" ".join(mark.literal.encode() for mark in MARKS[:2]))
    assert facts(looking.file(path)).marks == CLAUDE


# --- the same file at several places ---------------------------------------------------------------------


def test_path_and_package_are_those_of_the_place_asked_for(tmp_path: Path) -> None:
    package = npm_package(tmp_path / "node_modules", "claude-code-2.1.197", NATIVE_CLAUDE)
    os.link(package / "bin" / "claude.exe", tmp_path / "notes")
    looking = examiner()
    inside = facts(looking.file(f"{package}/bin/claude.exe"))
    outside = facts(looking.file(f"{tmp_path}/notes"))
    assert inside.package is not None
    assert (inside.package.name, inside.package.version) == ("@anthropic-ai/claude-code", "2.1.197")
    assert inside.package.path == str(package)
    assert (outside.path, outside.package, outside.marks) == (f"{tmp_path}/notes", None, inside.marks)


def test_a_new_package_json_counts_at_once(tmp_path: Path) -> None:
    package = npm_package(tmp_path / "node_modules", "claude-code-1.0.100")
    looking = examiner()
    before = facts(looking.file(f"{package}/cli.js")).package
    (package / "package.json").write_text('{"name": "@anthropic-ai/claude-code", "version": "1.0.101"}')
    after = facts(looking.file(f"{package}/cli.js")).package
    assert before is not None
    assert after is not None
    assert (before.version, after.version) == ("1.0.100", "1.0.101")


# --- running programs ------------------------------------------------------------------------------------


def test_the_program_of_a_process_is_read_through_the_kernels_link(tmp_path: Path) -> None:
    link = tmp_path / "exe"
    package = npm_package(tmp_path / "node_modules", "claude-code-2.1.197", NATIVE_CLAUDE)
    link.symlink_to(package / "bin" / "claude.exe")
    found = facts(examiner().program(str(link), f"{package}/bin/claude.exe"))
    assert found.marks == CLAUDE
    assert found.package is not None


def test_a_program_that_was_replaced_since_has_no_package(tmp_path: Path) -> None:
    put(tmp_path / "old", NATIVE_CLAUDE)
    package = npm_package(tmp_path / "node_modules", "claude-code-2.1.197", NATIVE_OTHER)
    for shown in (f"{package}/bin/claude.exe", f"{package}/bin/claude.exe (deleted)"):
        found = facts(examiner().program(f"{tmp_path}/old", shown))
        assert (found.path, found.package, found.marks) == (shown, None, CLAUDE)


def test_a_program_that_ended_is_unseen() -> None:
    assert examiner().program("/proc/0/exe", "/bin/x") == Unseen(place="/bin/x", reason="no such file")


@pytest.mark.parametrize(
    ("stated", "file"),
    [
        ('"main": "cli.js"', "cli.js"),
        ('"main": "./dist/cli"', "dist/cli.js"),
        ('"main": "dist"', "dist/index.js"),
        ('"bin": "cli.js"', "index.js"),
    ],
)
def test_told_a_folder_node_runs_what_its_package_json_says(stated: str, file: str, tmp_path: Path) -> None:
    folder = tmp_path / "node_modules/@qwen-code/qwen-code"
    program = put(folder / file, A_SCRIPT)
    manifest = put(folder / "package.json", f'{{"name": "@qwen-code/qwen-code", {stated}}}'.encode())
    found = examiner().script(manifest)
    assert isinstance(found, FileFacts)
    assert found.path == program
    assert found.package is not None
    assert found.package.name == "@qwen-code/qwen-code"


def test_a_package_json_leads_to_no_file_outside_nor_over_a_link(tmp_path: Path) -> None:
    elsewhere = put(tmp_path / "elsewhere.js", A_SCRIPT)
    folder = tmp_path / "node_modules/app"
    manifest = put(folder / "package.json", b'{"name": "app", "main": "../../elsewhere.js"}')
    assert facts(examiner().script(manifest)).path == manifest
    put(folder / "package.json", b'{"name": "app", "main": "link.js"}')
    (folder / "link.js").symlink_to(elsewhere)
    assert facts(examiner().script(manifest)).path == manifest


def test_a_script_in_a_container_is_read_below_its_root(tmp_path: Path) -> None:
    """Our own root serves as the container's: its links are followed there, which are refused elsewhere."""
    package = npm_package(
        tmp_path / "node_modules", "claude-code-1.0.100", b"#!/usr/bin/env node\n" + NATIVE_CLAUDE
    )
    (tmp_path / "link").symlink_to(package)
    found = facts(examiner().script(f"/proc/{os.getpid()}/root{package}/cli.js"))
    assert (found.path, found.marks) == (f"{package}/cli.js", CLAUDE)
    assert found.package is not None
    assert found.package.version == "1.0.100"
    assert facts(examiner().script(f"/proc/{os.getpid()}/root{tmp_path}/link/cli.js")).marks == CLAUDE
    gone = examiner().script("/proc/0/root/cli.js")
    assert isinstance(gone, Unseen)


# --- names and threads -----------------------------------------------------------------------------------


def test_a_name_that_is_no_text_is_printable_in_the_facts(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/na\nme\xff")
    assert facts(examiner().file(put(path, NATIVE_CLAUDE))).path == f"{tmp_path}/na\\nme\\xff"


def test_threads_share_an_examiner(tmp_path: Path) -> None:
    looking = Examiner(marks=MARKS, versions=VERSIONS)
    paths = [put(tmp_path / str(n), NATIVE_CLAUDE + bytes([n])) for n in range(20)]
    found: list[FileFacts | Unseen] = []

    def work() -> None:
        found.extend(looking.file(path) for path in paths)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(facts(one).marks == CLAUDE for one in found)


def test_what_takes_long_is_large_and_unknown(tmp_path: Path) -> None:
    looker = examiner()
    large = put(tmp_path / "large", b"\x7fELF" + b"x" * (LONG_BYTES + 1))
    with open(tmp_path / "hollow", "wb") as file:
        file.truncate(1 << 40)
    assert looker.takes_long(str(large))
    assert not looker.takes_long(str(put(tmp_path / "small", b"\x7fELF")))
    assert not looker.takes_long(str(tmp_path / "hollow"))
    assert not looker.takes_long(str(tmp_path / "none"))
    looker.file(str(large))
    assert not looker.takes_long(str(large))
