"""What components.toml says: licences that no metadata states, libraries inside wheels, what we may ship."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from license_expression import get_spdx_licensing
from origins import Origin

OURS = "LicenseRef-aipolicy"
"""Stands for the licence of our own code, which is not chosen yet."""

_SPDX = get_spdx_licensing()


class Refused(Exception):
    """What must not be shipped like this, and what to do about it."""


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A library that is linked into a wheel's files; version: as these say it, None where they say none."""

    name: str
    version: str | None
    licence: str
    page: str
    texts: tuple[Path, ...]


class Stated:
    def __init__(self, file: Path) -> None:
        """Raises OSError, tomllib.TOMLDecodeError."""
        self._said: dict[str, Any] = tomllib.loads(file.read_text())
        self._texts = file.parent / "texts"

    def licence(self, origin: Origin) -> str:
        """In SPDX's words. Raises Refused."""
        if origin.name == "aipolicy":
            return OURS
        if origin.kind == "deb":
            said = self._said["debian"].get(origin.source)
        else:
            said = self._said["licences"].get(origin.name) or _said_by_wheel(origin)
        if said is None:
            raise Refused(
                f"{origin.name}: its licence is not known in SPDX's words; read it, add it to components.toml"
            )
        return self.allowed(origin.name, said)

    def texts(self, origin: Origin) -> tuple[Path, ...]:
        """Files with its licence and notices. Raises Refused."""
        ours = self._said["texts"].get(origin.name)
        texts = origin.texts + ((self._texts / ours,) if ours else ())
        if not texts:
            raise Refused(
                f"{origin.name}: it comes without its licence's text; add that to texts/ and components.toml"
            )
        return texts

    def inside(self, origin: Origin, files: Iterable[Path]) -> Iterable[Inner]:
        """files: those of the origin that are shipped. Raises Refused."""
        for said in self._said["inside"]:
            if said["of"] == origin.name:
                yield Inner(
                    name=said["name"],
                    version=_version(said, origin, files) if "version" in said else None,
                    licence=self.allowed(said["name"], said["licence"]),
                    page=said["page"],
                    texts=(self._texts / said["text"],) if "text" in said else (),
                )

    def allowed(self, name: str, licence: str) -> str:
        """The licence. Raises Refused."""
        if licence not in self._said["allowed"] and not self._may(_SPDX.parse(licence)):
            raise Refused(
                f"{name} is under {licence}, which components.toml does not allow: leave it out, or say why"
            )
        return licence

    def _may(self, parsed: Any) -> bool:
        """Of alternatives one that is allowed is enough."""
        if str(parsed) in self._said["allowed"]:
            return True
        each = [self._may(one) for one in getattr(parsed, "args", ())]
        return any(each) if getattr(parsed, "operator", "").strip() == "OR" else bool(each) and all(each)


def _said_by_wheel(origin: Origin) -> str | None:
    metadata = origin.metadata.metadata if origin.metadata else {}
    said = metadata.get("License-Expression") or metadata.get("License") or ""
    return said if said and not _SPDX.validate(said).errors else None


def _version(said: dict[str, str], origin: Origin, files: Iterable[Path]) -> str:
    pattern = said["version"].encode()
    found = {one.decode() for file in files for one in re.findall(pattern, file.read_bytes())}
    if len(found) != 1:
        raise Refused(f"{origin.name} {origin.version}: which {said['name']} is in it? found {sorted(found)}")
    return found.pop()
