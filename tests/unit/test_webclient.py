"""Web services, asked over loopback: what is allowed, what comes back, and hosts that fail."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.config.services import WebSettings
from softswitch.integrations.webclient import Breaker, Forbidden, Guard, WebClient

LOOPBACK = ("127.0.0.0/8",)


class Server:
    """A web server that answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[], bytes] = lambda: reply(200, b"{}")
        self.delay = 0.0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                self.asked.append((head[0], fields, body))
                await asyncio.sleep(self.delay)
                data = self.answer()
                writer.write(data)
                await writer.drain()
                if not data:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def url(self, path: str = "/x", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


def reply(status: int, body: bytes, *fields: str) -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()


@pytest.fixture
async def web() -> AsyncIterator[WebClient]:
    client = WebClient(WebSettings(private=LOOPBACK, max_kib=1, failures=2, pause=30.0))
    yield client
    await client.close()


async def test_a_request_and_its_answer(server: Server, web: WebClient) -> None:
    server.answer = lambda: reply(404, b'{"vip": true}', "Content-Type: application/json")
    found = await web.fetch("POST", server.url("/q?n=1"), [("X-Key", "k"), ("Host", "evil")], b"{}")
    assert (found.result, found.status, found.body) == ("ok", 404, b'{"vip": true}')
    line, fields, body = server.asked[0]
    assert line == "POST /q?n=1 HTTP/1.1" and body == b"{}"
    assert fields["x-key"] == "k" and fields["host"] == f"127.0.0.1:{server.port}"
    assert fields["user-agent"].startswith("softswitch/")


async def test_redirections_are_not_followed(server: Server, web: WebClient) -> None:
    server.answer = lambda: reply(302, b"", "Location: http://169.254.169.254/latest/meta-data")
    assert (await web.fetch("GET", server.url())).status == 302
    assert len(server.asked) == 1


async def test_a_slow_answer_is_none(server: Server, web: WebClient) -> None:
    server.delay = 5.0
    found = await web.fetch("GET", server.url(), within=0.1)
    assert found.result == "timeout" and "0.1 s" in found.detail


async def test_an_answer_that_never_ends_is_cut(server: Server, web: WebClient) -> None:
    server.answer = lambda: reply(200, b"x" * 5_000)
    found = await web.fetch("GET", server.url())
    assert found.result == "failed" and "1 KiB" in found.detail


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
async def test_what_is_no_answer_fails(server: Server, web: WebClient, answer: bytes) -> None:
    server.answer = lambda: answer
    assert (await web.fetch("GET", server.url(), within=2.0)).result == "failed"


@pytest.mark.parametrize(
    "headers", [[("X-A", "a\r\nX-B: b")], [("X A", "b")], [("X-A", "ą")], [("ą", "b")]]
)  # fmt: skip
async def test_headers_cannot_smuggle(server: Server, web: WebClient, headers: list[tuple[str, str]]) -> None:
    assert (await web.fetch("GET", server.url(), headers)).result == "failed"
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://127.1:{port}/", "http://0x7f000001:{port}/",
        "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://0.0.0.0:{port}/", "http://169.254.169.254/",
        "http://10.0.0.1/", "http://192.168.1.1/", "http://100.64.0.1/", "http://224.0.0.1/", "http://[fd00::1]/",
        "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
    ],
)  # fmt: skip
async def test_what_is_behind_the_switch_is_not_reached(server: Server, url: str) -> None:
    web = WebClient(WebSettings())
    found = await web.fetch("GET", url.format(port=server.port), within=5.0)
    await web.close()
    assert found.result in ("refused", "failed") and server.asked == []
    assert found.result == "refused" or "no address" in found.detail or "not" in found.detail


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x.example/", "http://", "http://a@x.example/", "http://x.example:99999/", "x", "",
            "http://x.example/a b", "http://x.example/\r\nX: y", "gopher://x.example/", "http://ą.example/"],
)  # fmt: skip
async def test_what_is_no_url_for_us_is_refused(url: str) -> None:
    web = WebClient(WebSettings())
    assert (await web.fetch("GET", url)).result == "refused"


async def test_a_host_that_fails_is_left_alone_for_a_while(server: Server) -> None:
    now = [100.0]
    web = WebClient(WebSettings(private=LOOPBACK, failures=2, pause=30.0), clock=lambda: now[0])
    server.answer = lambda: reply(503, b"")
    for _ in range(2):
        assert (await web.fetch("GET", server.url())).status == 503
    assert (await web.fetch("GET", server.url())).result == "refused" and len(server.asked) == 2
    assert web.broken() == [f"127.0.0.1:{server.port}"]
    now[0] += 30.0
    server.delay = 0.05
    both = await asyncio.gather(web.fetch("GET", server.url()), web.fetch("GET", server.url()))
    assert [one.result for one in both] == ["ok", "refused"], "one finds out"
    server.answer = lambda: reply(200, b"{}")
    now[0] += 30.0
    assert (await web.fetch("GET", server.url())).status == 200
    assert (await web.fetch("GET", server.url())).status == 200 and web.broken() == []
    await web.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A key, and a certificate of localhost that it has signed itself."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True,
    )  # fmt: skip
    return key, certificate


async def test_certificates_are_checked(server: Server, certificate: tuple[Path, Path]) -> None:
    key, signed = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed, key)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    strangers = WebClient(WebSettings(private=LOOPBACK))
    friends = WebClient(WebSettings(private=LOOPBACK, ca=signed))
    url = server.url(host="localhost", scheme="https")
    assert (await strangers.fetch("GET", url)).result == "failed"
    assert (await friends.fetch("GET", server.url(scheme="https"))).result == "failed", "another name"
    assert (await friends.fetch("GET", url)).status == 200
    for web in (strangers, friends):
        await web.close()
    listening.close()


@pytest.mark.parametrize(
    ("hosts", "host", "allowed"),
    [
        (("*",), "x.example", True),
        ((), "x.example", False),
        (("x.example",), "x.example", True),
        (("x.example",), "y.x.example", False),
        (("*.x.example",), "y.x.example", True),
        (("*.x.example",), "a.y.x.example", True),
        (("*.x.example",), "x.example", False),
        (("*.x.example",), "evilx.example", False),
    ],
)
def test_hosts(hosts: tuple[str, ...], host: str, allowed: bool) -> None:
    guard = Guard(hosts, ())
    if allowed:
        guard.check_host(host)
    else:
        with pytest.raises(Forbidden):
            guard.check_host(host)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 20.0)), max_size=40))
def test_a_breaker_never_locks_for_good(steps: list[tuple[bool, float]]) -> None:
    breaker, now = Breaker(3, 10.0), 0.0
    for works, passed in steps:
        now += passed
        if breaker.allows(now):
            breaker.worked() if works else breaker.failed(now)
    assert breaker.allows(now + 10.0)
