"""What a check of policies found: the one thing that every form shows."""

from collections.abc import Iterator

from aipolicy.core.ended import Ended
from aipolicy.core.model import Action, Record
from aipolicy.core.problem import Problem


class CheckedPolicy(Record, frozen=True, kw_only=True):
    """name, version, mode: as every report names the policy. banned, approved: how many entries."""

    name: str
    version: str
    mode: Action
    banned: int
    approved: int
    unlisted: Action


class CheckedFile(Record, frozen=True, kw_only=True):
    """One file. policy: what it says, null where it is wrong. problems: all that is wrong with it.

    ended: what of it is right and over; it makes no file wrong.
    """

    file: str
    ok: bool
    policy: CheckedPolicy | None
    problems: tuple[Problem, ...]
    ended: tuple[Ended, ...] = ()


class CheckReport(Record, frozen=True, kw_only=True):
    """What `policy check --format json` prints. ok: whether every file is right."""

    schema: str = "aipolicy.policy-check/1"
    ok: bool
    files: tuple[CheckedFile, ...]

    def problems(self) -> Iterator[Problem]:
        """All of all files."""
        for file in self.files:
            yield from file.problems
