"""A file -> FileFacts: kind, package, content marks, embedded version; each unchanged file is read once.

What the facts mean is identify's affair. Nothing of a file's contents is kept but the ids of marks that the
catalog knows, a version, and the name of a package.
"""

import os
import re
import stat
import time
from collections.abc import Callable
from typing import Final

import msgspec

from aipolicy.core.model import EXECUTABLE_KINDS, FileFacts, FileKind, PackageRef, Unseen
from aipolicy.core.tool import Mark, VersionMark
from aipolicy.core.wire import printable
from aipolicy.examine.appimage import look_inside
from aipolicy.examine.cache import FactsCache, MemoryCache
from aipolicy.examine.files import (
    MIB,
    CannotLook,
    Neighbour,
    OpenFile,
    cannot_look,
    open_folder,
    open_linked,
    open_regular,
    read_head,
    status_at,
)
from aipolicy.examine.filesystem import is_in_memory
from aipolicy.examine.imported import Imported
from aipolicy.examine.kind import HEAD_BYTES, is_packed, is_text, kind_of, may_be_zip
from aipolicy.examine.marks import Found, MarkSearch
from aipolicy.examine.node_archive import Archive, read_archive
from aipolicy.examine.node_package import Manifest
from aipolicy.examine.owner_package import OwnerPackages, ScriptHead, read_script_head
from aipolicy.examine.plugin_jar import Plugin, read_plugin
from aipolicy.examine.remembered import Remembered, identity_of
from aipolicy.examine.root import Root
from aipolicy.examine.zip_directory import ZipDirectory

LARGEST_SCRIPT: Final = 64 * MIB
LARGEST_PROGRAM: Final = 2048 * MIB
"""Of a larger one the beginning and the end are searched, and without a mark in them it is unseen."""
SMALLEST_PACKED: Final = 16 * MIB
"""Bytes. The native tools known have 60 MB and more before they are packed. Smaller packed programs are
common, and saying of each that it cannot be judged would drown the rest.
"""
LONG_BYTES: Final = 32 * MIB
"""A program with more data than this takes so long to read (20 ms) that others should not wait for it."""
_FRESH_NS: Final = 2_000_000_000
"""A file changed so short ago can change again without its times showing it; its facts are not kept."""
_WRITTEN_BACK_NS: Final = 40_000_000_000
"""The same of a change through a shared mapping: the kernel notes the first store to a page and no other
until it wrote the page to the disk, 35 s later by its defaults (vm.dirty_expire_centisecs). Held to what is
as large as a tool, as a small program may run a hundred times a second right after it was built.
"""
_MOST_PARTLY: Final = 10_000
_IN_CONTAINER: Final = re.compile(r"(/proc/\d+/root)(/.+)", re.DOTALL)
_OF_PROCESS: Final = re.compile(r"(/proc/\d+(?:/task/\d+)?)/exe")
_DESCRIPTOR: Final = re.compile(r"/proc/\d+/fd/\d+")
"""A file that a process holds and that has no name, or none any more."""


class Examiner:
    """Looks into files for one catalog. Threads may share it.

    marks, versions: what to search for. pypi: Python distributions that entry scripts are held against.
    cache: keeps facts beyond this examiner. now_ns: the wall clock.
    """

    def __init__(
        self,
        *,
        marks: tuple[Mark, ...],
        versions: tuple[VersionMark, ...] = (),
        cache: FactsCache | None = None,
        pypi: frozenset[str] = frozenset(),
        now_ns: Callable[[], int] = time.time_ns,
        in_memory: Callable[[int], bool] = is_in_memory,
    ) -> None:
        self._search = MarkSearch(marks, versions)
        self.cache: FactsCache = MemoryCache() if cache is None else cache
        self._packages = OwnerPackages(pypi)
        self._heads: Remembered[ScriptHead] = Remembered()
        self._archives: Remembered[Archive | None] = Remembered()
        self._plugins: Remembered[Plugin | None] = Remembered()
        self._partly: dict[tuple[int, ...], str] = {}
        self._imported = Imported(self._of_neighbour, self._is_fresh)
        self._now_ns = now_ns
        self._in_memory = in_memory
        self.bytes_read = 0
        """Size of all files that had to be read: a budget for whoever looks at many."""

    def file(self, path: str) -> FileFacts | Unseen:
        """The file at `path`, no part of which may be a symbolic link (places.resolve comes first)."""
        return self._look(path, as_script=False)

    def script(self, path: str) -> FileFacts | Unseen:
        """A file that an interpreter runs: text is a script here whether it begins with `#!` or not.

        A package.json stands for its folder: for what it says that node runs.
        """
        return self._look(self._started(path), as_script=True)

    def loaded(self, path: str) -> FileFacts | Unseen:
        """A script that a program loads before its own: of a package only where that names it as a program.

        Tools bring hooks for other programs, and such a program is not the tool. Nor is one that calls a
        Python tool's modules as a library, whatever these import.
        """
        path = self._started(path)
        found = self.script(path)
        if isinstance(found, Unseen) or found.package is None or self._is_named(path, found.package):
            return found
        if found.package.ecosystem == "pypi":
            return msgspec.structs.replace(found, package=None, marks=(), imported=())
        return msgspec.structs.replace(found, package=None)

    def _started(self, path: str) -> str:
        folder, name = os.path.split(path)
        if name != "package.json":
            return path
        inside = _IN_CONTAINER.fullmatch(folder)
        if inside is None:
            return self._packages.started_in(folder)
        try:
            with Root(*inside.groups()) as root:
                return inside.group(1) + self._packages.below(root).started_in(inside.group(2))
        except OSError:  # it ended
            return path

    def _is_named(self, path: str, package: PackageRef) -> bool:
        inside = _IN_CONTAINER.fullmatch(path)
        if inside is None:
            return self._packages.names(path, package)
        try:
            with Root(*inside.groups()) as root:
                return self._packages.below(root).names(inside.group(2), package)
        except OSError:
            return False

    def program(self, path_to_open: str, shown_path: str) -> FileFacts | Unseen:
        """The program behind a link of the kernel (/proc/PID/exe); it may lie elsewhere, or nowhere."""
        try:
            with open_linked(path_to_open, shown_path) as file:
                facts = self._facts(file, as_script=False)
                package = self._package_of_program(path_to_open, shown_path, facts, file.status)
        except CannotLook as reason:
            return reason.unseen()
        return _at(shown_path, facts, package)

    def _package_of_program(
        self, link: str, path: str, facts: FileFacts, status: os.stat_result
    ) -> PackageRef | None:
        """None where another file lies at its path by now, by our view of the files and by the process's."""
        if _lies_at(path, status):
            return self._package(path, facts)
        process = _OF_PROCESS.fullmatch(link)
        if process is None:
            return None
        try:
            with Root(f"{process.group(1)}/root", path) as root:
                return self._package(path, facts, root) if _lies_at(path, status, root) else None
        except OSError:  # it ended
            return None

    def takes_long(self, path_to_open: str) -> bool:
        """Whether a look at this program would take long: it is large, and was not read since it changed."""
        try:
            status = os.stat(path_to_open)
            amount = min(status.st_size, getattr(status, "st_blocks", 1 << 60) * 512)
            return amount > LONG_BYTES and self._known(path_to_open, status, as_script=False) is None
        except (OSError, CannotLook):
            return False

    def manifest(self, folder: str) -> Manifest | None:
        """The package.json of a folder, None where there is none; raises CannotLook."""
        return self._packages.manifest(folder)

    def plugin(self, path: str) -> Plugin | None:
        """The JetBrains plugin that the jar at `path` describes, None where none is; or CannotLook."""
        return self._plugins.get(path, lambda: read_plugin(path))

    def archive(self, path: str, name: str) -> Archive | None:
        """The npm package `name` in yarn's archive at `path`, None where another is; or CannotLook."""
        return self._archives.get(path, lambda: read_archive(path, name))

    def _look(self, path: str, *, as_script: bool) -> FileFacts | Unseen:
        try:
            if _DESCRIPTOR.fullmatch(path):
                with open_linked(path, os.readlink(path)) as file:
                    held = self._facts(file, as_script=as_script)
                return msgspec.structs.replace(held, path=printable(file.path))
            if inside := _IN_CONTAINER.fullmatch(path):
                return self._in_container(inside.group(1), inside.group(2), as_script=as_script)
            facts = self._known(path, os.lstat(path), as_script=as_script)
            if facts is None:
                with open_regular(path) as file:
                    facts = self._facts(file, as_script=as_script)
            facts = self._with_imported(facts, path)
        except CannotLook as reason:
            return reason.unseen()
        except (OSError, ValueError) as error:
            return cannot_look(path, error).unseen()
        return _at(path, facts, self._package(path, facts))

    def _in_container(self, place: str, path: str, *, as_script: bool) -> FileFacts:
        """The script of a process that sees other files than we: its names are looked up below its root."""
        with Root(place, path) as root:
            with open_regular(path, root=root) as file:
                facts = self._facts(file, as_script=as_script)
            facts = self._with_imported(facts, path, root)
            return _at(path, facts, self._package(path, facts, root))

    def _with_imported(self, facts: FileFacts, path: str, root: Root | None = None) -> FileFacts:
        """Found anew each time, by a stat of each: when one changes, the script is another."""
        if facts.kind is not FileKind.SCRIPT:
            return facts
        folder = open_folder(os.path.dirname(path), root)
        try:
            imported = self._imported.of(facts, path, folder)
        finally:
            os.close(folder)
        return msgspec.structs.replace(facts, imported=imported) if imported else facts

    def _of_neighbour(self, near: Neighbour) -> FileFacts:
        known = self._known(near.path, near.status, as_script=True)
        if known is not None:
            return known
        with near.open() as file:
            return self._read(file, as_script=True)

    def _package(self, path: str, facts: FileFacts, root: Root | None = None) -> PackageRef | None:
        def read() -> ScriptHead:
            return read_script_head(read_head(path, HEAD_BYTES, root))

        try:
            if root is not None:
                return self._packages.below(root).of(path, facts.kind, facts.size, read)
            return self._packages.of(path, facts.kind, facts.size, lambda: self._heads.get(path, read))
        except CannotLook:  # swapped or closed to us since it was examined
            return None

    def _facts(self, file: OpenFile, *, as_script: bool) -> FileFacts:
        return self._known(file.path, file.status, as_script=as_script) or self._read(
            file, as_script=as_script
        )

    def _known(self, path: str, status: os.stat_result, *, as_script: bool) -> FileFacts | None:
        if not stat.S_ISREG(status.st_mode):
            return None
        identity = identity_of(status)
        if reason := self._partly.get(identity):
            raise CannotLook(path, reason)
        return self.cache.get(*identity, self._digest(as_script=as_script))

    def _digest(self, *, as_script: bool) -> str:
        return self._search.digest + ("s" if as_script else "")

    def _read(self, file: OpenFile, *, as_script: bool) -> FileFacts:
        status = file.status
        self.bytes_read += getattr(status, "st_blocks", status.st_size // 512) * 512
        kind = _kind(file, as_script=as_script)
        found = Found()
        if kind in EXECUTABLE_KINDS:
            found = self._search.search(file, LARGEST_SCRIPT if kind is FileKind.SCRIPT else LARGEST_PROGRAM)
        package, reason = None, None
        if kind is FileKind.ELF:
            try:
                if inside := look_inside(file, self._search):  # what shines through is of any file in it
                    kind, found, package = FileKind.APPIMAGE, inside.found, inside.package
            except CannotLook as broken:
                reason = broken.reason
        if status.st_size >= SMALLEST_PACKED and not found.marks and is_packed(file.read(HEAD_BYTES)):
            reason = "packed by UPX: what is in it cannot be judged"
        device, inode, size, mtime_ns, ctime_ns = identity = identity_of(status)
        settled = (
            identity == identity_of(os.fstat(file.fileno()))
            and not self._is_fresh(status)
            and not self._in_memory(file.fileno())
        )
        if not found.whole and not found.marks:
            reason = "too large: only its beginning and its end were searched"
        if reason is not None:
            if settled and len(self._partly) < _MOST_PARTLY:
                self._partly[identity] = reason
            raise CannotLook(file.path, reason)
        facts = FileFacts(
            path=printable(file.path),
            device=device,
            inode=inode,
            size=size,
            mtime_ns=mtime_ns,
            ctime_ns=ctime_ns,
            kind=kind,
            package=package,
            marks=found.marks,
            version=found.version,
            interpreter=found.interpreter if kind is FileKind.ELF else None,
        )
        if settled:
            # without its path: what is kept must not become a list of what is installed
            self.cache.put(msgspec.structs.replace(facts, path=""), self._digest(as_script=as_script))
        return facts

    def _is_fresh(self, status: os.stat_result) -> bool:
        """By each of its times, as anybody may set the one of its contents, to a future day say."""
        bound = _WRITTEN_BACK_NS if status.st_size > LONG_BYTES else _FRESH_NS
        now = self._now_ns()
        return any(0 <= now - changed < bound for changed in (status.st_mtime_ns, status.st_ctime_ns))


def _at(path: str, facts: FileFacts, package: PackageRef | None) -> FileFacts:
    """The facts of the file at `path`, which lies in `package`; an image is the one that it holds."""
    if package is None and facts.package is not None:
        package = msgspec.structs.replace(facts.package, path=printable(path))
    return msgspec.structs.replace(facts, path=printable(path), package=package)


def _zip_names(file: OpenFile, head: bytes) -> bytes:
    """Where the names in a zip stand; nothing where it is no zip, or none that Python could run."""
    if not may_be_zip(head):
        return b""
    try:
        return ZipDirectory(file).data
    except CannotLook:
        return b""


def _lies_at(path: str, status: os.stat_result, root: Root | None = None) -> bool:
    """Whether it still lies there."""
    found = status_at(path, root)
    return found is not None and os.path.samestat(found, status)


def _kind(file: OpenFile, *, as_script: bool) -> FileKind:
    head = file.read(HEAD_BYTES)
    kind = kind_of(head, _zip_names(file, head))
    if as_script and kind is FileKind.OTHER and is_text(head):
        return FileKind.SCRIPT
    return kind
