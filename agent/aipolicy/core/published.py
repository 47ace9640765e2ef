"""Policies that a server publishes, and its brake: what server, agents and command line exchange."""

from datetime import datetime

from aipolicy.core.model import Record


class Brake(Record, frozen=True, kw_only=True):
    """The server's emergency brake: every machine reports and stops nothing, until it is lifted.

    by, since: who pulled it and when. reason: in that person's words.
    """

    by: str
    since: datetime
    reason: str
