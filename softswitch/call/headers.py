"""Header lines that calls are made of: what passes from one side to the other, what never does, what we say about callers.

Each side of a call is a dialog of its own, so nothing passes unless it is named here (SIG-05). Identity headers of phones
(P-Asserted-Identity, P-Preferred-Identity, Remote-Party-ID, Privacy of others, Diversion, History-Info, Identity) are
claims, and so is Alert-Info, which makes phones answer by themselves: all stay behind. Who calls is the account that
authenticated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from softswitch.errors import ParseError
from softswitch.sip.grammar import is_token, quote, to_wire
from softswitch.sip.headers import contacts, q_value
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
CONTEXT: Final = {"note": "X-Note", "customer": "X-Customer-Id"}
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


def redirection(message: Message) -> str:
    """Where a 3xx sends the call: the first of its contacts (RFC 3261 section 8.1.3.4), "" if it names none."""
    try:
        named = contacts(message)
        first = max(named, key=lambda one: q_value(one.parameters.get("q", "")), default=None)
    except ParseError:
        return ""
    return str(first.uri) if first is not None else ""


@dataclass(slots=True, frozen=True)
class Diversion:
    """One step by which a call was led further (RFC 5806, RFC 7044)."""

    number: str  # who led it further: a dialled number or an account
    reason: (
        str  # "unconditional" | "user-busy" | "no-answer" | "unavailable" | "deflection" | "follow-me" | "time-of-day"
    )


def diversion_lines(diversions: tuple[Diversion, ...], domain: str) -> str:
    """By whom a call was led further, for our own phones (RFC 5806): the latest first."""
    return "".join(
        [f"Diversion: <sip:{escape_user(one.number)}@{domain}>;reason={one.reason};counter=1\r\n"
         for one in reversed(diversions)]
    )  # fmt: skip


def party(name: str, user: str, domain: str) -> str:
    """A From or To value, without tag."""
    uri = f"<sip:{escape_user(user)}@{domain}>"
    return f"{quote(to_wire(name))} {uri}" if name else uri


ANONYMOUS: Final = '"Anonymous" <sip:anonymous@anonymous.invalid>'


def nobody(prefix: str = "") -> str:
    """A From value of a caller who is not shown (RFC 3323 section 4.1.1.3). `prefix`: what stands before the name of any."""
    return ANONYMOUS if not prefix else f"{quote(to_wire(prefix + 'Anonymous'))} <sip:anonymous@anonymous.invalid>"


def queue_lines(call: str, queue: Queue, waited: float, domain: str) -> str:
    """What an agent's phone and its programs are told about a queue call (SIG-25)."""
    lines = f"X-Queue: {_text(queue.name)}\r\nX-Wait: {max(0, round(waited))}\r\nX-Call-Id: {call}\r\n"
    if queue.alert_info and not queue.auto_answer:
        lines += alert_line(queue.alert_info)
    return lines


def alert_line(value: str) -> str:
    """How a phone is to ring, in the words of its maker."""
    return f"Alert-Info: {_text(value)}\r\n"


# What makes a phone answer by itself, by a word of its User-Agent in small letters. There is a standard (RFC 5373), which few
# know; most know one of the others, and ignore what they do not know.
_CALL_INFO: Final = "Call-Info: <sip:{domain}>;answer-after=0\r\n"
_ALERT: Final = "Alert-Info: <http://{domain}>;info=alert-autoanswer;delay=0\r\n"
_ANSWER_MODE: Final = "Answer-Mode: Auto\r\n"
AUTO_ANSWER: Final = {
    "polycom": 'Alert-Info: <http://{domain}>;info="Auto Answer"\r\n',
    "poly/": 'Alert-Info: <http://{domain}>;info="Auto Answer"\r\n',
    "aastra": "Alert-Info: info=alert-autoanswer\r\n",
    "mitel": "Alert-Info: info=alert-autoanswer\r\n",
    "panasonic": "Alert-Info: Intercom\r\n",
    "digium": "Alert-Info: ring-answer\r\n",
    "sangoma": "Alert-Info: Ring Answer\r\n" + _CALL_INFO,
    "fanvil": "Alert-Info: <http://{domain}>;info=alert-autoanswer;delay=0\r\n" + _CALL_INFO,
    "grandstream": _CALL_INFO + _ALERT,
    "snom": _CALL_INFO + _ALERT,
    "yealink": _CALL_INFO + _ALERT,
    "linksys": _CALL_INFO,
    "cisco": _CALL_INFO + _ALERT,
}
ANY_PHONE: Final = _CALL_INFO + _ALERT + _ANSWER_MODE


def auto_answer(user_agent: str, domain: str) -> str:
    """The lines that ask a phone to answer by itself."""
    agent = user_agent.lower()
    return next((lines for word, lines in AUTO_ANSWER.items() if word in agent), ANY_PHONE).format(domain=domain)


def trail_lines(call: str, by: str, transfers: int, context: Mapping[str, str], domain: str) -> str:
    """What a phone and its programs are told about a call that was led there by somebody (XFR-07)."""
    if not transfers:
        return ""
    lines = f"X-Call-Id: {call}\r\nX-Transfer-Count: {transfers}\r\n"
    if by:
        lines += f"X-Transferred-By: {_text(by)}\r\nReferred-By: {party('', by, domain)}\r\n"
    for name, header in CONTEXT.items():
        if value := context.get(name):
            lines += f"{header}: {_text(value)}\r\n"
    return lines


def _text(value: str) -> str:
    """Text of the site as a header value: one line of it."""
    return to_wire(value if is_token(value) else " ".join(value.split()))
