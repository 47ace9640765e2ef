"""Whether a device has ended its first scan; null for those whose agent does not tell."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("presence", sa.Column("scanned", sa.Boolean(), nullable=True))
