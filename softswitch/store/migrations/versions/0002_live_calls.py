"""Calls that outlive the process."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Double, Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "live_calls",
        Column("call", Text, primary_key=True),
        Column("value", Text, nullable=False),
        Column("saved_at", Double, nullable=False),
        Column("saved_mono", Double, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("live_calls")
