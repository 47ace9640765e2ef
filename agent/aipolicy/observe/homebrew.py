"""Homebrew formulae and casks, on Linux and on macOS: a folder for each version of each."""

import os
from collections.abc import Iterator
from typing import Final

from aipolicy.core.model import Package, PackageRef, Unseen
from aipolicy.core.wire import printable
from aipolicy.examine import CannotLook
from aipolicy.examine.files import cannot_look
from aipolicy.observe.look import Look

NAME: Final = "homebrew"

_PREFIXES: Final = ("/home/linuxbrew/.linuxbrew", "/opt/homebrew", "/usr/local")
_ROOMS: Final = (("Cellar", "homebrew formula"), ("Caskroom", "homebrew cask"))
_MOST_FILES: Final = 500


def observe(look: Look) -> Iterator[Package | Unseen]:
    prefixes = [look.system(prefix) for prefix in _PREFIXES] + [
        f"{user.home}/.linuxbrew" for user in look.users
    ]
    for prefix in prefixes:
        for room, form in _ROOMS:
            for name in sorted(look.wanted.brew):
                try:
                    yield from _versions(look, f"{prefix}/{room}/{name}", name.rpartition("/")[2], form)
                except CannotLook as reason:
                    if not reason.absent:
                        yield reason.unseen()


def _versions(look: Look, path: str, name: str, form: str) -> Iterator[Package]:
    folder = look.resolve(path)
    try:
        with os.scandir(folder) as entries:
            versions = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        uid = os.lstat(folder).st_uid
    except OSError as error:
        raise cannot_look(folder, error) from error
    for version in versions:
        if version.startswith("."):
            continue
        place = f"{folder}/{version}"
        yield Package(
            package=PackageRef(
                ecosystem="brew", name=name, version=printable(version), path=printable(place)
            ),
            owner=look.owner(place, uid),
            form=form,
            has_code=_has_program(place) or _has_program(f"{place}/bin"),
        )


def _has_program(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(_is_program(entry) for entry, _ in zip(entries, range(_MOST_FILES), strict=False))
    except OSError:
        return False


def _is_program(entry: "os.DirEntry[str]") -> bool:
    if not entry.is_file(follow_symlinks=False):
        return entry.is_symlink()
    status = entry.stat(follow_symlinks=False)
    return bool(status.st_mode & 0o111) and status.st_size > 0
