"""What a new request must satisfy before any transaction is made for it (RFC 3261 section 8.2), decided by its headers alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from softswitch.errors import ParseError
from softswitch.sip.dialog import contact_uri, plain_contact
from softswitch.sip.headers import contacts, media_type, option_tags
from softswitch.sip.message import Message
from softswitch.sip.uri import addr_uri

# RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086: known but refused is 405, unknown is 501 (21.4.6, 21.5.2).
KNOWN_METHODS: Final = frozenset({
    "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER",
    "SUBSCRIBE", "UPDATE",
})  # fmt: skip
DEFAULT_METHODS: Final = (
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "REGISTER",
    "INFO",
    "UPDATE",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "MESSAGE",
)
DEFAULT_SCHEMES: Final = ("sip", "sips", "tel")

SESSION: Final = "application/sdp"
_ACCEPTABLE: Final = (SESSION, "application/*", "*/*")
# Addressed to the server itself, which forwards none of them: their hop count does not matter.
_OURS: Final = frozenset({"OPTIONS", "REGISTER"})


@dataclass(slots=True)
class Refusal:
    """A final response with its extra header lines."""

    status: int
    headers: str = ""


def _session(message: Message) -> Refusal | None:
    """An INVITE: where its sender can be reached, and whether we have a language in common."""
    headers = message.headers
    # 8.1.1.8 wants exactly one Contact; RFC 2543 did not want any.
    if "contact" in headers and not contact_uri(message):
        return Refusal(400)
    # 8.2.3: a body that we must understand and cannot.
    kinds = headers.get("content-type")
    if kinds is not None and message.body and kinds[0] != SESSION and not _is_session(message, kinds[0]):
        return Refusal(415, f"Accept: {SESSION}\r\n")
    accept = headers.get("accept")
    if accept is not None and not any(kind in value.lower() for value in accept for kind in _ACCEPTABLE):
        return Refusal(406, f"Accept: {SESSION}\r\n")
    return None


def _is_session(message: Message, value: str) -> bool:
    try:
        kind = media_type(value).kind
    except ParseError:
        return False
    optional = "handling=optional" in message.header("content-disposition").replace(" ", "").lower()
    return optional or kind == SESSION or kind.startswith("multipart/")


def _registration(message: Message) -> Refusal | None:
    """A REGISTER: an address-of-record and contacts that are addresses (10.3), before anybody is asked for a password."""
    if "<sip:" not in message.header("to"):
        try:
            if addr_uri(message.header("to")).partition(":")[0].lower() not in ("sip", "sips"):
                return Refusal(400)
        except ParseError:
            return Refusal(400)
    for value in message.headers.get("contact", ()):
        if value != "*" and not plain_contact(value):
            try:
                contacts(message)
            except ParseError:
                return Refusal(400)
            return None
    return None


class Admission:
    """The rules; constructed once from what the TU can do."""

    __slots__ = ("_allow", "_checks", "_methods", "_schemes", "_supported")

    def __init__(self, methods: Iterable[str], schemes: Iterable[str], supported: Iterable[str]) -> None:
        names = tuple(methods)
        self._methods = frozenset(names)
        self._allow = f"Allow: {', '.join(names)}\r\n"
        self._schemes = frozenset(schemes)
        self._supported = frozenset(option.lower() for option in supported)
        self._checks = {"INVITE": _session, "REGISTER": _registration}

    def refuse(self, message: Message) -> Refusal | None:
        """Why a request outside of any transaction cannot be served, None if it can."""
        if message.method not in self._methods:
            return Refusal(405 if message.method in KNOWN_METHODS else 501, self._allow)
        scheme, _, _ = message.uri.partition(":")
        if scheme not in self._schemes and scheme.lower() not in self._schemes:
            return Refusal(416)
        headers = message.headers
        hops = headers.get("max-forwards")
        # 8.1.1.6, 16.3: a request for somebody else goes no further. Inside a dialog the other end is ourselves.
        if hops is not None and not hops[0].strip("0") and not message.to_tag and message.method not in _OURS:
            return Refusal(483)
        check = self._checks.get(message.method)
        if check is not None and (refusal := check(message)) is not None:
            return refusal
        if "require" in headers or "proxy-require" in headers:
            return self._extensions(message)
        return None

    def _extensions(self, message: Message) -> Refusal | None:
        try:
            wanted = option_tags(message, "require") + option_tags(message, "proxy-require")
        except ParseError:
            return Refusal(400)
        unknown = [option for option in wanted if option.lower() not in self._supported]
        if not unknown:
            return None
        return Refusal(420, f"Unsupported: {', '.join(dict.fromkeys(unknown))}\r\n")
