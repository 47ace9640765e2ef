"""The options of `aipolicy server run` that say how long what is kept."""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import click
import msgspec

from aipolicy_server.manage import Failure
from aipolicy_server.settings import Keep

T = TypeVar("T", bound=Callable[..., object])

_WHAT: Final = {
    "events": "the event log",
    "batches": "what devices sent, as it came",
    "alarms": "hints at copied devices",
    "findings": "findings of a device not heard of",
    "devices": "a device not heard of, with all that is of it",
}


def keep_options(command: T) -> T:
    """One option per kind, with the default of Keep."""
    for name, what in reversed(_WHAT.items()):
        command = click.option(
            f"--keep-{name}",
            envvar=f"AIPOLICY_KEEP_{name.upper()}",
            default=f"{getattr(Keep(), name)}d",
            show_default=True,
            metavar="DAYS|forever",
            help=f"How long to keep {what}.",
        )(command)
    return command


def read_keep(options: Mapping[str, str]) -> Keep:
    """What the options say."""
    keep = msgspec.convert({name: _days(name, options[f"keep_{name}"]) for name in _WHAT}, Keep)
    if keep.devices is not None and (keep.events is None or keep.events > keep.devices):
        raise Failure(
            f"--keep-devices {keep.devices}d is less than --keep-events, and a device's events go with it: "
            "give it as many days at least"
        )
    return keep


def _days(name: str, text: str) -> int | None:
    if text == "forever":
        return None
    found = re.fullmatch(r"([0-9]{1,5})d", text, re.ASCII)
    if found is None or not 0 < int(found[1]) <= 36_500:
        raise Failure(f"--keep-{name} {text!r}: write days, as in 400d, or forever")
    return int(found[1])
