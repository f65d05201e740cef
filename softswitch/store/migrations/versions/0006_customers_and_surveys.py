"""Customers' cards, answers to surveys, and the customer of a call."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, Text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def upgrade() -> None:
    op.add_column("calls", Column("customer", Text, nullable=False, server_default=""))
    op.create_table(
        "customers",
        Column("customer", Text, primary_key=True),
        _text("name"), _text("language"), Column("vip", BigInteger, nullable=False), _text("segment"), _text("manager"),
        _text("fields"), Column("changed_at", Double, nullable=False),
    )  # fmt: skip
    op.create_table("customer_numbers", Column("number", Text, primary_key=True), _text("customer"))
    op.create_index("customer_numbers_customer", "customer_numbers", ["customer"])
    op.create_table(
        "survey_answers",
        Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
        Column("at", Double, nullable=False),
        _text("call"), _text("survey"), _text("question"), Column("score", BigInteger, nullable=False),
        _text("queue"), _text("agent"), _text("customer"),
    )  # fmt: skip
    op.create_index("survey_answers_at", "survey_answers", ["at"])


def downgrade() -> None:
    op.drop_table("survey_answers")
    op.drop_table("customer_numbers")
    op.drop_table("customers")
    op.drop_column("calls", "customer")
