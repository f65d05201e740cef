"""Whom campaigns call."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Text

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def upgrade() -> None:
    op.create_table(
        "campaign_contacts",
        Column("campaign", Text, primary_key=True),
        Column("contact", Text, primary_key=True),
        _text("number"), _text("name"), _text("fields"), _text("timezone"), _text("status"),
        Column("attempts", BigInteger, nullable=False), Column("due", Double, nullable=False),
        Column("last", Double, nullable=False), _text("outcome"), _text("agent"), _text("note"), _text("callback"),
    )  # fmt: skip
    op.create_index("campaign_contacts_number", "campaign_contacts", ["number"])


def downgrade() -> None:
    op.drop_table("campaign_contacts")
