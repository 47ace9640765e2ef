"""One bounded walk through a home or a system folder: where packages, programs and extensions lie.

Only names of folder entries are read here, no file is opened and no symbolic link is followed.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from aipolicy.core.model import Unseen
from aipolicy.core.tools import Wanted
from aipolicy.examine import CannotLook
from aipolicy.examine.files import cannot_look
from aipolicy.examine.python_package import named_in_folder
from aipolicy.observe.below import MODULES, Below
from aipolicy.observe.loose import Disguises, is_as_a_program, is_disguised
from aipolicy.observe.not_entered import IN_HOME_PRUNED, IN_HOME_SKIPPED, is_a_store, is_pruned

MOST_ENTRIES: Final = 1_000_000
MOST_PLACES: Final = 10_000
"""Of one kind in one walk. A developer's home has some hundred node_modules; each costs 0.6 ms."""
DEEPEST: Final = 40
_MOST_UNSEEN: Final = 100
_MOST_RENAMED: Final = 2_000
_REPORT_EVERY: Final = 2_000

_SITES: Final = frozenset({"site-packages", "dist-packages"})
_BINS: Final = frozenset({"bin", "sbin", "shims", "Scripts"})
_LINKED: Final = _BINS | {"node_modules"}
_OF_PACKAGES: Final = _SITES | {"node_modules"}
_VERSION_FOLDER: Final = re.compile(r"v?\d+")
_DENO_CACHE: Final = re.compile(r"/npm/registry\.npmjs\.org$|/deno/npm/[^/]+$")
"""By registry; DENO_DIR is ~/.cache/deno if it is not set (docs.deno.com, environment variables)."""
_YARN_CACHES: Final = ("/.yarn/cache", "/.yarn/berry/cache")
"""Of a project, and of a person: yarnpkg.com, cacheFolder and globalFolder."""
_IN_EXTENSION: Final = re.compile(r"/extensions/[^/]+/")
_PLUGIN_FOLDER: Final = re.compile(r"/(?:JetBrains|Google)/.+/[^/]+$|[/.]plugins/[^/]+$")
"""Below the product's folder; older editors and Toolbox have one for plugins (jetbrains.com, directories)."""
_EXTENSION_FOLDER: Final = re.compile(r"([\w-]+\.[\w.-]*?\w)-\d+\.\d[\w.+-]*", re.ASCII)


@dataclass
class Tree:
    """What one walk found; paths as the system gave them.

    top: where it began. shared: whether everybody may write there. extensions: folders that may be a wanted
    editor extension. plugins: those that may be a plugin of a JetBrains editor. pnpm_globals: pnpm's folders
    of global packages. deno_caches, yarn_caches: where these keep packages. programs: files outside of bins
    that bear a wanted program's name. loose: other executable files there that are as large as a tool.
    entries: how many names were looked at.
    """

    top: str
    shared: bool = False
    node_modules: list[str] = field(default_factory=list)
    sites: list[str] = field(default_factory=list)
    bins: list[str] = field(default_factory=list)
    extensions: list[str] = field(default_factory=list)
    plugins: list[str] = field(default_factory=list)
    pnpm_globals: list[str] = field(default_factory=list)
    deno_caches: list[str] = field(default_factory=list)
    yarn_caches: list[str] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    unseen: list[Unseen] = field(default_factory=list)
    unseen_more: int = 0
    entries: int = 0

    def cannot(self, reason: CannotLook) -> None:
        """Note a place that could not be looked into; beyond a number of them only how many there are."""
        if reason.absent:
            return
        if len(self.unseen) < _MOST_UNSEEN:
            self.unseen.append(reason.unseen())
        else:
            self.unseen_more += 1


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Where a walk goes: skip: folders that are another walk's. out_of_reach: see Machine. The rest: caps.

    disguises: what earlier walks know of files that are called like no program.
    """

    out_of_reach: Callable[[str], str | None]
    skip: frozenset[str] = frozenset()
    disguises: Disguises = field(default_factory=Disguises)
    most_entries: int = MOST_ENTRIES
    most_places: int = MOST_PLACES
    deepest: int = DEEPEST


class _Walk:
    def __init__(
        self, top: str, wanted: Wanted, bounds: Bounds, progress: Callable[[str, int], None]
    ) -> None:
        self.tree = Tree(top)
        self._bounds = bounds
        self._progress = progress
        self._wanted = wanted
        self._skip = bounds.skip | {f"{top}/{inner}" for inner in IN_HOME_SKIPPED}
        self._pruned = {f"{top}/{inner}" for inner in IN_HOME_PRUNED} - bounds.skip
        self._waiting = [(top, 0)]
        self._next_report = _REPORT_EVERY
        self._left_out = 0
        self._not_entered: list[str] = []

    def run(self, first: Iterable["os.DirEntry[str]"] | None = None, owner: int | None = None) -> Tree:
        """first: what to begin with where of all that lies in the top folder only one owner's is walked."""
        if first is not None:
            (top, depth) = self._waiting.pop()
            self._note(top, self._folders(top, first), depth)
        while self._waiting:
            folder, depth = self._waiting.pop()
            if reason := self._bounds.out_of_reach(folder):
                if not is_mounted_image(folder):
                    self.tree.cannot(CannotLook(folder, reason))
                continue
            try:
                with os.scandir(folder) as entries:
                    inner = self._folders(folder, entries)
            except OSError as error:
                self.tree.cannot(cannot_look(folder, error))
                continue
            self._note(folder, inner, depth)
            if self.tree.entries > self._bounds.most_entries:
                most = f"more than {self._bounds.most_entries:,} files"
                self.tree.cannot(CannotLook(self.tree.top, f"{most}: only a part was looked at"))
                break
            if self.tree.entries > self._next_report:
                self._next_report = self.tree.entries + _REPORT_EVERY
                self._progress("folders", self.tree.entries)
        if self._left_out:
            more = f"{self._left_out:,} folders more than are looked into"
            self.tree.cannot(CannotLook(self.tree.top, more))
        self.tree.loose += self._bounds.disguises.others(self.tree.top, owner, self.tree.loose)
        self._look_below()
        return self.tree

    def _look_below(self) -> None:
        """Large programs in the folders that were not entered, and packages that lie in another package."""
        first_parts = frozenset(name.partition("/")[0] for name in self._wanted.npm)
        bounds = self._bounds
        below = Below(bounds.disguises, bounds.out_of_reach, bounds.most_entries, first_parts)
        for done, folder in enumerate(self._not_entered):
            self._progress("folders of packages", done)
            of_packages = folder.rpartition("/")[2] in _OF_PACKAGES
            for path in below.found_in(folder):
                if not path.endswith(MODULES):
                    self._keep(self.tree.loose, path)
                elif of_packages and not self._is_part_of_extension(path):
                    self._keep(self.tree.node_modules, path)
        if below.is_exhausted:
            most = f"more than {self._bounds.most_entries:,} files in packages and caches"
            self.tree.cannot(CannotLook(self.tree.top, f"{most}: only a part was looked at"))

    def _folders(self, folder: str, entries: Iterable["os.DirEntry[str]"]) -> list[str]:
        """The names of the folders in it; of its files those that bear a wanted program's name are noted."""
        programs = self._wanted.executables
        in_extensions = _holds_extensions(folder)
        with_disguised = self._bounds.disguises.are_due(folder)
        left = self._bounds.most_entries - self.tree.entries
        folders, count = [], 0
        for entry in entries:
            count += 1
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.name in programs:
                self._keep(self.tree.programs, f"{folder}/{entry.name}")
            elif (in_extensions or entry.name in _LINKED) and entry.is_symlink():
                # where it leads is asked when it is looked into
                self._is_known(f"{folder}/{entry.name}", entry.name, in_extensions)
            elif (with_disguised or not is_disguised(entry.name)) and is_as_a_program(entry):
                self._keep(self.tree.loose, f"{folder}/{entry.name}")
            if count > left:
                break
        self.tree.entries += count
        return folders

    def _note(self, folder: str, inner: list[str], depth: int) -> None:
        """What the folders in `folder` are, and which of them to walk."""
        name = folder.rpartition("/")[2]
        if name == "global" and any(_VERSION_FOLDER.fullmatch(child) for child in inner):
            self._keep(self.tree.pnpm_globals, folder)
        if "lib" in inner and self._wanted.plugins and _PLUGIN_FOLDER.search(folder):
            self._keep(self.tree.plugins, folder)
        in_extensions = _holds_extensions(folder)
        for child in inner:
            path = f"{folder}/{child}"
            if path in self._skip or is_a_store(folder, name, child, self._bounds.out_of_reach):
                continue
            if path in self._pruned or is_pruned(name, child):
                self._not_entered.append(path)
            elif not self._is_known(path, child, in_extensions):
                self._later(path, depth + 1)
            elif child in _OF_PACKAGES:
                self._not_entered.append(path)

    def _is_known(self, path: str, name: str, in_extensions: bool) -> bool:
        """Note what a folder is by its name; whether that is all there is to know of it."""
        tree = self.tree
        if name == "node_modules":
            if not _IN_EXTENSION.search(path):  # below it is looked for what an extension brings along
                self._keep(tree.node_modules, path)
            return True
        if name in _SITES:
            self._keep(tree.sites, path)
            return True
        if name in _BINS:
            self._keep(tree.bins, path)
            return False
        if _DENO_CACHE.search(path):
            self._keep(tree.deno_caches, path)
            return True
        if name == "cache" and path.endswith(_YARN_CACHES):
            self._keep(tree.yarn_caches, path)
            return True
        if name.endswith("-info") and named_in_folder(name) in self._wanted.pypi:
            return self._note_bare_site(path.rpartition("/")[0])
        return self._is_extension(path, name, in_extensions)

    def _note_bare_site(self, folder: str) -> bool:
        """A folder that pip filled with --target. uv's cache of wheels looks so, but is no install."""
        if "/archive-v" not in folder and folder not in self.tree.sites[-1:]:
            self._keep(self.tree.sites, folder)
        return True

    def _is_extension(self, path: str, name: str, in_extensions: bool) -> bool:
        if "." not in name and not in_extensions:
            return False
        found = _EXTENSION_FOLDER.fullmatch(name)
        if found is not None and found.group(1).lower() not in self._wanted.extensions:
            return False
        if found is not None or (in_extensions and len(self.tree.extensions) < _MOST_RENAMED):
            self._keep(self.tree.extensions, path)  # one under another name is known by its package.json
        return False  # whoever's it is, a tool's program may lie in it

    def _is_part_of_extension(self, path: str) -> bool:
        """Whether it lies in what may be a wanted extension: what that is made of is the extension."""
        found = _IN_EXTENSION.search(path)
        return found is not None and path[: found.end() - 1] in self.tree.extensions

    def _keep(self, places: list[str], path: str) -> None:
        if len(places) < self._bounds.most_places:
            places.append(path)
        else:
            self._left_out += 1

    def _later(self, path: str, depth: int) -> None:
        if depth > self._bounds.deepest:
            self.tree.cannot(CannotLook(path, f"more than {self._bounds.deepest} folders deep"))
        else:
            self._waiting.append((path, depth))


def _holds_extensions(folder: str) -> bool:
    """Whether a person's extensions lie in it; in `app/extensions` lie the parts of the editor itself."""
    return folder.endswith("/extensions") and not folder.endswith("/app/extensions")


def is_mounted_image(path: str) -> bool:
    """Whether it lies where AppImages mount themselves (AppImageKit's runtime): what is in there is seen as
    their file, and when it runs.
    """
    return "/.mount_" in path


def walk(top: str, wanted: Wanted, bounds: Bounds, progress: Callable[[str, int], None]) -> Tree:
    """Walk through the folder `top`, no part of whose path is a link."""
    return _Walk(top, wanted, bounds, progress).run()


def walk_by_owner(
    top: str, wanted: Wanted, bounds: Bounds, progress: Callable[[str, int], None]
) -> Iterator[Tree]:
    """A folder where everybody may write: a walk for each owner, so that nobody uses up another's bounds."""
    entries: dict[int, list[os.DirEntry[str]]] = {}
    left_out: Counter[int] = Counter()
    try:
        with os.scandir(top) as all_entries:
            for entry, _ in zip(all_entries, range(bounds.most_entries), strict=False):
                owner = _owner_of(entry)
                if len(entries.setdefault(owner, [])) < bounds.most_places:
                    entries[owner].append(entry)
                else:
                    left_out[owner] += 1
    except OSError as error:
        tree = Tree(top, shared=True)
        tree.cannot(cannot_look(top, error))
        yield tree
        return
    for owner, first in entries.items():
        tree = _Walk(top, wanted, bounds, progress).run(first, owner)
        tree.shared = True
        if left_out[owner]:
            tree.cannot(CannotLook(top, f"{left_out[owner]:,} entries more than are looked into"))
        yield tree


def _owner_of(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except OSError:  # gone since it was listed
        return -1
