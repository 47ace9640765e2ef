"""Another name for each person: stable under one key, saying nothing without it, never the system's own."""

from aipolicy.core.model import Gone, Health, Owner, State, Unseen
from aipolicy.core.pseudonym import hidden, pseudonym
from sightings import outcome

KEY, OTHER = b"k" * 32, b"o" * 32
BOB = Owner(uid=1000, name="bob")


def test_one_person_has_one_and_each_machine_another() -> None:
    assert pseudonym(BOB, KEY) == pseudonym(BOB, KEY)
    assert pseudonym(BOB, KEY) != pseudonym(BOB, OTHER)
    assert pseudonym(BOB, KEY) != pseudonym(Owner(uid=1001, name="bob"), KEY)
    assert pseudonym(BOB, KEY).name.startswith("user-")
    assert pseudonym(BOB, KEY).uid >= 2**31
    assert pseudonym(Owner(uid=0, name="root"), KEY) == Owner(uid=0, name="root")


def test_everything_that_names_a_person_does_so_by_it() -> None:
    told = outcome()
    gone = Gone(tool="x", state=State.RUNNING, owner=BOB, path="~/x")
    for about in (hidden(told, KEY), hidden(gone, KEY)):
        assert "bob" not in str(about).replace("/home/bob", "")
        assert "uid=1000" not in str(about)
    unseen, health = Unseen(place="/srv", reason="closed"), Health(part="agent", condition="started")
    assert (hidden(unseen, KEY), hidden(health, KEY)) == (unseen, health)
