"""The package whose code a file is: from package.json up the tree, or from the Python metadata beside it.

A name in a package.json proves nothing for whatever lies below it: outside of node_modules only the very
programs that it names are its code, so that a build script in a copy of a tool's sources is not the tool.
"""

import contextlib
import functools
import itertools
import os
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from aipolicy.core.model import FileKind, PackageRef
from aipolicy.core.python_text import starts_in
from aipolicy.core.shapes import normal_pypi
from aipolicy.core.wire import printable
from aipolicy.examine.electron_app import ARCHIVE, MANIFEST, PRODUCT, SMALLEST_ELECTRON, application_in
from aipolicy.examine.files import (
    MIB,
    CannotLook,
    names_in,
    neighbour,
    open_folder,
    open_regular,
    status_at,
)
from aipolicy.examine.frozen import Frozen, internal_beside
from aipolicy.examine.node_package import (
    Manifest,
    is_a_library,
    is_own_project,
    program_files,
    read_manifest,
    runs_at_install,
)
from aipolicy.examine.python_package import (
    SITES,
    Distribution,
    entry_points,
    is_of_own_sources,
    named_in_folder,
    read_distribution,
    start_modules,
    top_levels,
)
from aipolicy.examine.remembered import Remembered
from aipolicy.examine.root import Root
from aipolicy.examine.zipapp import is_started_by, package_in_zipapp, starts_beside, unpacked_beside

_MODULES: Final = "/node_modules/"
_LEVELS: Final = 8
_JAVASCRIPT: Final = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
_OF_PEX: Final = ("/__main__.py", "/pex")
"""What a pex runs after it has unpacked itself, as it is or into a virtual environment."""
_MOST_PYTHONS: Final = 20
_MOST_DISTRIBUTIONS: Final = 1_000
"""Of one site: each is there once, or a few times where an uninstall was interrupted."""
_IN_SITE: Final = re.compile(r"(.+/(?:site|dist)-packages)/([^/]+)")
_PYTHON_LINE: Final = re.compile(rb"#!\s*(/[^\n]*?/)?(?:env\s+)?\S*(?:python|pypy)", re.IGNORECASE)
_PYTHON_EXEC: Final = re.compile(
    rb"#!/bin/sh\n'''exec' [^\n]*python"
)  # where a path is too long, or relative
_PYTHON_PATH: Final = re.compile(
    rb"(?:#!\s*|exec' \"?)(/[^\n\"]*?/bin)/[^/\n\" ]*(?:python|pypy)", re.IGNORECASE
)
_JAVASCRIPT_LINE: Final = re.compile(rb"#![^\n]*\b(?:node|nodejs|bun|deno|tsx)\b")
_REQUIRED: Final = re.compile(rb"['\"]([A-Za-z][\w.-]*)(?:==[\w.]+)?['\"]")


class ScriptHead(NamedTuple):
    """What the beginning of a script tells about its origin.

    python, javascript: what runs it. bin: the folder of the interpreter it names. starts: (module,
    attribute) pairs that it imports and calls. quoted: quoted words, as old entry scripts name their
    distribution.
    """

    python: bool = False
    javascript: bool = False
    bin: str | None = None
    starts: frozenset[tuple[str, str]] = frozenset()
    quoted: frozenset[str] = frozenset()


def read_script_head(head: bytes) -> ScriptHead:
    """From the first bytes of a script."""
    first_lines = head[:1024]
    path = _PYTHON_PATH.search(first_lines)
    if path is None and not _PYTHON_LINE.match(head) and not _PYTHON_EXEC.match(head):
        return ScriptHead(javascript=_JAVASCRIPT_LINE.match(head) is not None)
    starts = starts_in(head.decode("utf-8", "replace"))
    return ScriptHead(
        python=True,
        bin=os.fsdecode(path.group(1)) if path else None,
        starts=frozenset((m, attribute.partition(".")[0]) for m, attribute in starts if attribute),
        quoted=frozenset(word.decode() for word in _REQUIRED.findall(head)),
    )


class OwnerPackages:
    """Answers for files; remembers manifests and metadata folders that did not change.

    pypi: the distributions (normalised names) that are looked for; no other metadata is read.
    root: where all paths begin.
    """

    def __init__(self, pypi: frozenset[str] = frozenset(), root: Root | None = None) -> None:
        self._pypi = pypi
        self._root = root
        self._manifests: Remembered[Manifest | None] = Remembered(root)
        self._distributions: Remembered[tuple[Distribution, ...]] = Remembered(root)
        self._sites: Remembered[tuple[str, ...]] = Remembered(root)
        self._applications: Remembered[PackageRef | None] = Remembered(root)
        self._frozen: Remembered[PackageRef | None] = Remembered(root)
        self._zipapps: Remembered[PackageRef | None] = Remembered(root)

    def below(self, root: Root) -> "OwnerPackages":
        """The same for another root. It knows nothing yet: what is remembered of one root is no other's."""
        return OwnerPackages(self._pypi, root)

    def of(self, path: str, kind: FileKind, size: int, head: Callable[[], ScriptHead]) -> PackageRef | None:
        """The package that the file at `path` (links resolved) belongs to; `head` is asked where needed."""
        if _MODULES in path:
            return self._in_node_modules(path, kind)
        if kind is FileKind.ZIPAPP:
            return self._zipapps.get(path, functools.partial(self._in_zipapp, path))
        if kind is FileKind.ELF:
            application = self._electron(os.path.dirname(path)) if size >= SMALLEST_ELECTRON else None
            return application or self._frozen.get(path, functools.partial(self._in_frozen, path))
        if kind is not FileKind.SCRIPT:
            return None
        if path.endswith(".py") and (inside := _IN_SITE.match(path)):
            return self._in_site(inside.group(1), inside.group(2).removesuffix(".py"))
        if path.endswith(_OF_PEX) and (unpacked := self._unpacked_pex(path)):
            return unpacked
        found = ScriptHead(javascript=True) if path.endswith(_JAVASCRIPT) else head()
        if found.python:
            return self._by_entry_script(path, found)
        return self._named_by_manifest(path) if found.javascript else None

    def names(self, path: str, package: PackageRef) -> bool:
        """Whether the package names the file as one of its programs, or as what its commands start."""
        if package.ecosystem == "pypi":
            return path in start_modules(package.path, self._root)
        if package.ecosystem != "npm":
            return True
        manifest = self._quiet_manifest(package.path)
        return manifest is not None and path in program_files(package.path, manifest)

    def started_in(self, folder: str) -> str:
        """The file that node runs where it is told a folder (https://nodejs.org/api/modules.html).

        Its package.json where that leads nowhere, over a link or into a mount, which may hang.
        """
        manifest = self._quiet_manifest(folder)
        main = os.path.normpath(f"/{(manifest and manifest.main) or 'index.js'}").lstrip("/")
        try:
            opened = open_folder(folder, self._root)
        except OSError:
            return f"{folder}/package.json"
        try:
            for path in (main, f"{main}.js", f"{main}/index.js", "index.js"):
                with contextlib.suppress(CannotLook), neighbour(opened, path):
                    return f"{folder}/{path}"
        finally:
            os.close(opened)
        return f"{folder}/package.json"

    def manifest(self, folder: str) -> Manifest | None:
        """The package.json of a folder, None where there is none; CannotLook where it may not be read."""
        path = f"{folder}/package.json"

        def read() -> Manifest | None:
            with open_regular(path, limit=MIB, root=self._root) as file:
                return read_manifest(file.read(MIB), path)

        try:
            return self._manifests.get(path, read)
        except CannotLook as reason:
            if reason.absent:
                return None
            raise

    def _in_node_modules(self, path: str, kind: FileKind) -> PackageRef | None:
        before, _, inner = path.rpartition(_MODULES)
        parts = inner.split("/")
        of_name = 2 if inner.startswith("@") else 3 if inner.startswith(".store/") else 1
        folder = f"{before}{_MODULES}" + "/".join(parts[:of_name])
        manifest = self._quiet_manifest(folder)
        if manifest is not None and runs_at_install(path, folder, manifest):
            return None  # part of the package, but not the program that it brings
        if manifest is not None and kind is FileKind.SCRIPT and is_a_library(manifest):
            return None
        return _reference(folder, manifest)

    def _named_by_manifest(self, path: str) -> PackageRef | None:
        folder = os.path.dirname(path)
        for _ in range(_LEVELS):
            manifest = self._quiet_manifest(folder)
            if manifest is not None and manifest.name is not None:
                named = path in program_files(folder, manifest) and not is_own_project(folder, manifest.name)
                return _reference(folder, manifest) if named else None
            folder, last = os.path.dirname(folder), folder
            if folder == last:
                break
        return None

    def _quiet_manifest(self, folder: str) -> Manifest | None:
        """A manifest that may not be read names no package here; the observer of packages reports it."""
        try:
            return self.manifest(folder)
        except CannotLook:
            return None

    def _electron(self, folder: str) -> PackageRef | None:
        def read(name: str, size: int, offset: int) -> bytes:
            with open_regular(f"{folder}/resources/{name}", root=self._root) as file:
                return file.read(size, offset)

        for name in (PRODUCT, ARCHIVE, MANIFEST):
            if status_at(place := f"{folder}/resources/{name}", self._root) is not None:
                return self._applications.get(place, lambda: application_in(read, folder))
        return None

    def _in_frozen(self, path: str) -> PackageRef | None:
        with open_regular(path, root=self._root) as file:
            try:
                frozen = Frozen(file)
            except CannotLook:
                return None
            if inside := frozen.package(self._pypi):
                return inside
            for beside in self._wanted_in(internal_beside(path)):
                if any(map(frozen.starts, entry_points(beside.folder, self._root))):
                    return msgspec.structs.replace(_python_reference(beside), path=printable(path))
        return None

    def _in_zipapp(self, path: str) -> PackageRef | None:
        with open_regular(path, root=self._root) as file:
            return package_in_zipapp(file, self._pypi)

    def _unpacked_pex(self, path: str) -> PackageRef | None:
        starts = starts_beside(path, self._root)
        if not starts:
            return None
        unpacked = unpacked_beside(path, self._pypi, self._root)
        for site in (*unpacked, *self._sites_of(os.path.dirname(path))):
            for distribution in self._wanted_in(site):
                commands = entry_points(distribution.folder, self._root)
                if is_started_by(starts, commands, distribution.name):
                    return _python_reference(distribution)
        return None

    def _in_site(self, site: str, module: str) -> PackageRef | None:
        for distribution in self._wanted_in(site):
            if module in top_levels(distribution.folder, self._root):
                return _python_reference(distribution)
        return None

    def _by_entry_script(self, path: str, head: ScriptHead) -> PackageRef | None:
        bins = dict.fromkeys(folder for folder in (os.path.dirname(path), head.bin) if folder)
        for site in (site for folder in bins for site in self._sites_of(os.path.dirname(folder))):
            for distribution in self._wanted_in(site):
                entries = entry_points(distribution.folder, self._root)
                if any((entry.module, entry.attribute.partition(".")[0]) in head.starts for entry in entries):
                    return _python_reference(distribution)
                if distribution.name in head.quoted and any(
                    e.name == os.path.basename(path) for e in entries
                ):
                    return _python_reference(distribution)
        return None

    def _sites_of(self, prefix: str) -> Iterator[str]:
        for lib in (f"{prefix}/lib", f"{prefix}/lib64"):
            yield from self._sites.get(lib, functools.partial(_all_sites_in, lib, self._root))
        yield prefix  # what pip filled with --target

    def _wanted_in(self, site: str) -> tuple[Distribution, ...]:
        def read() -> tuple[Distribution, ...]:
            return tuple(self._read_wanted_in(site))

        return self._distributions.get(site, read) if self._pypi else ()

    def _read_wanted_in(self, site: str) -> Iterator[Distribution]:
        """But for a project of one's own that bears a wanted name."""
        wanted = (name for name in names_in(site, self._root) if named_in_folder(name) in self._pypi)
        for name in itertools.islice(wanted, _MOST_DISTRIBUTIONS):
            try:
                found = read_distribution(f"{site}/{name}", self._root)
            except CannotLook:
                continue  # the observer of packages reports it
            if not is_of_own_sources(found, self._root):
                yield found


def sites_in(lib: str, root: Root | None = None) -> Iterator[str]:
    """The site-packages folders in the lib folder of a Python prefix (a venv, /usr, ~/.local)."""
    pythons = (name for name in names_in(lib, root) if name.startswith(("python", "pypy")))
    for name in itertools.islice(pythons, _MOST_PYTHONS):
        yield from (f"{lib}/{name}/{site}" for site in SITES)


def _all_sites_in(lib: str, root: Root | None) -> tuple[str, ...]:
    return tuple(sites_in(lib, root))


def _reference(folder: str, manifest: Manifest | None) -> PackageRef | None:
    if manifest is None or manifest.name is None:
        return None
    return PackageRef(ecosystem="npm", name=manifest.name, version=manifest.version, path=printable(folder))


def _python_reference(found: Distribution) -> PackageRef:
    return PackageRef(
        ecosystem="pypi", name=normal_pypi(found.name), version=found.version, path=printable(found.folder)
    )
