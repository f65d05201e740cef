"""The first schema."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, PrimaryKeyConstraint, Text, UniqueConstraint, text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _seconds(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _seq(name: str) -> Column[int]:
    # On SQLite only INTEGER PRIMARY KEY is the row's own number: appended, not searched.
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)


def upgrade() -> None:
    op.create_table("meta", Column("name", Text, primary_key=True), _text("value"))
    op.create_table("keys", Column("name", Text, primary_key=True), _text("value"), _seconds("created_at"))
    _site()
    _live()
    _records()
    op.execute(
        "CREATE VIEW events AS SELECT json_extract(e.value, '$[0]') AS seq,"
        " first_wall + json_extract(e.value, '$[1]') / 1e6 AS wall,"
        " first_mono + json_extract(e.value, '$[2]') / 1e6 AS mono, json_extract(e.value, '$[3]') AS name,"
        " json_extract(e.value, '$[4]') AS call, json_extract(e.value, '$[5]') AS payload, first_seq AS block"
        " FROM journal, json_each(journal.events) AS e"
        if op.get_bind().dialect.name == "sqlite"
        else "CREATE VIEW events AS SELECT (e.value->>0)::bigint AS seq, first_wall + (e.value->>1)::bigint / 1e6 AS wall,"
        " first_mono + (e.value->>2)::bigint / 1e6 AS mono, e.value->>3 AS name, e.value->>4 AS call, e.value->5 AS payload,"
        " first_seq AS block"
        " FROM journal, json_array_elements(journal.events::json) AS e"
    )


def _site() -> None:
    op.create_table(
        "site_objects",
        _text("kind"), _text("name"), _number("since"), Column("until", BigInteger), _text("body"),
        PrimaryKeyConstraint("kind", "name", "since"),
    )  # fmt: skip
    op.create_index("site_objects_until", "site_objects", ["until"])
    op.create_table(
        "site_versions",
        Column("version", BigInteger, primary_key=True, autoincrement=False),
        _seconds("at"), _text("actor"), _text("comment"), _text("changes"),
    )  # fmt: skip


def _live() -> None:
    op.create_table(
        "bindings",
        _text("aor"), _text("contact"), _seconds("expires_at"), _seconds("expires_mono"), _seconds("granted"), _text("flow"),
        _text("call_id"), _number("cseq"), _seconds("q"), _text("instance"), _text("user_agent"), _text("path"),
        PrimaryKeyConstraint("aor", "contact"),
    )  # fmt: skip
    op.create_table(
        "agent_state",
        Column("agent", Text, primary_key=True),
        _text("presence"), _text("reason"), _text("device"), _seconds("presence_at"), _seconds("presence_mono"),
        _text("activity"), _seconds("activity_at"), _seconds("activity_mono"), _seconds("until_at", nullable=True),
        _seconds("until_mono", nullable=True),
    )  # fmt: skip
    op.create_table(
        "engine_state",
        Column("name", Text, primary_key=True), _text("value"), _seconds("saved_at"), _seconds("saved_mono"),
    )  # fmt: skip


def _records() -> None:
    op.create_table(
        "journal",
        _seq("first_seq"), _number("last_seq"), _seconds("first_wall"), _seconds("last_wall"), _seconds("first_mono"),
        _text("events"),
    )  # fmt: skip
    op.create_index("journal_last_wall", "journal", ["last_wall"])
    op.create_table(
        "calls",
        _seq("seq"), _text("call"), _seconds("started_at"), _text("caller"), _text("caller_name"), _text("dialled"),
        _text("account"), _seconds("ended_at", nullable=True), _number("end_seq"), _text("outcome"),
        _number("status"), _text("cause"),
        _seconds("setup_seconds"), _seconds("talk_seconds"), _seconds("total_seconds"), _text("queue"), _text("agent"),
        _text("path"), UniqueConstraint("call"),
    )  # fmt: skip
    op.create_index("calls_started_at", "calls", ["started_at"])
    _partial("calls_open", "calls", "seq", "ended_at IS NULL")
    op.create_table(
        "legs",
        _seq("seq"), _text("call"), _text("leg"), _text("role"), _text("party"), _text("sip_call_id"), _seconds("ended_at"),
        _number("status"), _text("cause"), _text("ended_by"), _seconds("ring_seconds"), _seconds("talk_seconds"),
        _text("codec"), Column("media", Text),
    )  # fmt: skip
    op.create_index("legs_call", "legs", ["call"])
    op.create_table(
        "queue_visits",
        _number("visit"), _text("call"), _text("queue"), _text("number"), _number("priority"), _seconds("entered_at"),
        _number("position"), _number("waiting"), _seconds("left_at", nullable=True), _text("outcome"), _seconds("waited"),
        _number("offers"), _text("agent"), _text("detail"), PrimaryKeyConstraint("visit", "call"),
    )  # fmt: skip
    op.create_index("queue_visits_entered_at", "queue_visits", ["entered_at"])
    _partial("queue_visits_open", "queue_visits", "visit", "left_at IS NULL")


def _partial(name: str, table: str, column: str, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=text(where), postgresql_where=text(where))


def downgrade() -> None:
    op.execute("DROP VIEW events")
    for name in ("queue_visits", "legs", "calls", "journal", "engine_state", "agent_state", "bindings", "site_versions",
                 "site_objects", "keys", "meta"):  # fmt: skip
        op.drop_table(name)
