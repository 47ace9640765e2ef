"""The people of a made-up company: each has a login name, a number and directory groups, all by its place."""

from functools import cache
from random import Random
from typing import Final

from aipolicy.core.model import Owner, Record

_FIRST: Final = """
ada amina anna anton ben carla chen clara david elena emil eva fatima felix finn grace hana hugo ida igor ivan
jan jana jonas julia kenji lara lea leon lena lin luca maria max mei mila mona nadia nils noah nora olga omar
oscar paul petra priya rosa sami sara sven tara theo tom vera viktor wei yara yusuf zoe
"""
_LAST: Final = """
ahmed bauer becker berg brandt chen costa diaz dubois fischer fontaine garcia haas hansen hoffmann ito jansen
kaya keller khan kim klein koch kowalski kumar lang larsen lee lopez martin meyer moreau mueller nagy nguyen
novak okafor olsen park patel peters petrov popov ricci rossi roth sato schmidt schulz silva singh suzuki
tanaka torres vogel wagner wang weber wolf wong yilmaz zhang
"""

GROUPS: Final = {
    "engineering": 34,
    "data-science": 8,
    "it-operations": 6,
    "finance": 12,
    "legal": 4,
    "sales": 20,
    "support": 16,
}
"""Departments, and of a hundred people how many are in each."""
_MORE: Final = (("contractors", 0.08), ("managers", 0.1))
KEEN: Final = frozenset({"engineering", "data-science", "it-operations"})
"""Who tries tools; the others have few."""


class Person(Record, frozen=True, kw_only=True):
    """groups: the department first."""

    owner: Owner
    groups: tuple[str, ...]


def person(place: int, seed: int) -> Person:
    """The person at this place, always the same one."""
    chance = Random(f"{seed} person {place}")
    first, last = _names()
    name = f"{chance.choice(first)}.{chance.choice(last)}{place}"
    department = chance.choices(tuple(GROUPS), tuple(GROUPS.values()))[0]
    more = tuple(group for group, odds in _MORE if chance.random() < odds)
    return Person(owner=Owner(uid=1000 + place, name=name), groups=(department, *more))


@cache
def _names() -> tuple[list[str], list[str]]:
    return _FIRST.split(), _LAST.split()
