"""The pages over TLS: on the port of the pages, with certificates that may change; who comes in clear is sent to https."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from softswitch.api.entrance import answer_in_clear
from softswitch.api.feed import Feed
from softswitch.api.server import HttpServer
from softswitch.net.tls import Certificates, TlsSettings, self_signed
from tests.unit.api.test_app import Switchboard, key
from tests.unit.api.test_feed import Journal

PATIENCE = 20.0  # seconds


def write(path: Path, *names: str) -> Path:
    path.write_bytes(b"".join(self_signed(names)))
    return path


class Pages:
    def __init__(self, certificates: Certificates) -> None:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        sock.setblocking(False)
        self.port = sock.getsockname()[1]
        self.faults: list[str] = []
        self.server = HttpServer(
            sock, Switchboard(), Feed(Journal()), key, lambda where, error: self.faults.append(repr(error)),
            context=lambda: certificates.context,
        )  # fmt: skip
        self.server.start()

    async def ask(self, request: bytes, name: str = "") -> tuple[str, list[str]]:
        """What is answered; in clear without `name`. And for whom the certificate shown is."""
        context = ssl.create_default_context() if name else None
        if context is not None:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.port, ssl=context, server_hostname=name or None
            )
            writer.write(request)
            answer = (await reader.read()).decode()
            shown = writer.get_extra_info("ssl_object")
            names = names_in(shown.getpeercert(binary_form=True)) if shown is not None else []
            writer.close()
        return answer, names


def names_in(certificate: bytes) -> list[str]:
    from cryptography import x509

    found = x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return found.value.get_values_for_type(x509.DNSName)


@pytest.fixture
async def certificates(tmp_path: Path) -> Certificates:
    folder = tmp_path / "more"
    folder.mkdir()
    write(folder / "other.pem", "other.example.com")
    return Certificates(TlsSettings(write(tmp_path / "main.pem", "pbx.example.com"), folder=folder))


@pytest.fixture
async def pages(certificates: Certificates) -> AsyncIterator[Pages]:
    pages = Pages(certificates)
    yield pages
    await pages.server.close()
    assert pages.faults == []


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: pbx.example.com\r\nConnection: close\r\n\r\n"
STATUS = b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def test_pages_over_tls_tell_browsers_to_stay_there(pages: Pages) -> None:
    answer, names = await pages.ask(STATUS, "pbx.example.com")
    assert answer.startswith("HTTP/1.1 200") and '"calls":3' in answer and names == ["pbx.example.com"]
    assert "strict-transport-security: max-age=" in answer.lower()


async def test_the_certificate_goes_by_the_name_and_is_renewed(
    pages: Pages, certificates: Certificates, tmp_path: Path
) -> None:
    assert (await pages.ask(HEALTH, "other.example.com"))[1] == ["other.example.com"]
    write(tmp_path / "main.pem", "pbx.example.com", "new.example.com")
    assert certificates.reload()
    assert (await pages.ask(HEALTH, "pbx.example.com"))[1] == ["pbx.example.com", "new.example.com"]


async def test_who_comes_in_clear_is_sent_to_https_and_orders_are_refused(pages: Pages) -> None:
    answer, _ = await pages.ask(b"GET /api/status?x=1 HTTP/1.1\r\nHost: pbx.example.com:8443\r\n\r\n")
    assert (
        answer.startswith("HTTP/1.1 308") and "\r\nLocation: https://pbx.example.com:8443/api/status?x=1\r\n" in answer
    )
    answer, _ = await pages.ask(b"POST /api/session HTTP/1.1\r\nHost: pbx.example.com\r\n\r\n{}")
    assert answer.startswith("HTTP/1.1 403") and "https" in answer


async def test_rubbish_disturbs_nobody(pages: Pages) -> None:
    for rubbish in (b"\x16\x03\x01\x00\x05rubbish", b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
        await pages.ask(rubbish)
    answer, _ = await pages.ask(HEALTH, "pbx.example.com")
    assert answer.startswith("HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [b"", b"GET", b"GET //evil", b"GET / HTTP/1.1\r\nHost: a b\r\n", b"GET /\x01 HTTP/1.1\r\nHost: a\r\n",
     b"GET / HTTP/1.1\r\nHost: evil.example/x\r\n", b"GET http://evil/ HTTP/1.1\r\nHost: a\r\n"],
)  # fmt: skip
def test_where_nobody_is_sent(head: bytes) -> None:
    assert answer_in_clear(head).startswith(b"HTTP/1.1 400")
