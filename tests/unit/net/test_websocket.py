from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from softswitch.effects import Flow
from softswitch.net import stream
from softswitch.net.limits import Counters, Limits
from softswitch.net.tls import Certificates, TlsSettings
from softswitch.net.websocket import WebSocketListener, same_host
from softswitch.sip.message import MAX_MESSAGE

from .conftest import Ear
from .test_tls import trusting, write

MESSAGE = b"REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/WS x.invalid\r\n\r\n"  # RFC 7118: no Content-Length is needed


async def listening(
    ear: Ear, limits: Limits | None = None, certificates: Certificates | None = None
) -> WebSocketListener:
    listener = WebSocketListener(
        2, "127.0.0.1", 0, ear, counters=Counters(), limits=limits, transport="wss" if certificates else "ws",
        certificates=certificates,
    )  # fmt: skip
    listener.open()
    await listener.start()
    return listener


@pytest.fixture
async def listener(ear: Ear) -> AsyncIterator[WebSocketListener]:
    listener = await listening(ear)
    yield listener
    listener.close()


def browser(listener: WebSocketListener, **options: object) -> connect:
    options = {"subprotocols": ["sip"], "compression": None} | options
    return connect(f"ws://{listener.host}:{listener.port}/ws", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("binary", [False, True])
async def test_one_message_in_each_frame(listener: WebSocketListener, ear: Ear, binary: bool) -> None:
    async with browser(listener) as phone:
        assert phone.subprotocol == "sip"
        await phone.send(MESSAGE if binary else MESSAGE.decode())
        await phone.send([MESSAGE[:10].decode(), MESSAGE[10:].decode()])
        await ear.until(lambda: len(ear.heard) == 2)
        flow = ear.heard[0][1]
        assert [data for data, _ in ear.heard] == [MESSAGE, MESSAGE]
        assert flow == Flow("ws", "127.0.0.1", phone.local_address[1], 2, flow.connection)
        listener.send(b"SIP/2.0 200 OK\r\n\r\n", flow)
        assert await phone.recv() == "SIP/2.0 200 OK\r\n\r\n"
        listener.send(b"SIP/2.0 200 \xff\r\n\r\n", flow)
        assert await phone.recv() == b"SIP/2.0 200 \xff\r\n\r\n"
    await ear.until(lambda: ear.failed == [flow])


async def test_keepalives(listener: WebSocketListener, ear: Ear) -> None:
    async with browser(listener) as phone:
        await phone.send("\r\n\r\n")
        assert await phone.recv() == "\r\n"
        await phone.send("\r\n")
        await (await phone.ping())
        await phone.send(MESSAGE.decode())
        await ear.until(lambda: len(ear.heard) == 1)


async def test_the_subprotocol_is_sip(listener: WebSocketListener) -> None:
    for offered in (None, ["mqtt"]):
        with pytest.raises(InvalidStatus) as refused:
            await browser(listener, subprotocols=offered)
        assert refused.value.response.status_code == 400
    assert listener.counters.upgrades_refused == 2
    async with browser(listener, subprotocols=["mqtt", "sip"]) as phone:
        assert phone.subprotocol == "sip"


@pytest.mark.parametrize(
    ("origin", "welcome"),
    [
        (None, True),
        ("http://127.0.0.1:8080", True),
        ("https://crm.example", True),
        ("https://evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("null", False),
    ],
)
async def test_pages_of_other_sites_are_refused(listener: WebSocketListener, origin: str | None, welcome: bool) -> None:
    listener.origins = ("https://crm.example",)
    if welcome:
        async with browser(listener, origin=origin):
            pass
    else:
        with pytest.raises(InvalidStatus) as refused:
            await browser(listener, origin=origin)
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize(("origin", "host", "same"), [
    ("https://pbx:8443", "pbx:5063", True), ("https://[::1]:1", "[::1]:2", True), ("https://a", "b", False),
    ("", "", False), ("http://[", "[", False),
])  # fmt: skip
def test_same_host(origin: str, host: str, same: bool) -> None:
    assert same_host(origin, host) is same


async def raw(listener: WebSocketListener, said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(listener.host, listener.port)
    writer.write(said)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"426"),
        (b"POST /x HTTP/1.1\r\nHost: x\r\n\r\n", b""),
        (b"REGISTER sip:a SIP/2.0\r\n\r\n", b""),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n", b""),
        (b"\x00\xff" * 20_000, b""),
    ],
)
async def test_what_is_no_websocket_is_refused(
    listener: WebSocketListener, ear: Ear, said: bytes, status: bytes
) -> None:
    answer = await raw(listener, said)
    assert answer[9:12] == status if status else answer[:10] in (b"", b"HTTP/1.1 4")
    await ear.until(lambda: len(ear.failed) == 1)
    assert ear.heard == []


async def test_garbage_after_the_handshake_ends_the_connection(listener: WebSocketListener, ear: Ear) -> None:
    async with browser(listener) as phone:
        phone.transport.write(b"\xff" * 50)
        with pytest.raises(ConnectionClosed):
            await phone.recv()
    await ear.until(lambda: len(ear.failed) == 1)
    assert ear.heard == []


async def test_a_message_has_a_largest_size(listener: WebSocketListener, ear: Ear) -> None:
    for parts in (["x" * (MAX_MESSAGE + 1)], ["x" * 1000] * (MAX_MESSAGE // 1000 + 1)):
        async with browser(listener) as phone:
            with pytest.raises(ConnectionClosed) as closed:
                await phone.send(parts)
                await phone.recv()
            assert closed.value.rcvd is None or closed.value.rcvd.code == 1009
    assert ear.heard == []


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost"])
async def test_a_handshake_must_come_in_time(ear: Ear, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SWEEP_SECONDS", 0.05)
    listener = await listening(ear, Limits(first_message=0.2, half_message=0.2))
    assert await raw(listener, said) == b""
    listener.close()


async def test_a_frame_that_trickles_is_cut(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SWEEP_SECONDS", 0.05)
    listener = await listening(ear, Limits(half_message=0.3))
    async with browser(listener) as phone:
        phone.transport.write(b"\x81\xfe\x10\x00mask")
        closed = asyncio.ensure_future(phone.wait_closed())
        async with asyncio.timeout(10):
            while not (await asyncio.wait([closed], timeout=0.05))[0]:
                phone.transport.write(b"x")
    assert listener.counters.cut_half_message == 1
    listener.close()


async def test_a_quiet_browser_is_asked_and_a_gone_one_is_cut(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SWEEP_SECONDS", 0.02)
    listener = await listening(ear, Limits(first_message=0.1, ping=0.05))
    async with browser(listener, ping_interval=None) as phone:
        await phone.send(MESSAGE.decode())
        await ear.until(lambda: len(ear.heard) == 1)
        pings = asyncio.Event()
        monkeypatch.setattr(phone.protocol, "recv_frame", answered(phone, pings, 4))
        await asyncio.wait_for(pings.wait(), 10)
        phone.transport.pause_reading()  # A laptop that was closed neither reads nor answers.
        await ear.until(lambda: len(ear.failed) == 1)
    assert listener.counters.cut_idle == 1
    listener.close()


def answered(phone: ClientConnection, enough: asyncio.Event, count: int):
    """The client's own handling of frames, which sets `enough` at the `count`-th ping."""
    original, left = phone.protocol.recv_frame, [count]

    def handle(frame):
        original(frame)
        left[0] -= 1
        if left[0] == 0:
            enough.set()

    return handle


async def test_over_tls(ear: Ear, tmp_path: Path) -> None:
    certificate, key = write(tmp_path, "main", "localhost")
    listener = await listening(ear, certificates=Certificates(TlsSettings(certificate, key)))
    context: ssl.SSLContext = trusting(certificate)
    async with connect(
        f"wss://localhost:{listener.port}",
        host="127.0.0.1",
        ssl=context,
        subprotocols=["sip"],  # type: ignore[list-item]
    ) as phone:
        await phone.send(MESSAGE.decode())
        await ear.until(lambda: len(ear.heard) == 1)
        assert ear.heard[0][1].transport == "wss"
        listener.send(b"SIP/2.0 200 OK\r\n\r\n", ear.heard[0][1])
        assert await phone.recv() == "SIP/2.0 200 OK\r\n\r\n"
    listener.close()
