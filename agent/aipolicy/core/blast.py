"""How much a change may stop at once: `people=50,machines=5%`."""

import re
from typing import Final

from aipolicy.core.model import Record
from aipolicy.core.plan_report import Hit, Limit

OF: Final = ("people", "machines", "findings", "running")
"""What can be limited: the fields of Hit."""

_ONE: Final = re.compile(r"([a-z]+)=([0-9]{1,9})(\.[0-9]{1,3})?(%?)")


class Allowed(Record, frozen=True, kw_only=True):
    """of: people, machines, findings or running. most: how many, or what percentage of all."""

    of: str
    most: float
    percent: bool
    text: str


class BadLimit(ValueError):
    """The text is no limit; the message says what to write."""


def read_limits(text: str) -> tuple[Allowed, ...]:
    """The limits in `text`. Raises BadLimit."""
    return tuple(_one(part.strip()) for part in text.split(","))


def _one(part: str) -> Allowed:
    found = _ONE.fullmatch(part)
    if found is None or found[1] not in OF:
        raise BadLimit(f"{part!r} is no limit: write people=50 or machines=5%; there are {', '.join(OF)}")
    percent = found[4] == "%"
    if found[3] and not percent:
        raise BadLimit(f"{part!r}: half a one can't be hit; write a whole number or a percentage")
    return Allowed(of=found[1], most=float(found[2] + (found[3] or "")), percent=percent, text=part)


def held(
    limits: tuple[Allowed, ...], stopped: Hit, *, machines: int, people: int, findings: int
) -> tuple[Limit, ...]:
    """Each limit beside what is newly blocked. machines, people, findings: of the whole inventory."""
    whole = {"people": people, "machines": machines, "findings": findings, "running": findings}
    return tuple(_held(limit, getattr(stopped, limit.of), whole[limit.of]) for limit in limits)


def _held(limit: Allowed, found: int, whole: int) -> Limit:
    most = int(whole * limit.most / 100) if limit.percent else int(limit.most)
    return Limit(of=limit.of, text=limit.text, most=most, found=found, exceeded=found > most)
