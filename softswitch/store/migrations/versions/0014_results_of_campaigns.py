"""What agents said about the last call of a contact; customers who do not want to be called."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Text

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("call", "disposition"):
        op.add_column("campaign_contacts", Column(name, Text, nullable=False, server_default=""))
    op.add_column("customers", Column("do_not_call", BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("customers", "do_not_call")
    for name in ("call", "disposition"):
        op.drop_column("campaign_contacts", name)
