"""`versions` of an entry: one unbroken stretch, as `>=1.7, <2`, and whether a version lies in it."""

import re
from typing import Final

from aipolicy.core.model import Finding, Record
from aipolicy.core.problem import Code, Placed, Problems, shown
from aipolicy.core.versions import Scheme, canonical, compare, is_version, scheme_of

_BOUND: Final = re.compile(r"(>=|<=|>|<|==|=)\s*(\S+)")
_WILD: Final = re.compile(r"[~^]?v?([0-9]+(?:\.[0-9]+)*?)(?:\.[x*])?", re.IGNORECASE)


class Bound(Record, frozen=True, kw_only=True, gc=False):
    """One end. closed: whether the version itself lies within."""

    version: str
    closed: bool

    def __str__(self) -> str:
        return f"={self.version}" if self.closed else self.version


class VersionRange(Record, frozen=True, kw_only=True, gc=False):
    """low, high: its ends, null where it has none. Both are the same for exactly one version."""

    low: Bound | None = None
    high: Bound | None = None

    def __str__(self) -> str:
        if self.low is not None and self.low == self.high:
            return str(self.low)
        ends = (f">{self.low}" if self.low else "", f"<{self.high}" if self.high else "")
        return ", ".join(filter(None, ends))

    @property
    def identity(self) -> str:
        """The same for two ways to write one range."""
        return repr([end and (canonical(end.version), end.closed) for end in (self.low, self.high)])

    def holds(self, finding: Finding) -> bool | None:
        """Whether the tool's version lies in it; None where its version is not known, or no version."""
        if finding.version is None:
            return None
        return self.has(finding.version, scheme_of(finding.because))

    def has(self, version: str, scheme: Scheme = Scheme.PLAIN) -> bool | None:
        """The same of a version by itself."""
        for end, sign in ((self.low, 1), (self.high, -1)):
            if end is None:
                continue
            order = compare(version, end.version, scheme)
            if order is None:
                return None
            if order * sign < 0 or (order == 0 and not end.closed):
                return False
        return True

    def meets(self, other: "VersionRange") -> bool:
        """Whether some version may lie in both."""
        return _begins_before_end(self, other) and _begins_before_end(other, self)


def _begins_before_end(one: VersionRange, other: VersionRange) -> bool:
    if one.low is None or other.high is None:
        return True
    order = compare(one.low.version, other.high.version) or 0
    return order < 0 or (order == 0 and one.low.closed and other.high.closed)


def read_versions(text: str, at: Placed, problems: Problems) -> VersionRange | None:
    """The range; None, with the problem noted, where the text is none."""
    low: Bound | None = None
    high: Bound | None = None
    for part in text.split(","):
        match = _BOUND.fullmatch(part.strip())
        if match is None or not is_version(match[2]):
            message = f"{shown(part.strip())} is no bound of a version"
            problems.add(at, Code.VERSIONS, message, _meant(part.strip()))
            return None
        sign, version = match.groups()
        bound = Bound(version=version, closed="=" in sign)
        if (sign[0] in ">=" and low) or (sign[0] in "<=" and high):
            message = f"versions {shown(text)} has two bounds on one side"
            problems.add(at, Code.VERSIONS, message, "keep one of them")
            return None
        low = bound if sign[0] in ">=" else low
        high = bound if sign[0] in "<=" else high
    found = VersionRange(low=low, high=high)
    if not _begins_before_end(found, found):
        alike = low is not None and high is not None and low.version == high.version
        mend = f'write "={low.version}" for that one alone' if alike and low else "swap the bounds"
        problems.add(at, Code.NEVER, f"no version is {shown(text)}", mend)
        return None
    return found


def _meant(part: str) -> str:
    """What npm's or Python's way to write a range would be here."""
    match = _WILD.fullmatch(part)
    if match is None:
        return 'write bounds like ">=1.7, <2"'
    numbers = match[1].split(".")
    if part.startswith("^") or (part[-1:] in "xX*" and part[-2:-1] == "."):
        kept = numbers[:1] if part.startswith("^") else numbers
        return f'write ">={match[1]}, <{_next(kept)}"'
    if part.startswith("~"):
        return f'write ">={match[1]}, <{_next(numbers[:2])}"'
    return f'write "={match[1]}" for that version alone, ">={match[1]}" for it and later ones'


def _next(numbers: list[str]) -> str:
    return ".".join([*numbers[:-1], str(int(numbers[-1]) + 1)])
