"""What a server tells its agents to obey: the policy that it published last, and its brake.

A published policy has a `number`, which only ever grows, beside the `version` that verdicts name, which is
its text's: after a rollback the same version is in force again under a new number.
"""

import hashlib
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


def told_wrongly(told: PolicyTag | None, held: PolicyTag | None) -> str:
    """Why a device must not follow what a check-in names; empty where it may.

    A server that was set back, a node that lags behind, a cache that kept an old answer: the number tells.
    """
    if told is None:
        return "" if held is None else f"the server has no policy, and number {held.number} was in force here"
    if not 0 < told.number < MOST_NUMBER:
        return f"{told.number} is no number of a policy"
    if held is None:
        return ""
    if told.number < held.number:
        return f"number {told.number} is older than number {held.number}, which was in force here before"
    if told.number == held.number and told.sha256 != held.sha256:
        return f"number {told.number} has another text than it had before"
    return ""


def answered_wrongly(answer: "PolicyAnswer", told: PolicyTag) -> str:
    """Why an answer is not the policy that a check-in named, nor a newer one; empty where it is."""
    content = answer.content.encode("utf-8", "surrogatepass")
    if answer.schema != "aipolicy.policy/1":
        return "the answer is of a kind that this agent does not know"
    if hashlib.sha256(content).hexdigest() != answer.sha256:
        return f"the text of number {answer.number} is not the one that its SHA-256 names"
    if answer.number < told.number:
        return f"number {answer.number} was sent, and number {told.number} was named"
    return told_wrongly(PolicyTag(number=answer.number, sha256=answer.sha256), told)


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
