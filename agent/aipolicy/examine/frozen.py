"""Python programs that PyInstaller made: the distribution whose command the program starts.

The archive behind the program (pyinstaller.org, advanced topics; PyInstaller/archive/readers.py): a table of
names at its end, each with its place. The metadata of a distribution lies in it, or in `_internal` beside a
program that is not one file, where the tool asks for its own version or the maker says so.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from aipolicy.core.model import PackageRef
from aipolicy.core.shapes import may_be_anybodys, normal_pypi
from aipolicy.core.wire import printable
from aipolicy.examine.files import MIB, CannotLook, OpenFile
from aipolicy.examine.python_package import (
    METADATA_HEAD,
    ORIGIN,
    EntryPoint,
    is_from_a_folder,
    named_in_folder,
    read_entry_points,
    read_metadata,
)

_ASKED: Final = ("METADATA", "entry_points.txt", ORIGIN)
_COOKIE: Final = struct.Struct("!8s4I64s")
_MAGIC: Final = b"MEI\014\013\012\013\016"
_ENTRY: Final = struct.Struct("!4IBc")
_TAIL: Final = 16 << 10
_LARGEST_TABLE: Final = 16 * MIB
_LARGEST_SCRIPT: Final = MIB
_MOST_SCRIPTS: Final = 16
_ONLY_A_START: Final = 1024
"""Bytes of marshalled code. What pip writes as an entry script has 470; a program of one's own is larger."""
_MOST_METADATA: Final = 20
_OURS: Final = ("pyiboot", "pyi_rth_", "pyimod")
INTERNAL: Final = "_internal"


class _Member(NamedTuple):
    name: str
    place: int
    packed: int
    is_packed: bool
    kind: bytes


class Frozen:
    """The archive behind the program. Raises CannotLook where there is none."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        size = file.status.st_size
        tail = file.read(_TAIL, max(0, size - _TAIL))
        at = tail.rfind(_MAGIC)
        if at < 0 or at + _COOKIE.size > len(tail):
            raise CannotLook(file.path, "not made by PyInstaller", absent=True)
        _, length, table_at, table_bytes, _, _ = _COOKIE.unpack_from(tail, at)
        self._start = size - len(tail) + at + _COOKIE.size - length
        if self._start < 0 or table_bytes > _LARGEST_TABLE:
            raise CannotLook(file.path, "not a readable archive of PyInstaller")
        self._table = file.read(table_bytes, self._start + table_at)

    def starts(self, entry: EntryPoint) -> bool:
        """Whether a script in it does little else than start it: it names the module and the function.

        Marshalled code has the length of each name, and then the name as it is.
        """
        names = (entry.module.encode(), entry.attribute.partition(".")[0].encode())
        wanted = [bytes((len(name),)) + name for name in names if len(name) < 256]
        return any(
            all(name in code for name in wanted) for code in self._scripts() if len(code) <= _ONLY_A_START
        )

    def package(self, wanted: frozenset[str]) -> PackageRef | None:
        """The wanted distribution (normalised names) whose metadata it holds and whose command it starts."""
        folders: dict[str, dict[str, _Member]] = {}
        for member in self._members():
            folder, _, name = member.name.rpartition("/")
            is_wanted = named_in_folder(folder.rpartition("/")[2]) in wanted
            if is_wanted and name in _ASKED and len(folders) < _MOST_METADATA:
                folders.setdefault(folder, {})[name] = member
        for files in folders.values():
            if "METADATA" in files and "entry_points.txt" in files:
                stated, version = read_metadata(self._read(files["METADATA"], METADATA_HEAD))
                origin = self._read(files[ORIGIN], METADATA_HEAD) if ORIGIN in files else b""
                if may_be_anybodys(stated or "") and is_from_a_folder(origin):
                    continue
                text = self._read(files["entry_points.txt"], _LARGEST_SCRIPT).decode("utf-8", "replace")
                if stated is not None and any(map(self.starts, read_entry_points(text))):
                    path = printable(self._file.path)
                    return PackageRef(ecosystem="pypi", name=normal_pypi(stated), version=version, path=path)
        return None

    def _scripts(self) -> Iterator[bytes]:
        scripts = (m for m in self._members() if m.kind == b"s" and not m.name.startswith(_OURS))
        for member, _ in zip(scripts, range(_MOST_SCRIPTS), strict=False):
            yield self._read(member, _LARGEST_SCRIPT)

    def _members(self) -> Iterator[_Member]:
        at = 0
        while at + _ENTRY.size <= len(self._table):
            size, place, packed, _, is_packed, kind = _ENTRY.unpack_from(self._table, at)
            if size <= _ENTRY.size:
                return
            name = self._table[at + _ENTRY.size : at + size].rstrip(b"\0").decode("utf-8", "replace")
            yield _Member(name, place, packed, bool(is_packed), kind)
            at += size

    def _read(self, member: _Member, most: int) -> bytes:
        raw = self._file.read(min(member.packed, most + MIB), self._start + member.place)
        if not member.is_packed:
            return raw[:most]
        try:
            return zlib.decompressobj().decompress(raw, most)
        except zlib.error:
            return b""


def internal_beside(path: str) -> str:
    """Where a program that is not one file has its modules."""
    return f"{os.path.dirname(path)}/{INTERNAL}"
