"""What every observer is handed: the machine, what to look for, and the folders that the walk found."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from aipolicy.core.model import Extension, Observation, Owner, Package, Unseen
from aipolicy.core.tools import Wanted
from aipolicy.examine import CannotLook, Examiner, places
from aipolicy.observe.walk import Tree
from aipolicy.platforms.machine import Files, Machine, User

Progress = Callable[[str, int], None]
"""(stage, how many things were looked at so far); called often, so it has to be cheap."""

MOST_BYTES: Final = 8 << 30

Seen = Iterator[Observation | Unseen]


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at a machine.

    machine: whose files are looked at. running: whose processes are, and whose other roots; None inside such
    a root, for our own look sees all processes.
    users: whose homes are looked into. trees: what the walks through homes and system folders found.
    looked_at: folders of which this look sees all that matters.
    packages: folders of the wanted packages observed so far, and whether their code is there.
    versions: (uid of the owner, ecosystem, name, version) of those with code.
    programs: programs of packages whose name is no proof: what they are, their contents must show.
    most_bytes: how much is read of files that no cache knows, of one home or owner.
    """

    machine: Files
    wanted: Wanted
    examiner: Examiner
    progress: Progress
    running: Machine | None = None
    users: tuple[User, ...] = ()
    trees: tuple[Tree, ...] = ()
    looked_at: tuple[str, ...] = ()
    packages: dict[str, bool] = field(default_factory=dict)
    versions: set[tuple[int, str, str, str | None]] = field(default_factory=set)
    programs: list[str] = field(default_factory=list)
    most_bytes: int = MOST_BYTES

    def resolve(self, path: str) -> str:
        """`path` without links; raises CannotLook."""
        return places.resolve(path, self.machine.out_of_reach)

    def system(self, path: str) -> str:
        """The system's `path` (absolute) on this machine, which may be a fake one in a folder."""
        root = self.machine.root.rstrip("/")
        return f"{root}{path}"

    def owner(self, path: str, uid: int) -> Owner:
        """Whose `path` (links resolved) is: the user's whose home it lies in, else its owner's by `uid`."""
        inner = [user for user in self.users if places.is_within(path, user.home)]
        if not inner:
            return self.machine.owner(uid)
        user = max(inner, key=lambda user: len(user.home))
        return Owner(uid=user.uid, name=user.name)

    def file_within(self, folder: str, inner: str) -> str | None:
        """Where the file `inner` of `folder` (links resolved) lies; None where it leads out or to nothing."""
        try:
            path = self.resolve(os.path.normpath(f"{folder}/{inner}"))
        except CannotLook:
            return None
        return path if path.startswith(f"{folder}/") and os.path.isfile(path) else None

    def note(self, found: Package | Extension) -> None:
        """A wanted package was observed, and its name is proof."""
        self.packages[found.package.path] = found.has_code
        if found.has_code:
            self.versions.add(_version_of(found))

    def is_only_kept(self, found: Package) -> bool:
        """Whether the package, in a cache of downloads, is observed as an install of the same owner, too."""
        return _version_of(found) in self.versions

    def concerns(self, status: os.stat_result) -> bool:
        """Whether it matters that a file is closed to us: the system's own are no concern of one user."""
        return self.machine.is_admin() or status.st_uid in {user.uid for user in self.users}

    def has_code_around(self, path: str) -> bool | None:
        """Whether the observed package that `path` lies in has its code; None where it lies in none."""
        if not self.packages:
            return None
        return next((self.packages[folder] for folder in _above(path) if folder in self.packages), None)


def silent(_stage: str, _done: int) -> None:
    """The Progress of a look that nobody watches."""


def may_be_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a folder or a link, which may lead to one: it is not followed here, as that may hang."""
    return entry.is_dir(follow_symlinks=False) or entry.is_symlink()


def users_here(machine: Files) -> Iterator[User | Unseen]:
    """Those whose home may be walked, its path without links; the root folder itself is nobody's home."""
    for user in machine.users():
        try:
            home = places.resolve(user.home, machine.out_of_reach)
        except CannotLook as reason:
            if not reason.absent:
                yield reason.unseen()
            continue
        if home not in ("/", machine.root.rstrip("/")):
            yield msgspec.structs.replace(user, home=home)


def _version_of(found: Package | Extension) -> tuple[int, str, str, str | None]:
    package = found.package
    return (found.owner.uid, package.ecosystem, package.name, package.version)


def _above(path: str) -> Iterator[str]:
    end = path.rfind("/")
    while end > 0:
        yield path[:end]
        end = path.rfind("/", 0, end)
