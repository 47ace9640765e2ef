"""Program files: in all folders of programs, where the catalog says a tool's lie, by name and by size.

A copy under another name is known by its contents. Whatever has neither the name nor the marks nor the
package of a wanted tool is passed over and leaves no trace.
"""

import itertools
import os
import re
import stat
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from aipolicy.core.model import Executable, FileFacts, FileKind, Package, PackageRef, Unseen
from aipolicy.core.wire import printable
from aipolicy.examine import CannotLook
from aipolicy.examine.files import cannot_look, read_text
from aipolicy.examine.node_package import A_PROGRAM
from aipolicy.observe import node_modules, shapes
from aipolicy.observe.look import Look, Seen
from aipolicy.observe.loose import is_image

NAME: Final = "executables"

MOST_IN_FOLDER: Final = 20_000

_EXECUTABLE: Final = 0o111
_LARGEST_SHIM: Final = 64 << 10
_SHIM_TARGET: Final = re.compile(
    r"^# cmd-shim-target=(.+)$|\$basedir[\w}]*\"?/\"?'?([^\"'\n$]*/node_modules/[^\"'\n$]+)", re.MULTILINE
)

_HANDS_OVER: Final = re.compile(r"^[ \t]*exec \"?[^\s\"]+\"? (?:exec|run|x)\b", re.MULTILINE)
"""The shims of asdf, nodenv, pyenv and deno, such as `exec ".../nodenv" exec "$program"`: no tools."""


def observe(look: Look) -> Seen:
    seen: set[str] = set()
    own_places: list[str] = []
    for place in shapes.files_of(look):
        if isinstance(place, CannotLook):
            yield place.unseen()
        else:
            own_places.append(place)
            yield from _own_copy(look, place)
    for candidates in _candidates(look):
        start = look.examiner.bytes_read
        for done, found in enumerate(candidates):
            look.progress("programs", done)
            if isinstance(found, Unseen):
                yield found
                continue
            if look.examiner.bytes_read - start > look.most_bytes:
                more = "more programs than one look can read; the rest comes later"
                yield Unseen(place=printable(found), reason=more)
                break
            yield from _executable(look, found, seen, named=False)
    for path in own_places:
        yield from _executable(look, path, seen, named=True)


def executable_at(look: Look, path: str) -> Iterator[Executable | Unseen]:
    """The file at `path`, whatever it is called and whether it is of interest or not."""
    try:
        real = look.resolve(path)
        status = os.lstat(real)
    except CannotLook as reason:
        yield reason.unseen()
        return
    except OSError as error:
        yield cannot_look(path, error).unseen()
        return
    facts = look.examiner.file(real)
    yield facts if isinstance(facts, Unseen) else _observed(look, path, real, facts, status)


def _own_copy(look: Look, path: str) -> Seen:
    """The package around a program at a tool's own place: Copilot unpacks itself into such a folder.

    Its package.json names the launcher for npm, which is too small to be the code; the place names the code.
    """
    folder = os.path.dirname(path)
    if not os.path.lexists(f"{folder}/package.json"):
        return
    for found in node_modules.package_at(look, folder, "own copy"):
        if isinstance(found, Package):
            yield msgspec.structs.replace(found, has_code=found.has_code or _is_a_program(path))
        else:
            yield found


def _is_a_program(path: str) -> bool:
    try:
        status = os.lstat(path)
    except OSError:  # removed meanwhile
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size >= A_PROGRAM


# --- where programs lie ----------------------------------------------------------------------------------


def _candidates(look: Look) -> Iterator[Iterator[str | Unseen]]:
    """Paths of files, links not resolved: of the system, then of each walk: none uses up another's bounds."""
    known: set[str] = set()
    yield _in_folders(look, look.machine.search_path(), known)
    yield iter(look.programs)
    for tree in look.trees:
        yield itertools.chain(_in_folders(look, tree.bins, known), tree.programs, tree.loose)


def _in_folders(look: Look, folders: Iterable[str], known: set[str]) -> Iterator[str | Unseen]:
    """What lies in folders of programs; those in `known` were looked into."""
    for folder in folders:
        try:
            real = look.resolve(folder)
        except CannotLook as reason:
            if not reason.absent:
                yield reason.unseen()
            continue
        if real not in known:
            known.add(real)
            yield from _in_folder(real)


def _in_folder(folder: str) -> Iterator[str | Unseen]:
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count == MOST_IN_FOLDER:
                    yield Unseen(place=printable(folder), reason=f"more than {MOST_IN_FOLDER:,} files")
                    return
                if not entry.is_dir(follow_symlinks=False):
                    yield entry.path
    except OSError as error:
        reason = cannot_look(folder, error)
        if not reason.absent:
            yield reason.unseen()


# --- one program -----------------------------------------------------------------------------------------


def _executable(look: Look, path: str, seen: set[str], *, named: bool) -> Iterator[Executable | Unseen]:
    """The program at `path` if it is wanted. named: the catalog names the place; the mode does not matter."""
    name = path.rpartition("/")[2]
    wanted_name = named or name in look.wanted.executables
    try:
        status = os.lstat(path)
        if not stat.S_ISLNK(status.st_mode):
            real = path
        else:
            real = look.resolve(path)
            status = os.lstat(real)
    except CannotLook as reason:
        if wanted_name and not reason.absent:
            yield reason.unseen()
        return
    except OSError:  # gone since it was listed
        return
    with_code = look.has_code_around(real)
    if real in seen or with_code:  # a package's own programs need no second look
        return
    if not stat.S_ISREG(status.st_mode):
        if wanted_name and not stat.S_ISDIR(status.st_mode):
            yield Unseen(place=printable(real), reason="not a regular file")
        return
    if not status.st_size or not (named or status.st_mode & _EXECUTABLE or is_image(name)):
        return
    facts = look.examiner.file(real)
    if isinstance(facts, Unseen):
        if wanted_name or look.concerns(status):
            seen.add(real)
            yield facts
        return
    if real.rpartition("/")[2] in look.wanted.executables:
        wanted_name = True
    elif wanted_name and path != real and facts.package is None and _is_one_of_many(path):
        path, wanted_name = real, False
    if wanted_name and facts.kind is FileKind.SCRIPT and facts.package is None:
        text = _text_of_shim(real, facts)
        if not facts.marks and _HANDS_OVER.search(text):
            return
        facts = msgspec.structs.replace(facts, package=_package_behind_shim(look, real, text))
    marked = facts.marks or facts.imported
    if with_code is False and not marked:
        return  # what is left of a package: a launcher without the program that it would start
    if wanted_name or marked or look.wanted.is_of(facts.package):
        seen.add(real)  # what is passed over here may be wanted for the place by which it is met next
        yield _observed(look, path, real, facts, status)


def _observed(look: Look, path: str, real: str, facts: FileFacts, status: os.stat_result) -> Executable:
    return Executable(
        path=printable(real), found_as=printable(path), owner=look.owner(real, status.st_uid), file=facts
    )


def _is_one_of_many(link: str) -> bool:
    """Whether links of other names beside it lead to the same file: volta and mise have one program."""
    folder, _, name = link.rpartition("/")
    try:
        target = os.readlink(link)
        with os.scandir(folder) as entries:
            found = (e for e, _ in zip(entries, range(MOST_IN_FOLDER), strict=False) if e.is_symlink())
            return any(entry.name != name and os.readlink(entry.path) == target for entry in found)
    except OSError:  # removed meanwhile
        return False


def _text_of_shim(path: str, facts: FileFacts) -> str:
    try:
        return read_text(path, _LARGEST_SHIM) if facts.size <= _LARGEST_SHIM else ""
    except CannotLook:
        return ""


def _package_behind_shim(look: Look, path: str, text: str) -> PackageRef | None:
    """pnpm and yarn put a small shell script in place of a link; it names the program that it starts."""
    found = _SHIM_TARGET.search(text)
    if found is None:
        return None
    try:
        target = look.resolve(os.path.join(os.path.dirname(path), found.group(1) or found.group(2)))
    except CannotLook:
        return None
    behind = look.examiner.file(target)
    return None if isinstance(behind, Unseen) else behind.package
