"""Which application an Electron program runs, from the `resources` folder beside it.

Electron is the same large program in all of them. An editor made from VS Code states its bundle id in
product.json, any other application its name in the package.json of its archive (github.com/electron/asar).
"""

import struct
from collections.abc import Callable
from typing import Final

from aipolicy.core.model import PackageRef
from aipolicy.core.wire import printable
from aipolicy.examine.files import MIB, CannotLook, parse_json

SMALLEST_ELECTRON: Final = 32 * MIB
"""Bytes. Electron has over 100 MiB on every platform; the helper programs beside it have a few."""

PRODUCT: Final = "app/product.json"
ARCHIVE: Final = "app.asar"
MANIFEST: Final = "app/package.json"

ReadPart = Callable[[str, int, int], bytes]
"""(a file in `resources`, how many bytes, from where): the bytes; raises CannotLook."""

_LARGEST_JSON: Final = 2 * MIB
_LARGEST_HEADER: Final = 8 * MIB
_LONGEST: Final = 256


def application_in(read: ReadPart, path: str) -> PackageRef | None:
    """The application as a package that lies at `path`; None where nothing there says which it is."""
    for find in (_by_product, _by_archive, _by_manifest):
        try:
            found = find(read)
        except CannotLook:
            continue
        if found is not None:
            ecosystem, name, version = found
            return PackageRef(ecosystem=ecosystem, name=name, version=version, path=printable(path))
    return None


_Named = tuple[str, str, str | None]


def _by_product(read: ReadPart) -> _Named | None:
    """product.json and the code of the editor beside it: the name alone is none."""
    stated = parse_json(PRODUCT, read(PRODUCT, _LARGEST_JSON, 0))
    read("app/out/main.js", 1, 0)
    bundle = _text(stated.get("darwinBundleIdentifier"))
    return None if bundle is None else ("app", bundle, _text(stated.get("version")))


def _by_archive(read: ReadPart) -> _Named | None:
    """An archive has four little-endian numbers, a header of JSON, and the files one behind the other."""
    start = read(ARCHIVE, 16, 0)
    if len(start) < 16:
        return None
    _, header_bytes, _, json_bytes = struct.unpack("<4I", start)
    if json_bytes > _LARGEST_HEADER:
        raise CannotLook(ARCHIVE, "its header is larger than 8 MiB")
    files = parse_json(ARCHIVE, read(ARCHIVE, json_bytes, 16)).get("files")
    entry = files.get("package.json") if isinstance(files, dict) else None
    if not isinstance(entry, dict):
        return None
    try:
        offset, size = int(entry["offset"]), int(entry["size"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if not 0 <= offset < 1 << 40 or not 0 < size <= _LARGEST_JSON:
        return None
    return _named(parse_json(ARCHIVE, read(ARCHIVE, size, 8 + header_bytes + offset)))


def _by_manifest(read: ReadPart) -> _Named | None:
    stated = parse_json(MANIFEST, read(MANIFEST, _LARGEST_JSON, 0))
    main = _text(stated.get("main"))
    if main is None or main.startswith("/") or ".." in main:
        return None
    read(f"app/{main.removeprefix('./')}", 1, 0)
    return _named(stated)


def _named(manifest: dict[str, object]) -> _Named | None:
    name = _text(manifest.get("name"))
    return None if name is None else ("electron", name, _text(manifest.get("version")))


def _text(value: object) -> str | None:
    return printable(value) if isinstance(value, str) and 0 < len(value) <= _LONGEST else None
