"""The reading of whom a scope or an exemption is for: names, patterns of hosts, a part of all machines."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from aipolicy.core import yamlfile
from aipolicy.core.audience import Audience
from aipolicy.core.problem import Code, shown
from aipolicy.core.reading import Reading
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.values import Place, key_of

_PERCENT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?) ?%?")


def read_audience(values: Mapping[str, yamlfile.Node], reading: Reading) -> Audience:
    """What the keys that are there say; each that is wrong is noted and counts as left out."""
    return Audience(
        hosts=_names("hosts", values, reading, patterns=True),
        users=_names("users", values, reading),
        groups=_names("groups", values, reading),
        os=_systems(values, reading),
        tags=_names("tags", values, reading),
        percent=_percent(values.get("percent"), reading),
    )


def _names(
    key: str, values: Mapping[str, yamlfile.Node], reading: Reading, *, patterns: bool = False
) -> tuple[str, ...]:
    found = reading.words(values.get(key), key)
    for scalar in found:
        if not patterns and re.search(r"[*?\[\]]", scalar.text):
            message = f"{shown(scalar.text)} is a pattern, and {key} are names"
            reading.problems.add(
                scalar, Code.PATTERN, message, "write each name; `hosts` alone takes patterns"
            )
        elif patterns and re.search(r"[\[\]!^$\\(|]", scalar.text):
            message = f"{shown(scalar.text)} is no name or pattern of hosts"
            reading.problems.add(
                scalar, Code.PATTERN, message, "a pattern has * for any text and ? for a letter"
            )
    return tuple(dict.fromkeys(scalar.text for scalar in found))


def _systems(values: Mapping[str, yamlfile.Node], reading: Reading) -> tuple[str, ...]:
    found = reading.words(values.get("os"), "os")
    systems = key_of(Place.SCOPE, "os").words
    for scalar in found:
        if scalar.text not in systems:
            message = f"unknown os {shown(scalar.text)}{did_you_mean(scalar.text, systems)}"
            reading.problems.add(scalar, Code.OS, message, "there are " + ", ".join(systems))
    return tuple(dict.fromkeys(scalar.text for scalar in found))


def _percent(node: yamlfile.Node | None, reading: Reading) -> Decimal | None:
    scalar = reading.scalar(node, "percent")
    if scalar is None:
        return None
    match = _PERCENT.fullmatch(scalar.text)
    percent = Decimal(match[1]) if match else None
    if percent is None or not 0 <= percent <= 100:
        message = f"percent is a number from 0 to 100, not {shown(scalar.text)}"
        reading.problems.add(scalar, Code.PERCENT, message, "write 5, 30 or 0.5")
        return None
    return percent
