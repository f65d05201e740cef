"""What comes after a conversation: the caller of a queue stays when the agent has hung up, for a survey (IVR-16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.call.flow import Mark
from softswitch.call.menu import flow_for
from softswitch.call.routing import parse
from softswitch.call.transfer import regretted

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg


def talked_to(call: Call) -> tuple[str, str]:
    """The queue and the agent of a call, for what comes after the conversation."""
    return call.visit.config.name if call.visit is not None else "", call.reached


def stays(call: Call, leg: Leg, now: float) -> bool:
    """A member of the conversation of two has hung up; whether the other one stays: led further, as the queue says, or
    brought back to whoever meant to lead them to somebody."""
    if regretted(leg, now):
        return True
    visit = call.visit
    if visit is None or visit.talking is None or visit.talking.leg is not leg or not visit.config.after:
        return False
    if call.lead is not None or not call.caller.up:
        return False
    after = visit.config.after
    visit.exchanged(leg, None)  # The agent is free for the wrap-up now, not when the survey is over.
    call.board.recorder.ended(call, now)
    call.pause_talk(now)
    call.peer = None
    call.holding.discard(leg)
    call.regrouped(now)
    call.mark(Mark("after", visit.config.name))
    call.run(flow_for(parse(after), call.board.site, call.visitor), now, ("to", after))
    return True
