"""What the conditions of an entry make of a finding at a moment: whether it holds, the most it may ask."""

from collections.abc import Iterator
from datetime import datetime

from aipolicy.core.audience import fit
from aipolicy.core.days import DAY, in_words, span_in_words
from aipolicy.core.entry import Entry
from aipolicy.core.exemption import Exemption
from aipolicy.core.model import Action, Context, Finding, Record, Ruling


class Held(Record, frozen=True, kw_only=True, gc=False):
    """An entry at a moment.

    holds: whether it counts; else it is as if it were not there. unsure: whether it may count or not, for the
    tool's version, which could tell, is not known. warns: whether it may not block yet.
    words: what each condition made of it, for people.
    """

    holds: bool = True
    unsure: bool = False
    warns: bool = False
    words: tuple[str, ...] = ()


_ALWAYS = Held()


def held(entry: Entry, ruling: Ruling, finding: Finding, context: Context) -> Held:
    """What becomes of the entry now. Only a ban waits; an approval that has not begun is not there."""
    if not entry.conditional and entry.grace is None:
        return _ALWAYS
    now, bans = context.now, ruling is Ruling.BANNED
    words: list[str] = []
    holds, unsure, warns = True, False, False
    if entry.versions is not None:
        lies_in_it = entry.versions.holds(finding)
        holds, unsure = lies_in_it is not False, lies_in_it is None
        words.append(f"versions {entry.versions}: {_made_of_version(lies_in_it, finding)}")
    if entry.begins is not None:
        early = now < entry.begins
        holds, warns = holds and (bans or not early), early
        waits = "it warns until then" if bans else "it does not hold yet"
        words.append(f"from {in_words(entry.begins)}: " + (waits if early else "it has begun"))
    if entry.ends is not None:
        over = now >= entry.ends
        holds = holds and not over
        words.append(f"until {in_words(entry.ends - DAY)}: " + ("it is over" if over else "it still holds"))
    if entry.grace is not None:
        end = grace_end(entry, context)
        warns = warns or now < end
        grace = f"grace {span_in_words(entry.grace)}, first seen {in_words(first_seen(entry, context))}"
        words.append(f"{grace}: " + (f"it warns until {in_words(end)}" if now < end else "it is over"))
    return Held(holds=holds, unsure=unsure, warns=warns, words=tuple(words))


def exempted(
    exemption: Exemption, finding: Finding, context: Context, policy: str
) -> tuple[bool | None, tuple[str, ...]]:
    """Whether an exemption counts now, None where nobody can tell, and what each condition made of it."""
    over = context.now >= exemption.ends
    last = in_words(exemption.ends - DAY)
    whom = fit(exemption.audience, context, policy)
    words = [f"until {last}: " + ("it is over" if over else "it still holds"), *whom.words]
    answers = [not over, whom.fits]
    if exemption.versions is not None:
        lies_in_it = exemption.versions.holds(finding)
        answers.append(lies_in_it)
        words.append(f"versions {exemption.versions}: {_made_of_version(lies_in_it, finding)}")
    holds = False if False in answers else (None if None in answers else True)
    return holds, tuple(words)


def _made_of_version(lies_in_it: bool | None, finding: Finding) -> str:
    if lies_in_it is None:
        return f"{finding.version} cannot be compared" if finding.version else "the version is not known"
    return f"{finding.version} is {'one' if lies_in_it else 'none'} of them"


def first_seen(entry: Entry, context: Context) -> datetime:
    """When the grace began: now where nobody was warned yet, or the clock was ahead when somebody was."""
    return min(context.first_seen.get(entry.id, context.now), context.now).replace(microsecond=0)


def grace_end(entry: Entry, context: Context) -> datetime:
    """When a grace is over."""
    return first_seen(entry, context) + (entry.grace or DAY)


def turns(entry: Entry, context: Context) -> Iterator[datetime]:
    """The moments after which its conditions may make something else of the same finding."""
    if entry.begins is not None:
        yield entry.begins
    if entry.ends is not None:
        yield entry.ends
    if entry.grace is not None:
        yield grace_end(entry, context)


def ceiling(held: Held) -> Action:
    """The most it may ask."""
    return Action.WARN if held.warns else Action.BLOCK
