"""What somebody is shown of when graces began: of tools found in what is theirs, and nobody else's."""

from pathlib import Path

from aipolicy.core.model import Owner
from aipolicy.daemon.mine import mine
from aipolicy.state.changes import full_look
from aipolicy.state.records import Look
from aipolicy.state.sights import Sights
from sightings import NOON, open_store, seen

ENTRY = "0123456789abcdef"


def test_one_sees_the_first_sights_of_ones_own_tools(tmp_path: Path) -> None:
    store, sights = open_store(tmp_path / "state"), Sights(tmp_path)
    found = seen()
    finding = found.outcome.verdict.finding
    store.change(lambda ledger: full_look(ledger, [found], Look()))
    for tool in (finding.tool, "qoder"):
        sights.note(tool, ENTRY, NOON)
    shown = mine(store, sights, finding.owner)
    assert [sight.tool for sight in shown.first_sights] == [finding.tool]
    assert len(shown.records) == 1
    nobody = mine(store, sights, Owner(uid=finding.owner.uid + 1, name="somebody"))
    assert (nobody.records, nobody.first_sights) == ((), ())
    store.change(lambda ledger: full_look(ledger, [], Look()))
    assert mine(store, sights, finding.owner).first_sights, "that it was here is on record still"
    store.close()
