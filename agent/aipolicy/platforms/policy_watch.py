"""Notices that a file was edited, replaced or linked anew; reading and judging it is left to who listens.

Editors replace the file, git checks out a new one, Kubernetes swaps a link two folders away. So its
folders are watched, and as that can fail (network filesystems, inotify's limit) it is also looked at every
second.
"""

import logging
import os
import threading
from collections.abc import Callable
from typing import Final

from aipolicy.platforms.watched_folders import WatchedFolders

logger = logging.getLogger(__name__)

_POLL_S: Final = 1.0
_QUIET_S: Final = 0.1  # an editor saves in several steps: wait for the last, but not for ever
_MAX_STEPS: Final = 5
_MAX_LINKS: Final = 40

Identity = tuple[int, int, int, int, int] | None


class FileWatch:
    """Calls `changed` in a thread of its own, soon after each change and sometimes without one.

    Also when the file vanishes or appears. An exception in `changed` is logged and does not end the watch.
    """

    def __init__(self, path: str, changed: Callable[[], None], poll_s: float = _POLL_S) -> None:
        self._path = os.path.abspath(path)
        self._changed = changed
        self._poll_s = poll_s
        self._woken = threading.Event()
        self._touched = False
        self._closed = False
        self._last = identity(self._path)
        self._folders = WatchedFolders(lambda _path: None, woken=self._wake)
        self._folders.watch(folders_of(self._path))
        self._thread = threading.Thread(target=self._run, name="file-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed = True
        self._woken.set()
        self._thread.join(timeout=2.0)
        self._folders.close()

    def _wake(self, path: str) -> None:
        """In watchdog's thread. A change of the file itself counts even if size and time stayed."""
        if os.path.basename(path) == os.path.basename(self._path):
            self._touched = True
        self._woken.set()

    def _run(self) -> None:
        while not self._closed:
            woken = self._woken.wait(self._poll_s)
            if woken:
                self._await_quiet()
            if self._closed:
                return
            now = identity(self._path)
            changed = now != self._last or self._touched
            if changed:
                self._last, self._touched = now, False
                self._tell()
            if woken or changed:  # its folders may be others now
                self._folders.take()
                self._folders.watch(folders_of(self._path))

    def _await_quiet(self) -> None:
        for _ in range(_MAX_STEPS):
            self._woken.clear()
            if not self._woken.wait(_QUIET_S):
                return

    def _tell(self) -> None:
        try:
            self._changed()
        except Exception:  # the watch outlives whatever its listener stumbles over
            logger.exception("the listener failed, the file is watched on: file=%s", self._path)


def identity(path: str) -> Identity:
    """What a look at the file from outside tells, links followed; None: it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def folders_of(path: str) -> tuple[str, ...]:
    """The folders in which a change can change what `path` is: its own, and that of each link on the way."""
    folders = {os.path.dirname(path): None}
    here = path
    for _ in range(_MAX_LINKS):
        try:
            here = os.path.join(os.path.dirname(here), os.readlink(here))
        except OSError:
            break
        folders[os.path.dirname(here)] = None
    return tuple(folders)
