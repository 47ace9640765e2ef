"""What the content marks in a file are worth: a tool's own program, or a file that only speaks of tools.

Scanners, rule sets, wrappers and this agent's own catalog hold the marks, too, and are not the tools.
"""

from collections.abc import Iterator
from typing import Final

from aipolicy.core.evidence_index import Clue, Index
from aipolicy.core.model import FileFacts, FileKind
from aipolicy.core.tool import Tool

PROGRAMS: Final = frozenset({FileKind.ELF, FileKind.MACH_O, FileKind.PE})

SMALLEST_TOOL: Final = 1_000_000
"""Bytes. Of the tools measured the smallest bundle has 9 MB and the smallest program 100 MB."""
A_LIST: Final = 3
"""No tool measured holds a mark of any other; a file that knows three tools is a list of them."""
PROOF: Final = 2


def content_clues(file: FileFacts, index: Index) -> Iterator[Clue]:
    """The marks of `file` that count."""
    by_tool = _marks_of_each(file, index)
    if len(by_tool) < A_LIST:
        for clues in by_tool.values():
            yield from _that_count(clues, file)


def why_they_do_not_count(file: FileFacts, index: Index) -> str:
    """Why no mark of `file` counts, in words; empty where some do, or where it has none."""
    by_tool = _marks_of_each(file, index)
    if not by_tool or any(True for _ in content_clues(file, index)):
        return ""
    if len(by_tool) >= A_LIST:
        return f"it holds marks of {len(by_tool)} tools, as a list of tools does"
    if file.size < SMALLEST_TOOL:
        return f"it holds marks, and is smaller than any tool ({SMALLEST_TOOL:,} bytes): it mentions them"
    return "it holds one mark, which in a script is a mention"


def _marks_of_each(file: FileFacts, index: Index) -> dict[str, list[Clue]]:
    by_tool: dict[str, list[Clue]] = {}
    for mark in file.marks:
        clue = index.marks.get(mark)
        if clue is not None:
            by_tool.setdefault(clue.tool, []).append(clue)
    return by_tool


def is_hollow(file: FileFacts, tool: Tool) -> bool:
    """Whether the file holds no mark of `tool` and cannot be one of its programs.

    Without a mark, a program as large as the tool's may be its next version, and a script may start it,
    unless the tool's file says that all it puts there is larger.
    """
    if any(mark.id in file.marks for mark in tool.marks):
        return False
    if file.interpreter is not None:
        return True
    if tool.smallest:
        return file.size < tool.smallest
    return file.kind in PROGRAMS and file.size < SMALLEST_TOOL


def _that_count(clues: list[Clue], file: FileFacts) -> list[Clue]:
    """All of them in a program as large as tools are.

    In a script one mark is a mention: an application that bundles a vendor's SDK holds one. A small program
    with several marks stays a hint, a small script does not even that.
    """
    native = file.kind in PROGRAMS
    several = len(clues) >= PROOF
    if file.size >= SMALLEST_TOOL:
        return clues if native or several else []
    return clues[:1] if native and several else []
