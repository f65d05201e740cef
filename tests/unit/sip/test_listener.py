"""Our own addresses, and the ones we send to."""

from __future__ import annotations

import pytest

from softswitch.effects import Flow
from softswitch.sip.listener import Listener, contact, literal, peer_flow, sent_by, valid_destination


@pytest.mark.parametrize(
    "text, host",
    [
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::0001]", "2001:db8::1"),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("127.1", ""), ("0x7f.0.0.1", ""), ("0177.0.0.1", ""), ("256.1.1.1", ""), ("1.2.3.4.5", ""), ("2130706433", ""),
        ("phone.example", ""), ("", ""), ("[::1", ""), ("fe80::1%eth0", ""), ("١٢٧.0.0.1", ""), ("1.2.3.4\n", ""),
    ],
)  # fmt: skip
def test_only_address_literals_are_addresses(text: str, host: str) -> None:
    assert literal(text) == host


@pytest.mark.parametrize(
    "host, port, valid",
    [
        ("192.0.2.1", 1, True), ("192.0.2.1", 65535, True), ("::1", 5060, True),
        ("192.0.2.1", 0, False), ("192.0.2.1", 65536, False), ("192.0.2.1", -1, False), ("x", 5060, False),
        ("224.0.0.1", 5060, False), ("ff02::1", 5060, False), ("0.0.0.0", 5060, False), ("::", 5060, False),
        ("255.255.255.255", 5060, False),
    ],
)  # fmt: skip
def test_what_may_be_sent_to(host: str, port: int, valid: bool) -> None:
    assert valid_destination(host, port) is valid


@pytest.mark.parametrize(
    "listener, peer, place",
    [
        (Listener("udp", "198.51.100.1", 5060), "192.0.2.1", "198.51.100.1:5060"),
        (Listener("udp", "10.0.0.1", 5060, "198.51.100.1", 15060), "192.0.2.1", "198.51.100.1:15060"),
        (Listener("udp", "0.0.0.0", 5060, "198.51.100.1"), "192.0.2.1", "198.51.100.1:5060"),
        (Listener("udp", "0.0.0.0", 5060, "198.51.100.1", 15060), "127.0.0.1", "127.0.0.1:5060"),
        (Listener("udp", "127.0.0.2", 5060, "198.51.100.1"), "127.0.0.1", "127.0.0.2:5060"),
        (Listener("udp", "::", 5060, "2001:db8::1"), "::1", "[::1]:5060"),
        (Listener("udp", "::", 5060, "2001:db8::1"), "2001:db8::9", "[2001:db8::1]:5060"),
    ],
)
def test_we_are_called_what_the_peer_can_reach(listener: Listener, peer: str, place: str) -> None:
    assert sent_by(listener, Flow(listener.transport, peer, 5060)) == place


@pytest.mark.parametrize("transport, text", [
    ("udp", "<sip:a@198.51.100.1:5060>"), ("tcp", "<sip:a@198.51.100.1:5060;transport=tcp>"),
    ("tls", "<sip:a@198.51.100.1:5060;transport=tls>"), ("wss", "<sip:a@198.51.100.1:5060;transport=ws>"),
])  # fmt: skip
def test_our_contact_names_the_transport(transport: str, text: str) -> None:
    listener = Listener(transport, "198.51.100.1", 5060)
    assert contact(listener, Flow(transport, "192.0.2.1", 5060), "a") == text
    assert contact(listener, Flow(transport, "192.0.2.1", 5060)) == text.replace("a@", "")


@pytest.mark.parametrize(
    "uri, port",
    [
        ("sip:a@192.0.2.7:5070", 5070), ("sip:a@192.0.2.7", 5060), ("sip:a@192.168.0.1:5070", 40000), ("sip:a@name:5070", 40000),
        ("sip:a@192.0.2.7:70000", 40000), ("", 40000),
    ],
)  # fmt: skip
def test_a_peer_is_reached_at_its_source_address(uri: str, port: int) -> None:
    flow = Flow("udp", "192.0.2.7", 40000)
    assert peer_flow(uri, flow) == flow._replace(port=port)
    stream = Flow("tcp", "192.0.2.7", 40000, 1, 3)
    assert peer_flow(uri, stream) is stream


# --- a switch behind a router, and one with several networks -------------------------------------------------------------

LAN = ("10.0.0.0/8", "fc00::/7")


@pytest.mark.parametrize(
    ("peer", "place"),
    [
        ("203.0.113.9", "198.51.100.1:15060"),
        ("10.0.0.9", "10.0.0.1:5060"),
        ("10.9.0.9", "10.9.0.1:5060"),
        ("127.0.0.1", "127.0.0.1:5060"),
        ("192.168.1.1", "198.51.100.1:15060"),  # not one of the networks in the settings
    ],
)
def test_phones_in_local_networks_are_told_our_own_address(peer: str, place: str) -> None:
    listener = Listener("udp", "0.0.0.0", 5060, "198.51.100.1", 15060, LAN, lambda peer: f"{peer.rpartition('.')[0]}.1")
    assert sent_by(listener, Flow("udp", peer, 5060)) == place
    bound = Listener("udp", "10.0.0.1", 5060, "198.51.100.1", 15060, LAN)
    assert sent_by(bound, Flow("udp", "10.9.0.9", 5060)) == "10.0.0.1:5060"


def test_without_an_advertised_address_it_is_the_one_that_leads_to_the_peer() -> None:
    listener = Listener("udp", "0.0.0.0", 5060, own=lambda peer: f"{peer.rpartition('.')[0]}.1")
    assert sent_by(listener, Flow("udp", "203.0.113.9", 5060)) == "203.0.113.1:5060"


def test_a_sips_contact() -> None:
    tls, udp = Listener("tls", "198.51.100.1", 5061), Listener("udp", "198.51.100.1", 5060)
    peer = Flow("tls", "192.0.2.1", 40_000, 0, 1)
    assert contact(tls, peer, secure=True) == "<sips:198.51.100.1:5061>"
    assert contact(Listener("wss", "198.51.100.1", 443), peer, secure=True) == "<sips:198.51.100.1:443;transport=ws>"
    assert contact(udp, peer, secure=True) == "<sip:198.51.100.1:5060>"  # That would be a lie.
