"""Snaps: what is installed and in use is mounted at /snap/NAME/current and described by its meta/snap.yaml.

snapcraft.io/docs/snap-format; the first folder on Fedora and others is /var/lib/snapd/snap. Of every snap the
programs are looked into, for a snap of any name may hold a tool.
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

NAME: Final = "snap"

FOLDERS: Final = ("/snap", "/var/lib/snapd/snap")
_MOST: Final = 2_000
_LONGEST: Final = 256
_FIELD: Final = r"^%s:[ \t]*[\"']?([^\s\"'#]+)"
_NAME: Final = re.compile(_FIELD % "name", re.MULTILINE)
_VERSION: Final = re.compile(_FIELD % "version", re.MULTILINE)
_COMMAND: Final = re.compile(r"^[ \t]+command:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)


def observe(look: Look) -> Seen:
    seen: set[str] = set()
    for outer in FOLDERS:
        for place in _current_in(look.system(outer)):
            try:
                folder = look.resolve(place)
                if folder not in seen:  # one of FOLDERS may be a link to the other
                    seen.add(folder)
                    yield from _snap(look, folder)
            except CannotLook as reason:
                if not reason.absent:
                    yield reason.unseen()


def _current_in(outer: str) -> Iterator[str]:
    try:
        with os.scandir(outer) as entries:
            names = [entry.name for entry, _ in zip(entries, range(_MOST), strict=False)]
    except OSError:  # no snapd
        return
    yield from (f"{outer}/{name}/current" for name in sorted(names))


def _snap(look: Look, folder: str) -> Iterator[Package | Unseen]:
    text = read_text(f"{folder}/meta/snap.yaml")
    commands = _COMMAND.findall(text)[:_MOST]
    programs = [path for command in commands if (path := look.file_within(folder, command))]
    look.programs.extend(programs)
    name = _NAME.search(text)
    if name is None or name.group(1) not in look.wanted.snap:
        return
    version = _VERSION.search(text)
    try:
        uid = os.lstat(folder).st_uid
    except OSError as error:
        raise cannot_look(folder, error) from error
    package = PackageRef(
        ecosystem="snap",
        name=name.group(1),
        version=printable(version.group(1)[:_LONGEST]) if version else None,
        path=printable(folder),
    )
    yield Package(package=package, owner=look.owner(folder, uid), form="snap", has_code=bool(programs))
