"""Callbacks."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Text, text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _seconds(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def upgrade() -> None:
    op.create_table(
        "callbacks",
        Column("callback", Text, primary_key=True),
        _text("queue"), _text("number"), _text("name"), _text("kind"), _text("mode"), _text("owner"), _number("priority"),
        _text("call"), _text("language"), _text("note"), _seconds("created_at"), _seconds("joined_at"), _seconds("credit"),
        _seconds("due_at"), _seconds("expires_at"), _number("attempts"), _text("cause"), _seconds("ended_at", nullable=True),
        _text("outcome"), _text("agent"), _seconds("seconds"),
    )  # fmt: skip
    op.create_index("callbacks_created_at", "callbacks", ["created_at"])
    op.create_index("callbacks_number", "callbacks", ["number"])
    still_open = text("ended_at IS NULL")
    op.create_index("callbacks_open", "callbacks", ["callback"], sqlite_where=still_open, postgresql_where=still_open)


def downgrade() -> None:
    op.drop_table("callbacks")
