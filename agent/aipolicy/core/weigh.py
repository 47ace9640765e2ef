"""How sure clues make us: the one table that decides it, for verdicts and for explanations alike.

The first ground that holds counts, and they stand surest first, so that a further clue never makes us less
sure. Only `certain` may be blocked.
"""

from collections.abc import Callable, Iterable
from typing import Final

from aipolicy.core.evidence_index import Clue
from aipolicy.core.model import Confidence, Record
from aipolicy.core.tool import Kind

ORDER: Final = (Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE)

OWN_PACKAGE: Final = frozenset({Kind.NPM, Kind.PYPI, Kind.EXTENSION, Kind.PLUGIN})
"""Names that a registry gives to one publisher only."""
SYSTEM_PACKAGE: Final = frozenset({Kind.DEB, Kind.RPM})
"""Names that anybody may use: Debian's `q` is no assistant."""
STORE: Final = frozenset({Kind.BREW, Kind.SNAP, Kind.FLATPAK})
"""Names that a store gives once, but that a package from elsewhere may bear as well."""
_HOSTED: Final = frozenset({Kind.NPM, Kind.PYPI})
"""Packages whose code an interpreter runs."""
_BACKING: Final = OWN_PACKAGE | SYSTEM_PACKAGE | STORE | {Kind.CARRIER, Kind.PATH, Kind.SIGNER}
_SHORTEST_NAME: Final = 3
"""People call their own scripts `q`, `pi` and `cn`."""


class Met(Record, frozen=True, kw_only=True):
    """What was met of one tool in one place.

    kinds: the kinds of clues. marks: how many different content marks.
    whole: it is the package's code itself (the package, or its script being run) and not just any file that
    comes with it, such as a copy of ripgrep.
    under_its_name: the package lies where a package manager puts it; see `conclude.lies_under_its_name`.
    says_its_name: a name of the tool, long enough to be no chance.
    """

    kinds: frozenset[Kind]
    marks: int = 0
    whole: bool = False
    under_its_name: bool = True
    says_its_name: bool = False


class Ground(Record, frozen=True, kw_only=True):
    """One row: where `holds`, we are `sure`. name: what an explanation calls it. words: what it takes."""

    name: str
    sure: Confidence
    words: str
    holds: Callable[[Met], bool]


def _with_code(met: Met) -> bool:
    return met.whole or Kind.EXECUTABLE in met.kinds


GROUNDS: Final = (
    Ground(
        name="two marks",
        sure=Confidence.CERTAIN,
        words="two content marks, which stand in the tool's own files only",
        holds=lambda met: met.marks >= 2,
    ),
    Ground(
        name="backed mark",
        sure=Confidence.CERTAIN,
        words="one content mark together with a package, an installed place or a signature of the tool",
        holds=lambda met: met.marks > 0 and bool(met.kinds & _BACKING),
    ),
    Ground(
        name="own package",
        sure=Confidence.CERTAIN,
        words="the code or the program of a package, in a registry where its name has one owner",
        holds=lambda met: bool(met.kinds & OWN_PACKAGE) and _with_code(met) and met.under_its_name,
    ),
    Ground(
        name="system package in place",
        sure=Confidence.CERTAIN,
        words="a deb or rpm package of the tool's name whose program lies where the tool's does",
        holds=lambda met: Kind.PATH in met.kinds and bool(met.kinds & SYSTEM_PACKAGE),
    ),
    Ground(
        name="product",
        sure=Confidence.CERTAIN,
        words="the bundle id in the product.json of an Electron program, beside its code",
        holds=lambda met: Kind.PRODUCT in met.kinds,
    ),
    Ground(
        name="package under another name",
        sure=Confidence.LIKELY,
        words="a package.json of the tool's name in a folder of another name, where anybody may have put it",
        holds=lambda met: bool(met.kinds & OWN_PACKAGE) and _with_code(met),
    ),
    Ground(
        name="one mark",
        sure=Confidence.LIKELY,
        words="one content mark, which another program may hold as a mention",
        holds=lambda met: met.marks > 0,
    ),
    Ground(
        name="place",
        sure=Confidence.LIKELY,
        words="a place where the tool's own installer puts it, and where anybody may put a file",
        holds=lambda met: Kind.PATH in met.kinds,
    ),
    Ground(
        name="bundle",
        sure=Confidence.LIKELY,
        words="the bundle id, which an application states of itself",
        holds=lambda met: Kind.BUNDLE in met.kinds,
    ),
    Ground(
        name="electron name",
        sure=Confidence.LIKELY,
        words="the name in the package.json of an Electron application, which anybody may give",
        holds=lambda met: Kind.ELECTRON in met.kinds,
    ),
    Ground(
        name="store or carrier",
        sure=Confidence.LIKELY,
        words="a Homebrew, snap or flatpak name, or a package that carries the tool along",
        holds=lambda met: bool(met.kinds & (STORE | {Kind.CARRIER})) and _with_code(met),
    ),
    Ground(
        name="title and package",
        sure=Confidence.LIKELY,
        words="a process title of the tool where its owner has the tool's package",
        holds=lambda met: Kind.TITLE in met.kinds and bool(met.kinds & _HOSTED),
    ),
    Ground(
        name="signed name",
        sure=Confidence.LIKELY,
        words="the tool's file name, signed by its vendor, who signs other programs, too",
        holds=lambda met: {Kind.SIGNER, Kind.EXECUTABLE} <= met.kinds,
    ),
    Ground(
        name="system package",
        sure=Confidence.POSSIBLE,
        words="a deb or rpm package of the tool's name, which anybody may use",
        holds=lambda met: met.whole and bool(met.kinds & SYSTEM_PACKAGE),
    ),
    Ground(
        name="hollow place",
        sure=Confidence.POSSIBLE,
        words="the tool's place, where a file lies that cannot be the tool: too small, or an interpreter",
        holds=lambda met: Kind.PLACE in met.kinds,
    ),
    Ground(
        name="name",
        sure=Confidence.POSSIBLE,
        words="a file name or process title alone, which anybody may use",
        holds=lambda met: met.says_its_name,
    ),
)


def met(clues: Iterable[Clue], *, whole: bool, under_its_name: bool = True) -> Met:
    """What these clues for one tool come to."""
    clues = tuple(clues)
    return Met(
        kinds=frozenset(clue.kind for clue in clues),
        marks=len({clue.value for clue in clues if clue.kind is Kind.CONTENT}),
        whole=whole,
        under_its_name=under_its_name,
        says_its_name=any(_says_its_name(clue) for clue in clues),
    )


def ground(met: Met) -> Ground | None:
    """The row that decides; None: not enough to say anything."""
    return next((ground for ground in GROUNDS if ground.holds(met)), None)


def weigh(clues: Iterable[Clue], *, whole: bool, under_its_name: bool = True) -> Confidence | None:
    """How sure these clues for one tool make us; None: not enough to say anything."""
    decisive = ground(met(clues, whole=whole, under_its_name=under_its_name))
    return None if decisive is None else decisive.sure


def surer(one: Confidence, other: Confidence | None) -> Confidence:
    """The greater confidence of two; None is none at all."""
    return one if other is None else min(one, other, key=ORDER.index)


def _says_its_name(clue: Clue) -> bool:
    long_enough = clue.kind is Kind.EXECUTABLE and len(clue.value) >= _SHORTEST_NAME
    return long_enough or clue.kind is Kind.TITLE
