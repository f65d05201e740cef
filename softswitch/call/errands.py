"""What calls send somebody to do: how it went, for the flow that waits for it or for whoever looks after the menus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.events import FlowProblem

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.effects import ErrandDone


def done(call: Call, done: ErrandDone, now: float) -> None:
    """An errand of the call has come to its end."""
    runner = call.runner
    if runner is not None and runner.fetched(done, now):
        return
    if done.result != "ok":
        last = next((one for one in reversed(call.path) if one.startswith(("menu:", "flow:"))), "")
        call.board.publish(FlowProblem(call.id, last, "errand", f"{done.result} {done.detail}".strip()[:200]))
