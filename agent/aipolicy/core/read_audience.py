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
    systems = reading.words(values.get("os"), "os")
    return Audience(
        hosts=read_names("hosts", values, reading, patterns=True),
        users=read_names("users", values, reading),
        groups=read_names("groups", values, reading),
        os=tuple(dict.fromkeys(_system(scalar, reading) for scalar in systems)),
        tags=read_names("tags", values, reading),
        percent=read_percent("percent", values, reading),
    )


def read_names(
    key: str, values: Mapping[str, yamlfile.Node], reading: Reading, *, patterns: bool = False
) -> tuple[str, ...]:
    """A list of names, each once."""
    found = reading.words(values.get(key), key)
    for scalar in found:
        if not scalar.text:
            reading.problems.add(scalar, Code.EMPTY_LIST, f"an item of {key} names nobody", "write a name")
        elif not patterns and re.search(r"[*?\[\]]", scalar.text):
            message = f"{shown(scalar.text)} is a pattern, and {key} are names"
            suggestion = "write each name; `hosts` alone takes patterns"
            reading.problems.add(scalar, Code.PATTERN, message, suggestion)
        elif patterns and re.search(r"[\[\]!^$\\(|,/ ]", scalar.text):
            message = f"{shown(scalar.text)} is no name or pattern of hosts"
            several = re.search(r"[, ]", scalar.text)
            one = "a pattern has * for any text and ? for one letter"
            suggestion = "give each host an item of its own" if several else one
            reading.problems.add(scalar, Code.PATTERN, message, suggestion)
    return tuple(dict.fromkeys(scalar.text for scalar in found))


def read_system(node: yamlfile.Node | None, reading: Reading) -> str:
    """One operating system; Linux where nothing is said."""
    scalar = reading.scalar(node, "os")
    return _system(scalar, reading) if scalar is not None else "linux"


def _system(scalar: yamlfile.Scalar, reading: Reading) -> str:
    systems = key_of(Place.SCOPE, "os").words
    if scalar.text not in systems:
        message = f"unknown os {shown(scalar.text)}{did_you_mean(scalar.text, systems)}"
        reading.problems.add(scalar, Code.OS, message, "there are " + ", ".join(systems))
    return scalar.text


def read_percent(key: str, values: Mapping[str, yamlfile.Node], reading: Reading) -> Decimal | None:
    """A part of all machines, or a place in them."""
    scalar = reading.scalar(values.get(key), key)
    if scalar is None:
        return None
    match = _PERCENT.fullmatch(scalar.text)
    percent = Decimal(match[1]) if match else None
    if percent is None or not 0 <= percent <= 100:
        message = f"{key} is a number from 0 to 100, not {shown(scalar.text)}"
        reading.problems.add(scalar, Code.PERCENT, message, "write 5, 30 or 0.5")
        return None
    return percent
