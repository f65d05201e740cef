"""Who gives the switch orders (SEC-14): known to whatever is done for a request, without handing it from call to call.

The pages say who asks before they pass a request on; what comes over the control socket is the command line's.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from softswitch.events import OrderGiven

COMMAND_LINE: Final = "cli"
LONGEST: Final = 120  # characters of a value


@dataclass(slots=True, frozen=True)
class Asker:
    """Who asks. `source`: the address they ask from, "" = this machine's control socket."""

    name: str = COMMAND_LINE
    source: str = ""


_asker: ContextVar[Asker] = ContextVar("asker", default=Asker())  # noqa: B039 - frozen


def asker() -> Asker:
    """Who asks for what is being done now."""
    return _asker.get()


@contextlib.contextmanager
def asked_by(name: str, source: str = "") -> Iterator[None]:
    """What is done inside is done for somebody."""
    token = _asker.set(Asker(name, source))
    try:
        yield
    finally:
        _asker.reset(token)


# Orders whose own event tells who gave them, so that they stand in the audit once (`store.audit.TOLD`).
TELLS_ITSELF: Final = frozenset({
    "agent", "ban", "unban", "spy", "supervise", "conference", "prioritise", "place", "assign", "move", "withdraw", "surge",
    "callback_add", "callback_assign", "callback_cancel", "hours_set", "outage_on", "outage_off", "caller_block",
    "caller_unblock", "mark_recording", "share_recording", "play_recording", "play_shared", "revoke_links", "erase",
    "exported", "session", "play_voicemail", "disposition",
})  # fmt: skip
# Who asks for what somebody did, does nothing.
NO_ORDERS: Final = frozenset({"audit"})
# Orders that do not say in their parameters that somebody gives them.
ORDERS: Final = frozenset({
    "hang_up", "merge", "transfer", "steer_transfer", "record", "originate", "phone", "callback_done", "reload", "stop",
    "sounds", "edit", "voicemail", "customers", "receiver_retry", "receiver_skip", "receiver_discard", "webhook_test",
    "campaign_import", "campaign_read", "campaign_clear",
    "queue_adjust", "call_hold", "call_bridge", "report_send", "provisioning_link", "prompt_add", "prompt_remove", "backup",
})  # fmt: skip
# What some of them are asked without anything being changed: (command, argument) -> values.
LOOKS: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("edit", "operation"): frozenset(
        {
            "export",
            "history",
            "version_show",
            "account_list",
            "user_list",
            "token_list",
            "piece_list",
            "piece_show",
            "piece_names",
            "piece_parse",
            "piece_text",
            "queue_settings",
        }
    ),
    ("record", "verb"): frozenset({"start", "pause", "resume"}),  # told by their events
    # What is deleted or restored is told by its event.
    ("voicemail", "verb"): frozenset({"boxes", "list", "show", "delete", "restore"}),
    ("customers", "verb"): frozenset({"count", "list", "show"}),
}
SUBJECTS: Final = ("call", "queue", "account", "name", "recording", "message", "mailbox", "callback", "number")
EDITED: Final = ("user", "token", "account", "webhook", "kind", "name", "version")  # what an edit of the site is about
# What may stand in the audit; everything else (passwords, PINs, whole sites, notes, cards) does not.
TOLD: Final = (
    "verb", "operation", "order", "to", "attended", "agent", "setting", "value", "reason", "device", "number", "account", "mode",
    "other", "everything", "at_once", "dry_run", "by_itself", "auto_answer", "state", "until", "days", "title", "kind",
    "campaign", "webhook", "url", "list", "disposition", "customer", "report", "id",
)  # fmt: skip


def is_order(command: str, handler: Callable[..., Any], arguments: Mapping[str, Any]) -> bool:
    """Whether a command changes something that no other event tells with a name."""
    if command in TELLS_ITSELF or command in NO_ORDERS:
        return False
    for (name, argument), looks in LOOKS.items():
        if name == command and arguments.get(argument) in looks:
            return False
    if command in ORDERS:
        options = arguments.get("options")
        return not (isinstance(options, Mapping) and options.get("dry_run")) and not arguments.get("dry_run")
    parameters = inspect.signature(handler).parameters
    return "by" in parameters or "actor" in parameters


def order_given(command: str, arguments: Mapping[str, Any], error: str = "") -> OrderGiven:
    """The event of an order. `error`: why it was not carried out."""
    who = asker()
    named = str(arguments.get("by") or arguments.get("actor") or "")
    actor = named if named and named != COMMAND_LINE else who.name
    subject = next((_short(arguments[one]) for one in SUBJECTS if arguments.get(one)), "")
    if isinstance(options := arguments.get("options"), Mapping):
        subject = " ".join(_short(options[one]) for one in EDITED if options.get(one))
    told = {
        name: _short(arguments[name])
        for name in TOLD
        if arguments.get(name) not in (None, "", False, ()) and _short(arguments[name]) != subject
    }
    detail = " ".join(f"{name}={value}" for name, value in told.items())
    return OrderGiven(actor, command, subject, detail, who.source, error[:LONGEST])


def _short(value: object) -> str:
    return (
        value[:LONGEST] if isinstance(value, str) else str(value)[:LONGEST] if isinstance(value, (int, float)) else ""
    )
