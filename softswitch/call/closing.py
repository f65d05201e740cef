"""What remains of a call: its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.call import outward
from softswitch.events import CallEnded

if TYPE_CHECKING:
    from softswitch.call.call import Call

# How a call that nobody answered ends in its record, by the status the caller got.
OUTCOMES: Final = {486: "busy", 600: "busy", 487: "cancelled", 603: "rejected", 607: "rejected", 608: "rejected"}


def record_of(call: Call, cause: str, now: float) -> CallEnded:
    """The record of a call that ends now."""
    if call.summoning:
        answered_at, status, by = 0.0, 480, ""
    else:
        caller = call.caller
        answered_at, status, by = caller.answered_at, caller.status, caller.by
    bridged = call.connected_at
    if bridged:
        outcome = "answered"
    elif answered_at:
        outcome = call.outcome or "completed"
    else:
        outcome = OUTCOMES.get(status, "failed") if by == "remote" else call.outcome or "failed"
    answered = bridged or answered_at
    talked = call.talked + (now - call.bridged_at if call.bridged_at else 0.0)
    number, name = call.origin or (call.caller_number, call.caller_name)
    return CallEnded(
        call.id, number, name, call.dialled, call.account.user, outcome, status, cause,
        (answered or now) - call.started, talked if bridged else now - answered if answered else 0.0,
        now - call.started,
        call.visit.config.name if call.visit is not None else "", call.reached, tuple(call.path),
        *call.board.recorder.account(call.id, now), outward.trunk_of(call), tuple(call.path_at),
        customer=call.context.get("customer", ""),
    )  # fmt: skip
