"""Hints of new installs on Linux: one fanotify mark per local filesystem, names filtered first.

Two nets. Anywhere: something appears under a name that only an install makes (the catalog's). In the folders
of programs: anything at all changes, so that a tool copied under another name is seen as well. What cannot be
marked (overlay, no CAP_SYS_ADMIN) is left to watched folders.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from aipolicy.core.model import Unseen
from aipolicy.platforms.events import InstallHints
from aipolicy.platforms.linux_calls import ready_of, wake_pipe
from aipolicy.platforms.linux_fanotify import APPEARS, CHANGES, OVERFLOW, Fanotify, parse_records
from aipolicy.platforms.linux_mounts import LOCAL_DISKS, MountTable, mount_of
from aipolicy.platforms.watched_folders import WatchedFolders, nearest_existing

_CALM_S: Final = (
    0.05  # between two reads without a hint: a `git clone` is 100,000 records, not 100,000 wake-ups
)


class FilesystemEvents:
    """Implements events.InstallSource. Made by open_install_events.

    names: base names whose appearance hints at an install.
    """

    def __init__(
        self,
        group: Fanotify,
        mounts: MountTable,
        names: Iterable[str],
        *,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._group = group
        self._mounts = mounts
        self._names = frozenset(os.fsencode(name) for name in names)
        self._pause = pause
        self._clock = clock
        self._marked: set[str] = set()
        self._marked_version = 0
        self._wanted: tuple[str, ...] = ()
        self._folders: frozenset[str] = frozenset()
        self._counting: dict[bytes, frozenset[bytes] | None] = {}
        self._wake, self._waker = wake_pipe()
        self._closed = False
        self._rest = WatchedFolders(self._out_of_reach, woken=self._wake_up)
        self._lock = threading.Lock()
        self.mark_filesystems()

    @property
    def way(self) -> str:
        return "kernel and folders" if self._left_over(self._wanted) else "kernel"

    @property
    def marked(self) -> frozenset[str]:
        """Device numbers (major:minor) of the filesystems that are marked."""
        return frozenset(self._marked)

    @property
    def unseen(self) -> tuple[Unseen, ...]:
        return self._rest.unseen

    def mark_filesystems(self) -> bool:
        """Marks every local filesystem anew: unmounting drops a mark silently. True where one is new."""
        marked = set()
        mounts = self._mounts.mounts()
        self._marked_version = self._mounts.version
        for mount in mounts:
            if mount.kind not in LOCAL_DISKS or mount.device in marked:
                continue
            if mount_of(mount.point, mounts) != mount:  # something else lies over it, and may hang
                continue
            try:
                self._group.mark_filesystem(mount.point, APPEARS)
                marked.add(mount.device)
            except OSError:  # overlay, ramfs: no handles. Its folders are watched instead.
                continue
        new = bool(marked - self._marked)
        self._marked = marked
        return new

    def watch(self, folders: tuple[str, ...]) -> None:
        with self._lock:  # the daemon's survey and the thread that waits both call it
            if not self._closed:
                self._watch(folders)

    def _watch(self, folders: tuple[str, ...]) -> None:
        self._wanted = folders
        left_over = set(self._left_over(folders))
        counting = _Counting(self._group.handle)
        marked: set[str] = set()
        for folder in folders:
            nearest = None if folder in left_over else nearest_existing(folder, self._out_of_reach)
            if nearest is None:
                continue
            place, missing = nearest
            try:
                if missing is None:
                    self._group.mark_folder(place, CHANGES)
                    marked.add(place)
                    counting.anything(place)
                else:
                    counting.name(place, missing)
                counting.way_to(place)
            except OSError:
                left_over.add(folder)
        for place in self._folders - marked:
            self._unmark(place)
        self._folders, self._counting = frozenset(marked), counting.names
        self._rest.watch(tuple(folder for folder in folders if folder in left_over))

    def wait(self, timeout_s: float) -> InstallHints:
        end = self._clock() + timeout_s
        while True:
            with self._lock:
                if self._closed:
                    break
                group, table = self._group.fileno(), self._mounts.fileno()
                remounted = self._mounts.version != self._marked_version
            left_s = 0.0 if remounted else end - self._clock()
            ready = ready_of([group, self._wake], left_s, urgent=table)
            with self._lock:
                if self._closed:
                    break
                hints = self._read(ready, table)
            if hints.changed or hints.lost:
                self.watch(self._wanted)  # a folder that was awaited may be there now
                return hints
            left_s = end - self._clock()
            if left_s <= 0:
                break
            if ready:
                self._pause(min(_CALM_S, left_s))
        return InstallHints()

    def close(self) -> None:
        """Also from another thread: who waits returns at once."""
        with self._lock:
            self._closed = True
            self._group.close()
            self._mounts.close()
        self._wake_up()
        self._rest.close()

    def _read(self, ready: list[int], table: int) -> InstallHints:
        changed = lost = False
        if self._wake in ready:
            os.read(self._wake, 4096)
            changed = self._rest.take().changed
        if table in ready:
            self._mounts.reread()
        if self._mounts.version != self._marked_version:
            changed |= self.mark_filesystems()
        if self._group.fileno() in ready:
            for change in parse_records(self._group.read()):
                lost |= bool(change.mask & OVERFLOW)
                changed |= self._counts(change.folder, change.name)
        return InstallHints(changed=changed, lost=lost)

    def _counts(self, folder: bytes, name: bytes) -> bool:
        if name in self._names:
            return True
        if folder not in self._counting:
            return False
        names = self._counting[folder]
        return names is None or name in names

    def _out_of_reach(self, path: str) -> str | None:
        return self._mounts.out_of_reach(path)

    def _left_over(self, folders: tuple[str, ...]) -> tuple[str, ...]:
        """Those on a filesystem that is not marked; one that may hang is not touched at all."""
        mounts = self._mounts.mounts()
        found = []
        for folder in folders:
            mount = mount_of(os.path.normpath(folder), mounts)
            if mount is not None and mount.kind in LOCAL_DISKS and mount.device not in self._marked:
                found.append(folder)
        return tuple(found)

    def _unmark(self, place: str) -> None:
        try:
            self._group.unmark_folder(place, CHANGES)
        except OSError:  # gone, and its mark with it
            return

    def _wake_up(self, _path: str = "") -> None:
        try:
            os.write(self._waker, b"\0")
        except OSError:  # full: it is awake already
            return


class _Counting:
    """By handle of a folder, what counts in it: None for anything, else names."""

    def __init__(self, handle_of: Callable[[str], bytes]) -> None:
        self.names: dict[bytes, frozenset[bytes] | None] = {}
        self._handles: dict[str, bytes] = {}
        self._handle_of = handle_of

    def anything(self, folder: str) -> None:
        self.names[self._handle(folder)] = None

    def name(self, folder: str, name: str) -> None:
        handle = self._handle(folder)
        names = self.names.get(handle, frozenset())
        self.names[handle] = None if names is None else names | {os.fsencode(name)}

    def way_to(self, folder: str) -> None:
        """The folder and all above it may be removed and made anew, and then it is another folder."""
        while folder != "/":
            parent, name = os.path.split(folder)
            self.name(parent, name)
            folder = parent

    def _handle(self, folder: str) -> bytes:
        if folder not in self._handles:
            self._handles[folder] = self._handle_of(folder)
        return self._handles[folder]


def open_install_events(names: Iterable[str]) -> FilesystemEvents | Unseen:
    """Unseen with the reason where no filesystem may be marked: then watch folders."""
    try:
        group = Fanotify()
    except OSError as error:
        return Unseen(place="filesystem events", reason=(error.strerror or "not supported").lower())
    events = FilesystemEvents(group, MountTable(), names)
    if not events.marked:
        events.close()
        return Unseen(place="filesystem events", reason="no filesystem may be marked (needs CAP_SYS_ADMIN)")
    return events
