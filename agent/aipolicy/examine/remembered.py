"""What was read from a file or folder, kept as long as its identity stays the same."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from aipolicy.examine.files import status_at
from aipolicy.examine.root import Root

Value = TypeVar("Value")

_MOST: Final = 20_000


class Remembered(Generic[Value]):
    """Values by path, valid for one identity of what lies there. Bounded; threads may share it.

    root: the one that all paths begin at.
    """

    def __init__(self, root: Root | None = None, most: int = _MOST) -> None:
        self._root = root
        self._most = most
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[tuple[int, ...], Value]] = OrderedDict()

    def get(self, path: str, read: Callable[[], Value]) -> Value:
        """The remembered value, or what `read` gives now; what `read` raises is not remembered."""
        before = self._identity_at(path)
        with self._lock:
            known = self._known.get(path)
        if before is not None and known is not None and known[0] == before:
            return known[1]
        value = read()
        if before is not None and before == self._identity_at(path):
            with self._lock:
                self._known[path] = (before, value)
                self._known.move_to_end(path)
                if len(self._known) > self._most:
                    self._known.popitem(last=False)
        return value

    def _identity_at(self, path: str) -> tuple[int, ...] | None:
        found = status_at(path, self._root)
        return None if found is None else identity_of(found)


def identity_of(status: os.stat_result) -> tuple[int, int, int, int, int]:
    """Device, inode, size, and the times of the last change to contents and to the inode."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
