"""Recordings."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, Text, text

revision = "0003"
down_revision = "0002"
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
        "recordings",
        Column("recording", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
        _text("call"), _text("path"), _text("queue"), _text("agent"), _text("caller"), _text("form"), _text("mode"),
        _text("started_by"), _number("days"), _number("worker"), _seconds("started_at"), _seconds("ended_at", nullable=True),
        _seconds("seconds"), _number("octets"), _seconds("paused_seconds"), _seconds("lost_seconds"), _text("error"),
        _number("interrupted"), _seconds("deleted_at", nullable=True),
    )  # fmt: skip
    op.create_index("recordings_started_at", "recordings", ["started_at"])
    op.create_index("recordings_call", "recordings", ["call"])
    where = text("ended_at IS NULL")
    op.create_index("recordings_open", "recordings", ["recording"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_table("recordings")
