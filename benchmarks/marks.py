"""Holds the catalog's content marks against real program files: which are where, and the version read.

    python benchmarks/marks.py [--control FILE_OR_FOLDER]... [[TOOL=]FILE_OR_FOLDER]...

Run it at each update of the catalog. TOOL=FILE says which tool a file is: then its marks must make it
certain, and no other tool's mark may be in it. A control is a file in which no mark may be. Without arguments
the programs of this machine (/usr/bin, /usr/lib) and the running interpreter are the controls. Exit code 1
where anything of that does not hold.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from aipolicy.core.model import EXECUTABLE_KINDS, FileFacts
from aipolicy.examine import examiner_for
from aipolicy.tools import load

CATALOG = load()
EXAMINER = examiner_for(CATALOG)
SMALLEST = 1000


def files_in(place: Path) -> Iterator[Path]:
    """The file, or every regular file below the folder."""
    if place.is_file():
        yield place.resolve()
        return
    for path in place.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size >= SMALLEST:
            yield path


def facts_of(path: Path) -> FileFacts | None:
    """What is known of a program or script; None for anything else."""
    facts = EXAMINER.script(str(path)) if path.suffix in (".js", ".mjs", ".cjs") else EXAMINER.file(str(path))
    return facts if isinstance(facts, FileFacts) and facts.kind in EXECUTABLE_KINDS else None


def by_tool(facts: FileFacts) -> dict[str, list[str]]:
    """The literals found, by tool."""
    found: dict[str, list[str]] = defaultdict(list)
    for mark in facts.marks:
        tool, _, literal = mark.partition(":")
        found[tool].append(literal)
    return found


def size_and_version(facts: FileFacts) -> str:
    """Two columns."""
    return f"{facts.size / 1e6:7.1f} MB  {facts.version or '-':<22}"


def check_subject(tool: str, place: Path) -> int:
    """Print one row per program; count what does not hold."""
    wrong = 0
    for path in files_in(place):
        facts = facts_of(path)
        if facts is None:
            continue
        found = by_tool(facts)
        own = found.pop(tool, []) if tool else []
        shown = "; ".join(f"{other}: {', '.join(marks)}" for other, marks in found.items())
        if not tool:
            print(f"  {path.name:<28} {size_and_version(facts)} {shown or 'no mark'}")
            continue
        missing = sorted({mark.literal for mark in CATALOG.by_id[tool].marks} - set(own))
        bad = len(own) < 2 or bool(found)
        wrong += bad
        print(
            f"{'!' if bad else ' '} {tool:<15} {path.name:<24} {size_and_version(facts)} {len(own)} marks"
            + (f", not {', '.join(missing)}" if missing else "")
            + (f"; OTHERS: {shown}" if shown else "")
        )
    return wrong


def check_controls(places: list[Path]) -> int:
    """Count the programs, and those with any mark."""
    count = wrong = size = 0
    start = time.perf_counter()
    for place in places:
        for path in files_in(place):
            facts = facts_of(path)
            if facts is None:
                continue
            count += 1
            size += facts.size
            if facts.marks:
                wrong += 1
                print(f"! control {path}: {', '.join(facts.marks)}")
    took = time.perf_counter() - start
    print(f"controls: {count:,} programs, {size / 1e6:,.0f} MB, {wrong} with a mark, {took:.1f} s")
    return wrong


def main(arguments: list[str]) -> int:
    controls: list[Path] = []
    wrong = 0
    wanted = CATALOG.wanted
    print(f"catalog {CATALOG.version}: {len(wanted.marks)} marks, {len(wanted.versions)} version marks")
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--control":
            controls.append(Path(waiting.pop(0)))
            continue
        tool, equals, place = argument.rpartition("=")
        wrong += check_subject(tool if equals else "", Path(place))
    if not arguments:
        controls = [Path("/usr/bin"), Path("/usr/lib"), Path(sys.executable)]
    if controls:
        wrong += check_controls(controls)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
