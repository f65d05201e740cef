"""Transactions that outlive the process: what must be kept of an INVITE, and how it goes on in the next one.

Kept are INVITE transactions only, because they last as long as a phone rings: of the client those without a final response
(so that the answer still finds us, or CANCEL can be sent), of the server those without one and those whose 2xx was not
acknowledged. Everything else is over in a moment, and its peer tries again.
"""

from __future__ import annotations

from typing import Any, Final

from softswitch.effects import Flow
from softswitch.sip.client import ClientTransaction, Head
from softswitch.sip.core import Core, Input, State
from softswitch.sip.message import Message
from softswitch.sip.server import RELEASED, ServerTransaction

# In CALLING the request is still repeated; a CANCEL that was under way is sent anew.
_CLIENT: Final = {
    State.CALLING: Input.WAS_CALLING,
    State.CANCEL_WAITING: Input.WAS_CALLING,
    State.PROCEEDING: Input.WAS_PROCEEDING,
    State.CANCELLED: Input.WAS_PROCEEDING,
}
_SERVER: Final = {
    State.TRYING: Input.WAS_TRYING,
    State.PROCEEDING: Input.WAS_PROCEEDING,
    State.ACCEPTED: Input.WAS_ACCEPTED,
}


def keep_client(tx: ClientTransaction) -> dict[str, Any] | None:
    """What `revive_client` needs; None if the transaction needs no revival."""
    was = _CLIENT.get(tx.state)
    if was is None or not tx.invite:
        return None
    head = tx.head
    return {
        "was": was.value,
        "uri": tx.request_uri,
        "flow": tuple(tx.flow),
        "branch": tx.branch,
        "head": (head.via, head.from_, head.to, head.call_id, head.cseq, head.headers),
        "data": str(tx.data, "latin-1") if was is Input.WAS_CALLING else "",
    }


def revive_client(core: Core, kept: dict[str, Any], owner: Any, now: float) -> ClientTransaction:
    """An INVITE of ours that has no final response yet."""
    head, data = Head(*kept["head"]), kept["data"].encode("latin-1")
    tx = ClientTransaction(core, "INVITE", kept["uri"], Flow(*kept["flow"]), kept["branch"], head, data)
    tx.owner = owner
    tx.handle(Input(kept["was"]), now)
    return tx


def keep_server(tx: ServerTransaction) -> dict[str, Any] | None:
    """What `revive_server` needs; None if the transaction needs no revival."""
    was = _SERVER.get(tx.state)
    if was is None or not tx.invite:
        return None
    message = tx.message
    kept: dict[str, Any] = {
        "was": was.value,
        "key": tx.key,
        "merge": tx.merge,
        "flow": tuple(tx.flow),
        "reply": tuple(tx.reply),
        "to_tag": tx.to_tag,
        "data": str(tx.data, "latin-1"),
    }
    if message is not RELEASED and tx.state is not State.ACCEPTED:
        kept["message"] = {name: getattr(message, name) for name in _MESSAGE}
        kept["body"] = str(message.body, "latin-1")
    return kept


_MESSAGE: Final = ("branch", "call_id", "cseq", "cseq_method", "from_tag", "headers", "method", "to_tag", "uri")


def revive_server(core: Core, kept: dict[str, Any], owner: Any, now: float) -> ServerTransaction:
    """An INVITE of a peer that waits for our final response, or for the ACK of which we wait."""
    message = Message()
    message.flow = Flow(*kept["flow"])
    message.method, message.reason, message.status, message.body = "INVITE", "", 0, b""
    message.size = 0
    if "message" in kept:
        for name in _MESSAGE:
            setattr(message, name, kept["message"][name])
        message.headers = {name: tuple(values) for name, values in kept["message"]["headers"].items()}
        message.body = kept["body"].encode("latin-1")
    tx = ServerTransaction(core, kept["key"], message, Flow(*kept["reply"]), merge=kept["merge"])
    tx.owner = owner
    tx.to_tag = kept["to_tag"]
    tx.data = kept["data"].encode("latin-1")
    tx.handle(Input(kept["was"]), now)
    return tx
