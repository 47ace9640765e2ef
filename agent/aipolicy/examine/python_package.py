"""A distribution in a site-packages folder: what its metadata states, whether its code is there.

Both forms: `.dist-info` folders and the older `.egg-info`, which may be a single file.
"""

import os
import re
import stat
from collections.abc import Iterator
from typing import Final, NamedTuple

from aipolicy.core.shapes import may_be_anybodys, normal_pypi
from aipolicy.core.wire import printable
from aipolicy.examine.files import CannotLook, is_folder, parse_json, read_head, read_text
from aipolicy.examine.root import Root

METADATA_HEAD: Final = 64 << 10
"""Name and version stand in the first lines; the whole readme may follow."""

_ENDINGS: Final = (".dist-info", ".egg-info")
_RECORD_HEAD: Final = 256 << 10
_ENTRY_POINTS: Final = 256 << 10
_MOST_FILES: Final = 60
_MOST_COMMANDS: Final = 64
ORIGIN: Final = "direct_url.json"
"""Where the installer notes what it took a distribution from, but for an index (PEP 610)."""
SITES: Final = ("site-packages", "dist-packages")
_CELLAR: Final = "/Cellar/"
_CODE: Final = (".py", ".so", ".pyd", ".pyc", ".pth")
_LONGEST: Final = 256
_ENTRY: Final = re.compile(r"\s*([\w.]+)\s*:\s*([\w.]+)")


class Distribution(NamedTuple):
    """folder: its metadata folder (or file). name: as it writes it. version: None where it states none."""

    folder: str
    name: str
    version: str | None


class EntryPoint(NamedTuple):
    """A command: the script `name` calls `attribute` of `module`."""

    name: str
    module: str
    attribute: str


def named_in_folder(entry_name: str) -> str | None:
    """The normalised name of the distribution whose metadata folder is called so, else None."""
    for ending in _ENDINGS:
        if entry_name.endswith(ending):
            return normal_pypi(entry_name.removesuffix(ending).split("-", 1)[0])
    return None


def read_distribution(folder: str, root: Root | None = None) -> Distribution:
    """What the metadata in `folder` says; CannotLook where it may not be read or names nothing."""
    path = metadata_file(folder, root)
    head = read_head(path, METADATA_HEAD, root)
    name, version = read_metadata(head)
    if name is None:
        raise CannotLook(path, "states no name")
    return Distribution(folder, name, version)


def is_of_own_sources(found: Distribution, root: Root | None = None) -> bool:
    """Whether it was installed from a folder of sources, or lies in one, under a name that may be anybody's.

    Then no registry gave it that name. conda and Homebrew build the real ones from such folders, too.
    setuptools leaves `name.egg-info` beside the sources.
    """
    if not may_be_anybodys(found.name):
        return False
    folder, name = os.path.split(found.folder)
    if name.endswith(".egg-info"):
        return "-" not in name.removesuffix(".egg-info") and os.path.basename(folder) not in SITES
    if _CELLAR in folder or _head(f"{found.folder}/INSTALLER", root).strip() == "conda":
        return False
    try:
        return is_from_a_folder(read_head(f"{found.folder}/{ORIGIN}", METADATA_HEAD, root))
    except CannotLook:
        return False


def is_from_a_folder(origin: bytes) -> bool:
    """Whether ORIGIN says that the distribution was installed from a folder of sources."""
    try:
        return isinstance(parse_json(ORIGIN, origin).get("dir_info"), dict)
    except CannotLook:
        return False


def metadata_file(folder: str, root: Root | None = None) -> str:
    if folder.endswith(".dist-info"):
        return f"{folder}/METADATA"
    return f"{folder}/PKG-INFO" if is_folder(folder, root) else folder


def read_metadata(head: bytes) -> tuple[str | None, str | None]:
    """Name and version from the header of METADATA or PKG-INFO (the format of e-mail headers)."""
    found: dict[str, str] = {}
    for line in head.decode("utf-8-sig", "replace").splitlines():
        if not line.strip():
            break  # the readme follows
        field, colon, value = line.partition(":")
        value = value.strip()
        if colon and 0 < len(value) <= _LONGEST:
            found.setdefault(field.strip().lower(), printable(value))
    return found.get("name"), found.get("version")


def entry_points(folder: str, root: Root | None = None) -> tuple[EntryPoint, ...]:
    """The commands that the distribution installs; none where they may not be read."""
    try:
        return read_entry_points(read_text(f"{folder}/entry_points.txt", _ENTRY_POINTS, root))
    except CannotLook:
        return ()


def read_entry_points(text: str) -> tuple[EntryPoint, ...]:
    """From the text of entry_points.txt (packaging.python.org, entry points specification)."""
    found, section = [], ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[] \t")
        elif section in ("console_scripts", "gui_scripts"):
            name, _, target = line.partition("=")
            entry = _ENTRY.match(target)
            if entry and name.strip() and not name.lstrip().startswith(("#", ";")):
                found.append(EntryPoint(name.strip(), *entry.groups()))
    return tuple(found)


def program_modules(folder: str) -> Iterator[str]:
    """Where the files lie that start the distribution's commands: entry scripts, and what `python -m` runs.

    Entry scripts lie in the `bin` of the prefix (lib/pythonX.Y/site-packages), or beside the modules
    (`pip install --target`). Not all that is named needs to be there.
    """
    site = os.path.dirname(folder)
    modules: dict[str, None] = {}
    for entry in entry_points(folder)[:_MOST_COMMANDS]:
        if "/" not in entry.name:
            yield os.path.normpath(f"{site}/../../../bin/{entry.name}")
            yield f"{site}/bin/{entry.name}"
        modules |= dict.fromkeys((entry.module, entry.module.partition(".")[0]))
    for module in modules:
        path = f"{site}/{module.replace('.', '/')}"
        yield from (f"{path}.py", f"{path}/__init__.py", f"{path}/__main__.py")


def start_modules(folder: str, root: Root | None = None) -> frozenset[str]:
    """Where the modules may lie that its commands start, and what `python -m` runs of their packages.

    A library that others call begins in the same package, but hardly in such a module.
    """
    site = os.path.dirname(folder)
    found = set()
    for entry in entry_points(folder, root)[:_MOST_COMMANDS]:
        path = f"{site}/{entry.module.replace('.', '/')}"
        found |= {f"{path}.py", f"{path}/__init__.py"}
        found.add(f"{site}/{entry.module.partition('.')[0]}/__main__.py")
    return frozenset(found)


def top_levels(folder: str, root: Root | None = None) -> frozenset[str]:
    """The modules and packages it puts into site-packages."""
    return frozenset(path.partition("/")[0].removesuffix(".py") for path in _recorded(folder, root))


def has_code(folder: str) -> bool:
    """Whether any file of code that the distribution installed is there and not empty."""
    site = os.path.dirname(folder)
    return any(
        _is_code(f"{site}/{path}") for path, _ in zip(_recorded(folder), range(_MOST_FILES), strict=False)
    )


def _recorded(folder: str, root: Root | None = None) -> Iterator[str]:
    """Files of code, relative to site-packages; from RECORD, else guessed from top_level.txt or the name."""
    listed = _head(f"{folder}/RECORD", root) or _head(f"{folder}/installed-files.txt", root)
    found = False
    for line in listed.splitlines():
        path = line.strip().strip('"').partition(",")[0].removeprefix("../")
        if path.endswith(_CODE) and not path.startswith(("/", "..")) and ".dist-info/" not in path:
            found = True
            yield path
    if not found:
        names = _head(f"{folder}/top_level.txt", root).split() or [
            (named_in_folder(os.path.basename(folder)) or "")
        ]
        for name in names:
            module = name.replace("-", "_")
            yield from (f"{module}/__init__.py", f"{module}.py")


def _head(path: str, root: Root | None) -> str:
    try:
        return read_head(path, _RECORD_HEAD, root).decode("utf-8", "replace")
    except CannotLook:
        return ""


def _is_code(path: str) -> bool:
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size > 0
