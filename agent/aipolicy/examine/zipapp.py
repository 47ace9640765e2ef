"""Python programs in one zip (zipapp, shiv, pex), or unpacked by it: the distribution that it starts.

What is merely bundled says nothing: an application that brings `llm` along as a library starts its own code.
"""

import json
import os
from collections.abc import Collection, Iterator
from typing import Final

from aipolicy.core import python_text
from aipolicy.core.model import PackageRef
from aipolicy.core.python_text import Start
from aipolicy.core.shapes import may_be_anybodys, normal_pypi
from aipolicy.core.wire import printable
from aipolicy.examine.files import MIB, CannotLook, OpenFile, link_at, names_in, read_text
from aipolicy.examine.places import is_within
from aipolicy.examine.python_package import (
    METADATA_HEAD,
    ORIGIN,
    EntryPoint,
    is_from_a_folder,
    named_in_folder,
    read_entry_points,
    read_metadata,
)
from aipolicy.examine.root import Root
from aipolicy.examine.zip_directory import Member, ZipDirectory

_MAIN: Final = "__main__.py"
_STATED_IN: Final = ("PEX-INFO", "environment.json")
"""Where pex (docs.pex-tool.org, PEX-INFO) and shiv (shiv.readthedocs.io) say what they start."""
_ASKED: Final = ("METADATA", "PKG-INFO", "entry_points.txt", ORIGIN)
_MOST_WANTED: Final = 20
_LARGEST_TEXT: Final = MIB


def package_in_zipapp(file: OpenFile, wanted: frozenset[str]) -> PackageRef | None:
    """The wanted distribution (normalised names) that the zip starts; CannotLook where it is unreadable."""
    directory = ZipDirectory(file)
    texts: dict[str, Member] = {}
    found: dict[str, dict[str, Member]] = {}
    for member in directory.members():
        if member.name == _MAIN or member.name in _STATED_IN:
            texts[member.name] = member
            continue
        folder, _, name = member.name.rpartition("/")
        has_room = folder in found or len(found) < _MOST_WANTED
        if name in _ASKED and _is_wanted(folder, wanted) and has_room:
            found.setdefault(folder, {})[name] = member
    if not found:
        return None
    starts = tuple(
        start for name, member in texts.items() for start in starts_in(name, _text(directory, member))
    )
    for files in found.values():
        reference = _reference(directory, files, file.path, starts)
        if reference is not None:
            return reference
    return None


def starts_beside(path: str, root: Root | None = None) -> tuple[Start, ...]:
    """What pex says beside the script at `path`, which it unpacked and runs; nothing where it did not."""
    try:
        text = read_text(f"{os.path.dirname(path)}/PEX-INFO", _LARGEST_TEXT, root)
    except CannotLook:
        return ()
    return tuple(starts_in("PEX-INFO", text))


def unpacked_beside(path: str, wanted: frozenset[str], root: Root | None = None) -> Iterator[str]:
    """The folders of pex's unpacked wheels, which it links beside the script at `path`; none elsewhere."""
    folder = f"{os.path.dirname(path)}/.deps"
    store = os.path.normpath(f"{folder}/../../../..")
    for name in names_in(folder, root):
        if normal_pypi(name.partition("-")[0]) not in wanted:
            continue
        target = link_at(f"{folder}/{name}", root) or name
        place = os.path.normpath(f"{folder}/{target}")
        if is_within(place, store) and not target.startswith("/"):
            yield place


def starts_in(name: str, text: str) -> Iterator[Start]:
    """What the file `name` at the top of a zipapp says that it starts."""
    if name == _MAIN:
        yield from python_text.starts_in(text)
        return
    try:
        stated = json.loads(text).get("entry_point")
    except (ValueError, RecursionError, AttributeError):
        return
    if isinstance(stated, str):
        module, _, attribute = stated.strip().partition(":")
        yield Start(module, attribute or None)


def _reference(
    directory: ZipDirectory, files: dict[str, Member], path: str, starts: tuple[Start, ...]
) -> PackageRef | None:
    metadata = files.get("METADATA") or files.get("PKG-INFO")
    if metadata is None:
        return None
    name, version = read_metadata(directory.read(metadata, METADATA_HEAD))
    commands = (
        read_entry_points(_text(directory, files["entry_points.txt"])) if "entry_points.txt" in files else ()
    )
    if name is None or not is_started_by(starts, commands, name):
        return None
    origin = directory.read(files[ORIGIN], METADATA_HEAD) if ORIGIN in files else b""
    if may_be_anybodys(name) and is_from_a_folder(origin):
        return None
    return PackageRef(ecosystem="pypi", name=normal_pypi(name), version=version, path=printable(path))


def is_started_by(starts: Collection[Start], commands: tuple[EntryPoint, ...], name: str) -> bool:
    """Whether one is among the distribution's commands; a module alone, the package of such a command."""
    called = {(start.module, start.attribute.partition(".")[0]) for start in starts if start.attribute}
    if any((entry.module, entry.attribute.partition(".")[0]) in called for entry in commands):
        return True
    tops = {entry.module.partition(".")[0] for entry in commands} or {normal_pypi(name).replace("-", "_")}
    modules = {entry.module for entry in commands}
    return any(
        start.module in modules or start.module.removesuffix(".__main__") in tops
        for start in starts
        if start.attribute is None
    )


def _text(directory: ZipDirectory, member: Member) -> str:
    return directory.read(member, _LARGEST_TEXT).decode("utf-8-sig", "replace")


def _is_wanted(folder: str, wanted: frozenset[str]) -> bool:
    name = named_in_folder(folder.rpartition("/")[2])
    return name is not None and name in wanted
