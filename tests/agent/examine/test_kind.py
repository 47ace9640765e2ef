"""The first bytes say what a file is."""

import io
import struct
import zipfile

import pytest

from aipolicy.core.model import FileKind
from aipolicy.examine.kind import is_text, kind_of, may_be_zip


def pe(offset: int = 0x80) -> bytes:
    return b"MZ" + b"\0" * 0x3A + struct.pack("<I", offset) + b"\0" * (offset - 0x40) + b"PE\0\0"


def elf(sort: int, order: str = "<", entry: int = 0x1000, bits: int = 2) -> bytes:
    """sort: e_type. bits: 1 is 32, 2 is 64."""
    ident = b"\x7fELF" + bytes([bits, 2 if order == ">" else 1]) + b"\0" * 10
    return ident + struct.pack(f"{order}HHI", sort, 62, 1) + struct.pack(f"{order}QQ", entry, 64)


def zipped(name: str, before: bytes = b"") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.py", "x = 1\n" * 1000)
        archive.writestr(name, "print()")
    return before + data.getvalue()


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x7fELF\x02\x01\x01", FileKind.ELF),
        (elf(2), FileKind.ELF),
        (elf(3), FileKind.ELF),
        (elf(3, ">"), FileKind.ELF),
        (elf(3, entry=0), FileKind.OTHER),  # a library
        (elf(3, ">", entry=0), FileKind.OTHER),
        (elf(1), FileKind.OTHER),  # an object file
        (elf(4), FileKind.OTHER),  # a core dump
        (elf(4, ">"), FileKind.OTHER),
        (pe(), FileKind.PE),
        (b"MZ is how this text begins", FileKind.OTHER),
        (b"MZ", FileKind.OTHER),
        (bytes.fromhex("cffaedfe0c000001"), FileKind.MACH_O),
        (bytes.fromhex("feedface00000012"), FileKind.MACH_O),
        (bytes.fromhex("cafebabe00000002"), FileKind.MACH_O),
        (bytes.fromhex("cafebabe00000041"), FileKind.OTHER),  # a Java class, version 65
        (b"#!/usr/bin/env node\n", FileKind.SCRIPT),
        (b"# A readme\n", FileKind.OTHER),
        (b"", FileKind.OTHER),
        (b"\x7fEL", FileKind.OTHER),
    ],
)
def test_kinds(head: bytes, kind: FileKind) -> None:
    assert kind_of(head) is kind


def test_a_zip_that_python_runs_is_told_from_any_other_zip() -> None:
    for before in (b"", b"#!/usr/bin/env python3\n"):
        app, other = zipped("__main__.py", before), zipped("readme.txt", before)
        assert may_be_zip(app)
        assert kind_of(app[:4096], app) is FileKind.ZIPAPP
        assert kind_of(other[:4096], other) is not FileKind.ZIPAPP


def test_text() -> None:
    assert is_text(b"import x\n")
    assert is_text("import x\n".encode("utf-16"))
    assert not is_text(b"\x6f\x0d\x0d\x0a\0\0\0\0")  # compiled Python
