"""Running processes: the facts of the program and of the script that an interpreter runs.

Which processes there are, and which of their arguments is the script, is the platform's part.
"""

import functools
import os
from collections.abc import Callable, Generator, Iterator
from typing import Final

import msgspec

from aipolicy.core.model import FileFacts, FileKind, Process, Unseen
from aipolicy.core.place import place_in
from aipolicy.core.wire import printable
from aipolicy.examine import Examiner
from aipolicy.examine.files import NO_SUCH_FILE
from aipolicy.observe.look import Look, Seen
from aipolicy.observe.shapes import matches_any
from aipolicy.platforms.interpreters import family_of
from aipolicy.platforms.machine import Machine

NAME: Final = "processes"

_DELETED: Final = " (deleted)"


def observe(look: Look) -> Seen:
    if look.running is None:
        return
    for done, process in enumerate(look.running.processes()):
        look.progress("processes", done)
        if isinstance(process, Unseen):
            yield process
            continue
        for seen in with_facts(process, look.running, look.examiner):
            if isinstance(seen, Unseen) or is_wanted(look, seen):
                yield seen


def with_facts(process: Process, machine: Machine, examiner: Examiner) -> Iterator[Process | Unseen]:
    """The process with the facts of its files, after what could not be read of them.

    Once more for each file that it loads before its script: that one is then its script.
    """
    pid = process.pid
    file = script_file = None
    if (image := _image(process, machine, examiner)) is not None:
        file, container = image
        process = msgspec.structs.replace(process, exe=file.path, container=container)
        if (script := machine.script_place(process)) is not None and machine.out_of_reach(script):
            process = msgspec.structs.replace(process, script=None, module=None)  # it lies in there, too
    elif process.exe:
        file = yield from _read(
            place_in(process.container, process.exe),
            machine.program_out_of_reach(process),
            lambda: examiner.program(machine.program(pid), process.exe),
        )
    if file is not None and file.interpreter is not None:
        process = _as_interpreter(process, file.interpreter, machine)
    if (place := machine.script_place(process)) is not None:
        script_file = yield from _read(place, machine.out_of_reach(place), lambda: examiner.script(place))
    yield msgspec.structs.replace(process, file=file, script_file=script_file)
    for loaded in process.loads:
        alone = msgspec.structs.replace(process, script=loaded, loads=(), module=None, file=file)
        if (hook := machine.script_place(alone)) is not None:
            load = functools.partial(examiner.loaded, hook)
            script_file = yield from _read(hook, machine.out_of_reach(hook), load)
            yield msgspec.structs.replace(alone, script_file=script_file)


def _image(process: Process, machine: Machine, examiner: Examiner) -> tuple[FileFacts, str | None] | None:
    """The AppImage that it runs from, which mounts itself where only its user may read; and its container."""
    if not process.exe or not machine.program_out_of_reach(process):
        return None
    for pid in machine.serving(process.pid):
        server = machine.process(pid)
        if isinstance(server, Process) and server.exe and not machine.program_out_of_reach(server):
            facts = examiner.program(machine.program(pid), server.exe)
            if isinstance(facts, FileFacts) and facts.kind is FileKind.APPIMAGE:
                return facts, server.container
    return None


def _as_interpreter(process: Process, family: str, machine: Machine) -> Process:
    """With the script that its arguments name, where its program has another name than its contents say."""
    if process.script or process.module or process.loads or family_of(os.fsencode(process.exe)) is not None:
        return process
    again = machine.process(process.pid, family)
    same = isinstance(again, Process) and (again.started, again.exe) == (process.started, process.exe)
    return again if isinstance(again, Process) and same else process


def _read(
    place: str, why_not: str | None, look: Callable[[], FileFacts | Unseen]
) -> Generator[Unseen, None, FileFacts | None]:
    if why_not:
        yield Unseen(place=printable(place), reason=why_not)
        return None
    found = look()
    if isinstance(found, FileFacts):
        return found
    if found.reason != NO_SUCH_FILE:  # it ended meanwhile, or its script is gone
        yield msgspec.structs.replace(found, place=printable(place))
    return None


def is_wanted(look: Look, process: Process) -> bool:
    """Whether anything about it speaks for a tool; every other process is of no concern."""
    names = {process.name, _base(process.exe), _base(process.script or "")}
    if process.module is not None:
        names.add(process.module.partition(".")[0])
    if names & look.wanted.executables or process.name in look.wanted.titles:
        return True
    if matches_any(process.exe.removesuffix(_DELETED), look.wanted.paths):
        return True
    for facts in (process.file, process.script_file):
        if facts is None:
            continue
        if facts.marks or facts.imported or look.wanted.is_of(facts.package):
            return True
    return False


def _base(path: str) -> str:
    return os.path.basename(path.removesuffix(_DELETED))
