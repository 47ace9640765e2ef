"""The tags that IT gave a device, as its agent tells them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("presence", sa.Column("tags", sa.Text(), nullable=True))
