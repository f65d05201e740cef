from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import websockets

from softswitch.api.feed import Feed
from softswitch.api.server import HttpServer
from softswitch.api.source import Readiness, Sample
from softswitch.directory import Directory
from tests.unit.api.test_feed import Journal

ANSWERS: dict[str, Any] = {
    "callbacks": [{"queue": "sales", "callback": "b1"}, {"queue": "support", "callback": "b2"}],
    "trunks": [], "hours": [], "recordings": [],
    "disposition_report": [],
    "receivers": [], "receiver_dead": [], "receiver_recent": [], "pauses": [],
    "prompt_versions": [], "log_focus": [], "prompt_version": {"file": __file__},
    "campaigns": [{"queue": "sales"}], "campaign_contacts": [],
    "provisioning_fetch": "<config/>", "prompts": [], "prompt": {"file": __file__}, "bans": [],
    "recording": {"recording": 7, "queue": "sales", "agent": "anna", "path": "a.wav", "file": "/a.wav"},
    "play_recording": {"file": __file__, "form": "wav"}, "play_voicemail": {"file": __file__, "form": "wav"},
    "call_records": {"calls": [], "next": None}, "mailboxes_of": [], "recording_tags": {},
    "call_record": {
        "call": {"queue": "sales", "agent": "anna", "account": "101"}, "legs": [], "visits": [], "recordings": [], "events": [],
    },
    "customer_find": [], "script_report": [], "sessions_ended": {},
    "call_card": {"customer": {"customer": "K1"}}, "customer_show": {"customer": "K1"},
    "hang_up": 1,
    "edit": {"text": 'domain = "pbx.example.com"', "versions": [], "settings": {"ring_timeout": 20, "members": []}},
    "board": {
        "seq": 7, "queues": [{"queue": "sales"}, {"queue": "support"}],
        "agents": [
            {"agent": "anna", "call": {"call": "c1", "supervised_by": [{"account": "102"}]}},
            {"agent": "jan", "call": None}, {"agent": "ola", "call": None},
        ],
        "alerts": [
            {"alert": "a", "queue": "sales", "agent": ""}, {"alert": "b", "queue": "", "agent": "ola"},
            {"alert": "c", "queue": "", "agent": ""},
        ],
    },
    "alerts": [{"alert": "a", "queue": "sales", "agent": ""}, {"alert": "b", "queue": "", "agent": "ola"}],
}  # fmt: skip


def backup() -> str:
    file = Path(tempfile.mkdtemp(), "backup.tar.gz")
    file.write_bytes(b"everything")
    return str(file)


class Switchboard:
    """What the pages show, fixed; orders are written down."""

    BOX: dict[str, Any] = {"mailbox": "box", "queue": "sales"}  # noqa: RUF012 - replaced by tests

    def __init__(self, site: Directory | None = None) -> None:
        self.state = Readiness(True)
        self.site = site or Directory("pbx.example.com")
        self.orders: list[tuple[str, dict[str, Any]]] = []

    async def order(self, command: str, **arguments: Any) -> Any:
        self.orders.append((command, arguments))
        if command == "backup":  # whoever has got it removes it
            return {"file": backup()}
        if command == "voicemail":
            box = self.BOX
            message = {"mailbox": "box", "caller": "600100200", "caller_name": "", "file": "/b.wav"}
            return [box] if arguments["verb"] == "boxes" else [message] if arguments["verb"] == "list" else message
        return ANSWERS.get(command, {"done": command})

    def healthy(self) -> Readiness:
        return Readiness(True)

    def ready(self) -> Readiness:
        return self.state

    def status(self) -> dict[str, Any]:
        return {"calls": 3}

    def calls(self) -> list[dict[str, Any]]:
        return [
            {
                "call": "c1",
                "queue": "sales",
                "agent": "anna",
                "account": "",
                "caller": "+48600100200",
                "supervised_by": ["109"],
                "transfers": 0,
                "legs": [],
            },
            {"call": "c2", "queue": "support", "agent": "", "account": "", "transfers": 0, "legs": []},
            {"call": "c3", "queue": "", "agent": "", "account": "102", "transfers": 0, "legs": []},
            # anna has led the caller on to jan's phone
            {
                "call": "c4",
                "queue": "",
                "agent": "anna",
                "account": "",
                "transfers": 1,
                "legs": [{"device": ""}, {"device": "102"}],
            },
        ]

    def queues(self) -> list[dict[str, Any]]:
        return [{"name": "sales", "waiting": 2}, {"name": "support", "waiting": 1}]

    def agents(self) -> list[dict[str, Any]]:
        return [
            {"agent": "anna", "device": "101", "caller": "c1"},
            {"agent": "jan", "device": "102", "caller": ""},
            {"agent": "ola", "device": "103", "caller": "c2"},
        ]

    def registrations(self) -> list[dict[str, Any]]:
        return []

    def samples(self) -> Sequence[Sample]:
        return [
            Sample("softswitch_calls", "Calls now.", "gauge", {(): 3}),
            Sample("softswitch_queue_waiting", "Callers waiting.", "gauge", {("infolinia",): 2}, ("queue",)),
            Sample("softswitch_messages", "SIP messages.", "counter", {("received",): 7}, ("direction",)),
        ]


async def key() -> bytes:
    return bytes(32)


class Site:
    def __init__(self, token: str = "") -> None:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        sock.setblocking(False)
        self.board = Switchboard()
        self.faults: list[str] = []
        self.port = sock.getsockname()[1]
        self.feed = Feed(Journal())
        self.server = HttpServer(
            sock, self.board, self.feed, key, lambda where, error: self.faults.append(repr(error)), token=token
        )
        self.server.start()

    async def get(self, path: str, *headers: str) -> tuple[int, str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        extra = "".join(f"{line}\r\n" for line in headers)
        host = "" if any(line.startswith("Host:") for line in headers) else "Host: localhost\r\n"
        writer.write(f"GET {path} HTTP/1.1\r\n{host}{extra}Connection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        return int(answer.split(" ", 2)[1]), answer.partition("\r\n\r\n")[2]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    yield site
    await site.server.close()
    assert site.faults == []


async def test_the_pages(site: Site) -> None:
    assert await site.get("/healthz") == (200, "ok\n")
    assert await site.get("/api/status") == (200, '{"calls":3}')
    assert (await site.get("/api/queues"))[1].startswith('[{"name":"sales","waiting":2}')
    assert (await site.get("/nothing"))[0] == 401  # what there is, is for whoever may come in
    status, text = await site.get("/metrics")
    assert status == 200
    assert 'softswitch_queue_waiting{queue="infolinia"} 2.0' in text
    assert 'softswitch_messages_total{direction="received"} 7.0' in text
    assert "softswitch_calls 3.0" in text


async def test_not_ready_says_why(site: Site) -> None:
    site.board.state = Readiness(False, ("draining",))
    assert await site.get("/readyz") == (503, "draining\n")


async def test_a_page_of_a_stranger_cannot_read_us_through_a_browser(site: Site) -> None:
    assert (await site.get("/api/calls", "Host: evil.example"))[0] == 421
    assert (await site.get("/api/calls", f"Host: 127.0.0.1:{site.port}"))[0] == 200
    assert (await site.get("/api/calls", "Host: [::1]:80"))[0] == 200


async def test_a_token_is_needed_where_one_is_set() -> None:
    site = Site(token="s3cret")
    assert (await site.get("/api/calls"))[0] == 401
    assert (await site.get("/api/calls", "Authorization: Bearer wrong"))[0] == 401
    assert (await site.get("/api/calls", "Authorization: Bearer s3cr\u00e9t"))[0] == 401
    assert (await site.get("/api/calls", "Authorization: Bearer s3cret"))[0] == 200
    assert (await site.get("/nothing", "Authorization: Bearer s3cret"))[0] == 404
    assert (await site.get("/metrics"))[0] == 401
    assert (await site.get("/healthz"))[0] == 200  # a load balancer has no token
    await site.server.close()


async def test_nothing_is_imported_before_somebody_connects() -> None:
    site = Site()
    assert site.server._server is None
    await site.server.close()


async def test_a_page_of_another_origin_is_refused(site: Site) -> None:
    host = f"Host: localhost:{site.port}"
    assert (await site.get("/api/status", host, f"Origin: http://localhost:{site.port}"))[0] == 200
    for origin in ("http://evil.example", "null", "http://localhost:1", "http://localhost.evil.example"):
        assert (await site.get("/api/status", host, f"Origin: {origin}"))[0] == 403


async def test_connections_that_ask_for_nothing_are_cut(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softswitch.api.server.PATIENCE", 0.2)
    assert (await site.get("/healthz"))[0] == 200
    connections = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(3)]
    connections[1][1].write(b"GET /healthz HTTP/1.1\r\nX: ")
    connections[2][1].write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(5):
        for reader, _ in connections:
            try:
                await reader.read()
            except ConnectionResetError:
                continue
    for _, writer in connections:
        writer.close()


async def test_a_follower_of_events_is_not_cut_for_saying_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softswitch.api.server.PATIENCE", 0.1)
    site = Site(token="s3cret")
    headers = {"Authorization": "Bearer s3cret"}
    async with websockets.connect(f"ws://127.0.0.1:{site.port}/api/events", additional_headers=headers) as socket:
        assert json.loads(await socket.recv())["event"] == "following"
        await asyncio.sleep(0.5)  # past every patience
        site.feed.publish({"seq": 1, "event": "call.started"})
        async with asyncio.timeout(5):
            assert json.loads(await socket.recv()) == {"seq": 1, "event": "call.started"}
    await site.server.close()
    assert site.faults == [] and not site.feed.followed


WEBSOCKET = (
    "GET /api/events{} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n{}\r\n"
)


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?only=" + "%2C" * 3_000, ""),
        ("", "Content-Length: 10\r\n"),
        ("", "X: y\r\n" * 200),
        ("", f"X: {'a' * 9_000}\r\n"),
    ],
)
async def test_a_follower_whose_request_cannot_be_read_is_not_left_waiting(
    site: Site, query: str, headers: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(WEBSOCKET.format(query, headers).encode())
    async with asyncio.timeout(10):
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_a_body_that_does_not_get_on_is_cut(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softswitch.api.server.PATIENCE", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    head = "POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n"
    writer.write(head.encode())

    async def dribble() -> None:
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    dribbling = asyncio.create_task(dribble())
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    dribbling.cancel()
    await asyncio.gather(dribbling, return_exceptions=True)
    writer.close()


async def test_who_asks_for_nothing_makes_room_for_who_does(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softswitch.api.server.CONNECTIONS", 70)  # six, and those that are kept free
    assert (await site.get("/healthz"))[0] == 200
    silent = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(80)]
    for _, writer in silent:
        writer.write(b"GET /healthz HTTP/1.1\r\nX: ")
    assert (await site.get("/healthz"))[0] == 200
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionResetError):
            assert await silent[0][0].read() == b"", "the first one that came"
    for _, writer in silent:
        writer.close()
