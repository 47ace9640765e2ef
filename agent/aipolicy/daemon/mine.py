"""What `aipolicy mine` says: the records about one person, and when graces began for the tools in them."""

from collections.abc import Iterable

import msgspec

from aipolicy.core.model import Event, Gone, Outcome, Owner
from aipolicy.core.status import Mine
from aipolicy.state.sights import Sights
from aipolicy.state.store import Store


def mine(store: Store, sights: Sights, who: Owner) -> Mine:
    """First sights are of the machine; of those, the ones of tools that were found in what is theirs.

    The others would say what somebody else has.
    """
    records = store.events_about(who.uid)
    tools = _tools(records)
    for known in store.current().values():
        finding = known.outcome.verdict.finding
        if finding.owner.uid == who.uid:
            tools.add(finding.tool)
    return Mine(
        who=who.name,
        device=store.identity().device,
        records=tuple(msgspec.Raw(record) for record in records),
        first_sights=tuple(sight for sight in sights.told() if sight.tool in tools),
    )


def _tools(records: Iterable[bytes]) -> set[str]:
    tools: set[str] = set()
    for record in records:
        match msgspec.json.decode(record, type=Event).about:
            case Outcome(verdict=verdict):
                tools.add(verdict.finding.tool)
            case Gone(tool=tool):
                tools.add(tool)
    return tools
