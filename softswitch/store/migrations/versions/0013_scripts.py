"""Which steps of scripts were said, and what was written down in them."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Text

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def upgrade() -> None:
    op.create_table(
        "script_steps",
        Column("call", Text, primary_key=True),
        Column("step", Text, primary_key=True),
        _text("script"), _text("agent"), _text("actor"),
        Column("done", BigInteger, nullable=False),
        _text("fields"),
        Column("at", Double, nullable=False),
    )  # fmt: skip
    op.create_index("script_steps_at", "script_steps", ["at"])


def downgrade() -> None:
    op.drop_table("script_steps")
