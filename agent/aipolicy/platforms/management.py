"""What a firm's management of devices gives the agent: the registry on Windows, managed preferences on macOS.

Linux has no such store; there agent.yaml is what Ansible and its like write. Reading only: which names are
settings, and what they may be, the settings themselves say.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from aipolicy.core.model import Record

logger = logging.getLogger(__name__)

REGISTRY_KEYS: Final = (r"SOFTWARE\aipolicy", r"SOFTWARE\aipolicy\Secret", r"SOFTWARE\Policies\aipolicy")
"""Below HKEY_LOCAL_MACHINE, a later one above an earlier one: what the MSI wrote, the enrolment secret, which
only administrators may read, and what group policy or Intune sets."""

PREFERENCES: Final = "/Library/Managed Preferences/com.example.aipolicy.plist"
"""Where macOS lays what profiles say for our domain. Everybody may read it: no place for a secret.
https://developer.apple.com/documentation/devicemanagement/managedpreferences"""

_LARGEST_PLIST: Final = 1 << 20


class Managed(Record, frozen=True, kw_only=True):
    """One value that management gave.

    place: where it stands, for messages. name, value: as they stand there.
    """

    place: str
    name: str
    value: str | tuple[str, ...]


def in_registry(winreg: Any) -> Iterator[Managed]:
    """winreg: the standard library's module, https://docs.python.org/3/library/winreg.html."""
    for key in REGISTRY_KEYS:
        try:
            opened = winreg.OpenKey(
                winreg.HKEY_LOCAL_MACHINE, key, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY
            )
        except OSError:  # nobody set anything there, or it is not ours to read
            continue
        with opened:
            for number in range(winreg.QueryInfoKey(opened)[1]):
                name, value, _kind = winreg.EnumValue(opened, number)
                yield from _managed(f"HKLM\\{key}", name, value)


def in_preferences(path: str = PREFERENCES) -> Iterator[Managed]:
    """Nothing where no profile says anything; a file that cannot be read is logged."""
    import plistlib  # 5 ms that every start on Linux would pay, too
    from xml.parsers.expat import ExpatError

    try:
        with Path(path).open("rb") as file:
            content = plistlib.loads(file.read(_LARGEST_PLIST))
    except FileNotFoundError:
        return
    except (OSError, ValueError, ExpatError) as error:
        logger.warning("managed preferences cannot be read path=%s error=%s", path, error)
        return
    if isinstance(content, dict):
        for name, value in content.items():
            if not name.startswith("Payload"):  # about the profile itself
                yield from _managed(path, name, value)


def _managed(place: str, name: str, value: object) -> Iterator[Managed]:
    """A value that is empty is none: an MSI writes its properties whether somebody gave them or not."""
    if not name or value in ("", None, []):
        return
    texts = tuple(map(str, value)) if isinstance(value, list | tuple) else str(value)
    yield Managed(place=place, name=name, value=texts)
