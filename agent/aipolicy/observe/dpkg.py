"""Debian packages that are installed, from dpkg's own database."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from aipolicy.core.model import Package, Unseen
from aipolicy.core.wire import printable
from aipolicy.examine import CannotLook
from aipolicy.examine.files import MIB, read_bytes
from aipolicy.observe.look import Look
from aipolicy.observe.system_package import package_of_system

NAME: Final = "dpkg"

_STATUS: Final = "/var/lib/dpkg/status"
_LARGEST: Final = 64 * MIB
_LONGEST: Final = 256 << 10  # of one package's paragraph
_LONGEST_VALUE: Final = 256
_FIELDS: Final = frozenset({b"Status", b"Version", b"Architecture"})


class Entry(NamedTuple):
    """An installed package, as the status file has it."""

    name: str
    version: str | None
    architecture: str


def observe(look: Look) -> Iterator[Package | Unseen]:
    if not look.wanted.deb:
        return
    path = look.system(_STATUS)
    try:
        status = read_bytes(path, _LARGEST)
    except CannotLook as reason:
        if not reason.absent:
            yield reason.unseen()
        return
    for entry in read(status, look.wanted.deb):
        yield from _package(look, entry)


def read(status: bytes, wanted: frozenset[str]) -> Iterator[Entry]:
    """The wanted packages whose state is installed (dpkg(1), `Status: want ok installed`).

    Each is looked for by its name: what else is installed is not even taken apart.
    """
    text = b"\n" + status
    for name in sorted(wanted):
        needle = b"\nPackage: " + name.encode("utf-8", "replace") + b"\n"
        found = text.find(needle)
        while found >= 0:
            start = max(text.rfind(b"\n\n", max(0, found - _LONGEST), found + 1), found - _LONGEST, 0)
            end = text.find(b"\n\n", found, found + _LONGEST)
            end = end if end >= 0 else found + _LONGEST
            fields = _fields(text[start:end])
            if fields.get("status", "").split()[-1:] == ["installed"]:
                yield Entry(name, fields.get("version"), fields.get("architecture", ""))
            found = text.find(needle, end)


def _fields(paragraph: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in paragraph.splitlines():
        field, colon, value = line.partition(b":")
        if colon and field in _FIELDS:
            text = value.decode("utf-8", "replace").strip()
            fields.setdefault(field.decode().lower(), printable(text[:_LONGEST_VALUE]))
    return fields


def _package(look: Look, entry: Entry) -> Iterator[Package | Unseen]:
    files: list[str] = []
    for name in (entry.name, f"{entry.name}:{entry.architecture}"):
        listing = look.system(f"/var/lib/dpkg/info/{name}.list")
        try:
            files = read_bytes(listing, _LARGEST).decode("utf-8", "surrogateescape").splitlines()
            break
        except CannotLook as reason:
            if not reason.absent:
                yield reason.unseen()
    yield package_of_system(look, "deb", entry.name, entry.version, files)
