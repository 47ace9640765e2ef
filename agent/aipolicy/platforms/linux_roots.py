"""The root folders that processes see instead of ours: of containers and chroots, each once.

Nothing of such a root is touched before its mounts say that they answer by themselves: people mount what they
like in namespaces of their own, and a root on FUSE would hold us for ever.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from aipolicy.core.model import Unseen
from aipolicy.core.wire import printable
from aipolicy.platforms.linux_mounts import KERNEL_VIEWS, Mount, may_hang, mount_of, parse_mountinfo
from aipolicy.platforms.linux_proc import link, parse_stat, read
from aipolicy.platforms.machine import Root

MOST: Final = 500
"""Namespaces and chroots that are asked for their root, the oldest first."""
LARGEST_MOUNTINFO: Final = 1 << 20
"""Bytes, some 8,000 mounts. People may make 100,000."""

_MOST_PIDS: Final = 3
_ID: Final = re.compile(rb"[0-9a-f]{64}")
_DELETED: Final = " (deleted)"


class _View(NamedTuple):
    """What the kernel says of a root without touching it: its mount namespace, and its path there."""

    namespace: int
    path: str


class _Behind(NamedTuple):
    """What a view shows. name: the container's, not yet told from another one of that name.

    roots: the mounts that its root may lie on. shared: see Root.
    """

    name: str
    roots: tuple[Mount, ...]
    shared: tuple[tuple[str, str], ...]


def other_roots(proc: str, mounts: tuple[Mount, ...]) -> Iterator[Root | Unseen]:
    """Of the oldest process first. mounts: our own. A stat and a readlink per process, mostly no more."""
    own = _view(f"{proc}/self")
    views = _views(proc, own) if own else []
    by_device = _by_device(mounts) if views else {}
    seen = {_identity(f"{proc}/self/root")}
    named: Counter[str] = Counter()
    with_root: set[int] = set()
    for view, pids in views[:MOST]:
        if own is not None and view.namespace == own.namespace:
            on = mount_of(view.path, mounts)
            behind = _Behind(printable(view.path), (on,) if on else (), (("/", view.path),))
        else:
            behind = _inside(f"{proc}/{pids[0]}", view, by_device, mounts)
        if not behind.roots:
            if view.namespace not in with_root:  # else it is a part of what is looked at there
                yield Unseen(place=f"{behind.name}:/", reason="a part of a filesystem that is not told")
            continue
        with_root.add(view.namespace)
        if any(mount.kind in KERNEL_VIEWS for mount in behind.roots):
            continue  # there is no program; so Chromium's processes shut themselves off
        if reason := next((why for mount in behind.roots if (why := may_hang(mount))), None):
            yield Unseen(place=f"{behind.name}:/", reason=reason)
            continue
        identity = _identity(f"{proc}/{pids[0]}/root")
        if identity is None or identity in seen:
            continue
        seen.add(identity)
        named[behind.name] += 1
        number = named[behind.name]
        yield Root(
            pids=pids[:_MOST_PIDS],
            container=behind.name if number == 1 else f"{behind.name}-{number}",
            device=identity[0],
            inode=identity[1],
            shared=behind.shared,
        )
    if len(views) > MOST:
        yield Unseen(place="containers", reason=f"{len(views) - MOST:,} namespaces more than are looked at")


def container_of(folder: str) -> str:
    """The name of the container that the process of /proc/PID is in: its engine's id, else its namespace."""
    ids = _ID.findall(read(f"{folder}/cgroup", 1 << 16) or b"")
    if ids:  # of one in another the inner one
        return str(ids[-1][:12].decode())
    namespace = _identity(f"{folder}/ns/mnt")
    return f"ns-{namespace[1] if namespace else 0}"


def _view(folder: str) -> _View | None:
    namespace, path = _identity(f"{folder}/ns/mnt"), link(f"{folder}/root")
    if namespace is None or path is None or not path.startswith("/") or path.endswith(_DELETED):
        return None
    return _View(namespace[1], path)


def _views(proc: str, own: _View) -> list[tuple[_View, tuple[int, ...]]]:
    """Those that are not our own, each with its oldest processes."""
    found: dict[_View, list[tuple[int, int]]] = {}
    for name in os.listdir(proc):
        folder = f"{proc}/{name}"
        view = _view(folder) if name.isdigit() else None
        if view is not None and view != own and (started := _started(folder)) is not None:
            found.setdefault(view, []).append((started, int(name)))
    by_age = sorted((sorted(processes), view) for view, processes in found.items())
    return [(view, tuple(pid for _, pid in processes)) for processes, view in by_age]


def _started(folder: str) -> int | None:
    """None: it has ended meanwhile, or is a thread of the kernel (kdevtmpfs has a namespace of its own)."""
    try:
        found = parse_stat(read(f"{folder}/stat", 1 << 12) or b"")
    except ValueError:
        return None
    return None if found.kernel_thread else found.started


def _inside(
    folder: str, view: _View, by_device: dict[str, list[Mount]], mounts: tuple[Mount, ...]
) -> _Behind:
    its = parse_mountinfo(read(f"{folder}/mountinfo", LARGEST_MOUNTINFO) or b"")
    seen = ((mount.point, _seen_at(mount, by_device, mounts)) for mount in its)
    # One mount may lie over another there, and which of them is the root is not told.
    roots = tuple(mount for mount in its if mount.point == "/") if view.path == "/" else ()
    return _Behind(
        container_of(folder), roots, tuple((there, here) for there, here in seen if here is not None)
    )


def _by_device(mounts: tuple[Mount, ...]) -> dict[str, list[Mount]]:
    found: dict[str, list[Mount]] = {}
    for mount in mounts:
        found.setdefault(mount.device, []).append(mount)
    return found


def _seen_at(mount: Mount, by_device: dict[str, list[Mount]], mounts: tuple[Mount, ...]) -> str | None:
    """Where the folder that is mounted elsewhere lies for us, None where it does not."""
    for ours in by_device.get(mount.device, ()):
        base = ours.root.rstrip("/")
        if mount.root == ours.root or mount.root.startswith(f"{base}/"):
            place = os.path.normpath(ours.point.rstrip("/") + mount.root[len(base) :]) or "/"
            if mount_of(place, mounts) == ours:
                return place
    return None


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
