"""More on customers' cards, notes, and what is found quickly about them."""

from __future__ import annotations

import json

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, Text, text

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

FURTHER = ("company", "email", "link")  # may have been fields of the site's own


def upgrade() -> None:
    for name in (*FURTHER, "search"):
        op.add_column("customers", Column(name, Text, nullable=False, server_default=""))
    op.add_column("customers", Column("tags", Text, nullable=False, server_default="[]"))
    op.create_table(
        "customer_notes",
        Column("note", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("customer", Text, nullable=False),
        Column("at", Double, nullable=False),
        Column("author", Text, nullable=False),
        Column("call", Text, nullable=False),
        Column("text", Text, nullable=False),
    )
    op.create_index("customer_notes_customer", "customer_notes", ["customer"])
    for column in ("caller", "dialled", "customer"):
        op.create_index(f"calls_{column}", "calls", [column])
    op.create_index("survey_answers_call", "survey_answers", ["call"])
    _fill()


def _fill() -> None:
    """What can be searched for, of cards that are there already."""
    from softswitch.store.customers import searchable

    connection = op.get_bind()
    numbers: dict[str, list[str]] = {}
    for number, customer in connection.execute(text("SELECT number, customer FROM customer_numbers")):
        numbers.setdefault(customer, []).append(number)
    for customer, name, written in connection.execute(text("SELECT customer, name, fields FROM customers")).fetchall():
        fields = json.loads(written)
        moved = {one: fields.pop(one, "") for one in FURTHER}
        tags = [one.strip() for one in fields.pop("tags", "").split("|") if one.strip()]
        values = {
            "customer": customer, "fields": json.dumps(fields), "tags": json.dumps(tags), **moved,
            "search": searchable(customer, name, moved["company"], moved["email"], *numbers.get(customer, ())),
        }  # fmt: skip
        connection.execute(
            text(
                "UPDATE customers SET fields = :fields, tags = :tags, company = :company, email = :email, link = :link,"
                " search = :search WHERE customer = :customer"
            ),
            values,
        )


def downgrade() -> None:
    op.drop_index("survey_answers_call", "survey_answers")
    for column in ("caller", "dialled", "customer"):
        op.drop_index(f"calls_{column}", "calls")
    op.drop_table("customer_notes")
    for name in (*FURTHER, "search", "tags"):
        op.drop_column("customers", name)
