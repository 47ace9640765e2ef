"""An AppImage, looked into: a program that mounts the squashfs behind it and starts what is in there.

Which of the programs inside is started, AppRun and the desktop file say (github.com/AppImage/AppImageSpec).
Only that one is what the AppImage is: an editor may carry another tool along.
"""

import posixpath
import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from aipolicy.core.model import EXECUTABLE_KINDS, FileKind, PackageRef
from aipolicy.examine.electron_app import ARCHIVE, MANIFEST, PRODUCT, SMALLEST_ELECTRON, application_in
from aipolicy.examine.files import MIB, NO_SUCH_FILE, CannotLook, OpenFile
from aipolicy.examine.kind import HEAD_BYTES, kind_of
from aipolicy.examine.marks import Found, MarkSearch
from aipolicy.examine.squashfs import LARGEST_FILE, Entry, SquashedFile, Squashfs
from aipolicy.examine.squashfs_blocks import find_image

_RUNTIME: Final = 4 * MIB
"""No larger is the program before the image: those of AppImageKit and type2-runtime have 0.2 to 1 MB."""
_SKIPPED: Final = frozenset(
    {"node_modules", "locales", "site-packages", "dist-packages", "icons", "share/doc"}
)
_SMALL_SCRIPT: Final = 64 << 10
_SMALLEST: Final = MIB
_MOST_PROGRAMS: Final = 4
_LEVELS: Final = 3
_EXECUTABLE: Final = 0o111
_HEADER: Final = 64
"""Bytes of an ELF header, elf(5)."""
_EXEC: Final = re.compile(r"^(?:Try)?Exec\s*=\s*\"?([^\s\"]+)", re.MULTILINE)
_WORD: Final = re.compile(r"[\w.@+/-]+")


class Inside(NamedTuple):
    """What the program inside holds, and the application that it runs (its path is empty)."""

    found: Found = Found()
    package: PackageRef | None = None


def look_inside(file: OpenFile, search: MarkSearch) -> Inside | None:
    """None where no image lies behind the program; CannotLook where it cannot be read."""
    start = find_image(file, _RUNTIME) if _has_more_than_a_program(file) else None
    if start is None:
        return None
    image = Squashfs(file, start)
    entries = {entry.path: entry for entry in image.entries(_SKIPPED)}
    package = _application(image, entries)
    found = Found()
    if package is None:
        for program in _programs(image, entries):
            opened = image.open(program)
            if _kind(opened) in EXECUTABLE_KINDS:
                here = search.search(opened, LARGEST_FILE)
                found = max(found, here, key=lambda one: len(one.marks))
    return Inside(found._replace(interpreter=None), package)


def _has_more_than_a_program(file: OpenFile) -> bool:
    """Whether much lies behind the section table, where a program ends and the runtime looks for its image.

    So that of other programs the beginning is not read twice. A header that says nothing counts as yes.
    """
    head = file.read(_HEADER)
    if len(head) < _HEADER:
        return False
    wide, order = head[4] == 2, ">" if head[5] == 2 else "<"
    (start,) = struct.unpack_from(order + ("Q" if wide else "I"), head, 0x28 if wide else 0x20)
    size, count = struct.unpack_from(order + "HH", head, 0x3A if wide else 0x2E)
    end = start + size * count
    whole = file.status.st_size
    return not start or end > whole or whole - end > whole // 4


def _programs(image: Squashfs, entries: dict[str, Entry]) -> Iterator[Entry]:
    """The large files that are started: AppRun, what the desktop file names, or what their scripts name.

    The largest program where nothing says what is started.
    """
    names = {"AppRun", *_desktop_names(image, entries)}
    seen: set[str] = set()
    for _ in range(_LEVELS):
        here = {e.path: e for e in _called(names, entries) if e.path not in seen}
        large = [entry for entry in here.values() if entry.size >= _SMALLEST]
        if large or not here:
            break
        seen |= here.keys()
        names = {name for entry in here.values() for name in _named_in(image.open(entry))}
    if not large and not seen:
        large = [entry for entry in entries.values() if entry.mode & _EXECUTABLE and entry.size >= _SMALLEST]
        large = sorted(large, key=lambda entry: -entry.size)[:1]
    yield from sorted(large, key=lambda entry: -entry.size)[:_MOST_PROGRAMS]


def _called(names: set[str], entries: dict[str, Entry]) -> Iterator[Entry]:
    for path in entries:
        if posixpath.basename(path) in names and (entry := _followed(path, entries)) is not None:
            yield entry


def _named_in(opened: SquashedFile) -> set[str]:
    """The names that a script mentions; none in a program."""
    if opened.status.st_size > _SMALL_SCRIPT or _kind(opened) is not FileKind.SCRIPT:
        return set()
    text = opened.read(_SMALL_SCRIPT).decode("utf-8", "replace")
    return {posixpath.basename(word) for word in _WORD.findall(text)}


def _desktop_names(image: Squashfs, entries: dict[str, Entry]) -> Iterator[str]:
    for path in entries:
        if "/" not in path and path.endswith(".desktop"):
            entry = _followed(path, entries)
            if entry is not None and entry.size <= _SMALL_SCRIPT:
                text = image.open(entry).read(_SMALL_SCRIPT).decode("utf-8", "replace")
                yield from (posixpath.basename(found) for found in _EXEC.findall(text))


def _followed(path: str, entries: dict[str, Entry]) -> Entry | None:
    """The file that `path` leads to; links inside the image are followed, others lead nowhere."""
    for _ in range(_LEVELS):
        entry = entries.get(path)
        if entry is None or entry.target is None:
            return entry
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.target)).lstrip("/")
    return None


def _kind(opened: SquashedFile) -> FileKind:
    return kind_of(opened.read(HEAD_BYTES))


def _application(image: Squashfs, entries: dict[str, Entry]) -> PackageRef | None:
    """The Electron application whose program is as large as Electron, beside its `resources`."""
    for path in entries:
        folder = next((path.removesuffix(n) for n in (PRODUCT, ARCHIVE, MANIFEST) if path.endswith(n)), None)
        if folder is None or not f"/{folder}".endswith("/resources/"):
            continue
        top = posixpath.dirname(folder.rstrip("/"))
        beside = (e for e in entries.values() if posixpath.dirname(e.path) == top)
        if not any(e.size >= SMALLEST_ELECTRON and e.mode & _EXECUTABLE for e in beside):
            continue

        def read(name: str, size: int, offset: int, folder: str = folder) -> bytes:
            entry = entries.get(folder + name)
            if entry is None or entry.target is not None:
                raise CannotLook(folder + name, NO_SUCH_FILE, absent=True)
            return image.open(entry).read(size, offset)

        found = application_in(read, "")
        if found is not None:
            return found
    return None
