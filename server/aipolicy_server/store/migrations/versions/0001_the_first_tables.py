"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ACTED = sa.text("acted = 1")


def upgrade() -> None:
    op.create_table(
        "admins",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_admins")),
        sa.UniqueConstraint("hash", name=op.f("uq_admins_hash")),
    )
    op.create_table(
        "devices",
        sa.Column(
            "n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("hostname", sa.Text(), nullable=False),
        sa.Column("os", sa.Text(), nullable=False),
        sa.Column("os_version", sa.Text(), nullable=False),
        sa.Column("arch", sa.Text(), nullable=False),
        sa.Column("agent_version", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("enrolled", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_devices")),
        sa.UniqueConstraint("id", name=op.f("uq_devices_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_devices_token_hash")),
    )
    op.create_index(op.f("ix_devices_hostname_n"), "devices", ["hostname", "n"], unique=False)
    op.create_index(op.f("ix_devices_revoked"), "devices", ["revoked"], unique=False)
    op.create_table(
        "events",
        sa.Column(
            "n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("tool", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("ruling", sa.String(length=16), nullable=True),
        sa.Column("done", sa.String(length=16), nullable=True),
        sa.Column("acted", sa.Integer(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("about", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_events")),
        sa.UniqueConstraint("id", "device", name=op.f("uq_events_id_device")),
    )
    op.create_index(
        "ix_events_acted", "events", ["time", "n"], unique=False, sqlite_where=_ACTED, postgresql_where=_ACTED
    )
    op.create_index(op.f("ix_events_device_time_n"), "events", ["device", "time", "n"], unique=False)
    op.create_index(
        "ix_events_done",
        "events",
        ["tool", "done", "time"],
        unique=False,
        sqlite_where=_ACTED,
        postgresql_where=_ACTED,
    )
    op.create_index(op.f("ix_events_time_n"), "events", ["time", "n"], unique=False)
    op.create_index(op.f("ix_events_tool_time_n"), "events", ["tool", "time", "n"], unique=False)
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("uses_left", sa.BigInteger(), nullable=True),
        sa.Column("revoked", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
        sa.UniqueConstraint("hash", name=op.f("uq_secrets_hash")),
    )
    op.create_table(
        "shared",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_shared")),
    )
    op.create_table(
        "alarms",
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.n"], name=op.f("fk_alarms_device")),
        sa.PrimaryKeyConstraint("device", "kind", "subject", name=op.f("pk_alarms")),
    )
    op.create_index(op.f("ix_alarms_last"), "alarms", ["last"], unique=False)
    op.create_table(
        "batches",
        sa.Column(
            "n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("spool", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.n"], name=op.f("fk_batches_device")),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_batches")),
        sa.UniqueConstraint("device", "spool", "seq", name=op.f("uq_batches_device_spool_seq")),
    )
    op.create_table(
        "findings",
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("ruling", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.n"], name=op.f("fk_findings_device")),
        sa.PrimaryKeyConstraint("device", "key", name=op.f("pk_findings")),
    )
    op.create_index(
        op.f("ix_findings_tool_ruling_device_owner_state"),
        "findings",
        ["tool", "ruling", "device", "owner", "state"],
        unique=False,
    )
    op.create_table(
        "presence",
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("catalog", sa.Text(), nullable=True),
        sa.Column("process_events", sa.Text(), nullable=True),
        sa.Column("pending", sa.BigInteger(), nullable=False),
        sa.Column("told_again", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["device"], ["devices.n"], name=op.f("fk_presence_device")),
        sa.PrimaryKeyConstraint("device", name=op.f("pk_presence")),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("admin", sa.String(length=255), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["admin"], ["admins.name"], name=op.f("fk_sessions_admin")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sessions")),
    )
