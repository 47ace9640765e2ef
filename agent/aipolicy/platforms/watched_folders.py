"""A few folders watched through watchdog: where a whole filesystem cannot be, and on other systems."""

import contextlib
import os
import queue
import threading
from collections.abc import Callable
from typing import Final

from watchdog import events
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from aipolicy.core.model import Unseen
from aipolicy.platforms.events import InstallHints
from aipolicy.platforms.links import resolve

_MAX_FOLDERS: Final = 256  # each costs a thread; inotify itself allows far more
_CHANGES: Final[list[type[FileSystemEvent]]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileModifiedEvent,  # what makes inotify tell of chmod +x; before watchdog 7 it is how that is told
    getattr(events, "FileAttribEvent", FileModifiedEvent),
]
_WRITES: Final = FileModifiedEvent if hasattr(events, "FileAttribEvent") else None


def nearest_existing(path: str, out_of_reach: Callable[[str], str | None]) -> tuple[str, str | None] | None:
    """The folder without links, or its nearest existing parent and the name in it that leads to the folder.

    None where it lies on a filesystem that is not to be touched.
    """
    resolved = resolve(path, out_of_reach)
    if resolved is None or out_of_reach(resolved):
        return None
    path = resolved
    missing: str | None = None
    while not os.path.isdir(path):
        parent = os.path.dirname(path)
        if parent == path:
            break
        missing, path = os.path.basename(path), parent
    return path, missing


def _inode(path: str) -> int:
    """A folder made anew under its old name needs a watch of its own."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


class WatchedFolders:
    """Implements events.InstallSource. A folder that is not there yet is awaited in its nearest parent."""

    way: Final = "folders"

    def __init__(
        self, out_of_reach: Callable[[str], str | None], *, woken: Callable[[str], None] = lambda _path: None
    ) -> None:
        """woken: called in watchdog's thread with each path that counts."""
        self._out_of_reach = out_of_reach
        self._lock = threading.Lock()
        self._closed = False
        self._wanted: tuple[str, ...] = ()
        self._watches: dict[tuple[str, int], ObservedWatch] = {}
        self._awaited: dict[str, set[str] | None] = {}
        self._hints: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._woken = woken
        self._observer: BaseObserver | None = None
        self.unseen: tuple[Unseen, ...] = ()

    def watch(self, folders: tuple[str, ...]) -> None:
        with self._lock:
            if not self._closed:
                self._watch(folders)

    def _watch(self, folders: tuple[str, ...]) -> None:
        self._wanted = folders
        awaited: dict[str, set[str] | None] = {}
        for folder in folders:
            nearest = nearest_existing(folder, self._out_of_reach)
            if nearest is None:
                continue
            place, name = nearest
            if name is None:
                awaited[place] = None
            elif (names := awaited.setdefault(place, set())) is not None:
                names.add(name)
        unseen = [
            Unseen(place=place, reason="too many folders to watch") for place in list(awaited)[_MAX_FOLDERS:]
        ]
        awaited = dict(list(awaited.items())[:_MAX_FOLDERS])
        self._awaited = awaited
        now = {(place, _inode(place)) for place in awaited}
        for gone in set(self._watches) - now:
            with contextlib.suppress(KeyError, OSError):  # its emitter has ended with the folder
                self._running().unschedule(self._watches.pop(gone))
        for key in now - set(self._watches):
            try:
                self._watches[key] = self._running().schedule(
                    _Handler(self._changed), key[0], recursive=False, event_filter=_CHANGES
                )
            except OSError as error:  # gone meanwhile, not readable, or inotify's limit is reached
                unseen.append(Unseen(place=key[0], reason=(error.strerror or "cannot be watched").lower()))
        self.unseen = tuple(unseen)

    def wait(self, timeout_s: float) -> InstallHints:
        try:
            self._hints.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            return InstallHints()
        self.take()
        return InstallHints(changed=not self._closed)

    def take(self) -> InstallHints:
        """Hints that are there, without waiting. Watches move on to folders that have appeared."""
        changed = False
        while not self._hints.empty():
            self._hints.get()
            changed = True
        self.watch(self._wanted)
        return InstallHints(changed=changed)

    def close(self) -> None:
        """Also from another thread: who waits returns at once."""
        with self._lock:
            self._closed = True
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(timeout=2.0)
            self._observer = None
        self._hints.put("")

    def _changed(self, path: str) -> None:
        """In watchdog's thread."""
        names = self._awaited.get(os.path.dirname(path), set())
        if names is None or os.path.basename(path) in names or path in self._awaited:
            self._hints.put(path)
            self._woken(path)

    def _running(self) -> BaseObserver:
        if self._observer is None:
            self._observer = Observer()
            self._observer.start()
        return self._observer


class _Handler(FileSystemEventHandler):
    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        if type(event) is _WRITES:  # that it was written to is told once it is closed
            return
        for path in (event.src_path, event.dest_path):
            if path:
                self._changed(os.fsdecode(path))
