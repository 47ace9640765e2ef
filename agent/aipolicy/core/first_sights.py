"""First sights as agent and server tell them each other: graces count on where a state folder is lost.

A first sight is of one machine, one tool and one entry of a policy with a grace; it names no person.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from aipolicy.core.model import Record

FIRST_SIGHTS_PATH: Final = "/v1/first-sights"
MOST_TOLD: Final = 2_000
"""First sights of one device that are told and kept on the server: the newest."""

TOOL: Final = r"^[a-z0-9]+(-[a-z0-9]+)*\Z"
ENTRY: Final = r"^[0-9a-f]{16}\Z"
"""The forms of a tool's id (toolfile.py) and of an entry's (entry.py)."""
LONGEST_TOOL: Final = 200
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""A first sight before it is a clock that was never set, or made up."""

_PURPOSE: Final = b"aipolicy first sights"


class FirstSight(Record, frozen=True, kw_only=True):
    """When a tool was first seen on this machine under an entry of the policy that has a grace.

    tool: the catalog's id. entry: the first 16 hex digits of the SHA-256 of what the entry decides.
    at: when, UTC, to the second.
    """

    tool: str
    entry: str
    at: datetime


class FirstSights(Record, frozen=True, kw_only=True):
    """Body of POST /v1/first-sights, sent when the server's differ from the digest of a check-in.

    machine: a keyed hash that only this machine can make, by which the server knows it again when it enrols
    anew; empty where the machine has nothing to make it of. sights: the newest, at most 2,000.
    """

    schema: str = "aipolicy.first-sights/1"
    machine: str
    sights: tuple[FirstSight, ...]


class KnownSights(Record, frozen=True, kw_only=True):
    """Answer to FirstSights: what the server knows of this machine, also from before it enrolled anew.

    The agent takes over what is earlier than its own and believes nothing else.
    """

    schema: str = "aipolicy.known-sights/1"
    sights: tuple[FirstSight, ...]


def machine_name(installation: str) -> str:
    """How a machine is called here; empty for one that nothing tells from others.

    Keyed by what tells it from others, as systemd makes ids for one application of the machine's own
    (sd_id128_get_machine_app_specific), which is not to leave the machine.
    """
    if not installation:
        return ""
    return hmac.new(installation.encode("utf-8", "backslashreplace"), _PURPOSE, hashlib.sha256).hexdigest()


def digest(sights: Iterable[FirstSight]) -> str:
    """SHA-256 over them, whatever their order; where agent and server differ, they tell each other all."""
    lines = sorted(f"{sight.tool}\x1f{sight.entry}\x1f{sight.at:%Y-%m-%dT%H:%M:%S}" for sight in sights)
    return hashlib.sha256("\x1e".join(lines).encode("utf-8", "backslashreplace")).hexdigest()


def newest(sights: Iterable[FirstSight]) -> tuple[FirstSight, ...]:
    """As many of them as are told."""
    return tuple(sorted(sights, key=lambda sight: (sight.at, sight.tool, sight.entry))[-MOST_TOLD:])


def well_formed(sight: FirstSight) -> bool:
    """Whether it names a tool and an entry."""
    return (
        len(sight.tool) <= LONGEST_TOOL
        and re.match(TOOL, sight.tool, re.ASCII) is not None
        and re.match(ENTRY, sight.entry, re.ASCII) is not None
    )


def believable(sight: FirstSight, now: datetime) -> bool:
    """Whether it can be one: well formed, and neither to come nor from before there were any."""
    return well_formed(sight) and sight.at.tzinfo is not None and EARLIEST <= sight.at <= now
