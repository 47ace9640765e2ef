"""A package of the operating system (deb, rpm) as an observation: where its main program lies."""

import contextlib
import os
import stat
from collections.abc import Iterable
from typing import Final

from aipolicy.core.model import Package, PackageRef
from aipolicy.core.wire import printable
from aipolicy.examine import CannotLook
from aipolicy.observe.look import Look
from aipolicy.observe.shapes import matches_any

_BINS: Final = ("/usr/bin/", "/bin/", "/usr/local/bin/", "/usr/sbin/", "/opt/")
_FORMS: Final = {"deb": "dpkg", "rpm": "rpm"}


def package_of_system(
    look: Look, ecosystem: str, name: str, version: str | None, files: Iterable[str]
) -> Package:
    """The package with its program among `files`; without one it has no code."""
    programs = [path for path in files if _is_program(look.system(path))]
    program = min(programs, key=lambda path: _rank(path, look.wanted.paths), default=None)
    place = f"{ecosystem}:{name}"
    if program is not None:
        place = look.system(program)
        with contextlib.suppress(CannotLook):  # removed meanwhile
            place = look.resolve(place)
    return Package(
        package=PackageRef(ecosystem=ecosystem, name=name, version=version, path=printable(place)),
        owner=look.machine.owner(0),
        form=_FORMS[ecosystem],
        has_code=program is not None,
    )


def _rank(path: str, shapes: tuple[str, ...]) -> tuple[bool, bool, int]:
    """First a program where the catalog says that the tool's lies, then one in a folder of programs."""
    return (not matches_any(path, shapes), not path.startswith(_BINS), len(path))


def _is_program(path: str) -> bool:
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o111) and status.st_size > 0
