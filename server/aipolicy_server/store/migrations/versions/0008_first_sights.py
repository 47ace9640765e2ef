"""When graces began, and which devices are the same machine."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("devices", sa.Column("machine", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_devices_machine"), "devices", ["machine"], unique=False)
    op.create_table(
        "first_sights",
        sa.Column("device", sa.BigInteger(), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("entry", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.n"], name=op.f("fk_first_sights_device")),
        sa.PrimaryKeyConstraint("device", "tool", "entry", name=op.f("pk_first_sights")),
    )
