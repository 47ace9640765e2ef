"""Which starts are parts of an instance that runs already.

An editor starts its own program again and again, for windows, extensions, graphics. Refused these, it would
crash with what is unsaved in it. A start that somebody types is none of them, also in the terminal inside the
editor; nor is one by what an instance has left behind to start it anew.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from aipolicy.core.model import Process
from aipolicy.platforms.machine import Machine

_MOST_ANCESTORS: Final = 100
_MOST_PARTS: Final = 10_000


class _Life(NamedTuple):
    """One process; its pid alone may come again. started: ticks since boot."""

    pid: int
    started: int


class Instances:
    """Remembers which instance each part belongs to. is_tool: whether a process certainly is this tool."""

    def __init__(self, machine: Machine, is_tool: Callable[[Process, str], bool]) -> None:
        self._machine = machine
        self._is_tool = is_tool
        self._part_of: OrderedDict[_Life, _Life] = OrderedDict()

    def starts_part(self, pid: int, tool: str) -> bool:
        """Whether `pid`, which is about to execute the tool's program, belongs to an instance that runs."""
        oldest = self._oldest(pid, tool)
        if oldest is None:
            return False
        instance = self._part_of.get(oldest, oldest)
        starting = self._life(pid)
        if starting is None or self._life(instance.pid) != instance:
            return False
        self._part_of[starting] = instance
        while len(self._part_of) > _MOST_PARTS:
            self._part_of.popitem(last=False)
        return True

    def _oldest(self, pid: int, tool: str) -> _Life | None:
        """The instance, or part of one, that all others on the way up to it come from."""
        oldest, typed_in = None, set[int]()
        for process in self._line(pid):
            found = self._machine.terminal(process.pid)
            if not self._is_tool(process, tool):
                typed_in.update({found.device} if found is not None else ())
            elif typed_in - ({found.device} if found is not None else set()):
                break  # what lies between has a terminal of its own: somebody types there
            else:
                oldest = _Life(process.pid, process.started)
        return oldest

    def _line(self, pid: int) -> Iterator[Process]:
        """The process and its ancestors, nearest first."""
        at: int | None = pid
        for _ in range(_MOST_ANCESTORS):
            process = self._machine.process(at) if at else None
            if not isinstance(process, Process):
                return
            yield process
            at = self._machine.parent(process.pid)

    def _life(self, pid: int) -> _Life | None:
        process = self._machine.process(pid)
        return _Life(process.pid, process.started) if isinstance(process, Process) else None
