"""The rules that the guard's classifier judges by: the last good policy, the brakes and the catalog, from
root's state folder.

The daemon keeps them there; the classifier only reads, so that it judges the same after a restart of the
machine, without daemon or network.
"""

import hashlib
from pathlib import Path

from aipolicy.central.policy_source import LastGood
from aipolicy.core.ceiling import lowered
from aipolicy.core.policy import Policy, PolicyErrors, parse
from aipolicy.core.tools import Catalog
from aipolicy.daemon.ceilings import in_force, sources
from aipolicy.daemon.judge import Judge, Surroundings
from aipolicy.platforms.machine import Machine


class GuardRules:
    """policy: None while there is no good one, and then nothing is refused."""

    def __init__(
        self,
        state: Path,
        catalog: Catalog,
        machine: Machine,
        hostname: str,
    ) -> None:
        self._last_good = LastGood(state)
        self._ceilings = sources(state)
        self._catalog = catalog
        self._surroundings = Surroundings(device="", hostname=hostname, os=machine.os)
        self._stamp: tuple[int, ...] = ()
        self._written: Policy | None = None
        self._digest = ""
        self.policy: Policy | None = None
        self.number = 0
        """Names these rules: another number after each change."""

    def refresh(self) -> bool:
        """Look whether there are others by now; whether there are."""
        self._read()
        policy = self._written and lowered(self._written, in_force(self._ceilings))
        named = f"{self._digest} {self._catalog.version} {policy.mode if policy else ''}"
        number = int(hashlib.sha256(named.encode()).hexdigest()[:12], 16)
        changed = number != self.number
        self.policy, self.number = policy, number
        return changed

    def _read(self) -> None:
        """The last good policy, where it is another one by now."""
        stamp = self._last_good.stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        kept = self._last_good.load()
        if kept is None:  # removed or damaged: the one before stays in force
            return
        try:
            self._written = parse(kept.content, kept.name, self._catalog.known)
        except PolicyErrors:  # of another version of ours: what was refused stays until there is a good one
            return
        self._digest = kept.sha256

    def judge(self) -> Judge | None:
        """The judge by these rules."""
        if self.policy is None:
            return None
        return Judge(catalog=self._catalog, policy=self.policy, surroundings=self._surroundings)
