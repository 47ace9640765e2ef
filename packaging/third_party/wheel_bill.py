"""What a wheel says itself of the libraries that are linked into it: the bills of materials of PEP 770."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from origins import Origin


@dataclass(frozen=True, kw_only=True)
class Linked:
    """licence: as the bill has it, an expression in SPDX's words; None where it says none."""

    name: str
    version: str | None
    purl: str | None
    licence: str | None


def linked(origin: Origin) -> Iterable[Linked]:
    for file in origin.metadata.files or () if origin.metadata else ():
        if ".dist-info/sboms/" in str(file) and file.suffix == ".json":
            told = json.loads(Path(str(origin.metadata.locate_file(file))).read_text())
            for component in told.get("components", ()):
                if not str(component.get("purl", "")).startswith(
                    "pkg:pypi/"
                ):  # auditwheel names the wheel itself
                    yield Linked(
                        name=component["name"],
                        version=component.get("version"),
                        purl=component.get("purl"),
                        licence=_licence(component.get("licenses", ())),
                    )


def _licence(stated: Iterable[dict[str, Any]]) -> str | None:
    each = [one.get("expression") or one["license"].get("id") for one in stated]
    return " AND ".join(f"({one})" if " OR " in one else one for one in each if one) or None
