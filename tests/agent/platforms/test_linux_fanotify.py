"""Given a buffer of fanotify records, then what changed where."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from aipolicy.platforms.linux_fanotify import CREATE, ONDIR, OVERFLOW, Change, parse_records


def record(mask: int, handle: bytes = b"12345678", name: bytes = b"claude", kind: int = 2) -> bytes:
    inner = struct.pack("=ii", 1, 2) + struct.pack("=Ii", len(handle), 1) + handle + name + b"\0"
    inner += b"\0" * (-(4 + len(inner)) % 4)
    info = struct.pack("=BBH", kind, 0, 4 + len(inner)) + inner
    return struct.pack("=IBBHQii", 24 + len(info), 3, 0, 24, mask, -1, 99) + info


def key(handle: bytes) -> bytes:
    return struct.pack("=Ii", len(handle), 1) + handle


def test_several_records_in_one_read() -> None:
    overflow = struct.pack("=IBBHQii", 24, 3, 0, 24, OVERFLOW, -1, 0)
    data = record(CREATE) + overflow + record(CREATE | ONDIR, b"abcdefghijkl", b"\xff\n")
    assert list(parse_records(data)) == [
        Change(CREATE, key(b"12345678"), b"claude"),
        Change(OVERFLOW, b"", b""),
        Change(CREATE | ONDIR, key(b"abcdefghijkl"), b"\xff\n"),
    ]


def test_a_record_without_a_name() -> None:
    assert list(parse_records(record(CREATE, kind=3))) == [Change(CREATE, key(b"12345678"), b"")]


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    list(parse_records(data))
    list(parse_records(record(CREATE) + data))
