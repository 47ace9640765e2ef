"""Facts about files that did not change since, so that no unchanged file is read twice."""

import threading
from collections import OrderedDict
from typing import Final, Protocol

from aipolicy.core.model import FileFacts

_MOST: Final = 100_000


class FactsCache(Protocol):
    """Facts by the identity of a file and the digest of the marks it was searched for.

    Facts without marks are kept as well: most files are of no interest, and stay so. Neither call raises.
    """

    def get(
        self, device: int, inode: int, size: int, mtime_ns: int, ctime_ns: int, marks_digest: str
    ) -> FileFacts | None: ...

    def put(self, facts: FileFacts, marks_digest: str) -> None: ...


class MemoryCache:
    """In memory; the longest unused are forgotten. Threads may share it."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._facts: OrderedDict[tuple[int, int, int, int, int, str], FileFacts] = OrderedDict()

    def get(
        self, device: int, inode: int, size: int, mtime_ns: int, ctime_ns: int, marks_digest: str
    ) -> FileFacts | None:
        key = (device, inode, size, mtime_ns, ctime_ns, marks_digest)
        with self._lock:
            facts = self._facts.get(key)
            if facts is not None:
                self._facts.move_to_end(key)
            return facts

    def put(self, facts: FileFacts, marks_digest: str) -> None:
        key = (facts.device, facts.inode, facts.size, facts.mtime_ns, facts.ctime_ns, marks_digest)
        with self._lock:
            self._facts[key] = facts
            self._facts.move_to_end(key)
            if len(self._facts) > self._most:
                self._facts.popitem(last=False)
