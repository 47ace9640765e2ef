"""Whatever bytes a user's file has, each reader answers or says why not."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aipolicy.core.model import FileFacts, Unseen
from aipolicy.examine import CannotLook, open_regular
from aipolicy.examine.interpreters import INTERPRETER_MARKS, interpreter_in
from aipolicy.examine.kind import is_text, kind_of, may_be_zip
from aipolicy.examine.node_package import has_code, program_files, read_manifest
from aipolicy.examine.owner_package import read_script_head
from aipolicy.examine.plugin_jar import read_descriptor, read_plugin
from aipolicy.examine.python_package import read_entry_points, read_metadata
from aipolicy.examine.zip_directory import ZipDirectory
from aipolicy.examine.zipapp import starts_in
from installed import MARKS, NATIVE_CLAUDE, examiner, plugin_jar

WORDS = (
    b"\x7fELF", b"MZ", b"PE\0\0", b"PK\3\4", b"PK\1\2", b"PK\5\6", b"__main__.py", b"\xca\xfe\xba\xbe", b"#!",
    b"/usr/bin/env node", b"python3", b"\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b'{"name":', b'"bin":',
    b"{", b"}", b"[", b"]", b"1e999", b"-", b"9" * 400, b'"\\ud800"', b'"../../x"', b"null", b'"version":"1"',
    b",",
    b"Name: ", b"Version: ", b"[console_scripts]", b"a = b:c", b"<id>", b"</id>", b"<!--", b"-->", b"x",
    b"\xe2\x80\xae", b"\x1b[2J", *(mark.literal.encode() for mark in MARKS),
    *(mark.literal.encode("utf-16-le") for mark in MARKS[:2]),
)  # fmt: skip
FILES = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=40)), max_size=30).map(b"".join)
OFTEN = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@OFTEN
@given(head=FILES, tail=FILES)
def test_kind(head: bytes, tail: bytes) -> None:
    kind_of(head, tail)
    may_be_zip(head)
    is_text(head)


@OFTEN
@given(data=FILES)
def test_package_json(data: bytes, tmp_path: Path) -> None:
    try:
        found = read_manifest(data, "package.json")
    except CannotLook:
        return
    for text in (found.name, found.version, found.publisher, found.main, *found.programs, *found.optional):
        assert text is None or text.isprintable()
    folder = str(tmp_path)
    assert all(path.startswith(folder) for path in program_files(folder, found))
    has_code(folder, found, lambda _path: None)


@OFTEN
@given(data=FILES)
def test_python_metadata(data: bytes) -> None:
    for text in read_metadata(data):
        assert text is None or text.isprintable()
    read_entry_points(data.decode("utf-8", "replace"))
    read_script_head(data)


@OFTEN
@given(data=FILES)
def test_what_a_zipapp_starts(data: bytes) -> None:
    for name in ("__main__.py", "PEX-INFO"):
        list(starts_in(name, data.decode("utf-8", "replace")))


@OFTEN
@given(data=FILES)
def test_plugins(data: bytes, tmp_path: Path) -> None:
    read_descriptor(data)
    (tmp_path / "a.jar").write_bytes(data)
    try:
        read_plugin(f"{tmp_path}/a.jar")
    except CannotLook:
        return


@OFTEN
@given(place=st.integers(0, 400), value=st.integers(0, 255), cut=st.integers(0, 400))
def test_a_jar_with_a_wrong_byte_or_without_its_end(
    place: int, value: int, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("jar")
    path = Path(plugin_jar(folder / "a.jar", b"<id>a.b</id><version>1</version>"))
    data = bytearray(path.read_bytes())
    data[place % len(data)] = value
    path.write_bytes(bytes(data[: len(data) - cut % 40]))
    try:
        read_plugin(str(path))
        with open_regular(str(path)) as file:
            directory = ZipDirectory(file)
            for member in directory.members():
                directory.read(member, 100)
    except CannotLook:
        return


@OFTEN
@given(
    counts=st.dictionaries(st.sampled_from([mark.literal for mark in INTERPRETER_MARKS]), st.integers(1, 3))
)
def test_interpreters(counts: dict[str, int]) -> None:
    assert interpreter_in(counts, 1000) in (None, "node", "bun", "deno", "python", "pypy", "loader")


@OFTEN
@given(data=FILES)
def test_any_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    looking = examiner()
    for found in (looking.file(str(path)), looking.script(str(path)), looking.loaded(str(path))):
        assert isinstance(found, FileFacts | Unseen)
        if isinstance(found, FileFacts):
            assert found.size == len(data)
            assert all(mark in {one.id for one in MARKS} for mark in found.marks)
            assert found.version is None or found.version.isprintable()


@pytest.mark.parametrize("at", [0, 1, 4, 16, 40, 64, 120, 4096, 10_000, len(NATIVE_CLAUDE) - 60])
def test_a_program_cut_anywhere(at: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(NATIVE_CLAUDE[:at])
    found = examiner().file(f"{tmp_path}/file")
    assert isinstance(found, FileFacts)
    assert len(found.marks) <= 1
    assert os.stat(tmp_path / "file").st_size == found.size
