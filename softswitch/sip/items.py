"""What the transaction layer tells its user (TU): items that `Endpoint.drain()` returns beside `Send` effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softswitch.sip.message import Message
    from softswitch.sip.transaction import ClientTransaction, ServerTransaction


@dataclass(slots=True)
class RequestReceived:
    """A new request; never an ACK nor a CANCEL. The TU answers it with `respond` or, statelessly, with `reject`."""

    transaction: ServerTransaction
    message: Message


@dataclass(slots=True)
class AckReceived:
    """An ACK that no final response of 300..699 was waiting for: the TU finds its dialog and calls `acknowledged`.

    `transaction` is the accepted INVITE when the ACK repeats its branch (against RFC 3261 section 13.2.2.4, but phones
    do, and some invent a To tag besides); it is None for the ACK of a well-behaved phone.
    """

    message: Message
    transaction: ServerTransaction | None = None


@dataclass(slots=True)
class CancelReceived:
    """The peer cancels an INVITE that has no final response yet. The CANCEL itself was answered with 200."""

    transaction: ServerTransaction  # the INVITE's
    message: Message


@dataclass(slots=True)
class ServerFailed:
    """The connection of an INVITE that waits for its final response is gone, and with it the caller."""

    transaction: ServerTransaction


@dataclass(slots=True)
class AckMissing:
    """A 2xx was repeated for 64*T1 and never acknowledged: the TU sends BYE (RFC 3261 section 13.3.1.4)."""

    transaction: ServerTransaction


@dataclass(slots=True)
class ResponseReceived:
    """A response: 1xx (100 once at most), one final, and for INVITE each further 2xx with another To tag."""

    transaction: ClientTransaction
    message: Message


@dataclass(slots=True)
class RequestFailed:
    """There will be no response: 408 timer B or F, 487 no answer to a CANCEL for 64*T1, 503 the transport failed."""

    transaction: ClientTransaction
    status: int
