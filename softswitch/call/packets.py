"""Packet times of both sides of a call, so that packets of one can go to the other as they are (RFC 4566 section 6).

What we ask a phone to send is what the other phone wants to receive, if it has said so: workers then relay. Where the two
cannot meet, because one sends longer packets than the other takes, workers make them anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softswitch.call.leg import Leg


def heed(leg: Leg) -> None:
    """Take note of what the other side of the call wants to receive, before something is offered or answered."""
    call = leg.call
    caller = call._caller
    if leg is caller:
        fork = call.fork
        other = call.peer if fork is None or call.peer is not None else (fork.legs[0] if len(fork.legs) == 1 else None)
    else:
        other = caller
    if other is None or other is leg:
        return
    wishes = other.offer or other.negotiation.remote
    if wishes is not None:
        leg.negotiation.wish, leg.negotiation.limit = wishes.ptime, wishes.maxptime
