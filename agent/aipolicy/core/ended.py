"""What of a policy holds no longer because its `until` is over: right, and hardly meant to stay."""

from collections.abc import Iterator
from datetime import datetime

from aipolicy.core.days import DAY, in_words
from aipolicy.core.model import Record
from aipolicy.core.policy import Policy


class Ended(Record, frozen=True, kw_only=True):
    """A rule that is over. line: where it begins in the file. message, suggestion: for people."""

    line: int
    message: str
    suggestion: str


def ended(policy: Policy, now: datetime) -> Iterator[Ended]:
    """Those that are over at the moment `now`, in the order of the file."""
    found = [_ended(one.rule, f"the exemption of {one.selector}", one.ends) for one in policy.exemptions]
    found += [
        _ended(one.rule, f"the entry of {one.selector}", one.ends) for one in policy.entries if one.ends
    ]
    over = (each for at, each in found if at <= now)
    return iter(sorted(over, key=lambda each: each.line))


def _ended(rule: str, what: str, ends: datetime) -> tuple[datetime, Ended]:
    message = f"{what} ended with {in_words(ends - DAY)}, and is as if it were not there"
    line = int(rule.rpartition(":")[2])
    return ends, Ended(line=line, message=message, suggestion="remove it, or give it a later `until`")
