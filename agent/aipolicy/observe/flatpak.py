"""Flatpak applications, the machine's and each person's: app/ID/ARCH/BRANCH/active is what is deployed.

github.com/flatpak/flatpak/wiki/Filesystem and flatpak-metadata(5). The program of every application is looked
into, for one with any id may hold a tool.
"""

import os
import re
from collections.abc import Iterator
from typing import Final

from aipolicy.core.model import Package, PackageRef, Unseen
from aipolicy.core.wire import printable
from aipolicy.examine import CannotLook
from aipolicy.examine.files import cannot_look, read_text
from aipolicy.observe.look import Look, Seen

NAME: Final = "flatpak"

SYSTEM: Final = "/var/lib/flatpak/app"
IN_HOME: Final = ".local/share/flatpak/app"
_MOST: Final = 2_000
_LONGEST: Final = 256
_APPLICATION: Final = re.compile(r"^\[Application\]\s*$(.*?)(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
_NAME: Final = re.compile(r"^name\s*=\s*(\S+)", re.MULTILINE)
_COMMAND: Final = re.compile(r"^command\s*=\s*(\S+)", re.MULTILINE)
_RELEASE: Final = re.compile(r"<release\s[^<>]*?\bversion=[\"']([^\"'<>]+)")
_DESCRIPTIONS: Final = ("metainfo/{}.metainfo.xml", "metainfo/{}.appdata.xml", "appdata/{}.appdata.xml")


def observe(look: Look) -> Seen:
    for top in (look.system(SYSTEM), *(f"{user.home}/{IN_HOME}" for user in look.users)):
        for place in _deployed(top):
            try:
                yield from _application(look, look.resolve(place))
            except CannotLook as reason:
                if not reason.absent:
                    yield reason.unseen()


def _deployed(top: str) -> Iterator[str]:
    """`active` of each architecture and branch of each application; `current` is a link to one of them."""
    for application in _folders_in(top):
        for architecture in _folders_in(application):
            yield from (f"{branch}/active" for branch in _folders_in(architecture))


def _folders_in(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            first = [entry for entry, _ in zip(entries, range(_MOST), strict=False)]
            return sorted(entry.path for entry in first if entry.is_dir(follow_symlinks=False))
    except OSError:  # not there, or closed: the walk through the home reports what is closed
        return []


def _application(look: Look, folder: str) -> Iterator[Package | Unseen]:
    group = _APPLICATION.search(read_text(f"{folder}/metadata"))
    name = _NAME.search(group.group(1)) if group else None
    if group is None or name is None:
        return
    command = _COMMAND.search(group.group(1))
    program = _program(look, folder, command.group(1)) if command else None
    if program is not None:
        look.programs.append(program)
    if name.group(1) not in look.wanted.flatpak:
        return
    try:
        uid = os.lstat(folder).st_uid
    except OSError as error:
        raise cannot_look(folder, error) from error
    version = _version(folder, name.group(1))
    package = PackageRef(ecosystem="flatpak", name=name.group(1), version=version, path=printable(folder))
    owner = look.owner(folder, uid)
    yield Package(package=package, owner=owner, form="flatpak", has_code=program is not None)


def _program(look: Look, folder: str, command: str) -> str | None:
    """In the sandbox `files` is /app."""
    inner = command.removeprefix("/app/") if command.startswith("/") else f"bin/{command}"
    return look.file_within(f"{folder}/files", inner)


def _version(folder: str, name: str) -> str | None:
    """The newest release that the application's own description states; they are listed newest first."""
    for description in _DESCRIPTIONS:
        try:
            found = _RELEASE.search(read_text(f"{folder}/files/share/{description.format(name)}"))
        except CannotLook:
            continue
        if found is not None:
            return printable(found.group(1)[:_LONGEST])
    return None
