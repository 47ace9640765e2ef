"""The whole look: the walks through homes and system folders first, then every observer."""

import dataclasses
import logging
import os
from collections import Counter
from collections.abc import Iterator
from typing import Final, Protocol

from aipolicy.core.conclude import lies_under_its_name
from aipolicy.core.model import App, Executable, Extension, Observation, Package, Process, Unseen
from aipolicy.core.tools import Wanted
from aipolicy.core.wire import printable
from aipolicy.examine import CannotLook, Examiner, resolve
from aipolicy.examine.files import is_folder
from aipolicy.observe import (
    bun,
    containers,
    deno,
    dpkg,
    executables,
    flatpak,
    homebrew,
    jetbrains,
    npm,
    pnpm,
    processes,
    pypi,
    rpm,
    snap,
    vscode,
    yarn,
    yarn_cache,
)
from aipolicy.observe.look import Look, Progress, Seen, silent, users_here
from aipolicy.observe.loose import Disguises
from aipolicy.observe.own_folders import own_folders, packages_in_stores
from aipolicy.observe.walk import Bounds, Tree, walk, walk_by_owner
from aipolicy.platforms.machine import Files, Machine, User

logger = logging.getLogger(__name__)

SYSTEM_TREES: Final = (
    "/opt", "/usr/local", "/srv", "/mnt", "/media", "/run/media", "/var/opt", "/var/local", "/var/www"
)  # fmt: skip
"""Where administrators put what no package brought, and other disks; walked like a home, as is every folder
at the top that no system has (`own_folders`).
"""
SHARED_TREES: Final = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  looked at, not written to
"""Where everybody may write; walked for each owner by himself."""

_OF_OBSERVERS: Final = ("/snap", "/var/lib/snapd", "/var/lib/flatpak")
"""Where observers look beside the walks."""

_MOST_UNSEEN: Final = 300
"""Per observer; a home full of closed doors must not drown the report."""
_MOST_OF_ONE: Final = 500
_MOST_OF_ONE_OWNER: Final = 5_000
"""Per observer: of one thing, and of all things of one owner. Nobody's copies drown everybody else's."""


class Observer(Protocol):
    """A module of this package that knows one kind of place. NAME: how it is called in messages."""

    NAME: str

    def observe(self, look: Look) -> Seen: ...


OBSERVERS: Final[tuple[Observer, ...]] = (
    npm,
    pnpm,
    yarn,
    bun,
    deno,
    yarn_cache,
    pypi,
    vscode,
    jetbrains,
    homebrew,
    dpkg,
    rpm,
    snap,
    flatpak,
    executables,
    processes,
    containers,
)
"""Caches come after the installs that are made from them, and executables after the packages: their programs
are not looked at twice."""


def look_everywhere(
    machine: Machine,
    wanted: Wanted,
    examiner: Examiner,
    progress: Progress | None = None,
    disguises: Disguises | None = None,
) -> Iterator[Observation | Unseen]:
    """Everything wanted on this machine, each thing once; never raises.

    disguises: kept between the looks of one daemon; without it each look asks every file.
    """
    look, unseen = walk_everywhere(machine, wanted, examiner, progress, disguises)
    yield from unseen
    yield from observe_all(look)


def walk_everywhere(
    machine: Machine,
    wanted: Wanted,
    examiner: Examiner,
    progress: Progress | None = None,
    disguises: Disguises | None = None,
) -> tuple[Look, list[Unseen]]:
    """The first half of a look, the walks: what observers are handed, and where the walks could not go."""
    look = Look(
        machine=machine, wanted=wanted, examiner=examiner, progress=progress or silent, running=machine
    )
    return _walked(look, disguises or Disguises())


def look_inside(files: Files, wanted: Wanted, examiner: Examiner) -> Iterator[Observation | Unseen]:
    """Everything wanted below another root, for a process that has entered it; never raises."""
    look = Look(machine=files, wanted=wanted, examiner=examiner, progress=silent)
    look, unseen = _walked(look, Disguises())
    yield from unseen
    yield from observe_all(look)


def _walked(look: Look, disguises: Disguises) -> tuple[Look, list[Unseen]]:
    disguises.next_look()
    files, wanted, progress = look.machine, look.wanted, look.progress
    unseen: list[Unseen] = []
    try:
        users = list(users_here(files))
        unseen += (user for user in users if isinstance(user, Unseen))
        known = tuple(user for user in users if isinstance(user, User))
        trees = (
            *_trees(files, wanted, known, progress, disguises),
            *_shared_trees(files, wanted, known, progress, disguises),
        )
        tops = (*(tree.top for tree in trees), *files.search_path(), *map(look.system, _OF_OBSERVERS))
        look = dataclasses.replace(look, users=known, trees=trees, looked_at=tops)
    except Exception as error:  # a fault of ours in one place must not end the look at all others
        logger.exception("the walk through the homes failed")
        unseen.append(Unseen(place="homes", reason=f"the walk failed: {type(error).__name__}"))
    unseen += _unseen_in(look)
    return look, unseen


def observe_all(look: Look) -> Iterator[Observation | Unseen]:
    """The second half: what every observer sees in what was walked, each thing once."""
    seen: set[tuple[object, ...]] = set()
    for observer in OBSERVERS:
        for found in _bounded(observer, look):
            key = _key(found)
            if key not in seen:
                seen.add(key)
                yield found


def install_roots(look: Look) -> tuple[str, ...]:
    """Folders in which an install shows itself by a new entry, and its end by a lost one, for who watches."""
    scopes = sorted({name.partition("/")[0] for name in look.wanted.npm if name.startswith("@")})
    roots = list(look.machine.search_path())
    roots += [look.system(folder) for folder in (*snap.FOLDERS, flatpak.SYSTEM)]
    roots += [f"{user.home}/{flatpak.IN_HOME}" for user in look.users]
    for tree in look.trees:
        if tree.shared:  # something comes and goes there all the time
            continue
        roots += [tree.top, *tree.node_modules, *tree.sites, *tree.bins, *tree.pnpm_globals]
        roots += [os.path.dirname(folder) for folder in tree.extensions]
        roots += [f"{folder}/{scope}" for folder in tree.node_modules for scope in scopes]
    return tuple(dict.fromkeys(root for root in roots if _is_folder(look, root)))


def _is_folder(look: Look, path: str) -> bool:
    try:
        return is_folder(path) or (os.path.islink(path) and is_folder(look.resolve(path)))
    except CannotLook:
        return False


def _bounded(observer: Observer, look: Look) -> Iterator[Observation | Unseen]:
    unseen = 0
    counts: Counter[tuple[object, ...]] = Counter()
    left_out: Counter[str] = Counter()
    try:
        for found in observer.observe(look):
            if isinstance(found, Unseen):
                unseen += 1
                if unseen > _MOST_UNSEEN:
                    continue
            else:
                if isinstance(found, Package | Extension) and _is_proof(found):
                    look.note(found)
                if not _has_room(found, counts):
                    left_out[found.owner.name] += 1
                    continue
            yield found
    except Exception as error:  # as above: logged whole, reported, and the next observer goes on
        logger.exception("observer failed observer=%s", observer.NAME)
        yield Unseen(place=f"observer {observer.NAME}", reason=f"it failed: {type(error).__name__}")
    for owner, more in left_out.items():
        yield Unseen(
            place=f"observer {observer.NAME}", reason=f"{more:,} things of {owner} more than are listed"
        )
    if unseen > _MOST_UNSEEN:
        more = unseen - _MOST_UNSEEN
        yield Unseen(
            place=f"observer {observer.NAME}", reason=f"{more:,} more places could not be looked into"
        )


def _is_proof(found: Package | Extension) -> bool:
    """Whether the programs here that belong to it need no look of their own to know what they are."""
    package = found.package
    if found.container is not None:
        return False
    return package.ecosystem not in ("brew", "snap", "flatpak") and lies_under_its_name(package)


def _has_room(found: Observation, counts: "Counter[tuple[object, ...]]") -> bool:
    """Whether it is listed; it is counted if it is."""
    what = found.package.name if isinstance(found, Package | Extension) else ""
    container = None if isinstance(found, App | Process) else found.container  # each may have its own root
    keys = ((found.owner.uid, container), (found.owner.uid, container, what))
    room = counts[keys[0]] < _MOST_OF_ONE_OWNER and (not what or counts[keys[1]] < _MOST_OF_ONE)
    if room:
        counts.update(keys)
    return room


def _key(found: Observation | Unseen) -> tuple[object, ...]:
    match found:
        case Package() | Extension():
            return (found.package.ecosystem, found.package.name, found.package.path, found.container)
        case Executable():
            return ("executable", found.path, found.container)
        case Process():
            return ("process", found.pid)
        case Unseen():
            return ("unseen", found.place, found.reason)
    return (found,)


# --- the walks -------------------------------------------------------------------------------------------


def _trees(
    machine: Files, wanted: Wanted, users: tuple[User, ...], progress: Progress, disguises: Disguises
) -> Iterator[Tree]:
    tops = dict.fromkeys(user.home for user in users)
    for found in _tops(machine, tuple(_system_folders(machine, wanted))):
        if isinstance(found, Tree):
            yield found
        else:
            tops[found] = None
    for top in tops:
        bounds = Bounds(out_of_reach=machine.out_of_reach, skip=frozenset(tops), disguises=disguises)
        yield walk(top, wanted, bounds, progress)


def _system_folders(machine: Files, wanted: Wanted) -> Iterator[str]:
    yield from SYSTEM_TREES
    if machine.os == "linux":
        yield from own_folders(machine.root)
        yield from packages_in_stores(machine.root, wanted)


def _shared_trees(
    machine: Files, wanted: Wanted, users: tuple[User, ...], progress: Progress, disguises: Disguises
) -> Iterator[Tree]:
    homes = frozenset(user.home for user in users)
    bounds = Bounds(out_of_reach=machine.out_of_reach, skip=homes, disguises=disguises)
    done = set(homes)
    for found in _tops(machine, SHARED_TREES):
        if isinstance(found, Tree):
            yield found
        elif found not in done:  # /var/tmp may be a link to /tmp
            done.add(found)
            yield from walk_by_owner(found, wanted, bounds, progress)


def _tops(machine: Files, folders: tuple[str, ...]) -> Iterator[str | Tree]:
    """The system's folders that are there, without links; a tree with the reason where one is closed."""
    for folder in folders:
        try:
            top = resolve(machine.root.rstrip("/") + folder, machine.out_of_reach)
            if top != (machine.root.rstrip("/") or "/"):  # what a link to it would show is looked at anyway
                yield top
        except CannotLook as reason:
            if not reason.absent:
                tree = Tree(folder)
                tree.cannot(reason)
                yield tree


def _unseen_in(look: Look) -> Iterator[Unseen]:
    """What the walks could not enter; what the system closes to an ordinary user is not his affair."""
    homes = {user.home for user in look.users}
    for tree in look.trees:
        if tree.top in homes or look.machine.is_admin():
            yield from tree.unseen
            if tree.unseen_more:
                yield Unseen(
                    place=printable(tree.top),
                    reason=f"{tree.unseen_more:,} more places could not be looked into",
                )
