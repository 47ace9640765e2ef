"""What a file is, by its first bytes; its name is never asked."""

import struct
from typing import Final

from aipolicy.core.model import FileKind

HEAD_BYTES: Final = 4096
"""How much of the beginning `kind_of` wants."""

_MACH_O: Final = frozenset(
    bytes.fromhex(magic) for magic in ("feedface", "feedfacf", "cefaedfe", "cffaedfe", "cafebabf", "bfbafeca")
)
_FAT_MACH_O: Final = bytes.fromhex("cafebabe")
_MOST_ARCHITECTURES: Final = 30  # a Java class starts with the same four bytes; its next four are 45 and more

_ET_REL: Final = 1
_ET_DYN: Final = 3
_ET_CORE: Final = 4


def kind_of(head: bytes, names: bytes = b"") -> FileKind:
    """`head`: the first HEAD_BYTES. `names`: the directory of a zip, needed only where `may_be_zip(head)`."""
    if head.startswith(b"\x7fELF"):
        return FileKind.OTHER if _is_no_program(head) else FileKind.ELF
    if head.startswith(b"MZ"):
        return FileKind.PE if _is_pe(head) else FileKind.OTHER
    if head[:4] in _MACH_O or _is_fat(head):
        return FileKind.MACH_O
    if may_be_zip(head) and b"__main__.py" in names:
        return FileKind.ZIPAPP
    return FileKind.SCRIPT if head.startswith(b"#!") else FileKind.OTHER


def is_packed(head: bytes) -> bool:
    """Whether UPX packed the program: its name stands behind the program headers (upx, src/stub/src)."""
    return head.startswith(b"\x7fELF") and b"UPX!" in head[:1024]


def may_be_zip(head: bytes) -> bool:
    """Whether it is a zip, or can be one behind a `#!` line or a whole script of sh, as Python runs them."""
    return head.startswith((b"PK\x03\x04", b"#!"))


def is_text(head: bytes) -> bool:
    """Whether it can be a program's source: UTF-8 or another encoding without NULs, or UTF-16."""
    return b"\0" not in head or head[:2] in (b"\xff\xfe", b"\xfe\xff")


def _is_no_program(head: bytes) -> bool:
    """A core dump, which holds what a program held, an object file, a library: none starts (elf(5)).

    A library is of the kind of a program at any address, but says no place where to begin.
    """
    if len(head) < 32:
        return False
    order, entry = ">" if head[5] == 2 else "<", "Q" if head[4] == 2 else "I"
    (kind,) = struct.unpack_from(f"{order}H", head, 16)
    (begins_at,) = struct.unpack_from(f"{order}{entry}", head, 24)
    return kind in (_ET_REL, _ET_CORE) or (kind == _ET_DYN and begins_at == 0)


def _is_pe(head: bytes) -> bool:
    if len(head) < 0x40:
        return False
    offset: int = struct.unpack_from("<I", head, 0x3C)[0]
    return head[offset : offset + 4] == b"PE\0\0"


def _is_fat(head: bytes) -> bool:
    if head[:4] != _FAT_MACH_O or len(head) < 8:
        return False
    count: int = struct.unpack_from(">I", head, 4)[0]
    return 0 < count < _MOST_ARCHITECTURES
