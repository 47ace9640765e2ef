"""The vendors' own controls as the policy in force wants them: installed, read back, and said of in `status`.

They hold for the whole machine and what is ours in them is remembered in one state folder, so one agent alone
keeps them: the one with the system's state folder, unless the settings say otherwise.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from aipolicy.core.model import Confidence, Finding
from aipolicy.core.status import ControlStatus
from aipolicy.daemon.health import Conditions
from aipolicy.daemon.judge import Judge
from aipolicy.enforce.controls import CONTROLS, editor_version, vscode
from aipolicy.enforce.controls.control import bans
from aipolicy.enforce.controls.keep import IN_FORCE, OFF, PARTLY, overall, put_in_force
from aipolicy.enforce.controls.memory import Memory
from aipolicy.platforms.machine import Machine
from aipolicy.settings import SYSTEM_STATE, Settings

logger = logging.getLogger(__name__)

_PART: Final = "native controls"
_MOST_NAMED: Final = 3


def keeps_them(settings: Settings, state: Path, machine: Machine) -> bool:
    """Whether this agent is the one that writes the vendors' settings."""
    wanted = settings.native_controls
    here = wanted == "on" or (wanted == "auto" and str(state) == SYSTEM_STATE)
    return here and machine.is_admin()


class NativeControls:
    """The daemon's threads share it. keeping: false where another agent, or IT, writes the settings."""

    def __init__(
        self,
        *,
        machine: Machine,
        state: Path,
        judge: Callable[[], Judge],
        conditions: Conditions,
        now: Callable[[], datetime],
        keeping: bool,
    ) -> None:
        self._machine = machine
        self._judge = judge
        self._conditions = conditions
        self._now = now
        self._memory = Memory(state) if keeping else None
        self._lock = threading.Lock()
        self._older: dict[str, tuple[str, ...]] = {}
        self._states: tuple[ControlStatus, ...] = ()
        self._editors_obey = False

    def refresh(self) -> None:
        """Bring them to what the policy wants, and say what stands against it. Never raises."""
        if self._memory is None:
            return
        try:
            with self._lock:
                judge, moment = self._judge(), self._now()
                wanted = bans(
                    judge.catalog, judge.policy, lambda finding: judge.verdict_for_everybody(finding, moment)
                )
                self._states = put_in_force(CONTROLS, wanted, self._machine, self._memory)
                self._editors_obey = editor_version.all_obey(self._machine)
        except Exception:  # one vendor's odd file must not stop the agent
            logger.exception("native controls stumbled")
            detail = "The vendors' settings could not be written or read; the log says why."
            self._conditions.wrong(_PART, "failed", detail, self._now())
            return
        self._tell()

    def seen(self, findings: Iterable[Finding]) -> None:
        """What a scan found: copies that are too old to obey are told of beside their control."""
        older: dict[str, list[str]] = {}
        for finding in findings:
            control = next((one for one in CONTROLS if finding.tool in one.SINCE), None)
            sure = finding.confidence is Confidence.CERTAIN and finding.version is not None
            if control and sure and _number(finding.version) < _number(control.SINCE[finding.tool]):
                older.setdefault(control.NAME, []).append(f"{finding.version} of {finding.owner.name}")
        self._older = {name: tuple(dict.fromkeys(copies)) for name, copies in older.items()}

    @property
    def states(self) -> tuple[ControlStatus, ...]:
        """Each control, with the copies here that do not obey it."""
        return tuple(self._with_older(state) for state in self._states)

    @property
    def layer(self) -> str:
        """All of them in a word."""
        return overall(self.states)

    def on_extension(self, finding: Finding) -> tuple[bool, str]:
        """Whether its editor refuses to load an extension by itself, and what is to be said of that."""
        state = next((one for one in self._states if one.name == vscode.NAME), None)
        if state is None or state.condition != IN_FORCE or not vscode.obeyed_by(finding):
            return False, ""
        if self._editors_obey:
            return True, "VS Code does not load it: AllowedExtensions of its policy file is in force"
        return (
            False,
            "AllowedExtensions is in force, but whether this VS Code (1.106 or newer?) reads it is not known",
        )

    def _tell(self) -> None:
        bad = [state for state in self._states if state.condition not in (IN_FORCE, OFF)]
        if bad:
            detail = "; ".join(f"{one.name} {one.condition}: {one.detail}" for one in bad)
            self._conditions.wrong(_PART, overall(bad), detail, self._now())
        else:
            self._conditions.well(_PART, overall(self._states))

    def _with_older(self, state: ControlStatus) -> ControlStatus:
        copies = self._older.get(state.name, ())
        if not copies or state.condition not in (IN_FORCE, PARTLY):
            return state
        more = f" and {len(copies) - _MOST_NAMED} more" if len(copies) > _MOST_NAMED else ""
        said = f"{state.detail}; too old to obey wholly: {', '.join(copies[:_MOST_NAMED])}{more}"
        return replace(state, condition=PARTLY, detail=said)


def _number(version: str | None) -> tuple[int, ...]:
    """The leading numbers of a version; enough for the vendors' own, which count in three parts."""
    return tuple(int(part[:9]) for part in re.findall(r"\d+", (version or "").partition("-")[0])[:4])
