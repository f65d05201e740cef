"""Header lines that calls are made of: what passes from one side to the other, what never does, what we say about callers.

Each side of a call is a dialog of its own, so nothing passes unless it is named here (SIG-05). Identity headers of phones
(P-Asserted-Identity, P-Preferred-Identity, Remote-Party-ID, Privacy of others, Diversion, History-Info, Identity) are
claims, and so is Alert-Info, which makes phones answer by themselves: all stay behind. Who calls is the account that
authenticated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.sip.grammar import is_token, quote, to_wire
from softswitch.sip.uri import escape_user

if TYPE_CHECKING:
    from softswitch.directory import Queue
    from softswitch.sip.message import Message

SDP: Final = "Content-Type: application/sdp\r\n"
ELSEWHERE: Final = 'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n'
DTMF_RELAY: Final = "Content-Type: application/dtmf-relay\r\n"
ACCEPT: Final = "Accept: application/sdp\r\n"
ACCEPT_INFO: Final = "Accept: application/dtmf-relay, application/dtmf, application/trickle-ice-sdpfrag\r\n"

# Canonical name -> spelling, of the headers of an INVITE that the other side gets.
PASSED: Final = {
    "subject": "Subject",
    "user-to-user": "User-to-User",
    "accept-language": "Accept-Language",
    "organization": "Organization",
}
MAX_PASSED: Final = 1_024  # characters of one value


def passed(message: Message) -> str:
    """The lines of an INVITE that go on to the other side."""
    headers = message.headers
    lines = ""
    for name, spelling in PASSED.items():
        for value in headers.get(name, ()):
            if value and len(value) <= MAX_PASSED:
                lines += f"{spelling}: {value}\r\n"
    return lines


def anonymous(message: Message) -> bool:
    """Whether the caller asks not to be shown (RFC 3323): that much of Privacy is theirs to say."""
    words = [word.strip(" \t").lower() for value in message.headers.get("privacy", ()) for word in value.split(";")]
    return any(word in ("id", "user", "full") for word in words)


def party(name: str, user: str, domain: str) -> str:
    """A From or To value, without tag."""
    uri = f"<sip:{escape_user(user)}@{domain}>"
    return f"{quote(to_wire(name))} {uri}" if name else uri


ANONYMOUS: Final = '"Anonymous" <sip:anonymous@anonymous.invalid>'


def queue_lines(call: str, queue: Queue, waited: float, domain: str) -> str:
    """What an agent's phone and its programs are told about a queue call (SIG-25)."""
    lines = f"X-Queue: {_text(queue.name)}\r\nX-Wait: {max(0, round(waited))}\r\nX-Call-Id: {call}\r\n"
    if queue.auto_answer:
        lines += f"Call-Info: <sip:{domain}>;answer-after=0\r\nAlert-Info: <http://{domain}>;info=alert-autoanswer;delay=0\r\n"
    elif queue.alert_info:
        lines += f"Alert-Info: {_text(queue.alert_info)}\r\n"
    return lines


def _text(value: str) -> str:
    """Text of the site as a header value: one line of it."""
    return to_wire(value if is_token(value) else " ".join(value.split()))
