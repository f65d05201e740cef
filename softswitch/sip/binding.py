"""Bindings of the location service, and the Contact values they come from (RFC 3261 sections 10.2 and 20.10)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from softswitch.effects import Flow
from softswitch.errors import ParseError
from softswitch.sip import headers as views
from softswitch.sip.grammar import unquote
from softswitch.sip.listener import default_port, literal, valid_destination
from softswitch.sip.uri import Address, Uri, uri_host_port

_DIALLED: Final = frozenset({"tcp", "tls"})
_NOT_KEPT: Final = frozenset({"expires", "q", "pub-gruu", "temp-gruu"})  # of a Contact: what is ours to say


@dataclass(slots=True)
class Binding:
    """One contact of an AOR. `expires_at` and `updated_at` are monotonic seconds; `parameters` go back in answers."""

    aor: str
    contact: str  # the URI, without headers
    flow: Flow  # where to send requests for it
    expires_at: float
    call_id: str
    cseq: int
    q: float = 1.0
    instance: str = ""
    reg_id: str = ""
    user_agent: str = ""
    path: tuple[str, ...] = ()
    received: tuple[str, int] = ("", 0)  # the source of the REGISTER
    updated_at: float = 0.0
    parameters: str = ""
    key: str = ""  # what tells it from the other bindings of its AOR: the contact, or with Outbound instance and reg-id
    unreachable: bool = False  # it does not answer OPTIONS
    rtt: float = -1.0  # seconds until it answered the last one, negative = never asked
    spare: tuple[Binding, ...] = ()  # other flows to the same phone

    def __post_init__(self) -> None:
        self.key = self.key or self.contact

    @property
    def outbound(self) -> bool:
        """Whether it is one of possibly several flows of its phone (RFC 5626)."""
        return self.reg_id != "" and self.key == outbound_key(self.instance, self.reg_id)

    @property
    def behind_nat(self) -> bool:
        """Whether the contact names another host than the one the REGISTER came from."""
        return literal(uri_host_port(self.contact)[0]) != self.received[0]


def outbound_key(instance: str, reg_id: str) -> str:
    """What tells the flows of phones with Outbound apart (RFC 5626 section 6)."""
    return f"{instance} {reg_id}"


@dataclass(slots=True, frozen=True)
class Contact:
    """One Contact of a request as it was written. `expires` "" = not given."""

    uri: str  # without headers
    host: str
    port: int
    expires: str
    q: float
    instance: str
    reg_id: str
    parameters: str


MAX_CACHED: Final = 512  # characters of a Contact value whose reading is kept


def read_contacts(value: str) -> tuple[Contact, ...]:
    """The contacts of one header line. Raises ParseError. A phone sends the same line every time, so readings are kept."""
    return _read_cached(value) if len(value) <= MAX_CACHED else _read_anew(value)


def _read_anew(value: str) -> tuple[Contact, ...]:
    found = []
    for address in map(Address.parse, views.split_list(value)):
        uri = Uri.parse(address.uri)
        if uri.scheme not in ("sip", "sips"):
            raise ParseError("contact is no SIP URI")
        parameters = address.parameters
        kept = "".join(
            f";{name}={text}" if text else f";{name}" for name, text in parameters.items() if name not in _NOT_KEPT
        )
        contact = Contact(
            # Headers in a contact would become headers of the requests we send there (19.1.5, RFC 4475 section 3.3.14).
            address.uri.partition("?")[0],
            uri.host.strip("[]"),
            uri.port or default_port("udp"),
            parameters.get("expires", ""),
            views.q_value(parameters.get("q", "")),
            unquote(parameters.get("+sip.instance", "")),
            parameters.get("reg-id", ""),
            kept,
        )
        found.append(contact)
    return tuple(found)


_read_cached = lru_cache(maxsize=4096)(_read_anew)


def dialled_flow(binding: Binding) -> Flow | None:
    """A flow that opens a connection to the phone, if its contact names the very host it registered from."""
    flow = binding.flow
    host, port = uri_host_port(binding.contact)
    port = port or default_port(flow.transport)
    if flow.transport not in _DIALLED or literal(host) != flow.host or not valid_destination(flow.host, port):
        return None
    return flow._replace(port=port, connection=0)
