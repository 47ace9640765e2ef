"""From observations to verdicts, for one catalog and one policy.

The scan, the process event and `explain` all come through here, so they cannot disagree.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aipolicy.core.correlate import correlate
from aipolicy.core.decide import Explanation, explain
from aipolicy.core.identify import identify
from aipolicy.core.model import Context, Finding, Observation, Owner, Verdict
from aipolicy.core.policy import Policy
from aipolicy.core.tools import Catalog


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a decision may know of this machine; see Context.

    groups: the directory groups of an owner. first_seen: when a tool was first seen here, by the id of the
    entry. note: remembers that: tool, id of the entry, moment.
    """

    device: str
    hostname: str
    os: str
    tags: frozenset[str] = frozenset()
    groups: Callable[[Owner], frozenset[str]] = lambda _owner: frozenset()
    first_seen: Callable[[str], Mapping[str, datetime]] = lambda _tool: {}
    note: Callable[[str, str, datetime], None] = lambda _tool, _entry, _now: None


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Names what was observed and says what the policy makes of it."""

    catalog: Catalog
    policy: Policy
    surroundings: Surroundings

    def findings(self, observations: Iterable[Observation]) -> tuple[Finding, ...]:
        """One finding per tool, owner and place, after all observations were held against each other."""
        observations = tuple(observations)
        alone = tuple(finding for seen in observations for finding in identify(seen, self.catalog))
        return correlate(observations, alone, self.catalog)

    def verdict(self, finding: Finding, now: datetime) -> Verdict:
        """What the policy says of one finding at the moment `now`."""
        return self.explanation(finding, now).verdict

    def verdict_on_seen(self, finding: Finding, now: datetime) -> Verdict:
        """The same of one that is really here now: where it is warned of, its grace begins."""
        explained = self.explanation(finding, now)
        if explained.grace:
            self.surroundings.note(finding.tool, explained.grace, now)
        return explained.verdict

    def explanation(self, finding: Finding, now: datetime) -> Explanation:
        """The verdict with every rule that was considered, and what made its action milder."""
        return explain(finding, self.policy, self.context(finding, now), self.catalog.version)

    def context(self, finding: Finding, now: datetime) -> Context:
        """All that the decision about `finding` may know."""
        here = self.surroundings
        return Context(
            now=now,
            device=here.device,
            hostname=here.hostname,
            os=here.os,
            owner=finding.owner.name,
            groups=here.groups(finding.owner),
            tags=here.tags,
            first_seen=here.first_seen(finding.tool),
        )
