"""What the content marks in a file are worth: a tool's own program, or a file that only speaks of tools.

Scanners, rule sets, wrappers and this agent's own catalog hold the marks, too, and are not the tools.

A script counts together with the files that it loads by their place: an entry script of a tool may hold
nothing but such names. That convicts nobody who was innocent before. A loaded file is judged as if it were
run by itself, which is what happens. Of files too small for that each counts for one mark, and four are
needed: a tool's own marks stand all over its code, while whoever looks for them or speaks of them (a scanner,
its tests, an application that builds on the tool's library) has them at one place, or some of them.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from aipolicy.core.evidence_index import Clue, Index
from aipolicy.core.model import FileFacts, FileKind
from aipolicy.core.tool import Tool

PROGRAMS: Final = frozenset({FileKind.ELF, FileKind.APPIMAGE, FileKind.MACH_O, FileKind.PE})

SMALLEST_TOOL: Final = 1_000_000
"""Bytes. Of the tools measured the smallest bundle has 9 MB and the smallest program 100 MB."""
A_LIST: Final = 3
"""No tool measured holds a mark of any other; a file that knows three tools is a list of them."""
PROOF: Final = 2
SPREAD: Final = 4
"""So many different marks in as many files that one script loads are as good as two in a large one."""


def content_clues(file: FileFacts, index: Index) -> Iterator[Clue]:
    """The marks of `file` that count."""
    for mark in _that_count(_known_to(index, file)):
        yield index.marks[mark]


def why_they_do_not_count(file: FileFacts, index: Index) -> str:
    """Why no mark of `file` counts, in words; empty where some do, or where it has none."""
    known = _known_to(index, file)
    tools = _by_tool(known.marks)
    if not (tools or known.imported) or _that_count(known):
        return ""
    if len(tools) >= A_LIST:
        return f"it holds marks of {len(tools)} tools, as a list of tools does"
    if not tools or known.imported:
        return f"files that it loads hold marks, but no {SPREAD} of one tool in as many of them: mentions"
    if file.size < SMALLEST_TOOL:
        return f"it holds marks, and is smaller than any tool ({SMALLEST_TOOL:,} bytes): it mentions them"
    return "it holds one mark, which in a script is a mention"


def is_hollow(file: FileFacts, tool: Tool) -> bool:
    """Whether the file holds no mark of `tool` and cannot be one of its programs.

    Without a mark, a program as large as the tool's may be its next version, and a script may start it,
    unless the tool's file says that all it puts there is larger.
    """
    if any(_of_tool(part, tool.id) for part in (file, *file.imported)):
        return False
    if file.interpreter is not None:
        return True
    if tool.smallest:
        return file.size < tool.smallest
    return file.kind in PROGRAMS and file.size < SMALLEST_TOOL


def is_proof(file: FileFacts) -> bool:
    """Whether its marks, and those of the files that it loads, are enough to be certain of a tool."""
    return any(len(marks) >= PROOF for marks in _by_tool(_that_count(file)).values())


def embedded_version(file: FileFacts, tool: str) -> str | None:
    """What the file says of its version, or that one of those it loads which holds most marks of the tool."""
    if file.version is not None:
        return file.version
    stated = [part for part in file.imported if part.version is not None and _of_tool(part, tool)]
    return max(stated, key=lambda part: len(_of_tool(part, tool))).version if stated else None


def _known_to(index: Index, file: FileFacts) -> FileFacts:
    marks = tuple(mark for mark in file.marks if mark in index.marks)
    return replace(file, marks=marks, imported=tuple(_known_to(index, part) for part in file.imported))


def _that_count(file: FileFacts) -> tuple[str, ...]:
    parts = (file, *file.imported)
    alone = (mark for part in parts for mark in _alone(part))
    return tuple(dict.fromkeys((*alone, *_spread(parts))))


def _alone(file: FileFacts) -> Iterator[str]:
    """The marks that count in this file by itself: all of them in a program as large as tools are.

    In a script one mark is a mention: an application that bundles a vendor's SDK holds one. A small program
    with several marks stays a hint, a small script does not even that.
    """
    native = file.kind in PROGRAMS
    for marks in _unless_a_list(file).values():
        several = len(marks) >= PROOF
        if file.size >= SMALLEST_TOOL:
            yield from marks if native or several else ()
        else:
            yield from marks[:1] if native and several else ()


def _spread(files: Iterable[FileFacts]) -> Iterator[str]:
    """The marks that stand in as many files: one from each."""
    by_tool: dict[str, list[list[str]]] = {}
    for file in files:
        for tool, marks in _unless_a_list(file).items():
            by_tool.setdefault(tool, []).append(marks)
    for in_files in by_tool.values():
        chosen: list[str] = []
        for marks in sorted(in_files, key=len):
            chosen += [mark for mark in marks if mark not in chosen][:1]
        if len(chosen) >= SPREAD:
            yield from chosen


def _unless_a_list(file: FileFacts) -> dict[str, list[str]]:
    found = _by_tool(file.marks)
    return found if len(found) < A_LIST else {}


def _by_tool(marks: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for mark in marks:
        found.setdefault(mark.partition(":")[0], []).append(mark)
    return found


def _of_tool(file: FileFacts, tool: str) -> list[str]:
    return _by_tool(file.marks).get(tool, [])
