"""What a server tells its agents to obey: the policy that it published last, and its brake.

A published policy has a `number`, which only ever grows, beside the `version` that verdicts name, which is
its text's: after a rollback the same version is in force again under a new number.
"""

from datetime import datetime
from typing import Final

from aipolicy.core.model import Record

MOST_NUMBER: Final = 2**53
"""Numbers are below it, so that every JSON reader has them whole."""


class Brake(Record, frozen=True, kw_only=True):
    """The server's emergency brake: every machine reports and stops nothing, until it is lifted.

    by, since: who pulled it and when. reason: in that person's words.
    """

    by: str
    since: datetime
    reason: str


class PolicyTag(Record, frozen=True, kw_only=True):
    """Which published policy: its number, and the SHA-256 of its text in hex."""

    number: int
    sha256: str

    @property
    def etag(self) -> str:
        """As HTTP carries it."""
        return f'"{self.number}-{self.sha256[:16]}"'


class PolicyAnswer(Record, frozen=True, kw_only=True):
    """Body of the answer to GET /v1/policy: the policy that is to be in force.

    number: grows with each publication. sha256: of the content in UTF-8, in hex. name: the file's name, as
    rules are named after it. content: its text.
    """

    schema: str = "aipolicy.policy/1"
    number: int
    sha256: str
    name: str
    content: str
