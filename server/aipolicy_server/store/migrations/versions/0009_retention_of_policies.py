"""For how many days a published policy lets events be kept. Those of before could not say it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("policies", sa.Column("retention_days", sa.Integer(), nullable=True))
