"""What the machines without code of their own for processes have in common: psutil's table, and no more."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator

from aipolicy.core.model import Process, Unseen
from aipolicy.platforms.machine import Hold, Image, Root, Terminal
from aipolicy.platforms.psutil_processes import ProcessTable


class PsutilMachine(ABC):
    """The part of machine.Machine that the table answers, or that nobody can answer yet."""

    def __init__(self, table: ProcessTable) -> None:
        self._table = table

    @abstractmethod
    def out_of_reach(self, path: str) -> str | None: ...

    def installation(self) -> str:
        return ""

    def my_pid(self) -> int:
        return os.getpid()

    def process(self, pid: int, family: str | None = None) -> Process | Unseen | None:
        return self._table.one(pid, family)

    def other_roots(self) -> Iterator[Root | Unseen]:
        return iter(())

    def image(self, pid: int) -> Image | None:
        return self._table.image(pid)

    def program(self, pid: int) -> str:
        return self._table.program(pid)

    def program_out_of_reach(self, process: Process) -> str | None:
        return self.out_of_reach(process.exe)

    def script_place(self, process: Process) -> str | None:
        return process.script

    def serving(self, pid: int) -> tuple[int, ...]:
        return ()

    def lies_here(self, process: Process) -> bool:
        return True

    def parent(self, pid: int) -> int | None:
        return self._table.parent(pid)

    def descendants(self, pid: int) -> tuple[int, ...]:
        return self._table.descendants(pid)

    def terminal(self, pid: int) -> Terminal | None:
        return None

    def hold(self, pid: int) -> Hold | Unseen | None:
        return self._table.hold(pid)
