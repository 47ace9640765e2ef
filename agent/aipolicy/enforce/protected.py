"""What is never stopped, whatever a policy says: exact objects, not classes (an editor's shell is not one).

It stands above any policy and is asked last, just before something is stopped.
"""

import os
from collections.abc import Collection

import msgspec

from aipolicy.core.model import Process, Unseen
from aipolicy.platforms.interpreters import family_of
from aipolicy.platforms.machine import Machine

_MAX_ANCESTORS = 100


def protected(
    process: Process, machine: Machine, tool_packages: Collection[str] = (), *, by_contents: bool = False
) -> str | None:
    """Why this process is never stopped; None: it may be.

    tool_packages: names of operating-system packages that are themselves AI tools of the catalog (deb, rpm):
    their files are nobody else's, wherever they lie. by_contents: the program itself was found to be a tool,
    so that it is no interpreter, whatever its name and arguments say.
    """
    if reason := _by_place(process.pid, machine):
        return reason
    if by_contents:
        program = msgspec.structs.replace(process, script=None, module=None)
        return _system_file(program.exe, program, machine, tool_packages)
    return _by_program(process, machine, tool_packages)


def _by_place(pid: int, machine: Machine) -> str | None:
    if machine.is_init(pid):
        return "the first process of the machine" if pid == 1 else "the first process of a container"
    if machine.is_kernel(pid):
        return "a thread of the kernel"
    if pid == machine.my_pid():
        return "this agent itself"
    if pid in _ancestors(machine):
        return "a process that this agent runs under"
    return None


def protected_file(path: str, machine: Machine, tool_packages: Collection[str] = ()) -> str | None:
    """Why this file of ours is never refused; None: it may be."""
    if not machine.root_only(path):
        return None
    package = machine.os_package(path)
    if package is None:
        return None
    if isinstance(package, Unseen):
        return f"a file of the operating system as far as can be told ({package.reason})"
    if package in tool_packages:
        return None
    return f"a file of the operating system's package {package}"


def _ancestors(machine: Machine) -> set[int]:
    found: set[int] = set()
    pid = machine.parent(machine.my_pid())
    while pid and pid not in found and len(found) < _MAX_ANCESTORS:
        found.add(pid)
        pid = machine.parent(pid)
    return found


def _by_program(process: Process, machine: Machine, tool_packages: Collection[str]) -> str | None:
    """Of a script its own file counts: the interpreter may be the system's and only lends itself."""
    if process.script is not None:
        return _system_file(process.script, process, machine, tool_packages)
    if process.module is not None:
        return None
    by_contents = process.file is not None and process.file.interpreter is not None
    if by_contents or family_of(os.fsencode(process.exe)) is not None:
        return "an interpreter or loader by itself"
    return _system_file(process.exe, process, machine, tool_packages)


def _system_file(path: str, process: Process, machine: Machine, tool_packages: Collection[str]) -> str | None:
    if not machine.lies_here(process):
        return None
    return protected_file(path.removesuffix(" (deleted)"), machine, tool_packages)
