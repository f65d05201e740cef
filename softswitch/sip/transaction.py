"""The four transactions of RFC 3261 section 17 as amended by RFC 6026, as tables.

Each table reads like its figure: state, input, (action, next state). "No arrow" means that the input is ignored. What the
figures leave to prose is decided where the input is classified: on a reliable transport the inputs are REQUEST_RELIABLE,
FINAL_RELIABLE and ACK_RELIABLE, whose rows start no retransmission and skip the wait of timers D, I, J and K.

Beside the RFC's states there are four that spare the tables their guards:
    TRYING          of the INVITE server: the TU has not answered yet, 100 is due (17.2.1 counts this as Proceeding)
    ACKNOWLEDGED    of the INVITE server: Accepted, and the TU has seen the ACK, so the 2xx is no longer repeated
    CANCEL_WAITING  of the INVITE client: Calling, and CANCEL goes out with the first provisional response (9.1)
    CANCELLED       of the INVITE client: Proceeding, and CANCEL was sent (9.1 ends the wait for a final after 64*T1)
"""

from __future__ import annotations

from softswitch.sip.client import INVITE_CLIENT, NON_INVITE_CLIENT, ClientTransaction
from softswitch.sip.core import Core, Counters, Input, State
from softswitch.sip.server import INVITE_SERVER, NON_INVITE_SERVER, ServerTransaction

__all__ = [
    "INVITE_CLIENT", "INVITE_SERVER", "NON_INVITE_CLIENT", "NON_INVITE_SERVER", "ClientTransaction", "Core", "Counters",
    "Input", "ServerTransaction", "State",
]  # fmt: skip
