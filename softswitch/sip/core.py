"""States, inputs and shared tables of the transactions (RFC 3261 section 17)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from softswitch.effects import Flow
from softswitch.sip.timers import TimerQueues

if TYPE_CHECKING:
    from softswitch.sip.client import ClientTransaction
    from softswitch.sip.server import ServerTransaction


class State(StrEnum):
    INITIAL = "Initial"
    CALLING = "Calling"
    CANCEL_WAITING = "Cancel waiting"
    CANCELLED = "Cancelled"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    ACCEPTED = "Accepted"
    ACKNOWLEDGED = "Acknowledged"
    TERMINATED = "Terminated"


class Input(StrEnum):
    REQUEST = "request"  # server: from the peer; client: from the TU
    REQUEST_RELIABLE = "request (reliable)"
    REQUEST_OURS = "request (answered by the layer)"
    ACK = "ACK"
    ACK_RELIABLE = "ACK (reliable)"
    ACKNOWLEDGED = "ACK seen by the TU"
    CANCEL = "cancel by the TU"
    TRYING = "100"
    PROVISIONAL = "1xx"  # 101..199
    SUCCESS = "2xx"  # of INVITE
    FINAL = "final"  # INVITE: 300..699; others: 200..699
    FINAL_RELIABLE = "final (reliable)"
    REJECT = "stateless final"
    TRANSPORT_ERROR = "transport error"
    WAS_TRYING = "was Trying"  # in a process that is gone
    WAS_CALLING = "was Calling"
    WAS_PROCEEDING = "was Proceeding"
    WAS_ACCEPTED = "was Accepted"
    TIMER_A = "timer A"
    TIMER_B = "timer B"
    TIMER_D = "timer D"
    TIMER_E = "timer E"
    TIMER_F = "timer F"
    TIMER_G = "timer G"
    TIMER_H = "timer H"
    TIMER_I = "timer I"
    TIMER_J = "timer J"
    TIMER_K = "timer K"
    TIMER_L = "timer L"
    TIMER_M = "timer M"
    TIMER_TRYING = "200 ms"
    TIMER_2XX = "2xx interval"
    TIMER_CANCEL = "cancel timeout"


@dataclass(slots=True)
class Counters:
    """What the SIP layer saw; dropped messages are counted by cause."""

    received: int = 0
    requests: int = 0
    responses: int = 0
    keepalives: int = 0
    malformed: int = 0  # not answered
    refused: int = 0  # malformed or inadmissible, and answered statelessly
    rejected: int = 0  # answered statelessly by the TU (challenges, unknown users ...)
    retransmissions_in: int = 0  # absorbed requests and responses
    retransmissions_out: int = 0
    stray_responses: int = 0
    stray_acks: int = 0
    merged: int = 0
    overload: int = 0
    timeouts: int = 0
    unsendable: int = 0


class Core:
    """What all transactions of one endpoint share: the way out, the timers, the tables they are found in."""

    __slots__ = (
        "by_flow",
        "clients",
        "counters",
        "merged",
        "out",
        "pending",
        "servers",
        "settled",
        "signature",
        "timers",
    )

    def __init__(self, signature: str = "") -> None:
        self.signature = signature  # the Server header line of our own responses
        self.out: list[object] = []
        self.timers: TimerQueues[Input] = TimerQueues()
        self.counters = Counters()
        self.servers: dict[str, ServerTransaction] = {}
        self.clients: dict[str, ClientTransaction] = {}
        self.merged: set[str] = set()  # section 8.2.2.2
        self.pending: dict[str, int] = {}  # source -> server transactions without a final response
        self.by_flow: dict[Flow, dict[str, ServerTransaction | ClientTransaction]] = {}
        self.settled: list[ServerTransaction | ClientTransaction] = []

    def attach(self, flow: Flow, key: str, tx: ServerTransaction | ClientTransaction) -> None:
        found = self.by_flow.get(flow)
        if found is None:
            self.by_flow[flow] = {key: tx}
        else:
            found[key] = tx

    def detach(self, flow: Flow, key: str) -> None:
        found = self.by_flow.get(flow)
        if found is not None:
            found.pop(key, None)
            if not found:
                del self.by_flow[flow]

    def answered(self, source: str) -> None:
        left = self.pending.get(source, 0) - 1
        if left > 0:
            self.pending[source] = left
        else:
            self.pending.pop(source, None)
