from __future__ import annotations

import pytest

from softswitch.effects import Flow
from softswitch.sip.endpoint import Endpoint
from softswitch.sip.listener import Listener
from softswitch.sip.message import Message, parse
from softswitch.sip.overload import LONGEST, SHORTEST, Overload

FLOW = Flow("udp", "192.0.2.7", 5062)


class Counting:
    """Entropy in order."""

    def __init__(self) -> None:
        self.n = 0

    def token(self) -> str:
        self.n += 1
        return f"{self.n:016x}"

    def below(self, n: int) -> int:
        self.n += 1
        return self.n % n


def message(method: str, *, user: str = "800", to_tag: str = "", rport: str = ";rport") -> bytes:
    tag = f";tag={to_tag}" if to_tag else ""
    return (
        f"{method} sip:{user}@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKa{rport}\r\n"
        f"From: <sip:a@example.com>;tag=1\r\nTo: <sip:{user}@example.com>{tag}\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n"
        "Contact: <sip:a@192.0.2.7>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def overload(known: bool = False) -> Overload:
    return Overload(Counting(), lambda message: known)


@pytest.mark.parametrize(
    "method, behind, refused",
    [
        ("INVITE", 0.0, False),
        ("INVITE", 0.24, False),
        ("INVITE", 0.26, True),
        ("OPTIONS", 0.21, True),
        ("SUBSCRIBE", 0.21, True),
        ("MESSAGE", 0.21, True),
        ("REGISTER", 0.3, False),
        ("REGISTER", 0.41, True),
        ("BYE", 9.0, False),
        ("ACK", 9.0, False),
        ("CANCEL", 9.0, False),
        ("INFO", 9.0, False),
        ("UPDATE", 9.0, False),
    ],
)
def test_what_is_refused_when(method: str, behind: float, refused: bool) -> None:
    assert (overload().refuse(message(method), FLOW, behind) is not None) is refused


def test_the_refusal_is_a_503_with_a_random_retry_after_and_a_to_tag() -> None:
    guard = overload()
    waits = set()
    for _ in range(100):
        send = guard.refuse(message("INVITE"), FLOW, 1.0)
        assert send is not None
        answer = parse(send.data, FLOW)
        assert answer.status == 503 and answer.to_tag and answer.branch == "z9hG4bKa"
        waits.add(int(answer.header("retry-after")))
    assert min(waits) >= SHORTEST and max(waits) <= LONGEST and len(waits) > 10
    assert guard.refused["INVITE"] == 100


def test_it_goes_to_the_source_port_only_if_rport_asks_for_it() -> None:
    with_rport = overload().refuse(message("INVITE"), FLOW, 1.0)
    without = overload().refuse(message("INVITE", rport=""), FLOW, 1.0)
    assert with_rport is not None and with_rport.flow == FLOW
    assert without is not None and without.flow == FLOW._replace(port=5070)


def test_calls_in_progress_and_emergencies_are_never_refused() -> None:
    assert overload().refuse(message("INVITE", to_tag="x"), FLOW, 9.0) is None
    assert overload().refuse(message("INVITE", user="112"), FLOW, 9.0) is None
    assert overload(known=True).refuse(message("INVITE"), FLOW, 9.0) is None


def test_responses_and_nonsense_are_left_to_the_switch() -> None:
    for data in (b"SIP/2.0 200 OK\r\n\r\n", b"INVITE nonsense\r\n\r\n", b"\0" * 40):
        assert overload().refuse(data, FLOW, 9.0) is None


def test_known_is_asked_with_the_message() -> None:
    asked: list[Message] = []
    Overload(Counting(), lambda message: bool(asked.append(message))).refuse(message("INVITE"), FLOW, 9.0)
    assert asked[0].method == "INVITE"


def test_a_repetition_of_what_is_served_is_known_to_the_endpoint() -> None:
    endpoint = Endpoint(Counting(), [Listener("udp", "192.0.2.1", 5060)])
    first = message("INVITE")
    assert not endpoint.knows(parse(first, FLOW))
    endpoint.receive(first, FLOW, 1.0)
    assert endpoint.knows(parse(first, FLOW))
    assert not endpoint.knows(parse(message("OPTIONS"), FLOW))
