"""The options of `aipolicy server run` that say how long what is kept."""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import click
import msgspec

from aipolicy_server.config import Failure
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
            type=_Days(),
            help=f"How long to keep {what}.",
        )(command)
    return command


def read_keep(options: Mapping[str, str]) -> Keep:
    """What the options say."""
    keep = msgspec.convert({name: _days(options[f"keep_{name}"]) for name in _WHAT}, Keep)
    if keep.devices is not None and (keep.events is None or keep.events > keep.devices):
        raise Failure(
            f"--keep-devices {keep.devices}d is less than --keep-events, and a device's events go with it: "
            "give it as many days at least"
        )
    return keep


class _Days(click.ParamType[str]):
    """A text that `_days` understands."""

    name = "days"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            _days(value)
        except ValueError:
            self.fail(f"{value!r}: write days, as in 400d, or forever", param, ctx)
        return value


def _days(text: str) -> int | None:
    if text == "forever":
        return None
    found = re.fullmatch(r"([0-9]{1,5})d", text, re.ASCII)
    if found is None or not 0 < int(found[1]) <= 36_500:
        raise ValueError(text)
    return int(found[1])
