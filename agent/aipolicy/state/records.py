"""The words of the ledger: what was seen where, what the server was told of it, and what to tell next."""

from collections.abc import Iterable, Mapping

from aipolicy.core.model import Gone, Health, Outcome, Record, State, Unseen
from aipolicy.core.wire import home_relative, verdict_for_wire
from aipolicy.state.sendable import sendable

About = Outcome | Gone | Unseen | Health


class Sighting(Record, frozen=True, kw_only=True):
    """A verdict as it leaves the machine, and where on this machine it was seen.

    outcome: paths home-relative. place: the path here, or `process_place(pid)` for a running tool.
    path: the path here, also of a running tool; empty where it is as before.
    """

    outcome: Outcome
    place: str
    path: str = ""


class UnseenPlace(Record, frozen=True, kw_only=True):
    """A place we could not look into.

    unseen: as it leaves the machine. place: the path here. uid: whose home it lies in, null for nobody's.
    """

    unseen: Unseen
    place: str
    uid: int | None = None


class Known(Record, frozen=True, kw_only=True):
    """A finding that the server was told of.

    outcome: as it was told last. places: where it was seen last: one path, or the processes that run it.
    path: the path here, also of a running tool.
    """

    outcome: Outcome
    places: tuple[str, ...]
    path: str = ""


class Ledger(Record, frozen=True, kw_only=True):
    """What was told and still holds: findings by `finding_key`, unseen places by `unseen_key`."""

    known: Mapping[str, Known]
    unseen: Mapping[str, UnseenPlace]


class Told(Record, frozen=True, kw_only=True):
    """What one event will be about, and whom it is about: null for nobody."""

    about: About
    uid: int | None = None


class Changes(Record, frozen=True, kw_only=True):
    """What to tell, in order, and how the ledger changes with it: both are kept, or neither is."""

    tell: tuple[Told, ...] = ()
    remember: Mapping[str, Known] = {}
    forget: tuple[str, ...] = ()
    remember_unseen: Mapping[str, UnseenPlace] = {}
    forget_unseen: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tell or self.remember or self.forget or self.remember_unseen or self.forget_unseen)


class Look(Record, frozen=True, kw_only=True):
    """What was looked at, so that only what could have been seen can be missed.

    states: installed, running or both. within: the folders that were looked into, null for all.
    unseen: the places in it that could not be looked into.
    """

    states: frozenset[State] = frozenset(State)
    within: tuple[str, ...] | None = None
    unseen: tuple[UnseenPlace, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it was a look at everything, so that an unseen place not named again was seen."""
        return self.within is None and self.states == frozenset(State)


def process_place(pid: int) -> str:
    """The place of a running tool. It is a path on Linux, so that an unseen /proc hides it."""
    return f"/proc/{pid}"


def sighting(outcome: Outcome, homes: Iterable[str]) -> Sighting:
    """`outcome` made ready to leave the machine, with its place here kept beside it."""
    finding = outcome.verdict.finding
    running = finding.state is State.RUNNING and finding.pid is not None
    wire = Outcome(
        verdict=verdict_for_wire(outcome.verdict, homes),
        done=outcome.done,
        detail=home_relative(outcome.detail, homes),
    )
    path = _text(finding.path)
    return Sighting(
        outcome=sendable(wire), place=process_place(finding.pid or 0) if running else path, path=path
    )


def unseen_place(unseen: Unseen, homes: Mapping[str, int]) -> UnseenPlace:
    """`unseen` made ready to leave the machine; `homes`: home folder -> uid."""
    whose = [home for home in homes if home.rstrip("/\\") and is_within(unseen.place, home)]
    place, reason = home_relative(unseen.place, homes), home_relative(unseen.reason, homes)
    wire = sendable(Unseen(place=place, reason=reason))
    return UnseenPlace(
        unseen=wire, place=_text(unseen.place), uid=homes[max(whose, key=len)] if whose else None
    )


def unseen_key(place: UnseenPlace) -> str:
    """What makes an unseen place the same one over time: "~/x" alone is a place in every home.

    What follows a colon is a detail ("/proc: program of 3 processes") that may be another one each time.
    """
    return f"{'' if place.uid is None else place.uid}\x1f{place.unseen.place.partition(': ')[0]}"


def is_within(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies in it."""
    base = folder.rstrip("/\\")
    return path in (folder, base) or path.startswith((base + "/", base + "\\"))


def _text(path: str) -> str:
    """A local path that can be stored: bytes that are no UTF-8 as escapes."""
    return path.encode("utf-8", "backslashreplace").decode()
