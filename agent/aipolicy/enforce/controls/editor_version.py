"""Which VS Code is installed for everybody here, and so whether it reads the policy file."""

import os
import re
from collections.abc import Iterator
from typing import Final

from aipolicy.enforce.controls import place
from aipolicy.examine.files import CannotLook, read_json
from aipolicy.platforms.machine import Machine

FROM: Final = (1, 106)
"""https://code.visualstudio.com/docs/enterprise/policies: on Linux from 1.106."""

_FOLDERS: Final = (
    "/usr/share/code",
    "/usr/share/code-insiders",
    "/snap/code/current/usr/share/code",
    "/snap/code-insiders/current/usr/share/code-insiders",
)


def all_obey(machine: Machine) -> bool:
    """Whether there is one, and each that is there is new enough. One in a home or a flatpak is not seen."""
    found = list(_versions(machine))
    return bool(found) and all(version >= FROM for version in found)


def _versions(machine: Machine) -> Iterator[tuple[int, int]]:
    for folder in _FOLDERS:
        here = os.path.realpath(place.at(machine, folder))  # snap's `current` is a link of root's
        try:
            said = read_json(os.path.join(here, "resources/app/package.json")).get("version")
        except CannotLook as error:
            if not error.absent:
                yield (0, 0)
            continue
        number = re.match(r"(\d{1,9})\.(\d{1,9})\.", said if isinstance(said, str) else "")
        yield (int(number[1]), int(number[2])) if number else (0, 0)
