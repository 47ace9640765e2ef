"""Which AI tool one observation shows. Pure; what several observations say together is correlate's.

A wrong accusation is the worst mistake and a missed renamed copy the second: a package without its code is
nothing, a name is no proof, and an interpreter is never the tool that it runs.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from aipolicy.core.conclude import (
    APPIMAGE,
    APPLICATION,
    APPLICATIONS,
    CONTAINED,
    NATIVE,
    PROCESS,
    SCRIPT,
    Sight,
    conclude,
    lies_under_its_name,
    surest,
)
from aipolicy.core.content import PROGRAMS, content_clues, is_hollow
from aipolicy.core.evidence_index import Clue
from aipolicy.core.model import (
    EXECUTABLE_KINDS,
    App,
    Executable,
    Extension,
    FileFacts,
    FileKind,
    Finding,
    Observation,
    Package,
    Process,
)
from aipolicy.core.place import IN_CONTAINER, place_in
from aipolicy.core.tool import Kind
from aipolicy.core.tools import Catalog

_INTERPRETER: Final = re.compile(r"(node(js)?|bunx?|deno|i?python|pypy|pythonw|ruby|perl)[-.\d]*(\.exe)?")
_LIFECYCLE: Final = re.compile(r"(pre|post)?(un)?install|prepare|(pre|post)pack", re.IGNORECASE)
"""Scripts that a package manager runs around an install: part of the package, but not the tool at work."""
_DELETED: Final = " (deleted)"


def identify(observation: Observation, catalog: Catalog) -> tuple[Finding, ...]:
    """The tools that one observation shows, surest first; mostly none."""
    found = surest(one for sight in sights(observation, catalog) for one in conclude(sight, catalog))
    container = None if isinstance(observation, App) else observation.container
    if container is None:
        return found
    where = "" if isinstance(observation, Process) else IN_CONTAINER  # the form of a process says it already
    return tuple(replace(one, path=place_in(container, one.path), form=one.form + where) for one in found)


def sights(observation: Observation, catalog: Catalog) -> tuple[Sight, ...]:
    """What there is to conclude from in one observation; mostly without a clue, and nothing without code."""
    match observation:
        case Package():
            return _package(observation, catalog) if observation.has_code else ()
        case Extension():
            return _extension(observation, catalog) if observation.has_code else ()
        case Executable():
            return _executable(observation, catalog) if observation.file.kind in EXECUTABLE_KINDS else ()
        case Process():
            return _process(observation, catalog)
        case App():
            return _app(observation, catalog)


def _package(seen: Package, catalog: Catalog) -> tuple[Sight, ...]:
    package = seen.package
    clues = list(catalog.index.package(package))
    if package.ecosystem in ("deb", "rpm"):  # such a name proves nothing unless the place is right, too
        clues += catalog.index.path(package.path)
    carried = any(clue.kind is Kind.CARRIER for clue in clues)
    sight = Sight(
        owner=seen.owner,
        path=package.path,
        form=f"embedded in {package.name}" if carried else seen.form,
        clues=tuple(clues),
        version=None if carried else package.version,
        whole=True,
        under_its_name=lies_under_its_name(package),
    )
    return (sight,)


def _extension(seen: Extension, catalog: Catalog) -> tuple[Sight, ...]:
    package = seen.package
    sight = Sight(
        owner=seen.owner,
        path=package.path,
        form=f"extension in {seen.editor}",
        clues=tuple(catalog.index.package(package)),
        version=package.version,
        whole=True,
    )
    return (sight,)


def _app(seen: App, catalog: Catalog) -> tuple[Sight, ...]:
    clues = list(catalog.index.path(seen.path))
    if seen.bundle_id is not None:
        clues += catalog.index.clues(Kind.BUNDLE, seen.bundle_id)
    sight = Sight(
        owner=seen.owner, path=seen.path, form=APPLICATION, clues=tuple(clues), version=seen.version
    )
    return (sight,)


def _executable(seen: Executable, catalog: Catalog) -> tuple[Sight, ...]:
    file = seen.file
    clues = [
        *_file_clues(file, catalog),
        *_place_clues(seen.path, file, catalog),
        *_name_clues((base_name(seen.path), base_name(seen.found_as)), file, catalog),
    ]
    sight = Sight(
        owner=seen.owner,
        path=seen.path,
        form=_form(file.kind),
        clues=tuple(clues),
        whole=_is_the_code(file),
        under_its_name=lies_under_its_name(file.package),
        file=file,
    )
    return (sight,)


# --- processes -------------------------------------------------------------------------------------------


def _process(seen: Process, catalog: Catalog) -> tuple[Sight, ...]:
    """Either the program is the tool, or the script that an interpreter runs is; the interpreter never is."""
    exe = seen.exe.removesuffix(_DELETED)
    if seen.script is None and seen.module is None and not _is_interpreter(seen):
        clues = [
            *(_file_clues(seen.file, catalog) if seen.file else ()),
            *_place_clues(exe, seen.file, catalog),
            *_name_clues((base_name(exe) or seen.name,), seen.file, catalog),
        ]
        whole = seen.file is not None and _is_the_package(seen.file)
        return (_running(seen, exe, seen.file, clues, whole=whole),)
    # An interpreter's own file counts by its contents alone: `node` in a tool's folder is still only node.
    native = content_clues(seen.file, catalog.index) if seen.file else ()
    return (_hosted(seen, catalog), _running(seen, exe, seen.file, native))


def _is_interpreter(seen: Process) -> bool:
    by_contents = seen.file is not None and seen.file.interpreter is not None
    return by_contents or _INTERPRETER.fullmatch(base_name(seen.exe)) is not None


def _hosted(seen: Process, catalog: Catalog) -> Sight:
    """What the script says; where it could not be read, its name and the process's title are left."""
    file = seen.script_file
    if file is None:
        path = seen.script or seen.exe
        names = (base_name(seen.script) if seen.script else (seen.module or "").partition(".")[0],)
        clues = [
            *(catalog.index.path(seen.script) if seen.script else ()),
            *_name_clues(names, None, catalog),
            *_title_clues(seen, catalog),
        ]
        return _running(seen, path, None, clues)
    clues = [*_file_clues(file, catalog), *_place_clues(file.path, file, catalog)]
    if file.kind in PROGRAMS:  # the dynamic loader was told to run it
        clues += _name_clues((base_name(file.path),), file, catalog)
    return _running(seen, file.path, file, clues, whole=_is_the_code(file))


def _running(
    seen: Process, path: str, file: FileFacts | None, clues: Iterable[Clue], *, whole: bool = False
) -> Sight:
    path = path.removesuffix(_DELETED)
    return Sight(
        owner=seen.owner,
        path=path,
        form=CONTAINED if seen.contained else PROCESS,
        clues=tuple(clues),
        whole=whole,
        under_its_name=lies_under_its_name(file.package if file is not None else None),
        file=file,
        pid=seen.pid,
    )


# --- clues -----------------------------------------------------------------------------------------------


def _file_clues(file: FileFacts, catalog: Catalog) -> Iterator[Clue]:
    yield from content_clues(file, catalog.index)
    if file.package is not None:
        yield from catalog.index.package(file.package)
    if file.signer is not None:
        yield from catalog.index.clues(Kind.SIGNER, file.signer)


def _place_clues(path: str, file: FileFacts | None, catalog: Catalog) -> Iterator[Clue]:
    """A file that cannot be the tool says no more there than its name would."""
    for clue in catalog.index.path(path):
        hollow = file is not None and is_hollow(file, catalog.by_id[clue.tool])
        yield Clue(tool=clue.tool, kind=Kind.PLACE, value=clue.value) if hollow else clue


def _name_clues(names: Iterable[str], file: FileFacts | None, catalog: Catalog) -> Iterator[Clue]:
    """A file that belongs to another package is not the tool whose name it bears."""
    package = file.package if file is not None and not _is_application(file) else None
    own = None if package is None else {clue.tool for clue in catalog.index.package(package)}
    for name in dict.fromkeys(names):
        for clue in catalog.index.clues(Kind.EXECUTABLE, name):
            if own is None or clue.tool in own:
                yield clue


def _title_clues(seen: Process, catalog: Catalog) -> Iterator[Clue]:
    """Some tools give their process their own name and so hide which script runs."""
    for kind in (Kind.EXECUTABLE, Kind.TITLE):
        for clue in catalog.index.clues(kind, seen.name):
            yield Clue(tool=clue.tool, kind=Kind.TITLE, value=seen.name)


def base_name(path: str) -> str:
    """The file's own name, of a deleted one, too."""
    separator = "\\" if path[1:3] == ":\\" else "/"
    return path.removesuffix(_DELETED).rpartition(separator)[2]


def _is_the_code(file: FileFacts) -> bool:
    """Whether it is what its package runs: of native programs a package brings others', such as ripgrep."""
    return _is_the_package(file) or (file.kind not in PROGRAMS and not _is_lifecycle(file.path))


def _is_the_package(file: FileFacts) -> bool:
    """Whether the program is all of the package: one file that starts the package's own command."""
    return file.package is not None and file.package.path == file.path


def _form(kind: FileKind) -> str:
    if kind is FileKind.APPIMAGE:
        return APPIMAGE
    return NATIVE if kind in PROGRAMS else SCRIPT


def _is_application(file: FileFacts) -> bool:
    """Whether it is the program of an Electron application, and not one of many that a package brings."""
    return file.package is not None and file.package.ecosystem in APPLICATIONS


def _is_lifecycle(path: str) -> bool:
    return _LIFECYCLE.fullmatch(base_name(path).partition(".")[0]) is not None
