"""Reflection (S8): what a datagram from nowhere makes us send is never much longer than itself."""

from __future__ import annotations

import pytest

from softswitch.effects import Flow, Send
from softswitch.sip.guard import Defences
from softswitch.sip.message import parse
from softswitch.sip.modest import MAX_AMPLIFICATION, SHORTEST_REQUEST
from softswitch.switch import METHODS, Settings, Switch
from tests.sim.world import account, site
from tests.unit.sip.peer import LISTENERS, SeededEntropy

NOW = 1_000.0
UDP, TCP = Flow("udp", "203.0.113.9", 5071), Flow("tcp", "203.0.113.9", 5071, 1, 7)
STRANGE = ("PUBLISH", "NOTIFY", "PRACK", "REFER", "FOO")


@pytest.fixture
def switch() -> Switch:
    directory = site(accounts={"anna": account("anna")})
    return Switch(directory, LISTENERS, SeededEntropy(), is_open=lambda name: True, nonce_key=b"k" * 32)


def request(method: str, pad: int = 0, number: int = 1, cseq: int = 1) -> bytes:
    lines = [
        f"{method} sip:anna@pbx.test SIP/2.0", f"Via: SIP/2.0/UDP 203.0.113.9:5071;branch=z9hG4bK{number};rport",
        "From: <sip:anna@pbx.test>;tag=1", "To: <sip:anna@pbx.test>", f"Call-ID: {number}", f"CSeq: {cseq} {method}",
    ]  # fmt: skip
    if pad:
        lines.append("X: " + "x" * pad)
    return "\r\n".join([*lines, "", ""]).encode()


def answers(switch: Switch, data: bytes, flow: Flow) -> list[bytes]:
    switch.receive(data, flow, NOW)
    found = [effect.data for effect in switch.drain() if isinstance(effect, Send)]
    switch.expire(NOW + 40.0)
    return found + [effect.data for effect in switch.drain() if isinstance(effect, Send)]


@pytest.mark.parametrize("method", [method for method in (*METHODS, *STRANGE) if method != "ACK"])
def test_s8_one_datagram_of_at_most_one_and_a_half_times_the_length(switch: Switch, method: str) -> None:
    for number, pad in enumerate(range(0, 500, 7)):
        data = request(method, pad, number)
        sent = answers(switch, data, UDP)
        assert len(sent) <= 1, sent
        if len(data) >= SHORTEST_REQUEST:
            assert sent and parse(sent[0], UDP).status >= 200
            # Just above the shortest request the bare answer with its one needed line may be a little longer.
            limit = MAX_AMPLIFICATION * len(data) if len(data) >= 260 else 1.75 * len(data)
            assert len(sent[0]) <= limit, (len(data), sent[0])
        elif sent:
            assert len(sent[0]) <= MAX_AMPLIFICATION * len(data)


def test_what_is_left_out_first_is_the_weaker_algorithm(switch: Switch) -> None:
    short, long = (
        answers(switch, request("REGISTER", 100, 1), UDP)[0],
        answers(switch, request("REGISTER", 400, 2), UDP)[0],
    )
    assert short.count(b"WWW-Authenticate") == 1 and b"SHA-256" in short
    assert long.count(b"WWW-Authenticate") == 2


def test_who_tries_again_is_offered_the_other_algorithm(switch: Switch) -> None:
    """A phone that knows MD5 only, and asks briefly, gives up on the first challenge and registers with the second."""
    (again,) = answers(switch, request("REGISTER", 100, 1, cseq=2), UDP)
    assert again.count(b"WWW-Authenticate") == 1 and b"MD5" in again


@pytest.mark.parametrize("cseq", [1, 2])
def test_where_md5_stands_first_nobody_is_offered_less(cseq: int) -> None:
    """That order is set for those who know nothing else (sipp): the number of a brief REGISTER must not decide."""
    settings = Settings(defences=Defences(digest_algorithms=("MD5", "SHA-256")))
    directory = site(accounts={"anna": account("anna")})
    switch = Switch(
        directory, LISTENERS, SeededEntropy(), is_open=lambda name: True, nonce_key=b"k" * 32, settings=settings
    )
    (answer,) = answers(switch, request("REGISTER", 100, cseq, cseq), UDP)
    assert answer.count(b"WWW-Authenticate") == 1 and b"MD5" in answer


def test_a_connection_has_shown_where_it_is(switch: Switch) -> None:
    data = request("REGISTER").replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
    (answer,) = answers(switch, data, TCP)
    assert answer.count(b"WWW-Authenticate") == 2


def test_so_has_who_proved_an_account(switch: Switch) -> None:
    switch.guard._guesses.succeeded(UDP, "anna")
    (answer,) = answers(switch, request("REGISTER"), UDP)
    assert answer.count(b"WWW-Authenticate") == 2
