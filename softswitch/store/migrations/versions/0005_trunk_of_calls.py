"""The trunk of a call."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With a default, a column is added without a rewrite of the table, however many calls it has.
    op.add_column("calls", Column("trunk", Text, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("calls", "trunk")
