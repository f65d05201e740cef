"""What an INVITE or UPDATE may carry: a session description, alone or as one part of several; everything else is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from softswitch.call.description import Description, NotAcceptable, Terms, describe
from softswitch.call.headers import ACCEPT
from softswitch.errors import ParseError
from softswitch.sip.headers import header_list, media_type
from softswitch.sip.headers import unquote as bare

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.sip.endpoint import ServerTransaction
    from softswitch.sip.message import Message

MAX_PARTS: Final = 16  # of a multipart body
NO_OFFER: Final = Description("", 0, (), (), 20, "sendrecv")  # the request has no body: a late offer
IDENTITY: Final = frozenset({"", "identity"})

Respond = Callable[..., None]


def offer_of(
    board: Board, message: Message, respond: Respond, tx: ServerTransaction, now: float, terms: Terms
) -> Description | None:
    """The offer in a request, NO_OFFER if it has none, or None: then the request has been refused by `respond`."""
    accept = message.headers.get("accept")
    if accept is not None and not _accepts_sdp(message):
        respond(tx, 406, now, ACCEPT)
        return None
    if not message.body:
        return NO_OFFER
    if message.header("content-encoding").lower() not in IDENTITY:
        respond(tx, 415, now, "Accept-Encoding: identity\r\n")
        return None
    try:
        body = session_of(message)
        if body is None:
            respond(tx, 415, now, ACCEPT)
            return None
        return described(board, body, terms) if body else NO_OFFER
    except NotAcceptable as refusal:
        respond(tx, 488, now, refusal.warning(board.place(message.flow).host))
    except ParseError as error:
        respond(tx, error.status_hint, now)
    return None


def described(board: Board, body: bytes, terms: Terms) -> Description:
    """The description that a peer has sent. ParseError: it is none. NotAcceptable: nothing in it for us, or it names us."""
    description = describe(body, terms)
    if description.host and board.is_ours(description.host, description.port, terms):
        raise NotAcceptable(399, "Media would loop")
    return description


def _accepts_sdp(message: Message) -> bool:
    """Whether the peer takes the answers that we give (RFC 3261 section 20.1)."""
    try:
        ranges = [value.partition(";")[0].strip(" \t").lower() for value in header_list(message, "accept")]
    except ParseError:
        return True  # A list that cannot be read excludes nothing.
    return not ranges or any(kind in ("application/sdp", "application/*", "*/*") for kind in ranges)


def session_of(message: Message) -> bytes | None:
    """The bytes of the session description of a body; b"" if an optional other body has none; None if it is not for us."""
    text = message.header("content-type")
    if text == "application/sdp":
        return message.body
    kind = media_type(text) if text else None
    if kind is None:
        # 20.15: a body needs a Content-Type; what looks like a description is taken for one.
        return message.body if message.body[:4] == b"v=0\r" or message.body[:4] == b"v=0\n" else None
    if kind.kind == "application/sdp":
        return message.body
    if kind.kind.startswith("multipart/"):
        return _part(message.body, bare(kind.parameters.get("boundary", "")))
    if "handling=optional" in message.header("content-disposition").replace(" ", "").lower():
        return b""
    return None


def _part(body: bytes, boundary: str) -> bytes | None:
    """The first application/sdp part of a multipart body (RFC 2046 section 5.1, RFC 5621)."""
    if not boundary or len(boundary) > 70:
        raise ParseError("malformed multipart body")
    delimiter = b"--" + boundary.encode("latin-1")
    pieces = (b"\r\n" + body).split(b"\r\n" + delimiter, MAX_PARTS + 1)
    for piece in pieces[1:]:
        if piece[:2] == b"--":
            break
        head, found, content = piece.partition(b"\r\n\r\n")
        if found and b"content-type:application/sdp" in head.replace(b" ", b"").lower():
            return content
    return None
