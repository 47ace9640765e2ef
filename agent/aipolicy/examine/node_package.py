"""package.json, of npm packages and editor extensions: what it states, whether its code is there."""

import contextlib
import itertools
import os
import re
import stat
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from aipolicy.core.shapes import may_be_anybodys
from aipolicy.core.wire import printable
from aipolicy.examine.files import CannotLook, parse_json
from aipolicy.examine.places import OutOfReach, is_within, resolve

_LONGEST: Final = 256
_MOST_NAMES: Final = 200
_MOST_FOLDERS: Final = 20
_NAME: Final = re.compile(r"(@[^/\s@]+/)?[^@/\s][^/\s]*")
_PLATFORM: Final = re.compile(r"^(.+?)-(linux|linuxmusl|darwin|win32|windows|freebsd|android)\b")
_DENOS_CACHE: Final = re.compile(r"/npm/[^/]+/[^/]+/\d[^/]*/$")
"""Registry, name and version (docs.deno.com, DENO_DIR)."""
_COMMON_WORDS: Final = frozenset({"", "ai", "app", "cli", "code", "dev", "js"})
A_PROGRAM: Final = 16 << 10
"""A smaller file can be a launcher, or what is left in place of a program that could not be fetched."""

A_LAUNCHER: Final = 1 << 10
"""A smaller one starts nothing if no other script is in the package: it says that the tool is gone, say."""
_SCRIPTS: Final = (".js", ".mjs", ".cjs")
_AT_INSTALL: Final = ("preinstall", "install", "postinstall", "prepare", "preuninstall", "postuninstall")
_MOST_WORDS: Final = 20
A_NATIVE_PROGRAM: Final = 1 << 20


class Manifest(NamedTuple):
    """What a package.json states, as far as we ask; a field of the wrong type counts as absent.

    programs: files that `bin` names. main: the file that is loaded, `main` or `browser`.
    optional: optional dependencies: native programs come as one package per platform.
    at_install: words of the commands that npm runs around an install (`node install.cjs`).
    """

    name: str | None
    version: str | None
    publisher: str | None = None
    programs: tuple[str, ...] = ()
    main: str | None = None
    optional: tuple[str, ...] = ()
    at_install: tuple[str, ...] = ()


def read_manifest(data: bytes, path: str) -> Manifest:
    """The manifest in the bytes of `path`; CannotLook where it is no JSON object."""
    stated = parse_json(path, data)
    name = _text(stated.get("name"))
    return Manifest(
        name=name if name and _NAME.fullmatch(name) else None,
        version=_text(stated.get("version")),
        publisher=_text(stated.get("publisher")),
        programs=tuple(_programs(stated.get("bin"))),
        main=_text(stated.get("main")) or _text(stated.get("browser")),
        optional=tuple(_keys(stated.get("optionalDependencies"))),
        at_install=tuple(_words_at_install(stated.get("scripts"))),
    )


def is_own_project(folder: str, name: str) -> bool:
    """Whether the package in `folder` (links resolved) may be somebody's own project of that name.

    Such a folder has its name from nobody but its author. What a client fetched from a registry lies below a
    node_modules, or in deno's cache.
    """
    place = f"{folder}/"
    return may_be_anybodys(name) and "/node_modules/" not in place and not _DENOS_CACHE.search(place)


def is_a_library(manifest: Manifest) -> bool:
    """Whether it brings no command and has a name of one word, which somebody else may have had before.

    cline was a library for writing commands, droid one for deploying, both in npm to this day.
    """
    return not manifest.programs and may_be_anybodys(manifest.name or "")


def program_files(folder: str, manifest: Manifest) -> Iterator[str]:
    """Where the files lie that the manifest names as its programs; nothing outside of `folder`.

    npm takes the folder for the root: `../dist/x.js`, as Copilot's language server has it, is `dist/x.js`.
    """
    for target in manifest.programs:
        yield folder + os.path.normpath(f"/{target.lstrip('/')}")
    if not manifest.programs:
        path = os.path.normpath(f"{folder}/{manifest.main or 'index.js'}")
        if is_within(path, folder):
            yield path


def runs_at_install(path: str, folder: str, manifest: Manifest) -> bool:
    """Whether the file belongs to the package's install, and is none of its programs."""
    at_install = (os.path.normpath(f"{folder}/{word}") for word in manifest.at_install)
    return path in at_install and path not in program_files(folder, manifest)


def has_code(folder: str, manifest: Manifest, out_of_reach: OutOfReach) -> bool:
    """Whether a program that the manifest names is there: neither missing nor an empty file nor a stub.

    Of a tool's packages only those for one platform name none.
    """
    if not manifest.programs:
        return _has_bare_program(folder, out_of_reach)
    sizes = [_size(path, out_of_reach) for path in program_files(folder, manifest)]
    is_stub = max(sizes, default=0) < A_LAUNCHER and not any(_natives(manifest))
    if is_stub and not _has_scripts(folder, out_of_reach):
        return False
    return has_code_of_sizes(sizes, manifest) or (
        any(sizes)
        and (
            any(_is_installed(folder, name, out_of_reach) for name in _natives(manifest))
            or any(
                _has_bundle(place, out_of_reach)
                for place in {folder, *map(os.path.dirname, program_files(folder, manifest))}
            )
        )
    )


def has_code_of_sizes(sizes: list[int], manifest: Manifest) -> bool:
    """Whether the files that the manifest names as programs are more than launchers, by their sizes in bytes.

    A small one is enough where no package of one platform has the program instead.
    """
    return max(sizes, default=0) >= A_PROGRAM or (any(sizes) and not any(_natives(manifest)))


def _natives(manifest: Manifest) -> Iterator[str]:
    return (name for name in manifest.optional if _is_native_part(name, manifest.name or ""))


def native_programs(folder: str, manifest: Manifest, out_of_reach: OutOfReach) -> Iterator[str]:
    """The large programs of the packages for one platform that this one depends on, below it or beside it."""
    for name in itertools.islice(_natives(manifest), _MOST_FOLDERS):
        for place in _modules_near(folder):
            with contextlib.suppress(CannotLook):  # not installed, or a link that leads nowhere
                package = resolve(f"{place}/node_modules/{name}", out_of_reach)
                yield from large_programs(package, out_of_reach)


def large_programs(folder: str, out_of_reach: OutOfReach) -> Iterator[str]:
    """Executable files as large as a tool in a package and its folders; not in what it depends on."""
    return (path for path, status in _files_of(folder, out_of_reach) if _is_native_program(status))


def _files_of(
    folder: str, out_of_reach: OutOfReach, deepest: int = 2
) -> Iterator[tuple[str, os.stat_result]]:
    """What lies in a package and its folders and is no folder, a link as such; not in what it depends on."""
    inner = []
    if out_of_reach(folder) is not None:
        return
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(_MOST_NAMES), strict=False):
                if entry.is_dir(follow_symlinks=False):
                    inner.append(entry.path)
                elif out_of_reach(entry.path) is None:
                    yield entry.path, entry.stat(follow_symlinks=False)
    except (OSError, ValueError):  # closed, gone, or no path
        return
    if deepest:
        for path in inner[:_MOST_FOLDERS]:
            if not path.endswith("/node_modules"):
                yield from _files_of(path, out_of_reach, deepest - 1)


def _has_bare_program(folder: str, out_of_reach: OutOfReach) -> bool:
    """Where the package of one platform, which states no program of its own, has it all the same."""
    places = (folder, f"{folder}/bin")
    files = _files_of(folder, out_of_reach, deepest=1)
    return any(os.path.dirname(path) in places and _is_native_program(status) for path, status in files)


def _has_bundle(folder: str, out_of_reach: OutOfReach) -> bool:
    """Whether a script as large as a tool is there: Copilot's launcher takes it for lack of a program."""
    files = _files_of(folder, out_of_reach, deepest=0)
    return any(
        path.endswith(_SCRIPTS) and stat.S_ISREG(status.st_mode) and status.st_size >= A_NATIVE_PROGRAM
        for path, status in files
    )


def _has_scripts(folder: str, out_of_reach: OutOfReach) -> bool:
    """Whether a script lies in it that is more than a launcher; not in what it depends on."""
    files = _files_of(folder, out_of_reach)
    return any(path.endswith(_SCRIPTS) and status.st_size >= A_LAUNCHER for path, status in files)


def _is_native_program(status: os.stat_result) -> bool:
    executable = stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o111)
    return executable and status.st_size >= A_NATIVE_PROGRAM


def has_extension_code(folder: str, manifest: Manifest, out_of_reach: OutOfReach) -> bool:
    """Whether the file that an extension loads is there; VS Code adds the ending itself."""
    if manifest.main is None:
        return False
    start = os.path.normpath(f"{folder}/{manifest.main}")
    endings = ("", ".js", ".cjs", ".mjs", "/index.js")
    return is_within(start, folder) and any(_size(start + ending, out_of_reach) for ending in endings)


def _size(path: str, out_of_reach: OutOfReach) -> int:
    try:
        status = os.lstat(resolve(path, out_of_reach))
    except (OSError, ValueError, CannotLook):
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _is_native_part(dependency: str, name: str) -> bool:
    """`@openai/codex-linux-x64` of `@openai/codex`, but not `@lydell/node-pty-linux-x64` of anybody's."""
    found = _PLATFORM.match(dependency)
    return found is not None and bool(_words(found.group(1)) & _words(name))


def _words(name: str) -> frozenset[str]:
    return frozenset(re.split(r"[@/-]", name)) - _COMMON_WORDS


def _is_installed(folder: str, name: str, out_of_reach: OutOfReach) -> bool:
    """Below the package, or beside it: the same or an outer node_modules."""
    manifests = (f"{place}/node_modules/{name}/package.json" for place in _modules_near(folder))
    return any(_size(manifest, out_of_reach) for manifest in manifests)


def _modules_near(folder: str) -> list[str]:
    outer = folder.rpartition("/node_modules/")[0]
    return [folder, outer] if outer else [folder]


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not value or len(value) > _LONGEST:
        return None
    return printable(value)


def _programs(value: object) -> Iterator[str]:
    targets: Iterable[object] = value.values() if isinstance(value, dict) else (value,)
    for _, target in zip(range(_MOST_NAMES), targets, strict=False):
        if (text := _text(target)) is not None:
            yield text


def _words_at_install(scripts: object) -> Iterator[str]:
    """npm's life cycle scripts (docs.npmjs.com, scripts)."""
    if not isinstance(scripts, dict):
        return
    for name in _AT_INSTALL:
        command = _text(scripts.get(name)) or ""
        yield from (word.strip("\"'") for word in command.split()[:_MOST_WORDS])


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for _, key in zip(range(_MOST_NAMES), value, strict=False):
            if _NAME.fullmatch(key) and ".." not in key:
                yield key
