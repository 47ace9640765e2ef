"""Why nothing follows from what was looked at: each sort of evidence that was sought there and not met."""

from collections.abc import Iterator

from aipolicy.core.conclude import Sight, by_tool
from aipolicy.core.content import why_they_do_not_count
from aipolicy.core.derive import lacks
from aipolicy.core.identify import base_name, sights
from aipolicy.core.model import (
    EXECUTABLE_KINDS,
    App,
    Executable,
    Extension,
    FileFacts,
    Observation,
    Package,
    PackageRef,
    Process,
)
from aipolicy.core.tool import Kind
from aipolicy.core.tools import Catalog
from aipolicy.core.weigh import ground, met


def why_nothing(seen: Observation, catalog: Catalog) -> Iterator[str]:
    """What was sought in one observation of which no finding came, and what was there instead."""
    match seen:
        case Package() | Extension():
            yield from _of_package(seen.package, seen.has_code, catalog)
        case Executable():
            yield from _of_file(seen.file, catalog)
        case Process():
            yield from _of_process(seen, catalog)
        case App():
            yield f"no tool's application has the bundle id {seen.bundle_id or '(none)'}"
    yield from _of_names(seen, catalog)
    for sight in sights(seen, catalog):
        yield from _not_enough(sight, catalog)


def _of_package(package: PackageRef, has_code: bool, catalog: Catalog) -> Iterator[str]:
    if not any(True for _ in catalog.index.package(package)):
        yield f"no tool's package is {package.ecosystem}:{package.name}"
    elif not has_code:
        yield f"{package.ecosystem}:{package.name} is a tool's package, but its code is not there"


def _of_process(seen: Process, catalog: Catalog) -> Iterator[str]:
    for file in (seen.file, seen.script_file):
        if file is not None:
            yield from _of_file(file, catalog)
    if seen.file is None:
        yield "its program could not be read"
    if seen.script is not None and seen.script_file is None:
        yield f"its script {seen.script} could not be read"


def _of_file(file: FileFacts, catalog: Catalog) -> Iterator[str]:
    """Kind, marks, package, signer and place."""
    if file.interpreter is not None:
        yield f"{file.path} is {file.interpreter}, which is never the tool that it runs"
    if file.kind not in EXECUTABLE_KINDS:
        yield f"{file.path} is no program and no script ({file.kind}): what stands in it is a mention"
    elif not (file.marks or file.imported):
        marked = sum(bool(tool.marks) for tool in catalog.tools)
        yield f"{file.path} holds none of the {len(catalog.wanted.marks)} content marks of {marked} tools"
    elif why := why_they_do_not_count(file, catalog.index):
        yield f"{file.path}: {why}"
    if file.package is None:
        yield f"{file.path} was found in no package of a tool"
    else:
        yield from _of_package(file.package, True, catalog)
    if file.signer is not None and not any(True for _ in catalog.index.clues(Kind.SIGNER, file.signer)):
        yield f"no tool's vendor signs as {file.signer}"
    if not any(True for _ in catalog.index.path(file.path)):
        yield f"no tool's installer puts a file at {file.path}"


def _of_names(seen: Observation, catalog: Catalog) -> Iterator[str]:
    if isinstance(seen, Executable):
        paths, file = [seen.path, seen.found_as], seen.file
    elif isinstance(seen, Process) and seen.script is None and seen.file is not None:
        paths, file = [seen.exe], seen.file
    else:
        return
    for name in dict.fromkeys(map(base_name, paths)):
        if not any(True for _ in catalog.index.clues(Kind.EXECUTABLE, name)):
            yield f"no tool's program is called {name}"
        elif file.package is not None:
            yield f"the name {name} is that of a program of {file.package.ecosystem}:{file.package.name} here"


def _not_enough(sight: Sight, catalog: Catalog) -> Iterator[str]:
    """Clues that are there and make nothing even possible."""
    for tool, clues in by_tool(sight.clues).items():
        what = met(clues, whole=sight.whole, under_its_name=sight.under_its_name)
        if ground(what) is not None:
            continue
        shown = ", ".join(f"{clue.kind}: {clue.value}" for clue in clues)
        yield f"{shown} speaks for {tool}, and is not enough to say anything"
        for lack in lacks(what, catalog.by_id[tool]):
            values = f" ({', '.join(lack.values)})" if lack.values else ""
            yield f"it would be {tool} if {lack.words}{values}"
