from __future__ import annotations

import socket
import struct
from ipaddress import ip_address

import pytest

from softswitch.capture import CaptureClient, hep, pcap
from softswitch.effects import Flow
from softswitch.trace import OVERHEAD, Noted, Trace, call_id_of, ladder, masked, parties_of, summary_of, without_secrets

PHONE = Flow("udp", "192.0.2.5", 5060)
OTHER = Flow("tls", "2001:db8::7", 40_000, 1, 7)


def request(method: str, call_id: str, cseq: int = 1, source: str = "100", target: str = "101") -> bytes:
    return (
        f'{method} sip:{target}@pbx.example SIP/2.0\r\nFrom: "Jan" <sip:{source}@pbx.example>;tag=1\r\n'
        f"To: <sip:{target}@pbx.example>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\r\n"
    ).encode()


def response(status: str, call_id: str, method: str = "INVITE") -> bytes:
    return (
        f"SIP/2.0 {status}\r\nf: <sip:100@pbx.example>;tag=1\r\nt: <sip:101@pbx.example>;tag=2\r\n"
        f"i: {call_id}\r\nCSeq: 1 {method}\r\n\r\n"
    ).encode()


def call(trace: Trace, name: str, **who: str) -> None:
    trace.leg(name, f"{name}-a")
    trace.leg(name, f"{name}-b")
    trace.note(True, request("INVITE", f"{name}-a", **who), PHONE)
    trace.note(False, request("INVITE", f"{name}-b", **who), OTHER)
    trace.note(True, response("200 OK", f"{name}-b"), OTHER)
    trace.note(False, response("200 OK", f"{name}-a"), PHONE)


def test_what_a_message_is() -> None:
    assert summary_of(request("INVITE", "x")) == "INVITE"
    assert summary_of(response("486 Busy Here", "x")) == "486 Busy Here (INVITE)"
    assert call_id_of(response("200 OK", "a b")) == "a b"
    assert call_id_of(b"\r\n\r\n") == summary_of(b"\r\n\r\n") == ""
    assert parties_of(response("200 OK", "x")).target == "101"


def test_a_call_is_found_by_any_of_its_names() -> None:
    trace = Trace(1 << 20)
    call(trace, "one")
    call(trace, "two", source="200")
    trace.note(True, request("REGISTER", "reg"), PHONE)
    both_legs = [one.data for one in trace.find("one")]
    assert len(both_legs) == 4
    assert [one.data for one in trace.find("one-b")] == both_legs
    assert next(call_id_of(one.data) for one in trace.find("101")) == "two-a"
    assert next(call_id_of(one.data) for one in trace.find("100")) == "one-a"
    assert [one.data for one in trace.find("reg")] == [request("REGISTER", "reg")]
    assert trace.find("nothing") == []


def test_the_beginning_of_a_call_id_is_enough() -> None:
    trace = Trace(1 << 20)
    trace.note(True, request("INVITE", "0123456789abcdef"), PHONE)
    assert len(trace.find("012345")) == 1
    assert trace.find("0123") == []


def test_memory_is_bounded_and_the_oldest_go() -> None:
    message = request("OPTIONS", "x")
    trace = Trace(10 * (len(message) + OVERHEAD))
    for number in range(50):
        trace.note(True, request("OPTIONS", "x", number % 10), PHONE)
    assert len(trace) == 10
    assert trace.held <= 10 * (len(message) + OVERHEAD)
    assert b"CSeq: 9 " in trace.find("x")[-1].data


def test_the_last_calls() -> None:
    trace = Trace(1 << 20)
    call(trace, "one")
    trace.note(True, request("REGISTER", "reg"), PHONE)
    call(trace, "two", source="200")
    found = trace.recent()
    assert [(one["call"], one["from"], one["to"], one["messages"], one["status"]) for one in found] == [
        ("two", "200", "101", 4, "200 OK"),
        ("one", "100", "101", 4, "200 OK"),
    ]


def test_every_message_is_mirrored() -> None:
    seen: list[Noted] = []
    trace = Trace(0, seen.append)
    trace.note(True, request("INVITE", "x"), PHONE)
    assert len(seen) == 1 and len(trace) == 0


def test_masks() -> None:
    data = (
        b'INVITE sip:48221234567@pbx SIP/2.0\r\nFrom: "Jan Kowalski" <sip:+48500600700@pbx>;tag=1\r\nTo: <tel:112233445>\r\n'
        b'Authorization: Digest username="100", response="0123456789abcdef", nonce="n"\r\n\r\n'
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^31\r\n"
    )
    hidden = masked(data)
    for secret in (b"4822123", b"Kowalski", b"0123456789abcdef", b"c2VjcmV0", b"500600", b"112233"):
        assert secret not in hidden
    for kept in (b"567@pbx", b"700@pbx", b"445>", b"tag=1", b"inline:***|2^31"):
        assert kept in hidden
    assert b"Kowalski" in without_secrets(data)
    assert b"c2VjcmV0" not in without_secrets(data) and b"0123456789abcdef" not in without_secrets(data)


def test_the_ladder() -> None:
    messages = [
        {"at": 10.0, "incoming": True, "peer": "a:1", "summary": "INVITE"},
        {"at": 10.5, "incoming": False, "peer": "b:2", "summary": "INVITE"},
        {"at": 11.0, "incoming": True, "peer": "b:2", "summary": "200 OK (INVITE)"},
        {"at": 11.0, "incoming": False, "peer": "a:1", "summary": "a summary that is much longer than its arrow"},
        {"at": 12.0, "incoming": False, "peer": "c:3", "summary": "BYE"},
    ]
    head, *lines = ladder(messages)
    assert head.split() == ["a:1", "softswitch", "b:2", "c:3"]
    assert len({line.index("|") for line in lines}) == 1
    assert [line.split(" s ")[0].strip() for line in lines] == ["0.000", "0.500", "1.000", "1.000", "2.000"]
    arrows = ["".join(each for each in line if each in "<>") for line in lines]
    assert arrows == [">", ">", "<", "<", ">"]
    assert all(line.count("|") == 4 for line in lines[:4])
    assert lines[4].count("|") == 4 - 1  # The arrow to the third peer crosses the lane of the second.
    long = {**messages[2], "summary": "486 Busy Here For Now (INVITE)"}
    assert [line for line in ladder([messages[0], long]) if "486 Busy Here For Now" in line and "INV" not in line]
    assert list(ladder([])) == ["              " + "softswitch".center(26).rstrip()]


@pytest.mark.parametrize("incoming", [True, False])
@pytest.mark.parametrize("flow", [PHONE, OTHER])
def test_pcap(flow: Flow, incoming: bool) -> None:
    data = request("INVITE", "x") + b"odd"
    host = "2001:db8::1" if ":" in flow.host else "192.0.2.1"
    file = pcap([Noted(1_700_000_000.25, incoming, flow, data)] * 2, lambda _: (host, 5060))
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", file)
    assert (magic, link) == (0xA1B2C3D4, 101)
    seconds, micros, size, whole = struct.unpack_from("<IIII", file, 24)
    assert (seconds, micros, size) == (1_700_000_000, 250_000, whole)
    packet = file[40 : 40 + size]
    assert len(file) == 24 + 2 * (16 + size)
    v6 = packet[0] >> 4 == 6
    header = 40 if v6 else 20
    source, target = (packet[8:24], packet[24:40]) if v6 else (packet[12:16], packet[16:20])
    ends = [(str(ip_address(source)), struct.unpack_from("!H", packet, header)[0]),
            (str(ip_address(target)), struct.unpack_from("!H", packet, header + 2)[0])]  # fmt: skip
    assert ends == ([(flow.host, flow.port), (host, 5060)] if incoming else [(host, 5060), (flow.host, flow.port)])
    assert packet[header + 8 :] == data
    if v6:
        pseudo = source + target + struct.pack("!IHBB", size - 40, 0, 0, 17)
        assert ones_complement(pseudo + packet[40:]) == 0xFFFF
    else:
        assert ones_complement(packet[:20]) == 0xFFFF


def ones_complement(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def chunks(datagram: bytes) -> dict[int, bytes]:
    assert datagram[:4] == b"HEP3" and struct.unpack_from("!H", datagram, 4)[0] == len(datagram)
    found, at = {}, 6
    while at < len(datagram):
        vendor, kind, size = struct.unpack_from("!HHH", datagram, at)
        assert vendor == 0
        found[kind] = datagram[at + 6 : at + size]
        at += size
    return found


def test_hep() -> None:
    noted = Noted(1_700_000_000.5, True, PHONE, request("INVITE", "abc"))
    found = chunks(hep(noted, lambda _: ("192.0.2.1", 5061), 2001))
    assert found[1] == b"\x02" and found[2] == b"\x11" and found[11] == b"\x01"
    assert (socket.inet_ntoa(found[3]), socket.inet_ntoa(found[4])) == ("192.0.2.5", "192.0.2.1")
    assert (found[7], found[8]) == (struct.pack("!H", 5060), struct.pack("!H", 5061))
    assert (found[9], found[10]) == (struct.pack("!I", 1_700_000_000), struct.pack("!I", 500_000))
    assert found[12] == struct.pack("!I", 2001) and found[17] == b"abc" and found[15] == noted.data
    found = chunks(hep(noted._replace(flow=OTHER, incoming=False), lambda _: ("2001:db8::1", 5061), 1))
    assert found[1] == bytes([socket.AF_INET6]) and found[2] == b"\x06"
    assert (str(ip_address(found[5])), str(ip_address(found[6]))) == ("2001:db8::1", "2001:db8::7")


def test_a_capture_server_gets_them() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        client = CaptureClient(server.getsockname(), 7, lambda _: ("192.0.2.1", 5060))
        client(Noted(1.0, True, PHONE, b"OPTIONS sip:a SIP/2.0\r\n\r\n"))
        assert chunks(server.recv(65_535))[12] == struct.pack("!I", 7)
        client.close()
        client(Noted(1.0, True, PHONE, b"lost"))  # does not raise


def test_a_flood_of_strangers_drives_out_no_call() -> None:
    trace = Trace(1 << 20)
    trace.known = lambda flow: flow == PHONE
    trace.note(True, request("INVITE", "kept"), PHONE)
    for number in range(5_000):
        trace.note(True, request("INVITE", f"flood-{number}"), OTHER)
    assert trace.held < (1 << 18) + 1_000
    assert [summary_of(one.data) for one in trace.find("kept")] == ["INVITE"]
    assert trace.find("flood-4999") and not trace.find("flood-1")
