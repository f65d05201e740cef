"""The rows of which reports are made: their tables and columns, as the fold fills them and the store keeps them.

A row belongs to a quarter of an hour, by its first second since 1970: all time zones in use differ by whole quarters, so every
interval of every zone is a sum of rows, on days of 23 and 25 hours as well. Durations are whole milliseconds, because sums of
whole numbers are the same in whatever pieces they are made.
"""

from __future__ import annotations

from typing import Final

QUARTER: Final = 900  # seconds
MILLI: Final = 1_000
DAY_MS: Final = 86_400 * MILLI

COHORT: Final = "cohort"  # everything that became of a visit counts in the interval in which the caller came (C.1)
EVENT: Final = "event"  # everything counts when it happened
VIEWS: Final = (COHORT, EVENT)
MOVED: Final = "_moved"

OUTCOMES: Final = (
    "answered", "abandoned_short", "abandoned", "abandoned_ringing", "abandoned_connecting", "timeout", "overflow", "full",
    "no_agents_on_entry", "no_agents_later", "exit_key", "callback_requested", "withdrawn", "transferred_out", "failed",
    "system_shutdown",
)  # fmt: skip
ABANDONED: Final = frozenset({"abandoned_short", "abandoned", "abandoned_ringing", "abandoned_connecting"})
AGENTS_SIDE: Final = "abandoned_connecting"  # never counts as short: an agent had picked up

# Of a queue: E, the outcomes, A_T, B_S, B_T of C.2, sums of waits and of work, rings, how well waits were foretold.
QUEUE_COLUMNS: Final = (
    "entered", *OUTCOMES, "in_time", "short", "abandoned_in_time", "wait_answered", "wait_abandoned", "wait_all", "handled",
    "talk", "hold", "wrap", "rings", "rings_answered", "rings_no_answer", "rings_rejected", "ring", "told", "told_error",
    "told_square", "contacts", "followed_day", "followed_week", "longest",
)  # fmt: skip
# Of an agent: milliseconds in each state (`talk_...` by the kind of the conversation), and how often what happened.
AGENT_COLUMNS: Final = (
    "logged_in", "idle", "offered", "talk_queue", "talk_outbound", "talk_internal", "talk_consult", "hold", "wrap",
    "not_ready", "backoff", "unreachable", "calls_in", "calls_out", "calls_internal", "rings", "rings_answered",
    "rings_no_answer", "rings_rejected", "ring", "short_answers", "own_calls", "pauses",
)  # fmt: skip
LOAD_COLUMNS: Final = ("started", "busy", "peak")
GREATEST: Final = frozenset({"longest", "peak"})  # the greatest counts; all others are summed

# Table -> what its rows are found by, and their columns. Of the first group rows add up ...
ADDED: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "report_queues": (("view", "at", "queue"), QUEUE_COLUMNS),
    "report_agents": (("at", "agent"), AGENT_COLUMNS),
    # How often what took how many (whole, begun) seconds: waits by queue, rings by agent and result, pauses by agent and reason.
    # Waits stand where the caller came; what `MOVED` is added to them is by the time at which they ended.
    "report_bins": (("kind", "at", "name", "detail", "bin"), ("n",)),
    "report_load": (("kind", "at", "name"), LOAD_COLUMNS),
}
# ... and of the second the last word holds. Times are milliseconds since 1970.
REPLACED: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "report_spans": (("agent", "since"), ("until", "state", "detail")),
    "report_missed": (
        ("first_at", "queue", "number"),
        ("last_at", "attempts", "outcome", "waited", "contact_at", "contact_by", "contact_how"),
    ),
    "report_transfers": (
        ("at", "seq"),
        ("call", "queue", "kind", "transferor", "target", "result", "cost", "chain", "recalls"),
    ),
    "report_repeats": (("at", "seq"), ("queue", "number", "previous_at", "answered")),
}
TEXT_COLUMNS: Final = frozenset(
    {
        "view", "queue", "agent", "kind", "name", "detail", "state", "number", "outcome", "contact_by", "contact_how", "call",
        "transferor", "target", "result",
    }
)  # fmt: skip
TABLES: Final = (*ADDED, *REPLACED)
