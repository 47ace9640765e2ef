"""From observations to verdicts, for one catalog and one policy.

The scan, the process event and `explain` all come through here, so they cannot disagree.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from aipolicy.core.correlate import correlate
from aipolicy.core.decide import Explanation, explain
from aipolicy.core.identify import identify
from aipolicy.core.model import Action, Context, Finding, Observation, Verdict
from aipolicy.core.policy import Policy
from aipolicy.core.tools import Catalog
from aipolicy.core.which_scope import possible_modes

_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)
"""No mode depends on the day."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a decision may know of this machine; see Context.

    groups: the groups of a login name, None where they are not known. first_seen: when a tool was first seen
    here, by the id of the entry. note: remembers that: tool, id of the entry, moment.
    """

    device: str
    hostname: str
    os: str
    tags: frozenset[str] | None = frozenset()
    groups: Callable[[str], frozenset[str] | None] = lambda _user: None
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

    def verdict_for_everybody(self, finding: Finding, now: datetime) -> Verdict:
        """The same of a setting that holds for everybody here: blocked only where nobody is let."""
        context = replace(self.context(finding, now), owner=None, groups=None)
        return explain(finding, self.policy, context, self.catalog.version).verdict

    def most_here(self) -> Action:
        """The most that may be done on this machine, to whomever: its own mode, or that of a scope of it."""
        modes = possible_modes(self.policy, self._context(None, None, {}, _NO_TIME))
        return max(modes, key=tuple(Action).index)

    def explanation(self, finding: Finding, now: datetime) -> Explanation:
        """The verdict with every rule that was considered, and what made its action milder."""
        return explain(finding, self.policy, self.context(finding, now), self.catalog.version)

    def context(self, finding: Finding, now: datetime) -> Context:
        """All that the decision about `finding` may know."""
        owner = finding.owner
        # A number for a name: no account has it, or the directory that knows it does not answer.
        user = None if owner.name in ("", str(owner.uid)) else owner.name
        groups: frozenset[str] | None = frozenset()
        if self.policy.asks_for_groups:
            groups = None if user is None else self.surroundings.groups(user)
        return self._context(user, groups, self.surroundings.first_seen(finding.tool), now)

    def _context(
        self,
        user: str | None,
        groups: frozenset[str] | None,
        first_seen: Mapping[str, datetime],
        now: datetime,
    ) -> Context:
        here = self.surroundings
        return Context(
            now=now,
            device=here.device,
            hostname=here.hostname,
            os=here.os,
            owner=user,
            groups=groups,
            tags=here.tags,
            first_seen=first_seen,
        )
