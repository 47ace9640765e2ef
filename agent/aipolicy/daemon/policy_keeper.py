"""The policy in force: taken from its source, checked, and never replaced by a worse one."""

import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from aipolicy.central.policy_source import (
    ACCEPTED,
    HELD,
    FilePolicy,
    LastGood,
    NoPolicy,
    NotedVersion,
    PolicySource,
    PolicyText,
    ProvenPolicies,
)
from aipolicy.central.published_policy import Refused
from aipolicy.core.ceiling import Ceiling, lowered
from aipolicy.core.policy import NO_POLICY, KnownTools, Policy, PolicyErrors, parse
from aipolicy.core.problem import annotate
from aipolicy.daemon.health import Conditions

logger = logging.getLogger(__name__)

_PART = "policy"


class NoGoodPolicy(Exception):
    """There is no policy to start with; the text says what is wrong and where."""


class PolicyKeeper:
    """Holds the policy in force. One thread calls `refresh`; `current` may be read by all.

    taken: the SHA-256 of the policy that the file last gave, empty while that was none.
    """

    def __init__(
        self,
        *,
        path: str,
        known: KnownTools,
        state_dir: Path,
        conditions: Conditions,
        now: Callable[[], datetime],
        too_much: Callable[[Policy], str | None] = lambda _policy: None,
        ceilings: Callable[[], tuple[Ceiling, ...]] = lambda: (),
        source: PolicySource | None = None,
        otherwise: PolicyText | None = None,
        file_counts: bool = True,
        trying: Callable[[str], None] = lambda _sha256: None,
        aside: str | None = None,
    ) -> None:
        """Raises NoGoodPolicy where neither the source nor the last good one nor `otherwise` can be used.

        path: of the policy file. source: what gives the policy, the file alone where it is not given.
        otherwise: what holds until the server has a policy that can be used; an agent that did not start
        would never get one. file_counts: whether somebody named the file, so that it is an error where it
        cannot be used.
        ceilings: what keeps the agent below the policy's mode at this moment.
        too_much: why a policy would do so much here that somebody is to accept it first; None: it would not.
        trying: told of a policy before it is read. aside: in safe mode the policy (SHA-256) that is set
        aside, empty where there is none that can be read.
        """
        self.file = path
        self._known = known
        self._source = FilePolicy(path) if source is None else source
        self._otherwise, self._file_counts = otherwise, file_counts
        self._last_good = LastGood(state_dir)
        self._conditions = conditions
        self._now = now
        self._too_much = too_much
        self._ceilings = ceilings
        self._trying, self._aside = trying, aside
        self._proven = ProvenPolicies(state_dir)
        self._accepted, self._held = NotedVersion(state_dir, ACCEPTED), NotedVersion(state_dir, HELD)
        self._sha256 = self.taken = ""
        self.number = 0
        """Under which number the server published what is in force; 0 where it did not."""
        self.refused: Refused | None = None
        """What the server published and is not taken."""
        self.since = now()
        self.passing = False
        """Whether the file was being written when it was last read: look again soon."""
        self.written = self._first()
        """As it was written; `current` is the one to act by."""

    @property
    def current(self) -> Policy:
        """The policy in force: as written, under what keeps the agent below its mode just now."""
        return lowered(self.written, self._ceilings())

    def end_safe_mode(self) -> None:
        """What was set aside is tried again by the next `refresh`."""
        self._aside, self._sha256 = None, ""

    def prove(self) -> str:
        """An agent has run well with the policy in force; its SHA-256, empty where that is not known."""
        kept = self._last_good.load()
        if kept is None or not kept.sha256.startswith(self.written.version):
            return ""
        self._proven.keep(kept)
        return kept.sha256

    def refresh(self) -> bool:
        """Read the source again; whether another policy is in force now. A wrong one changes nothing."""
        found = self._source.read()
        self.passing = isinstance(found, NoPolicy) and found.passing
        if isinstance(found, NoPolicy):
            if not found.passing:
                self._conditions.wrong(_PART, "unreadable", f"{found.reason}; {self._staying()}", self._now())
            return False
        if found.sha256 == self._aside:
            self._say_aside(found)
            return False
        if found.sha256 == self._sha256:
            self.refused = None
            if found.number != self.number:
                self._take(self.written, found)
            self._conditions.well(_PART, "in force", f"version {self.written.version}")
            return False
        self._trying(found.sha256)
        try:
            policy = parse(found.content, found.name, self._known)
        except PolicyErrors as errors:
            self._refuse(found, "rejected", f"{_first_line(errors)}; {self._staying()}")
            return False
        if (why := self._too_much(policy)) is not None and self._accepted.version() != policy.version:
            self._hold(found, policy.version, why)
            return False
        self._take(policy, found)
        self._conditions.well(_PART, "in force", f"version {policy.version}")
        return True

    @property
    def released(self) -> bool:
        """Whether the policy that was held has been accepted since: refresh takes it."""
        held = self._held.version()
        return held != "" and self._accepted.version() == held != self.written.version

    def _refuse(self, text: PolicyText, condition: str, said: str) -> None:
        self._conditions.wrong(_PART, condition, said, self._now())
        self.refused = Refused(number=text.number, why=said) if text.number else None

    def _hold(self, text: PolicyText, version: str, why: str) -> None:
        with contextlib.suppress(OSError):  # a full disk: it is asked about again after the next start
            self._held.note(version)
        said = f"version {version} would stop {why}; {self._staying()}; "
        said += f"if that is meant: aipolicy policy accept {version}"
        self._refuse(text, "held", said)

    def _first(self) -> Policy:
        found = self._source.read()
        other = isinstance(found, PolicyText) and found.sha256 != self._aside
        if self._aside is not None and not other:
            return self._instead(found)
        if isinstance(found, PolicyText):
            try:
                policy = parse(found.content, found.name, self._known)
            except PolicyErrors as errors:
                whole = "\n".join(annotate(p) for p in errors.problems)
                return self._kept(_first_line(errors), whole, found)
            if self._held.version() == policy.version != self._accepted.version():
                held = f"version {policy.version} is held"
                return self._kept(held, held, found)
            self._take(policy, found)
            self._conditions.well(_PART, "in force", f"version {policy.version}")
            return policy
        return self._kept(found.reason, found.reason)

    def _kept(self, reason: str, whole: str, refused: PolicyText | None = None) -> Policy:
        """The last good policy, for a start beside a broken one."""
        if self._aside is not None:  # it may be the very one
            return self._instead(refused)
        published = refused is not None and refused.number > 0
        otherwise = self._otherwise if published or not self._file_counts else None
        for kept in (self._last_good.load(), otherwise):
            with contextlib.suppress(PolicyErrors):  # a tool of it left the catalog
                if kept is not None:
                    self.written = parse(kept.content, kept.name, self._known)
                    break
        else:
            raise NoGoodPolicy(whole)
        self._sha256, self.number = kept.sha256, kept.number
        condition, staying = "rejected", self._staying()
        if kept is otherwise:
            condition, staying = "none", "all is reported and nothing is banned until there is a policy"
        if refused is None:
            self._conditions.wrong(_PART, condition, f"{reason}; {staying}", self._now())
        else:
            self._refuse(refused, condition, f"{reason}; {staying}")
        return self.written

    def _instead(self, found: PolicyText | NoPolicy | None) -> Policy:
        """In safe mode: the newest policy that an agent ran well with, and not the one set aside; else none.

        It is not kept as the last good one: what follows safe mode is the file's.
        """
        policies = (kept for kept in self._proven.newest_first() if kept.sha256 != self._aside)
        for kept in policies:
            with contextlib.suppress(PolicyErrors):  # a tool of it left the catalog
                self.written, self.number = parse(kept.content, kept.name, self._known), kept.number
                break
        else:
            self.written = parse(NO_POLICY, "(no policy)", self._known)
        self._say_aside(found)
        return self.written

    def _say_aside(self, found: PolicyText | NoPolicy | None) -> None:
        if isinstance(found, PolicyText) and found.number:
            self.refused = Refused(number=found.number, why="it is set aside in safe mode")
        if self._aside:
            said = f"version {self._aside[:12]} is set aside in safe mode; "
            said += f"reports are by version {self.written.version} ({self.written.name})"
            self._conditions.wrong(_PART, "set aside", said, self._now())
        else:
            said = f"{self.file}: there is no policy that can be read; everything is reported as unlisted"
            self._conditions.wrong(_PART, "unreadable", said, self._now())

    def _take(self, policy: Policy, text: PolicyText) -> None:
        if text.sha256 != self._sha256:
            self.since = self._now()
        self.written, self._sha256, self.number = policy, text.sha256, text.number
        self.taken = text.sha256
        self.refused = None
        if not self._last_good.keep(text):
            logger.warning("the last good policy could not be kept: the disk takes nothing")
        logger.info(
            "policy in force name=%s version=%s mode=%s number=%d",
            policy.name,
            policy.version,
            policy.mode,
            text.number,
        )

    def _staying(self) -> str:
        return f"the last good policy, version {self.written.version}, stays in force"


def _first_line(errors: PolicyErrors) -> str:
    more = len(errors.problems) - 1
    return f"{errors.problems[0]}" + (f" (and {more} more; see `aipolicy policy check`)" if more else "")
