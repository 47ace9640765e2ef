"""A look at one file, folder or process, as `explain` and the process events need it."""

import os
from collections.abc import Iterator
from typing import Final

import msgspec

from aipolicy.core.model import Executable, FileFacts, FileKind, Observation, Unseen
from aipolicy.core.tools import Wanted
from aipolicy.examine import CannotLook, Examiner
from aipolicy.examine.python_package import named_in_folder
from aipolicy.observe import executables, node_modules, processes, pypi, vscode
from aipolicy.observe.look import Look, silent, users_here
from aipolicy.platforms.machine import Machine, User

_SOURCES: Final = (".js", ".mjs", ".cjs", ".ts", ".py", ".pyz")


def look_at_path(
    path: str, machine: Machine, wanted: Wanted, examiner: Examiner
) -> Iterator[Observation | Unseen]:
    """The program, package or extension at the absolute `path`, also one of no interest; never raises."""
    users = tuple(user for user in users_here(machine) if isinstance(user, User))
    look = Look(machine=machine, wanted=wanted, examiner=examiner, progress=silent, users=users)
    try:
        real = look.resolve(path)
        if os.path.isdir(real):
            yield from _folder(look, real)
            return
    except CannotLook as reason:
        yield reason.unseen()
        return
    for found in executables.executable_at(look, path):
        yield _as_source(found, real, examiner) if isinstance(found, Executable) else found


def look_at_process(pid: int, machine: Machine, examiner: Examiner) -> Iterator[Observation | Unseen]:
    """The process, also one of no interest; nothing where it is gone. Never raises."""
    process = machine.process(pid)
    if isinstance(process, Unseen):
        yield process
    elif process is not None:
        yield from processes.with_facts(process, machine, examiner)


def _folder(look: Look, folder: str) -> Iterator[Observation | Unseen]:
    if named_in_folder(os.path.basename(folder)) in look.wanted.pypi:
        yield from pypi.distribution_at(look, folder)
        return
    yield from node_modules.package_at(look, folder, node_modules.form_of(os.path.dirname(folder))[1])
    yield from vscode.extension_at(look, folder)


def _as_source(found: Executable, path: str, examiner: Examiner) -> Executable:
    """A source file without a `#!` line is a script when its name says so: an interpreter can run it."""
    if found.file.kind is not FileKind.OTHER or not path.endswith(_SOURCES):
        return found
    facts = examiner.script(path)
    return msgspec.structs.replace(found, file=facts) if isinstance(facts, FileFacts) else found
