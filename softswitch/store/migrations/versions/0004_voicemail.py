"""Messages of mailboxes."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, Text

revision = "0004"
down_revision = "0003"
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
        "voicemail",
        Column("message", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
        _text("mailbox"), _text("call"), _text("path"), _text("caller"), _text("caller_name"), _text("queue"),
        _seconds("started_at"), _seconds("left_at", nullable=True), _seconds("seconds"), _number("octets"),
        _number("heard"), _seconds("deleted_at", nullable=True), _text("mail"), _text("mail_error"),
        _text("forwarded_from"), _number("interrupted"),
    )  # fmt: skip
    op.create_index("voicemail_mailbox", "voicemail", ["mailbox"])
    op.create_index("voicemail_caller", "voicemail", ["caller"])


def downgrade() -> None:
    op.drop_table("voicemail")
