"""What agents say that conversations were about."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Double, Text

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def upgrade() -> None:
    op.create_table(
        "dispositions",
        Column("call", Text, primary_key=True),
        Column("agent", Text, primary_key=True),
        _text("queue"), _text("disposition"), _text("note"), _text("number"), _text("actor"),
        Column("at", Double, nullable=False),
    )  # fmt: skip
    op.create_index("dispositions_at", "dispositions", ["at"])
    op.create_index("dispositions_number", "dispositions", ["number"])


def downgrade() -> None:
    op.drop_table("dispositions")
