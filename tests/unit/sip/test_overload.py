from __future__ import annotations

import pytest

from softswitch.effects import Flow
from softswitch.sip.endpoint import Endpoint
from softswitch.sip.listener import Listener
from softswitch.sip.message import Message, parse
from softswitch.sip.overload import LONGEST, SHORTEST, Overload
from softswitch.sip.skim import skim

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
    return Overload(Counting(), lambda message: known, lambda user, now: user == "bound", priority={"112"})


@pytest.mark.parametrize(
    "method, behind, refused",
    [
        ("INVITE", 0.0, False),
        ("INVITE", 0.17, False),
        ("INVITE", 0.19, True),
        ("OPTIONS", 0.14, False),
        ("OPTIONS", 0.16, True),
        ("SUBSCRIBE", 0.16, True),
        ("MESSAGE", 0.16, True),
        ("REGISTER", 0.16, False),
        ("REGISTER", 0.17, True),
        ("BYE", 9.0, False),
        ("ACK", 9.0, False),
        ("CANCEL", 9.0, False),
        ("INFO", 9.0, False),
        ("UPDATE", 9.0, False),
    ],
)
def test_what_is_refused_when(method: str, behind: float, refused: bool) -> None:
    assert (overload().refuse(message(method), FLOW, behind, 0.0) is not None) is refused


@pytest.mark.parametrize(("behind", "refused"), [(0.17, False), (0.39, False), (0.41, True)])
def test_who_is_registered_may_refresh_for_longer(behind: float, refused: bool) -> None:
    assert (overload().refuse(message("REGISTER", user="bound"), FLOW, behind, 0.0) is not None) is refused


def test_the_order_of_shedding() -> None:
    """RELIABILITY section 5: questions and texts, new registrations, new calls, refreshed registrations, nothing else."""
    order = [
        (message("OPTIONS"), message("SUBSCRIBE"), message("MESSAGE"), message("PUBLISH")),
        (message("REGISTER", user="new"),), (message("INVITE"),), (message("REGISTER", user="bound"),),
    ]  # fmt: skip
    first = []
    for group in order:
        found = {
            next(n for n in range(1_000) if overload().refuse(data, FLOW, n / 1_000, 0.0) is not None) for data in group
        }
        assert len(found) == 1, "one group, one threshold"
        first.append(found.pop())
    assert first == sorted(set(first)) and first[-1] < 500, "each later than the one before, all before T1"


def test_the_refusal_is_a_503_with_a_random_retry_after_and_a_to_tag() -> None:
    guard = overload()
    waits = set()
    for _ in range(100):
        send = guard.refuse(message("INVITE"), FLOW, 1.0, 0.0)
        assert send is not None
        answer = parse(send.data, FLOW)
        assert answer.status == 503 and answer.to_tag and answer.branch == "z9hG4bKa"
        waits.add(int(answer.header("retry-after")))
    assert min(waits) >= SHORTEST and max(waits) <= LONGEST and len(waits) > 10
    assert guard.refused["INVITE"] == 100


def test_it_goes_to_the_source_port_only_if_rport_asks_for_it() -> None:
    with_rport = overload().refuse(message("INVITE"), FLOW, 1.0, 0.0)
    without = overload().refuse(message("INVITE", rport=""), FLOW, 1.0, 0.0)
    assert with_rport is not None and with_rport.flow == FLOW
    assert without is not None and without.flow == FLOW._replace(port=5070)


def test_calls_in_progress_and_emergencies_are_never_refused() -> None:
    assert overload().refuse(message("INVITE", to_tag="x"), FLOW, 9.0, 0.0) is None
    assert overload().refuse(message("INVITE", user="112"), FLOW, 9.0, 0.0) is None
    assert overload().refuse(message("INVITE", user="%31%31%32"), FLOW, 9.0, 0.0) is None
    assert overload(known=True).refuse(message("INVITE"), FLOW, 9.0, 0.0) is None


def test_responses_and_nonsense_are_left_to_the_switch() -> None:
    for data in (b"SIP/2.0 200 OK\r\n\r\n", b"INVITE nonsense\r\n\r\n", b"\0" * 40):
        assert overload().refuse(data, FLOW, 9.0, 0.0) is None


def test_known_is_asked_with_the_message() -> None:
    asked: list[Message] = []
    guard = Overload(Counting(), lambda message: bool(asked.append(message)), lambda user, now: False)
    guard.refuse(message("INVITE"), FLOW, 9.0, 0.0)
    assert asked[0].method == "INVITE"


def test_a_repetition_of_what_is_served_is_known_to_the_endpoint() -> None:
    endpoint = Endpoint(Counting(), [Listener("udp", "192.0.2.1", 5060)])
    first = message("INVITE")
    assert not endpoint.knows(parse(first, FLOW))
    endpoint.receive(first, FLOW, 1.0)
    assert endpoint.knows(parse(first, FLOW))
    assert not endpoint.knows(parse(message("OPTIONS"), FLOW))


@pytest.mark.parametrize(("behind", "refused"), [(0.19, False), (0.31, False), (0.33, True)])
def test_who_has_answered_our_challenge_is_refused_later(behind: float, refused: bool) -> None:
    data = message("INVITE").replace(b"Contact:", b"Authorization: Digest x\r\nContact:")
    assert (overload().refuse(data, FLOW, behind, 0.0) is not None) is refused


def test_the_ack_of_a_refusal_is_known_without_being_read() -> None:
    guard = overload()
    send = guard.refuse(message("INVITE"), FLOW, 1.0, 0.0)
    assert send is not None
    tag = parse(send.data, FLOW).to_tag
    assert guard.settles(message("ACK", to_tag=tag))
    assert not guard.settles(message("ACK", to_tag="another")) and not guard.settles(message("BYE", to_tag=tag))


@pytest.mark.parametrize(
    "change",
    [
        ("Via:", "v:"), ("To:", "t:"), ("CSeq:", "cseq:"), ("From:", "FROM :"), (";tag=1", ";x=1"), ("Max-", " folded\r\nMax-"),
        ("Call-ID: c", "Call-ID: c\r\nCall-ID: d"), ("branch=z9hG4bKa", "branch=old"), ("INVITE sip", "INVITE  sip"),
        ("CSeq: 1", "CSeq: 4294967296"), ("Contact:", "X: \0\r\nContact:"), ("Call-ID: c\r\n", ""),
        (">\r\nCall", ">;tag=x\r\nCall"),
        ("Contact", "Record-Route: <sip:a;lr>\r\nRecord-Route: <sip:b;lr>\r\nContact"),
    ],
)  # fmt: skip
def test_what_is_skimmed_is_what_is_parsed(change: tuple[str, str]) -> None:
    """Either the skimmer leaves a message to the parser, or both have read the same."""
    data = message("INVITE").replace(change[0].encode(), change[1].encode(), 1)
    skimmed = skim(data, FLOW)
    if skimmed is None:
        return
    whole = parse(data, FLOW)
    for name in ("method", "uri", "branch", "call_id", "cseq", "cseq_method", "from_tag", "to_tag", "size"):
        assert getattr(skimmed, name) == getattr(whole, name), name
    for header in ("via", "from", "to", "call-id", "cseq", "record-route"):
        assert skimmed.headers.get(header) == whole.headers.get(header)


def test_what_phones_send_is_skimmed() -> None:
    assert skim(message("INVITE"), FLOW) is not None and skim(message("REGISTER"), FLOW) is not None
