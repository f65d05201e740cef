"""What callers of queues were told about their wait."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Double

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nullable, so the column is added without a rewrite of the table.
    op.add_column("queue_visits", Column("told", Double, nullable=True))


def downgrade() -> None:
    op.drop_column("queue_visits", "told")
