"""The tables, for SQLite and PostgreSQL. Migrations and their tests read this; the running switch does not.

Importing SQLAlchemy costs 390 ms and 20 MB, and a row written through it 3.8 us instead of 1.7: the switch speaks the few
statements of `statements` itself, and a test holds them, the migrations and this file together.
Times are seconds since 1970 UTC; JSON is text.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, MetaData, PrimaryKeyConstraint, Table, Text

metadata = MetaData()


def text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def seconds(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


def number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


# Small facts about the database itself: boot id, calendars of holidays.
meta = Table("meta", metadata, Column("name", Text, primary_key=True), text("value"))

# Secrets that must outlive the process. Not the digest nonce key: see `Store.key`.
keys = Table("keys", metadata, Column("name", Text, primary_key=True), text("value"), seconds("created_at"))

# The site: one row for each object and each form it had. In force where until is NULL.
site_objects = Table(
    "site_objects",
    metadata,
    text("kind"),
    text("name"),
    number("since"),
    Column("until", BigInteger),
    text("body"),
    PrimaryKeyConstraint("kind", "name", "since"),
)
Index("site_objects_until", site_objects.c.until)

site_versions = Table(
    "site_versions",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    seconds("at"),
    text("actor"),
    text("comment"),
    text("changes"),
)

bindings = Table(
    "bindings",
    metadata,
    text("aor"),
    text("contact"),
    seconds("expires_at"),
    seconds("expires_mono"),
    seconds("granted"),
    text("flow"),
    text("call_id"),
    number("cseq"),
    seconds("q"),
    text("instance"),
    text("user_agent"),
    text("path"),
    PrimaryKeyConstraint("aor", "contact"),
)

# Blocks of events: a row for each costs 3.3 us, in blocks 0.1. The view `events` shows them one by one.
journal = Table(
    "journal",
    metadata,
    Column("first_seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    number("last_seq"),
    seconds("first_wall"),
    seconds("last_wall"),
    seconds("first_mono"),
    text("events"),
)
Index("journal_last_wall", journal.c.last_wall)

calls = Table(
    "calls",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("call", Text, nullable=False, unique=True),
    seconds("started_at"),
    text("caller"),
    text("caller_name"),
    text("dialled"),
    text("account"),
    Column("trunk", Text, nullable=False, server_default=""),
    seconds("ended_at", nullable=True),
    number("end_seq"),
    text("outcome"),
    number("status"),
    text("cause"),
    seconds("setup_seconds"),
    seconds("talk_seconds"),
    seconds("total_seconds"),
    text("queue"),
    text("agent"),
    text("path"),
    Column("customer", Text, nullable=False, server_default=""),
)
Index("calls_started_at", calls.c.started_at)
Index("calls_caller", calls.c.caller, calls.c.started_at)
Index("calls_dialled", calls.c.dialled, calls.c.started_at)
Index("calls_queue", calls.c.queue, calls.c.started_at, calls.c.outcome, calls.c.agent)
Index("calls_agent", calls.c.agent, calls.c.started_at)
Index("calls_account", calls.c.account, calls.c.started_at)
Index("calls_outcome", calls.c.outcome, calls.c.started_at)
Index("calls_customer", calls.c.customer)
Index("calls_open", calls.c.seq, sqlite_where=calls.c.ended_at.is_(None), postgresql_where=calls.c.ended_at.is_(None))

legs = Table(
    "legs",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    text("call"),
    text("leg"),
    text("role"),
    text("party"),
    text("sip_call_id"),
    seconds("ended_at"),
    number("status"),
    text("cause"),
    text("ended_by"),
    seconds("ring_seconds"),
    seconds("talk_seconds"),
    text("codec"),
    Column("media", Text),
)
Index("legs_call", legs.c.call)

queue_visits = Table(
    "queue_visits",
    metadata,
    number("visit"),
    text("call"),
    text("queue"),
    text("number"),
    number("priority"),
    seconds("entered_at"),
    number("position"),
    number("waiting"),
    seconds("left_at", nullable=True),
    text("outcome"),
    seconds("waited"),
    number("offers"),
    text("agent"),
    text("detail"),
    seconds("told", nullable=True),
    PrimaryKeyConstraint("visit", "call"),
)
Index("queue_visits_entered_at", queue_visits.c.entered_at)
Index(
    "queue_visits_open",
    queue_visits.c.visit,
    sqlite_where=queue_visits.c.left_at.is_(None),
    postgresql_where=queue_visits.c.left_at.is_(None),
)

recordings = Table(
    "recordings",
    metadata,
    Column("recording", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    text("call"),
    text("path"),
    text("queue"),
    text("agent"),
    text("caller"),
    text("form"),
    text("mode"),
    text("started_by"),
    number("days"),
    number("worker"),
    seconds("started_at"),
    seconds("ended_at", nullable=True),
    seconds("seconds"),
    number("octets"),
    seconds("paused_seconds"),
    seconds("lost_seconds"),
    text("error"),
    number("interrupted"),
    seconds("deleted_at", nullable=True),
)
Index("recordings_started_at", recordings.c.started_at)
Index("recordings_call", recordings.c.call)
Index(
    "recordings_open",
    recordings.c.recording,
    sqlite_where=recordings.c.ended_at.is_(None),
    postgresql_where=recordings.c.ended_at.is_(None),
)

# What people add to a recording. `tags`: "|angry|training|"; `held`: 1 = it is not deleted, whatever the days say.
recording_marks = Table(
    "recording_marks",
    metadata,
    Column("recording", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    text("tags"),
    text("note"),
    number("held"),
    text("actor"),
    seconds("at"),
)

# Who did what: rows are added, and nothing else. `seq` is that of the event.
audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    seconds("at"),
    text("actor"),
    text("action"),
    text("subject"),
    text("detail"),
    text("source"),
    text("error"),
)
Index("audit_actor", audit.c.actor)
Index("audit_at", audit.c.at)

voicemail = Table(
    "voicemail",
    metadata,
    Column("message", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    text("mailbox"),
    text("call"),
    text("path"),
    text("caller"),
    text("caller_name"),
    text("queue"),
    seconds("started_at"),
    seconds("left_at", nullable=True),
    seconds("seconds"),
    number("octets"),
    number("heard"),
    seconds("deleted_at", nullable=True),
    text("mail"),
    text("mail_error"),
    text("forwarded_from"),
    number("interrupted"),
)
Index("voicemail_mailbox", voicemail.c.mailbox)
Index("voicemail_caller", voicemail.c.caller)

callbacks = Table(
    "callbacks",
    metadata,
    Column("callback", Text, primary_key=True),
    text("queue"),
    text("number"),
    text("name"),
    text("kind"),
    text("mode"),
    text("owner"),
    number("priority"),
    text("call"),
    text("language"),
    text("note"),
    seconds("created_at"),
    seconds("joined_at"),
    seconds("credit"),
    seconds("due_at"),
    seconds("expires_at"),
    number("attempts"),
    text("cause"),
    seconds("ended_at", nullable=True),
    text("outcome"),
    text("agent"),
    seconds("seconds"),
)
Index("callbacks_created_at", callbacks.c.created_at)
Index("callbacks_number", callbacks.c.number)
Index(
    "callbacks_open",
    callbacks.c.callback,
    sqlite_where=callbacks.c.ended_at.is_(None),
    postgresql_where=callbacks.c.ended_at.is_(None),
)

# Whom campaigns call, and what has become of each.
campaign_contacts = Table(
    "campaign_contacts",
    metadata,
    Column("campaign", Text, primary_key=True),
    Column("contact", Text, primary_key=True),
    text("number"),
    text("name"),
    text("fields"),
    text("timezone"),
    text("status"),
    number("attempts"),
    seconds("due"),
    seconds("last"),
    text("outcome"),
    text("agent"),
    text("note"),
    text("callback"),
    Column("call", Text, nullable=False, server_default=""),
    Column("disposition", Text, nullable=False, server_default=""),
)
Index("campaign_contacts_number", campaign_contacts.c.number)

dispositions = Table(
    "dispositions",
    metadata,
    Column("call", Text, primary_key=True),
    Column("agent", Text, primary_key=True),
    text("queue"),
    text("disposition"),
    text("note"),
    text("number"),
    text("actor"),
    seconds("at"),
)
Index("dispositions_at", dispositions.c.at)
Index("dispositions_number", dispositions.c.number)

script_steps = Table(
    "script_steps",
    metadata,
    Column("call", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    text("script"),
    text("agent"),
    text("actor"),
    number("done"),
    text("fields"),
    seconds("at"),
)
Index("script_steps_at", script_steps.c.at)

agent_state = Table(
    "agent_state",
    metadata,
    Column("agent", Text, primary_key=True),
    text("presence"),
    text("reason"),
    text("device"),
    seconds("presence_at"),
    seconds("presence_mono"),
    text("activity"),
    seconds("activity_at"),
    seconds("activity_mono"),
    seconds("until_at", nullable=True),
    seconds("until_mono", nullable=True),
)

customers = Table(
    "customers",
    metadata,
    Column("customer", Text, primary_key=True),
    text("name"),
    text("language"),
    number("vip"),
    text("segment"),
    text("manager"),
    text("fields"),
    seconds("changed_at"),
    Column("company", Text, nullable=False, server_default=""),
    Column("email", Text, nullable=False, server_default=""),
    Column("link", Text, nullable=False, server_default=""),
    Column("tags", Text, nullable=False, server_default="[]"),
    Column("search", Text, nullable=False, server_default=""),
    Column("do_not_call", BigInteger, nullable=False, server_default="0"),
)

customer_notes = Table(
    "customer_notes",
    metadata,
    Column("note", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    text("customer"),
    seconds("at"),
    text("author"),
    text("call"),
    text("text"),
)
Index("customer_notes_customer", customer_notes.c.customer)

customer_numbers = Table("customer_numbers", metadata, Column("number", Text, primary_key=True), text("customer"))
Index("customer_numbers_customer", customer_numbers.c.customer)

survey_answers = Table(
    "survey_answers",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    seconds("at"),
    text("call"),
    text("survey"),
    text("question"),
    number("score"),
    text("queue"),
    text("agent"),
    text("customer"),
)
Index("survey_answers_at", survey_answers.c.at)
Index("survey_answers_call", survey_answers.c.call)

# What a restart must know of each call that goes on: JSON of `call.keeping`, with monotonic times of `saved_mono`'s clock.
live_calls = Table(
    "live_calls",
    metadata,
    Column("call", Text, primary_key=True),
    text("value"),
    seconds("saved_at"),
    seconds("saved_mono"),
)

engine_state = Table(
    "engine_state",
    metadata,
    Column("name", Text, primary_key=True),
    text("value"),
    seconds("saved_at"),
    seconds("saved_mono"),
)
