"""What the server can be told. Reading flags and environment is left to the command line."""

import os
from pathlib import Path
from typing import Final

from aipolicy.core.model import Record

CHECK_IN_S: Final = 900


class Limits(Record, frozen=True, kw_only=True):
    """Bounds on what clients may cost.

    enrol_bytes, check_in_bytes, first_sights_bytes: largest bodies of those requests, before and after
    decompression; for batches the wire's own bound holds. read_s: seconds until head and body of a request
    must have arrived.
    reading: request bodies that may be under way at once. writing: batches that may wait for the commit.
    enrol_per_s: enrolments per second. wrong_per_minute: wrong secrets or tokens per minute and address.
    """

    enrol_bytes: int = 16_384
    check_in_bytes: int = 65_536
    first_sights_bytes: int = 600_000
    read_s: float = 10.0
    reading: int = 512
    writing: int = 256
    enrol_per_s: float = 50.0
    wrong_per_minute: int = 10


class Keep(Record, frozen=True, kw_only=True):
    """For how many days what is kept, null for ever.

    events: the event log, from when an event was received. batches: what devices sent, as it came: it is
    there to tell a copied device by its numbers. alarms: from when one was last raised. findings: those of a
    device that is not heard of, from then on. devices: one that is not heard of, with all that is of it.
    """

    events: int | None = 400
    batches: int | None = 90
    alarms: int | None = 400
    findings: int | None = 90
    devices: int | None = 400


class Settings(Record, frozen=True, kw_only=True):
    """What one server runs with.

    data: the folder for database, admin token and enrolment secret. database: a URL; SQLite without.

    check_in_s: seconds between two check-ins of a device. flush_s: last-seen times are written this often.
    session_hours: how long a browser stays signed in. tools: the folder with IT's own tool files, which
    policies may name. keep: how long what is kept.
    """

    data: str
    database: str | None = None
    tools: str | None = None
    check_in_s: int = CHECK_IN_S
    flush_s: float = 2.0
    session_hours: int = 12
    limits: Limits = Limits()
    keep: Keep = Keep()

    @property
    def database_url(self) -> str:
        """The database's address, in the form SQLAlchemy takes."""
        if self.database is None:
            return "sqlite:///" + os.path.join(self.data, "server.db")
        return self.database

    @property
    def admin_token_file(self) -> Path:
        """Where `run` keeps the admin token, so that it can print the sign-in address again."""
        return Path(self.data, "admin-token")

    @property
    def enrolment_secret_file(self) -> Path:
        """Where the first enrolment secret lies, for the agent on this machine and for IT to hand out."""
        return Path(self.data, "enrolment-secret")
