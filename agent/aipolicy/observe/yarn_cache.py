"""Packages that yarn 2 and later keep as archives, from which they run: of `yarn dlx`, and of Plug'n'Play.

An archive is called `<scope>-<name>-npm-<version>-<hash>-<key>.zip` (yarnpkg.com, cacheFolder) and holds
what would be `node_modules/<scope>/<name>`.
"""

import os
import re
from collections.abc import Iterator
from typing import Final

from aipolicy.core.model import Package, PackageRef
from aipolicy.core.wire import printable
from aipolicy.examine import CannotLook
from aipolicy.examine.files import cannot_look
from aipolicy.observe.look import Look, Seen

NAME: Final = "yarn cache"

_MOST_ARCHIVES: Final = 50_000
_ARCHIVE: Final = re.compile(r"(@?[\w.-]+?)-npm-\d[\w.+-]*-[0-9a-f]{10}-\w+\.zip", re.ASCII)


def observe(look: Look) -> Seen:
    names = {name.replace("/", "-"): name for name in look.wanted.npm}
    for done, folder in enumerate(folder for tree in look.trees for folder in tree.yarn_caches):
        look.progress("node packages", done)
        try:
            archives = list(_archives(look.resolve(folder), names))
        except CannotLook as reason:
            if not reason.absent:
                yield reason.unseen()
            continue
        for path, name in archives:
            yield from _package(look, path, name)


def _archives(folder: str, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The archives that bear the name of a wanted package, and that name."""
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(_MOST_ARCHIVES), strict=False):
                found = _ARCHIVE.fullmatch(entry.name)
                if found is not None and found.group(1) in names:
                    yield entry.path, names[found.group(1)]
    except OSError as error:
        raise cannot_look(folder, error) from error


def _package(look: Look, path: str, name: str) -> Seen:
    try:
        archive = look.examiner.archive(path, name)
        status = os.lstat(path)
    except CannotLook as reason:
        if not reason.absent:
            yield reason.unseen()
        return
    except OSError:  # removed meanwhile
        return
    if archive is None:
        return
    found = Package(
        package=PackageRef(
            ecosystem="npm", name=name, version=archive.version, path=printable(f"{path}/node_modules/{name}")
        ),
        owner=look.owner(path, status.st_uid),
        form="yarn cache",
        has_code=archive.has_code,
    )
    if not look.is_only_kept(found):
        yield found
