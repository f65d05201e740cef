"""The names that expressions in menus know, as a table: what may stand before the first dot, and what behind it.

`call.visitor` gives them their values; `store.validate_menus` refuses a menu that uses another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

# Fields that every customer's card has a meaning for. "language": of the prompts they hear; "manager": the agent who looks
# after them. A site may keep any others.
CARD_FIELDS: Final = (
    "id",
    "name",
    "vip",
    "language",
    "manager",
    "segment",
    "company",
    "email",
    "link",
    "do_not_call",
    "tags",
)
# What is known of a queue. Seconds for "ewt" (the estimated wait of a caller who would enter now) and "longest_wait".
QUEUE_FACTS: Final = ("free", "ready", "waiting", "ewt", "longest_wait")
# ... and of an agent: "ready" = logged in and not paused; "free" = ready, and not in a call, in wrap-up or rung.
AGENT_FACTS: Final = ("logged_in", "ready", "free")


@dataclass(slots=True, frozen=True)
class Word:
    """What may follow a name. `of`: first the name of a thing of the site, such as a queue's."""

    meaning: str
    fields: tuple[str, ...] = ()
    of: str = ""  # "queue" | "agent" | "hours" | "list"
    any_field: bool = False  # the site decides which fields there are


WORDS: Final[Mapping[str, Word]] = MappingProxyType(
    {
        "caller": Word(
            "who calls; `anonymous`: shows no number; `inside`: from a phone of the site; `calls_today`: before this one; "
            "`calls_hour`, `calls_day`, `calls_week`: in the last hour, 24 hours, 7 days; `repeat`: whether there were any "
            "today; `priority`: in queues",
            ("number", "name", "anonymous", "inside", "account", "calls_today", "calls_hour", "calls_day", "calls_week",
             "repeat", "priority"),
        ),
        "call": Word(
            "this call; `dialled`: the number of ours that was called; `seconds`: since it came; `trunk`: that it came in by",
            ("dialled", "language", "seconds", "trunk"),
        ),
        "customer": Word(
            "the customer's card, found by the caller's number or by `identify`; `known`: whether there is one",
            ("known", *CARD_FIELDS), any_field=True,
        ),
        "manager": Word("the agent on the customer's card", ("name", *AGENT_FACTS)),
        "queue": Word(
            "a queue now: agents who are free, or ready at all; callers waiting; the estimated and the longest wait in seconds",
            QUEUE_FACTS, of="queue",
        ),
        "agent": Word("an agent now", AGENT_FACTS, of="agent"),
        "hours": Word("whether opening hours are open now", of="hours"),
        "opens": Word(
            'when opening hours are open next, such as "2026-12-28 08:00": for `say = "moment"` and for texts', of="hours"
        ),
        "list": Word("whether a list of callers has the caller's number", of="list"),
        "http": Word("what became of the last `http` step", ("result", "status")),
        "typed": Word("the digits of the last choice, unless they were a secret"),
        "time": Word('the time of the day, such as "08:30"'),
        "date": Word('the date, such as "2026-12-24"'),
        "weekday": Word("1 = Monday to 7 = Sunday"),
        "day": Word("of the month"),
        "month": Word("1 to 12"),
        "hour": Word("0 to 23"),
        "minute": Word("0 to 59"),
        "var": Word("a variable, where its name is one of these words", any_field=True),
    }
)  # fmt: skip
