"""The tables. Times are microseconds since 1970 UTC; secrets and tokens are only ever here as SHA-256.

No row is shared between devices, so that two devices never wait for each other.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    ScalarSelect,
    String,
    Table,
    Text,
    UniqueConstraint,
    select,
    text,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

_ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER makes SQLite count by itself
_ACTED = text("acted = 1")


# Devices are numbered, and rows refer to the number: their ids, 36 characters each, would fill every index.
def _device() -> Column[int]:
    return Column("device", BigInteger, ForeignKey("devices.n"), nullable=False)


devices = Table(
    "devices",
    METADATA,
    Column("n", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("hostname", Text, nullable=False),
    Column("os", Text, nullable=False),
    Column("os_version", Text, nullable=False),
    Column("arch", Text, nullable=False),
    Column("agent_version", Text, nullable=False),
    Column("secret", String(64), nullable=False),
    Column("enrolled", BigInteger, nullable=False),
    Column("revoked", BigInteger, index=True),
    Column("left_at", BigInteger),
    Column("machine", String(64), index=True),
    Index(None, "hostname", "n"),
)

# One narrow row per device that changes at every check-in, apart from what hardly ever changes.
presence = Table(
    "presence",
    METADATA,
    _device(),
    Column("last_seen", BigInteger),
    Column("policy", Text),
    Column("mode", Text),
    Column("catalog", Text),
    Column("process_events", Text),
    Column("pending", BigInteger, nullable=False),
    Column("told_again", BigInteger),
    Column("published", BigInteger),
    Column("refused", BigInteger),
    Column("refused_why", Text),
    Column("ceiling", Text),
    Column("scanned", Boolean),
    Column("tags", Text),
    PrimaryKeyConstraint("device"),
)

batches = Table(
    "batches",
    METADATA,
    Column("n", _ROW_NUMBER, primary_key=True, autoincrement=True),
    _device(),
    Column("spool", String(64), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("device", "spool", "seq"),
)

# `about` is the record as received; the other columns repeat what the log is filtered by.
events = Table(
    "events",
    METADATA,
    Column("n", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("id", LargeBinary(16), nullable=False),
    Column("device", BigInteger, nullable=False),
    Column("batch", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("tool", Text),
    Column("version", Text),
    Column("owner", Text),
    Column("ruling", String(16)),
    Column("done", String(16)),
    Column("acted", Integer),
    Column("place", Text),
    Column("detail", Text),
    Column("about", Text, nullable=False),
    UniqueConstraint("id", "device"),  # the id first: ids grow with time, so the index grows at its end
    Index(None, "time", "n"),
    Index(None, "device", "time", "n"),
    Index(None, "tool", "time", "n"),
    Index("ix_events_acted", "time", "n", sqlite_where=_ACTED, postgresql_where=_ACTED),
    Index("ix_events_done", "tool", "done", "time", sqlite_where=_ACTED, postgresql_where=_ACTED),
)

# `key` is a hash because a path may be longer than PostgreSQL lets an index entry be.
findings = Table(
    "findings",
    METADATA,
    _device(),
    Column("key", LargeBinary(16), nullable=False),
    Column("tool", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("vendor", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("version", Text),
    Column("state", String(16), nullable=False),
    Column("owner", Text, nullable=False),
    Column("ruling", String(16), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("batch", BigInteger, nullable=False),
    PrimaryKeyConstraint("device", "key"),
    Index(None, "tool", "ruling", "device", "owner", "state"),  # all that the counts need, without the rows
)

# When graces began on a device; of devices with the same `machine` the earlier ones count for the later.
first_sights = Table(
    "first_sights",
    METADATA,
    _device(),
    Column("tool", Text, nullable=False),
    Column("entry", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("device", "tool", "entry"),
)

alarms = Table(
    "alarms",
    METADATA,
    _device(),
    Column("kind", String(32), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("device", "kind", "subject"),
    Index(None, "last"),
)


def number_of(device_id: str) -> ScalarSelect[int]:
    """The number of the device with this id, for use within a statement."""
    return select(devices.c.n).where(devices.c.id == device_id).scalar_subquery()


secrets = Table(
    "secrets",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("uses_left", BigInteger),
    Column("revoked", BigInteger),
)

admins = Table(
    "admins",
    METADATA,
    Column("name", String(255), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("admin", String(255), ForeignKey("admins.name"), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

# Policies that were published, each with the number under which agents know it. No row is ever changed.
policies = Table(
    "policies",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("version", String(12), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("commit", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("approver", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("copy_of", BigInteger),
    Column("content", LargeBinary, nullable=False),
    Column("retention_days", Integer),
    Index(None, "version", "number"),
)

# Each step of a policy that does not come to all devices at once; the last one of a number counts.
rollouts = Table(
    "rollouts",
    METADATA,
    Column("n", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("number", BigInteger, nullable=False),
    Column("step", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("percent", Text, nullable=False),
    Column("machines", BigInteger),
    Column("devices", BigInteger),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "number", "n"),
)

# Each time that the emergency brake was pulled or lifted; the last one counts.
brakes = Table(
    "brakes",
    METADATA,
    Column("n", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("pulled", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Values that all nodes on one database share: the key of the device tokens' check part.
shared = Table(
    "shared",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

# What was removed on purpose and for good, one row per act and kind of row. It names nobody who was removed:
# `subject` is a keyed hash.
removals = Table(
    "removals",
    METADATA,
    Column("n", _ROW_NUMBER, primary_key=True, autoincrement=True),
    Column("cause", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("before", BigInteger),
    Column("began", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("subject", String(64), index=True),
)

# What only one of the nodes on one database does at a time, and until when it is believed to be at it.
leases = Table(
    "leases",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", BigInteger, nullable=False),
)

# Tokens of devices that were erased: one that still runs is told, instead of enrolling anew by itself.
departed = Table(
    "departed",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),
)
