"""The transaction layer's owner (RFC 3261 sections 17 and 18): matches messages to transactions, retransmits, times out.

Contract with the transaction user (TU), who calls the methods below and reads the items that `drain()` returns beside
`Send` and `CloseFlow` effects:

items
    RequestReceived(transaction: ServerTransaction, message)   a new request; never ACK nor CANCEL
    AckReceived(message)                                       an ACK for a 2xx: the TU finds its dialog and calls `acknowledged`
    CancelReceived(transaction, message)                       `transaction` is the INVITE's; the CANCEL was answered here
    ResponseReceived(transaction: ClientTransaction, message)  1xx (not 100 twice), final, and further 2xx of a forked INVITE
    RequestFailed(transaction: ClientTransaction, status)      408 timer B/F ran out, 503 the transport failed
    AckMissing(transaction: ServerTransaction)                 a 2xx was not ACKed for 64*T1: the TU sends BYE (section 13.3.1.4)

Both transaction classes have `owner`: any object of the TU's (a leg), None at first, cleared when the transaction ends.
"""

from __future__ import annotations
