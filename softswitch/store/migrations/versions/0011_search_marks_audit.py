"""Calls are found by number, queue, agent, phone and outcome; recordings have marks; the audit."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, Text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

REPLACED = ("caller", "dialled")  # had an index without the time
INDEXES = {
    "calls_caller": ["caller", "started_at"],
    "calls_dialled": ["dialled", "started_at"],
    # Outcome and agent stand in the index, so that a filter by them looks at no row that it does not want.
    "calls_queue": ["queue", "started_at", "outcome", "agent"],
    "calls_agent": ["agent", "started_at"],
    "calls_account": ["account", "started_at"],
    "calls_outcome": ["outcome", "started_at"],
}


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def upgrade() -> None:
    for column in REPLACED:
        op.drop_index(f"calls_{column}", "calls")
    for name, columns in INDEXES.items():
        op.create_index(name, "calls", columns)
    op.create_table(
        "recording_marks",
        Column("recording", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
        _text("tags"), _text("note"), Column("held", BigInteger, nullable=False), _text("actor"),
        Column("at", Double, nullable=False),
    )  # fmt: skip
    op.create_table(
        "audit",
        Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
        Column("at", Double, nullable=False), _text("actor"), _text("action"), _text("subject"), _text("detail"),
        _text("source"), _text("error"),
    )  # fmt: skip
    op.create_index("audit_actor", "audit", ["actor"])
    op.create_index("audit_at", "audit", ["at"])


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_table("recording_marks")
    for name in INDEXES:
        op.drop_index(name, "calls")
    for column in REPLACED:
        op.create_index(f"calls_{column}", "calls", [column])
