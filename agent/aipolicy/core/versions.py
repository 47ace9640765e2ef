"""Which of two versions of a tool is the later one, by the rules of the ecosystem that numbered it.

Python packages by PEP 440 (packaging), Debian's and RPM's by theirs (univers), everything else as semver.org
says, widened to what vendors really write: any number of parts, dates, hashes, platforms, builds.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from aipolicy.core.model import Evidence

_MOST: Final = 128
"""Characters: what is longer is no version."""


class Scheme(StrEnum):
    """Whose rules order the versions."""

    PLAIN = "plain"
    PYPI = "pypi"
    DEB = "deb"
    RPM = "rpm"


def scheme_of(because: Iterable[Evidence]) -> Scheme:
    """By what gave the tool away: the package that states the version is among it."""
    kinds = {evidence.kind for evidence in because}
    return next((scheme for scheme in (Scheme.PYPI, Scheme.DEB, Scheme.RPM) if scheme in kinds), Scheme.PLAIN)


def compare(version: str, bound: str, scheme: Scheme = Scheme.PLAIN) -> int | None:
    """Below 0 where `version` is the earlier one, above 0 where it is the later; None where nobody can tell.

    bound: as a person writes it in a policy: what it leaves out (an epoch, a packager's revision, zeros at
    the end) does not count.
    """
    if len(version) > _MOST or len(bound) > _MOST:
        return None
    if scheme is Scheme.PLAIN and _EPOCH.match(version):  # asked for by itself: only packagers write it
        scheme = Scheme.DEB
    pair = _COMPARABLE[scheme](version.strip(), bound.strip())
    if pair is None and scheme is not Scheme.PLAIN:  # an own program's version in a package of somebody's
        pair = _plain_pair(version.strip(), bound.strip())
    if pair is None:
        return None
    one, other = pair
    return -1 if one < other else int(other < one)


def is_version(text: str) -> bool:
    """Whether it can be a bound."""
    return len(text) <= _MOST and _plain(text) is not None


# --- plain -----------------------------------------------------------------------------------------------

_EPOCH: Final = re.compile(r"[0-9]{1,9}:[0-9]")
_NUMBERS: Final = re.compile(r"v?(?:ersion )?([0-9]+(?:\.[0-9]+)*)", re.IGNORECASE)
_ISO_DAY: Final = re.compile(r"v?([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9])", re.IGNORECASE)
_PLATFORM: Final = re.compile(
    r"[-_.+](?:linux|linuxmusl|darwin|macos|osx|win32|windows|alpine|web|universal|x64|x86_64|x86|amd64|arm64|aarch64|"
    r"armhf|ia32|musl|gnu|baseline|exe|cli)(?=$|[-_.+])",
    re.IGNORECASE,
)
_HASH: Final = re.compile(r"[-_.]g?(?=[0-9a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{6,40}$")
_HASH_AFTER_A_DAY: Final = re.compile(r"[-_.]g?[0-9a-f]{7,40}$")  # also the one in 27 that is all digits
_FIRST_YEAR: Final = 2000
_LATER: Final = re.compile(r"[-_.]?(?:post|patch|hotfix|sp|rev|r|p)[-_.]?([0-9]*)$", re.IGNORECASE)
_IDENTIFIER: Final = re.compile(r"[0-9]+|[a-z]+", re.IGNORECASE)

Key = tuple[tuple[int, ...], int, tuple[tuple[int, int, str], ...]]
"""The numbers without zeros at the end; -1 before the release, 0 it, 1 after it; and what follows."""


@lru_cache(maxsize=4096)
def _plain(text: str) -> Key | None:
    if day := _ISO_DAY.match(text):
        text = ".".join(day.groups()) + text[day.end() :]
    text = text.partition(" (")[0].partition("+")[0]  # what follows a plus is a build: semver.org, 10
    found = _NUMBERS.match(text)
    if found is None:
        return None
    numbers = [int(part[:18]) for part in found[1].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    hashes = _HASH_AFTER_A_DAY if _FIRST_YEAR <= numbers[0] < _FIRST_YEAR + 1000 else _HASH
    rest = hashes.sub("", _PLATFORM.sub("", text[found.end() :].rstrip()))
    if not rest.strip("-_. "):
        return tuple(numbers), 0, ()
    if later := _LATER.fullmatch(rest):
        return tuple(numbers), 1, ((0, int(later[1] or 0), ""),)
    if " " in rest or not rest.isascii():
        return None
    identifiers = _IDENTIFIER.findall(rest)
    # Numbers before words, as semver.org says, 11.4.3; more of them is later.
    return tuple(numbers), -1, tuple(map(_ordered, identifiers))


def _ordered(identifier: str) -> tuple[int, int, str]:
    return (0, int(identifier[:18]), "") if identifier.isdigit() else (1, 0, identifier.lower())


def canonical(version: str) -> str:
    """The same for two ways to write one bound."""
    return repr(_plain(version.strip()))


def _plain_pair(version: str, bound: str) -> tuple[Any, Any] | None:
    if _EPOCH.match(version) or _EPOCH.match(bound):
        return None
    one, other = _plain(version), _plain(bound)
    return None if one is None or other is None else (one, other)


# --- packages of an ecosystem: each library is loaded where such a package is judged by its version ------


def _pypi_pair(version: str, bound: str) -> tuple[Any, Any] | None:
    from packaging.version import InvalidVersion, Version  # 2 MiB, 20 ms

    try:
        one, other = Version(version), Version(bound)
    except InvalidVersion:
        return None
    if other.local is None and one.local is not None:
        one = Version(one.public)
    return one, other


_REVISION: Final = re.compile(r"-[0-9][^-]*$")
_PACKAGED: Final = re.compile(r"(?:[0-9]{1,9}:)?[0-9][A-Za-z0-9.+~^:_-]*", re.ASCII)
"""rpm's own comparison takes any text for a version."""


def _deb_pair(version: str, bound: str) -> tuple[Any, Any] | None:
    from univers.debian import Version  # 5 MiB, 40 ms

    if not (_PACKAGED.fullmatch(version) and _PACKAGED.fullmatch(bound)):
        return None
    version, bound = _as_far_as_written(version, bound)
    try:
        read: Any = Version.from_string
        return read(version), read(bound)
    except ValueError:
        return None


def _rpm_pair(version: str, bound: str) -> tuple[Any, Any] | None:
    from univers.rpm import RpmVersion  # 2 MiB, 10 ms

    if not (_PACKAGED.fullmatch(version) and _PACKAGED.fullmatch(bound)):
        return None
    version, bound = _as_far_as_written(version, bound)
    try:
        read: Any = RpmVersion.from_string
        return read(version), read(bound)
    except ValueError:  # an epoch that is no number
        return None


def _as_far_as_written(version: str, bound: str) -> tuple[str, str]:
    """Without the epoch and the packager's revision where the bound has none, with equally many numbers."""
    if ":" not in bound:
        version = version.rpartition(":")[2]
    if not _REVISION.search(bound):
        version = _REVISION.sub("", version)
        missing = version.count(".") - bound.count(".")
        if missing > 0 and re.fullmatch(r"[0-9.]+", bound):
            bound += ".0" * missing
        elif missing < 0 and re.fullmatch(r"[0-9.]+", version):
            version += ".0" * -missing
    return version, bound


_COMPARABLE: Final = {
    Scheme.PLAIN: _plain_pair,
    Scheme.PYPI: _pypi_pair,
    Scheme.DEB: _deb_pair,
    Scheme.RPM: _rpm_pair,
}
