"""What is looked at at all: the first thing that happens to every message, and the cheapest.

In this order: who is banned is not heard, who is unknown and sends too much is not heard, and what a switch that runs behind
cannot serve is refused by a few bytes, or waits if it is a registration. The rest is served.
"""

from __future__ import annotations

from softswitch.effects import CloseFlow, Flow, Send
from softswitch.sip.anteroom import Anteroom
from softswitch.sip.bans import Bans
from softswitch.sip.overload import FIRST, SHED_AFTER, Overload
from softswitch.sip.strangers import Strangers


class Gate:
    """Judges messages before they are parsed."""

    def __init__(self, bans: Bans, strangers: Strangers, overload: Overload) -> None:
        self.bans = bans
        self.strangers = strangers
        self.overload = overload
        self.anteroom = Anteroom()

    def stops(self, data: bytes, flow: Flow, behind: float, now: float) -> tuple[Send | CloseFlow, ...] | None:
        """None: serve it. Else what to do instead, which may be nothing. `behind`: seconds that it has waited."""
        if self.bans and self.bans.drops(flow, now):
            return () if flow.transport == "udp" else (CloseFlow(flow, "banned"),)
        if self.strangers.drops(flow, now):
            return ()
        if behind and self.overload.settles(data):
            return ()
        if self.anteroom.takes(data, flow, behind >= SHED_AFTER["REGISTER"], now):
            return ()
        if behind >= FIRST and (refusal := self.overload.refuse(data, flow, behind, now)) is not None:
            return (refusal,)
        return None
