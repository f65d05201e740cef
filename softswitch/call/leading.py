"""Whoever leads a party of a call to somebody, on the way back after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from softswitch.call.consult import Consultation
from softswitch.call.park import Parked
from softswitch.call.recall import Recall
from softswitch.call.routing import Destination
from softswitch.call.transfer import Transfer
from softswitch.packing import PackingError

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.lead import Lead
    from softswitch.call.leg import Leg


def led(call: Call, kept: dict[str, Any], legs: Mapping[str, Leg], shift: float, now: float) -> Lead:
    """What `Lead.keep` gave, as it was; its deadline is at least now. Raises what damaged data raises."""
    kind = kept["kind"]
    lead: Lead
    if kind == "transfer":
        destination = Destination(*[str(one) for one in kept["destination"]])
        lead = transfer = Transfer(
            call, str(kept["by"]), str(kept["dialled"]), destination, float(kept["waited"]), legs.get(kept["leg"])
        )
        transfer.rings = bool(kept["rings"])
        transfer.cause = str(kept.get("cause", ""))
        name = "return" if transfer.cause else "target"
    elif kind == "recall":
        lead = Recall(
            call, str(kept["by"]), str(kept["dialled"]), str(kept["cause"]), float(kept["waited"]), int(kept["attempt"])
        )
        name = "again"
    elif kind == "consultation":
        destination = Destination(*[str(one) for one in kept["destination"]])
        lead = consultation = Consultation(legs[kept["leg"]], destination, str(kept["dialled"]))
        consultation.aside = bool(kept["aside"])
        if kept["asked"]:
            consultation.asked = legs[kept["asked"]]
            consultation.asked.owner = consultation
        return lead
    elif kind == "parked":
        lead = Parked.resume(call, kept, shift)
        name = "parked"
    else:
        raise PackingError(f"a lead of kind {kind}")
    if kept["at"] is not None:
        call.board.deadlines.set((lead, name), max(kept["at"] + shift, now))
    return lead
