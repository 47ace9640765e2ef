"""What is worth telling: the difference between what was told last and what was seen now. Pure.

A pid, a rule that moved to another line or a policy that was reformatted change nothing in the world, so they
are not told again; a version, a ruling, an action, from when on it is blocked, or a deed is. Times and ids of
the events are the store's.
"""

import re
from collections.abc import Iterable
from datetime import datetime

from aipolicy.core.model import Confidence, Done, Gone, Health, Outcome, State, Unseen
from aipolicy.core.wire import finding_key
from aipolicy.state.records import (
    Changes,
    Known,
    Ledger,
    Look,
    Sighting,
    Told,
    UnseenPlace,
    is_within,
    unseen_key,
)

MAX_UNSEEN = 500
"""Places told one by one; a home with a million closed folders must not become a million events."""

_DEEDS = frozenset({Done.DENIED, Done.ENDED})

_DATABASES = (("/var/lib/dpkg/", "dpkg"),)
"""Findings of this form are known from this database, wherever their program lies."""


def full_look(ledger: Ledger, sightings: Iterable[Sighting], look: Look) -> Changes:
    """Replace what is known in the scope of `look` by what was seen."""
    tell: list[Told] = []
    remember: dict[str, Known] = {}
    groups: dict[str, list[Sighting]] = {}
    for seen in sightings:
        groups.setdefault(_key(seen.outcome), []).append(seen)
    for key, group in groups.items():
        told, known = _renew(ledger.known.get(key), group, tuple(sorted({s.place for s in group})))
        tell += told
        if known is not None:
            remember[key] = known
    gone = [
        key
        for key, known in ledger.known.items()
        if key not in groups and _in_scope(known, look) and not _hidden(known, look.unseen)
    ]
    tell += [_gone(ledger.known[key]) for key in gone]
    told, remember_unseen, forget_unseen = _unseen_changes(ledger, look)
    return Changes(
        tell=(*tell, *told),
        remember=remember,
        forget=tuple(gone),
        remember_unseen=remember_unseen,
        forget_unseen=forget_unseen,
    )


def one_more(ledger: Ledger, seen: Sighting) -> Changes:
    """Add one sighting, from a process or install event; it says nothing about all others."""
    key = _key(seen.outcome)
    before = ledger.known.get(key)
    places = {seen.place} if before is None else {seen.place, *before.places}
    told, known = _renew(before, [seen], tuple(sorted(places)))
    return Changes(tell=tuple(told), remember={} if known is None else {key: known})


def one_less(ledger: Ledger, key: str, place: str) -> Changes:
    """Take one sighting away: the process of `place` ended. Gone once the last of its places is gone."""
    known = ledger.known.get(key)
    if known is None or place not in known.places:
        return Changes()
    left = tuple(p for p in known.places if p != place)
    if left:
        return Changes(remember={key: Known(outcome=known.outcome, places=left, path=known.path)})
    return Changes(tell=(_gone(known),), forget=(key,))


def everything_again(ledger: Ledger) -> Changes:
    """All that is known, told anew, for a server whose findings differ from ours.

    It opens with a Health record, so that the log shows why nothing new follows.
    """
    head = Health(
        part="findings",
        condition="told again",
        detail="The server's findings of this device differed; all that hold follow.",
        count=len(ledger.known),
    )
    findings = tuple(Told(about=k.outcome, uid=_uid(k.outcome)) for k in ledger.known.values())
    return Changes(tell=(Told(about=head), *findings))


def everything_gone(ledger: Ledger) -> Changes:
    """All that is known, told as gone; the ledger keeps it, for it is told again under other names."""
    return Changes(tell=tuple(_gone(known) for known in ledger.known.values()))


def _renew(
    before: Known | None, group: list[Sighting], places: tuple[str, ...]
) -> tuple[list[Told], Known | None]:
    """What to tell of one finding, and what to remember of it: nothing where nothing changed."""
    known_places = () if before is None else before.places
    deeds = [s for s in group if s.outcome.done in _DEEDS and s.place not in known_places]
    # Two processes of one tool may differ (an update under a running one): as long as one of them is as it
    # was told, nothing is told, so that the two don't take turns.
    same = before is not None and any(_sense(s.outcome) == _sense(before.outcome) for s in group)
    told = deeds or ([] if same else group[:1])
    path = group[-1].path or ("" if before is None else before.path)
    if told:
        return [_told(s) for s in told], Known(outcome=told[-1].outcome, places=places, path=path)
    if before is None or places == before.places:
        return [], None
    return [], Known(outcome=before.outcome, places=places, path=path)


def _sense(outcome: Outcome) -> tuple[str | None, Confidence, str, str, datetime | None, Done]:
    verdict = outcome.verdict
    finding = verdict.finding
    said = verdict.ruling, verdict.action, verdict.blocks_from
    return (finding.version, finding.confidence, *said, outcome.done)


def _key(outcome: Outcome) -> str:
    return finding_key(outcome.verdict.finding)


def _uid(outcome: Outcome) -> int:
    return outcome.verdict.finding.owner.uid


def _told(seen: Sighting) -> Told:
    return Told(about=seen.outcome, uid=_uid(seen.outcome))


def _gone(known: Known) -> Told:
    finding = known.outcome.verdict.finding
    gone = Gone(tool=finding.tool, state=finding.state, owner=finding.owner, path=finding.path)
    return Told(about=gone, uid=finding.owner.uid)


def _in_scope(known: Known, look: Look) -> bool:
    if known.outcome.verdict.finding.state not in look.states:
        return False
    return look.within is None or any(is_within(p, w) for p in known.places for w in look.within)


def _hidden(known: Known, unseen: Iterable[UnseenPlace]) -> bool:
    return any(_hides(u.place, known) for u in unseen)


def _hides(place: str, known: Known) -> bool:
    """Whether the finding may be there still, because `place` could not be looked into."""
    finding = known.outcome.verdict.finding
    if place == "homes" or place.startswith("observer "):  # no path but a whole part of the look that failed
        return (place == "observer processes") == (finding.state is State.RUNNING)
    if any(finding.form == form and folder in place for folder, form in _DATABASES):
        return True
    if finding.state is State.RUNNING:
        return place == known.path or any(is_within(p, place) or is_within(place, p) for p in known.places)
    # In the place, or something of it (its package.json) is the place.
    return any(is_within(p, place) or is_within(place, p) for p in known.places)


def _unseen_changes(ledger: Ledger, look: Look) -> tuple[list[Told], dict[str, UnseenPlace], tuple[str, ...]]:
    now = {unseen_key(u): u for u in _at_most(look.unseen)}
    before = ledger.unseen
    remember = {k: u for k, u in now.items() if k not in before or _why(before[k]) != _why(u)}
    told = [Told(about=u.unseen, uid=u.uid) for u in remember.values()]
    if not look.whole:
        return told, remember, ()
    forget = tuple(key for key in before if key not in now)
    told += [_seen_again(before[key]) for key in forget]
    return told, remember, forget


def _why(place: UnseenPlace) -> str:
    """The reason without its numbers: "12 more places" and then "13 more places" is no news."""
    return re.sub(r"\d[\d,]*", "N", place.unseen.reason)


def _seen_again(place: UnseenPlace) -> Told:
    about = Health(part="place", condition="seen again", detail=place.unseen.place)
    return Told(about=about, uid=place.uid)


def _at_most(unseen: tuple[UnseenPlace, ...]) -> tuple[UnseenPlace, ...]:
    if len(unseen) <= MAX_UNSEEN:
        return unseen
    rest = Unseen(
        place="further places",
        reason=f"more than {MAX_UNSEEN} places could not be looked into; `aipolicy scan` lists all",
    )
    first = sorted(unseen, key=lambda u: u.place)[:MAX_UNSEEN]
    return (*first, UnseenPlace(unseen=rest, place=rest.place))
