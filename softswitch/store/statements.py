"""The SQL of the running switch: what SQLite and PostgreSQL both understand, with `?` for values.

Upserts make writing a batch twice harmless: after a failed COMMIT nobody knows whether it happened.
"""

from __future__ import annotations

from typing import Final

REVISION: Final = "0014"  # the newest migration; a database that says so needs no alembic at start

CALL_COLUMNS: Final = (
    "seq", "call", "started_at", "caller", "caller_name", "dialled", "account", "trunk", "ended_at", "end_seq", "outcome",
    "status", "cause", "setup_seconds", "talk_seconds", "total_seconds", "queue", "agent", "path", "customer",
)  # fmt: skip
LEG_COLUMNS: Final = (
    "seq", "call", "leg", "role", "party", "sip_call_id", "ended_at", "status", "cause", "ended_by", "ring_seconds",
    "talk_seconds", "codec", "media",
)  # fmt: skip
VISIT_COLUMNS: Final = (
    "visit", "call", "queue", "number", "priority", "entered_at", "position", "waiting", "left_at", "outcome", "waited",
    "offers", "agent", "detail", "told",
)  # fmt: skip
RECORDING_COLUMNS: Final = (
    "recording", "call", "path", "queue", "agent", "caller", "form", "mode", "started_by", "days", "worker", "started_at",
    "ended_at", "seconds", "octets", "paused_seconds", "lost_seconds", "error", "interrupted", "deleted_at",
)  # fmt: skip
VOICEMAIL_COLUMNS: Final = (
    "message", "mailbox", "call", "path", "caller", "caller_name", "queue", "started_at", "left_at", "seconds", "octets",
    "heard", "deleted_at", "mail", "mail_error", "forwarded_from", "interrupted",
)  # fmt: skip
SURVEY_COLUMNS: Final = ("seq", "at", "call", "survey", "question", "score", "queue", "agent", "customer")
MARK_COLUMNS: Final = ("recording", "tags", "note", "held", "actor", "at")
AUDIT_COLUMNS: Final = ("seq", "at", "actor", "action", "subject", "detail", "source", "error")
CUSTOMER_COLUMNS: Final = (
    "customer", "name", "language", "vip", "segment", "manager", "fields", "changed_at", "company", "email", "link", "tags",
    "search", "do_not_call",
)  # fmt: skip
NOTE_COLUMNS: Final = ("note", "customer", "at", "author", "call", "text")
CALLBACK_COLUMNS: Final = (
    "callback", "queue", "number", "name", "kind", "mode", "owner", "priority", "call", "language", "note", "created_at",
    "joined_at", "credit", "due_at", "expires_at", "attempts", "cause", "ended_at", "outcome", "agent", "seconds",
)  # fmt: skip
DISPOSITION_COLUMNS: Final = ("call", "agent", "queue", "disposition", "note", "number", "actor", "at")
SCRIPT_COLUMNS: Final = ("call", "step", "script", "agent", "actor", "done", "fields", "at")
BINDING_COLUMNS: Final = (
    "aor", "contact", "expires_at", "expires_mono", "granted", "flow", "call_id", "cseq", "q", "instance", "user_agent",
    "path",
)  # fmt: skip


def insert(
    table: str, columns: tuple[str, ...], conflict: str = "", update: tuple[str, ...] = (), where: str = ""
) -> str:
    """INSERT, with an upsert when `conflict` names the key: without `update` the old row stays."""
    text = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    if not conflict:
        return text
    if not update:
        return f"{text} ON CONFLICT ({conflict}) DO NOTHING"
    sets = ", ".join(f"{one} = excluded.{one}" for one in update)
    return f"{text} ON CONFLICT ({conflict}) DO UPDATE SET {sets}" + (f" WHERE {where}" if where else "")


def select(table: str, columns: tuple[str, ...], rest: str = "") -> str:
    return f"SELECT {', '.join(columns)} FROM {table} {rest}".strip()


# --- the journal and what follows from it ------------------------------------------------------------------------------

JOURNAL: Final = insert(
    "journal", ("first_seq", "last_seq", "first_wall", "last_wall", "first_mono", "events"), "first_seq"
)
# The part of a call that is known when it starts; the rest gets the values of "not ended".
CALL_STARTED: Final = (
    "INSERT INTO calls (seq, call, started_at, caller, caller_name, dialled, account, trunk, end_seq, outcome, status, cause,"
    " setup_seconds, talk_seconds, total_seconds, queue, agent, path)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, '', 0, '', 0, 0, 0, '', '', '[]') ON CONFLICT (call) DO NOTHING"
)
CALL_ENDED: Final = insert("calls", CALL_COLUMNS, "call", CALL_COLUMNS[3:], "calls.ended_at IS NULL")
LEG_ENDED: Final = insert("legs", LEG_COLUMNS, "seq")
VISIT_ENTERED: Final = (
    "INSERT INTO queue_visits (visit, call, queue, number, priority, entered_at, position, waiting, outcome, waited, offers,"
    " agent, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', 0, 0, '', '') ON CONFLICT (visit, call) DO NOTHING"
)
# A visit has exactly one outcome: the first.
VISIT_LEFT: Final = insert(
    "queue_visits", VISIT_COLUMNS, "visit, call", VISIT_COLUMNS[8:], "queue_visits.left_at IS NULL"
)
RECORDING_STARTED: Final = (
    f"INSERT INTO recordings ({', '.join(RECORDING_COLUMNS[:12])}, seconds, octets, paused_seconds, lost_seconds, error,"
    " interrupted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, '', 0) ON CONFLICT (recording) DO NOTHING"
)
RECORDING_ENDED: Final = (
    f"UPDATE recordings SET {', '.join(f'{one} = ?' for one in RECORDING_COLUMNS[12:19])}"
    " WHERE recording = ? AND ended_at IS NULL"
)
RECORDING_DELETED: Final = "UPDATE recordings SET deleted_at = ? WHERE recording = ? AND deleted_at IS NULL"
# What happens to messages of mailboxes, by a word for it: in the order in which it happened.
VOICEMAIL: Final = {
    "begun": insert("voicemail", VOICEMAIL_COLUMNS, "message"),
    "left": insert(
        "voicemail",
        VOICEMAIL_COLUMNS,
        "message",
        (*VOICEMAIL_COLUMNS[1:7], *VOICEMAIL_COLUMNS[8:]),
        "voicemail.left_at IS NULL",
    ),
    "discarded": "DELETE FROM voicemail WHERE message = ? AND left_at IS NULL",
    "heard": "UPDATE voicemail SET heard = ? WHERE message = ?",
    "deleted": "UPDATE voicemail SET deleted_at = ? WHERE message = ?",
    "mailed": "UPDATE voicemail SET mail = ?, mail_error = ? WHERE message = ?",
    "purged": "DELETE FROM voicemail WHERE message = ?",
}
# What happens to callbacks, by a word for it: in the order in which it happened.
CALLBACKS: Final = {
    "created": insert("callbacks", CALLBACK_COLUMNS, "callback"),
    "attempt": "UPDATE callbacks SET attempts = ? WHERE callback = ?",
    "missed": "UPDATE callbacks SET cause = ?, due_at = coalesce(?, due_at) WHERE callback = ?",
    "assigned": "UPDATE callbacks SET queue = ?, owner = ?, due_at = ?, expires_at = ? WHERE callback = ?",
    "ended": "UPDATE callbacks SET ended_at = ?, outcome = ?, agent = ?, seconds = ?"
    " WHERE callback = ? AND ended_at IS NULL",
}
LOAD_CALLBACKS: Final = select("callbacks", CALLBACK_COLUMNS, "WHERE ended_at IS NULL ORDER BY created_at, callback")
LOAD_VOICEMAIL: Final = select("voicemail", VOICEMAIL_COLUMNS, "ORDER BY started_at, message")
RECORDING_MARKED: Final = insert("recording_marks", MARK_COLUMNS, "recording", MARK_COLUMNS[1:])
AUDIT: Final = insert("audit", AUDIT_COLUMNS, "seq")
SURVEY_ANSWERED: Final = insert("survey_answers", SURVEY_COLUMNS, "seq")
SCRIPT_STEP: Final = insert(
    "script_steps", SCRIPT_COLUMNS, "call, step", SCRIPT_COLUMNS[2:], "script_steps.at <= excluded.at"
)
# The last word counts, whichever way the rows come.
DISPOSITION: Final = insert(
    "dispositions", DISPOSITION_COLUMNS, "call, agent", DISPOSITION_COLUMNS[2:], "dispositions.at <= excluded.at"
)
BINDING_ADDED: Final = insert("bindings", BINDING_COLUMNS, "aor, contact", BINDING_COLUMNS[2:])
BINDING_REMOVED: Final = "DELETE FROM bindings WHERE aor = ? AND contact = ?"
_PRESENCE: Final = ("presence", "reason", "device", "presence_at", "presence_mono")
_ACTIVITY: Final = ("activity", "activity_at", "activity_mono", "until_at", "until_mono")
AGENT_PRESENCE: Final = (
    f"INSERT INTO agent_state (agent, {', '.join(_PRESENCE)}, activity, activity_at, activity_mono)"
    " VALUES (?, ?, ?, ?, ?, ?, '', 0, 0)"
    f" ON CONFLICT (agent) DO UPDATE SET {', '.join(f'{one} = excluded.{one}' for one in _PRESENCE)}"
)
AGENT_ACTIVITY: Final = (
    f"INSERT INTO agent_state (agent, {', '.join(_ACTIVITY)}, presence, reason, device, presence_at, presence_mono)"
    " VALUES (?, ?, ?, ?, ?, ?, 'offline', '', '', 0, 0)"
    f" ON CONFLICT (agent) DO UPDATE SET {', '.join(f'{one} = excluded.{one}' for one in _ACTIVITY)}"
)
STATE: Final = insert(
    "engine_state", ("name", "value", "saved_at", "saved_mono"), "name", ("value", "saved_at", "saved_mono")
)
CALL_KEPT: Final = insert(
    "live_calls", ("call", "value", "saved_at", "saved_mono"), "call", ("value", "saved_at", "saved_mono")
)
CALL_FORGOTTEN: Final = "DELETE FROM live_calls WHERE call = ?"
META: Final = insert("meta", ("name", "value"), "name", ("value",))
KEY_RENEWED: Final = insert("keys", ("name", "value", "created_at"), "name", ("value", "created_at"))
KEY: Final = insert("keys", ("name", "value", "created_at"), "name")

# --- at start --------------------------------------------------------------------------------------------------------

LOAD_META: Final = "SELECT name, value FROM meta"
LOAD_SITE: Final = "SELECT kind, name, body FROM site_objects WHERE until IS NULL"
LOAD_VERSION: Final = "SELECT max(version) FROM site_versions"
LOAD_BINDINGS: Final = select("bindings", BINDING_COLUMNS)
LOAD_AGENTS: Final = select("agent_state", ("agent", *_PRESENCE, *_ACTIVITY))
LOAD_STATES: Final = "SELECT name, value, saved_at, saved_mono FROM engine_state"
LOAD_CALLS: Final = "SELECT call, value, saved_at, saved_mono FROM live_calls"
LAST_BLOCK: Final = "SELECT last_seq, last_wall FROM journal ORDER BY first_seq DESC LIMIT 1"
LAST_CALL: Final = "SELECT max(seq) FROM calls"
LAST_LEG: Final = "SELECT max(seq) FROM legs"
LAST_VISIT: Final = "SELECT max(visit) FROM queue_visits"
OPEN_CALLS: Final = select("calls", CALL_COLUMNS, "WHERE ended_at IS NULL ORDER BY seq")
OPEN_VISITS: Final = select("queue_visits", VISIT_COLUMNS, "WHERE left_at IS NULL ORDER BY visit")
OPEN_RECORDINGS: Final = select("recordings", RECORDING_COLUMNS, "WHERE ended_at IS NULL ORDER BY started_at")
DUE_RECORDINGS: Final = select(
    "recordings",
    RECORDING_COLUMNS,
    "WHERE days > 0 AND deleted_at IS NULL AND ended_at IS NOT NULL AND started_at + days * 86400 < ?"
    " AND recording NOT IN (SELECT recording FROM recording_marks WHERE held = 1) LIMIT ?",
)
# The first block that may hold a number: found by the primary key, however long the journal is.
_BLOCK_OF: Final = "(SELECT coalesce(max(first_seq), 0) FROM journal WHERE first_seq <= ?)"
BLOCKS: Final = (
    f"SELECT first_wall, first_mono, events FROM journal WHERE first_seq >= {_BLOCK_OF} AND first_seq <= ?"
    " ORDER BY first_seq LIMIT ?"
)
ADOPT_CLOCK: Final = (
    "UPDATE bindings SET expires_mono = expires_at + :shift",
    "UPDATE engine_state SET saved_mono = saved_at + :shift",
    "DELETE FROM live_calls WHERE :shift IS NOT NULL",  # Times inside are of the old clock; those that go on are kept anew.
    "UPDATE agent_state SET presence_mono = presence_at + :shift, activity_mono = activity_at + :shift,"
    " until_mono = until_at + :shift",
)

# --- the site --------------------------------------------------------------------------------------------------------

CLOSE_OBJECT: Final = "UPDATE site_objects SET until = ? WHERE kind = ? AND name = ? AND until IS NULL"
OPEN_OBJECT: Final = insert("site_objects", ("kind", "name", "since", "body"))
NEW_VERSION: Final = insert("site_versions", ("version", "at", "actor", "comment", "changes"))
VERSIONS: Final = "SELECT version, at, actor, comment, changes FROM site_versions ORDER BY version DESC LIMIT ?"
HAS_VERSION: Final = "SELECT 1 FROM site_versions WHERE version = ?"
SITE_AT: Final = "SELECT kind, name, body FROM site_objects WHERE since <= ? AND (until IS NULL OR until > ?)"

# --- customers -------------------------------------------------------------------------------------------------------

CONTACT_COLUMNS: Final = (
    "campaign", "contact", "number", "name", "fields", "timezone", "status", "attempts", "due", "last", "outcome", "agent",
    "note", "callback", "call", "disposition",
)  # fmt: skip
CONTACT: Final = insert("campaign_contacts", CONTACT_COLUMNS, "campaign, contact", CONTACT_COLUMNS[2:])
CONTACTS: Final = f"SELECT {', '.join(CONTACT_COLUMNS)} FROM campaign_contacts ORDER BY rowid"
CONTACTS_GONE: Final = "DELETE FROM campaign_contacts WHERE campaign = ?"
CUSTOMER: Final = insert("customers", CUSTOMER_COLUMNS, "customer", CUSTOMER_COLUMNS[1:])
CUSTOMER_NUMBERS_GONE: Final = "DELETE FROM customer_numbers WHERE customer = ?"
CUSTOMER_NUMBER: Final = insert("customer_numbers", ("number", "customer"), "number", ("customer",))
CUSTOMER_GONE: Final = "DELETE FROM customers WHERE customer = ?"
CUSTOMERS_AFTER: Final = select("customers", CUSTOMER_COLUMNS, "WHERE customer > ? ORDER BY customer LIMIT ?")
CUSTOMER_NUMBERS_BETWEEN: Final = (
    "SELECT number, customer FROM customer_numbers WHERE customer > ? AND customer <= ? ORDER BY customer, number"
)
CUSTOMER_FIND: Final = select(
    "customers", CUSTOMER_COLUMNS,
    "WHERE customer = ? OR customer = (SELECT customer FROM customer_numbers WHERE number = ?)"
    " ORDER BY CASE customer WHEN ? THEN 0 ELSE 1 END LIMIT 1",
)  # fmt: skip
CUSTOMER_NUMBERS_OF: Final = "SELECT number FROM customer_numbers WHERE customer = ? ORDER BY number"
CUSTOMER_NOTE: Final = insert("customer_notes", NOTE_COLUMNS[1:])
CUSTOMER_NOTES: Final = select("customer_notes", NOTE_COLUMNS, "WHERE customer = ? ORDER BY note DESC LIMIT ?")
CUSTOMER_NOTES_GONE: Final = "DELETE FROM customer_notes WHERE customer = ?"
# What points to a customer who turned out to be another one.
CUSTOMER_MERGED: Final = tuple(
    f"UPDATE {table} SET customer = ? WHERE customer = ?" for table in ("customer_notes", "calls", "survey_answers")
)
CUSTOMER_COUNT: Final = "SELECT count(*) FROM customers"
CALLS_SINCE: Final = (
    "SELECT started_at, seq, caller FROM calls WHERE (started_at, seq) > (?, ?) AND caller <> ''"
    " ORDER BY started_at, seq LIMIT ?"
)

# --- pruning, in portions so that nothing waits long -----------------------------------------------------------------

PORTION: Final = 500


def _prune(table: str, key: str, where: str) -> str:
    keys = f"SELECT {key} FROM {table} WHERE {where} LIMIT {PORTION}"
    return f"DELETE FROM {table} WHERE ({key}) IN ({keys})"


PRUNE_JOURNAL: Final = _prune("journal", "first_seq", "last_wall < :before")
PRUNE_CALLS: Final = _prune("calls", "seq", "started_at < :before AND ended_at IS NOT NULL")
# Legs have no index by time, but their numbers grow with it: none older than the first younger call is looked at.
PRUNE_LEGS: Final = _prune(
    "legs",
    "seq",
    "ended_at < :before AND seq < coalesce("
    f"(SELECT seq FROM calls WHERE started_at >= :before ORDER BY started_at LIMIT 1), {1 << 62})",
)
PRUNE_AUDIT: Final = _prune("audit", "seq", "at < :before")
PRUNE_SURVEYS: Final = _prune("survey_answers", "seq", "at < :before")
PRUNE_VISITS: Final = _prune("queue_visits", "visit, call", "entered_at < :before AND left_at IS NOT NULL")
PRUNE_SCRIPTS: Final = _prune("script_steps", "call, step", "at < :before")
PRUNE_DISPOSITIONS: Final = _prune("dispositions", "call, agent", "at < :before")
PRUNE_CALLBACKS: Final = _prune("callbacks", "callback", "created_at < :before AND ended_at IS NOT NULL")
