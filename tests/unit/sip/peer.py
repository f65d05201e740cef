"""What the tests of the SIP machines share: seeded entropy, and messages as a phone would write them."""

from __future__ import annotations

import random

from softswitch.effects import Flow, Send
from softswitch.sip import message as wire
from softswitch.sip.endpoint import Endpoint
from softswitch.sip.listener import Listener
from softswitch.sip.message import Message

PHONE = Flow("udp", "192.0.2.7", 5060)
PHONE_TCP = Flow("tcp", "192.0.2.7", 40123, 1, 9)
LISTENERS = (Listener("udp", "198.51.100.1", 5060), Listener("tcp", "198.51.100.1", 5060))


class SeededEntropy:
    """Entropy that a test can repeat."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def token(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def below(self, n: int) -> int:
        return self._random.randrange(n)


def endpoint(seed: int = 1, **settings: object) -> Endpoint:
    return Endpoint(SeededEntropy(seed), LISTENERS, **settings)  # type: ignore[arg-type]


def request(
    method: str = "INVITE",
    *,
    uri: str = "sip:1000@pbx.test",
    branch: str = "z9hG4bKa1",
    sent_by: str = "192.0.2.7:5060",
    transport: str = "UDP",
    via: str = "",
    from_tag: str = "ft",
    to_tag: str = "",
    call_id: str = "call-1",
    cseq: int = 1,
    headers: str = "",
    contact: str = "<sip:alice@192.0.2.7:5060>",
    body: bytes = b"",
    max_forwards: int = 70,
) -> bytes:
    """A request of Alice's phone."""
    return wire.request(
        method,
        uri,
        via=via or f"SIP/2.0/{transport} {sent_by};branch={branch};rport",
        from_=f"<sip:alice@pbx.test>;tag={from_tag}" if from_tag else "<sip:alice@pbx.test>",
        to=f"<sip:1000@pbx.test>;tag={to_tag}" if to_tag else "<sip:1000@pbx.test>",
        call_id=call_id,
        cseq=cseq,
        headers=(f"Contact: {contact}\r\n" if contact else "") + headers,
        body=body,
        max_forwards=max_forwards,
    )


def parsed(data: bytes, flow: Flow = PHONE) -> Message:
    return wire.parse(data, flow)


def answer(
    sent: bytes, status: int, *, to_tag: str = "bt", headers: str = "", body: bytes = b"", flow: Flow = PHONE
) -> bytes:
    """What a phone answers to a request of ours."""
    return wire.response(wire.parse(sent, flow), status, to_tag=to_tag, headers=headers, body=body)


def sends(items: list[object]) -> list[bytes]:
    return [item.data for item in items if isinstance(item, Send)]


def statuses(items: list[object]) -> list[int]:
    """The status codes of the responses among the items."""
    return [int(data[8:11]) for data in sends(items) if data.startswith(b"SIP/2.0 ")]


def methods(items: list[object]) -> list[str]:
    """The methods of the requests among the items."""
    return [data.split(b" ", 1)[0].decode() for data in sends(items) if not data.startswith(b"SIP/2.0 ")]


def others(items: list[object]) -> list[object]:
    """What is not a Send."""
    return [item for item in items if not isinstance(item, Send)]
