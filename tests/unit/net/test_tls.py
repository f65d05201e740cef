from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from softswitch.effects import Flow
from softswitch.net import stream
from softswitch.net.limits import Counters, Limits
from softswitch.net.stream import StreamListener
from softswitch.net.tls import CertificateError, Certificates, TlsSettings, self_signed

from .conftest import Ear

MESSAGE = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"


def write(folder: Path, name: str, *hosts: str) -> tuple[Path, Path]:
    certificate, key = self_signed(hosts)
    (folder / f"{name}.crt").write_bytes(certificate)
    (folder / f"{name}.key").write_bytes(key)
    return folder / f"{name}.crt", folder / f"{name}.key"


@pytest.fixture
def settings(tmp_path: Path) -> TlsSettings:
    return TlsSettings(*write(tmp_path, "main", "localhost", "127.0.0.1"))


async def listening(ear: Ear, certificates: Certificates, limits: Limits | None = None) -> StreamListener:
    listener = StreamListener(
        1, "127.0.0.1", 0, ear, counters=Counters(), limits=limits, transport="tls", certificates=certificates
    )
    listener.open()
    await listener.start()
    return listener


@pytest.fixture
async def listener(ear: Ear, settings: TlsSettings) -> AsyncIterator[StreamListener]:
    listener = await listening(ear, Certificates(settings))
    yield listener
    listener.close()


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


async def connected(
    listener: StreamListener, context: ssl.SSLContext, name: str = "localhost"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(listener.host, listener.port, ssl=context, server_hostname=name)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the other side closes, or resets, without a word."""
    try:
        async with asyncio.timeout(10):
            return await reader.read() == b""
    except ConnectionError:
        return True


async def test_messages_go_both_ways(listener: StreamListener, ear: Ear, settings: TlsSettings) -> None:
    reader, writer = await connected(listener, trusting(settings.certificate))
    assert writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")
    for at in range(0, len(MESSAGE), 7):
        writer.write(MESSAGE[at : at + 7])
        await writer.drain()
    await ear.until(lambda: len(ear.heard) == 1)
    data, flow = ear.heard[0]
    assert data == MESSAGE
    assert flow == Flow("tls", "127.0.0.1", writer.get_extra_info("sockname")[1], 1, flow.connection)
    listener.send(b"SIP/2.0 200 OK\r\n\r\n", flow)
    assert await reader.readexactly(18) == b"SIP/2.0 200 OK\r\n\r\n"
    writer.write(b"\r\n\r\n")
    assert await reader.readexactly(2) == b"\r\n"
    writer.close()
    await ear.until(lambda: ear.failed == [flow])


async def test_a_large_answer_arrives_whole(listener: StreamListener, ear: Ear, settings: TlsSettings) -> None:
    reader, writer = await connected(listener, trusting(settings.certificate))
    writer.write(MESSAGE)
    await ear.until(lambda: len(ear.heard) == 1)
    answer = bytes(range(256)) * 1000
    listener.send(answer, ear.heard[0][1])
    assert await reader.readexactly(len(answer)) == answer
    writer.close()


@pytest.mark.parametrize("said", [MESSAGE, b"\x16\x03\x01\x00\x05hello", b"GET / HTTP/1.1\r\n\r\n"])
async def test_who_speaks_no_tls_is_cut(listener: StreamListener, ear: Ear, said: bytes) -> None:
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    reader, writer = await asyncio.open_connection(listener.host, listener.port)
    writer.write(said)
    async with asyncio.timeout(10):
        while await reader.read(1000):
            pass
    assert ear.heard == []
    assert len(listener) == 0
    assert listener.counters.handshakes_failed == 1
    assert faults == []
    writer.close()


async def test_old_protocols_are_refused(listener: StreamListener, settings: TlsSettings) -> None:
    context = trusting(settings.certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        await connected(listener, context)


async def test_a_handshake_that_never_ends_is_counted_and_cut(ear: Ear, settings: TlsSettings) -> None:
    limits = Limits(connections=3, connections_per_host=3, handshake=1.0)
    listener = await listening(ear, Certificates(settings), limits)
    silent = [await asyncio.open_connection(listener.host, listener.port) for _ in range(3)]
    reader, writer = await asyncio.open_connection(listener.host, listener.port)
    assert await ended(reader)  # one too many, although none has said a word
    assert listener.counters.connections_refused == 1
    for reader, _ in silent:
        assert await ended(reader)
    async with asyncio.timeout(10):
        while listener.counters.handshakes_failed < len(silent):  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    _, again = await connected(listener, trusting(settings.certificate))
    for each in (writer, again, *(writer for _, writer in silent)):
        each.close()
    listener.close()


async def test_a_silent_peer_behind_tls_is_cut(
    ear: Ear, settings: TlsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SWEEP_SECONDS", 0.05)
    listener = await listening(ear, Certificates(settings), Limits(first_message=0.2))
    reader, writer = await connected(listener, trusting(settings.certificate))
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    assert listener.counters.cut_silent == 1
    writer.close()
    listener.close()


async def test_a_new_certificate_is_used_without_a_restart(
    listener: StreamListener, ear: Ear, settings: TlsSettings
) -> None:
    before = trusting(settings.certificate)
    _, old = await connected(listener, before)
    assert listener.certificates is not None and not listener.certificates.reload()
    write(settings.certificate.parent, "main", "localhost")
    assert listener.certificates.reload()
    with pytest.raises(ssl.SSLError):
        await connected(listener, before)
    _, new = await connected(listener, trusting(settings.certificate))
    old.write(MESSAGE)  # The old connection goes on.
    await ear.until(lambda: len(ear.heard) == 1)
    old.close()
    new.close()


async def test_a_broken_certificate_leaves_the_old_one_in_use(listener: StreamListener, settings: TlsSettings) -> None:
    context = trusting(settings.certificate)
    settings.certificate.write_text("not a certificate")
    assert listener.certificates is not None
    with pytest.raises(CertificateError, match=r"main\.crt"):
        listener.certificates.reload()
    _, writer = await connected(listener, context)
    writer.close()


async def test_the_name_asked_for_chooses_the_certificate(ear: Ear, settings: TlsSettings, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    for name, host in (("exact", "pbx.example"), ("wild", "*.tenants.example")):
        certificate, key = self_signed([host])
        (folder / f"{name}.pem").write_bytes(certificate + key)
    listener = await listening(ear, Certificates(replace(settings, folder=folder)))
    for name, trusted in (
        ("pbx.example", folder / "exact.pem"),
        ("PBX.example", folder / "exact.pem"),
        ("one.tenants.example", folder / "wild.pem"),
        ("localhost", settings.certificate),
    ):
        _, writer = await connected(listener, trusting(trusted), name)
        writer.close()
    listener.close()


@pytest.mark.parametrize("clients", ["optional", "required"])
async def test_clients_show_certificates(ear: Ear, settings: TlsSettings, tmp_path: Path, clients: str) -> None:
    certificate, key = write(tmp_path, "client", "phone")
    wanted = replace(settings, clients=clients, client_ca=certificate)
    listener = await listening(ear, Certificates(wanted))
    known = trusting(settings.certificate)
    known.load_cert_chain(certificate, key)
    _, writer = await connected(listener, known)
    writer.write(MESSAGE)
    await ear.until(lambda: len(ear.heard) == 1)
    writer.close()
    stranger = trusting(settings.certificate)
    stranger.maximum_version = ssl.TLSVersion.TLSv1_2  # where the refusal comes within the handshake
    if clients == "required":
        with pytest.raises((ssl.SSLError, OSError)):
            await connected(listener, stranger)
    else:
        _, writer = await connected(listener, stranger)
        writer.close()
    listener.close()


async def test_tls_is_never_dialled(listener: StreamListener, ear: Ear) -> None:
    flow = Flow("tls", "127.0.0.1", 5061, 1)
    listener.send(MESSAGE, flow)
    await ear.until(lambda: ear.failed == [flow])


@pytest.mark.parametrize("broken", ["missing", "key"])
def test_what_is_wrong_with_a_certificate_is_said(settings: TlsSettings, tmp_path: Path, broken: str) -> None:
    if broken == "missing":
        wrong = replace(settings, certificate=tmp_path / "none.crt")
    else:
        wrong = replace(settings, key=write(tmp_path, "other", "localhost")[1])
    with pytest.raises(CertificateError) as caught:
        Certificates(wrong)
    assert str(wrong.certificate) in str(caught.value)
    assert "softswitch certificate" in caught.value.hint


# --- servers that we dial ---------------------------------------------------------------------------------------------


async def test_a_server_is_dialled_when_its_name_is_known(ear: Ear, settings: TlsSettings) -> None:
    """RFC 5922: the certificate must be for the name that was asked for."""
    server_ear = Ear()
    server = await listening(server_ear, Certificates(settings))
    ours = await listening(ear, Certificates(replace(settings, authorities=settings.certificate)))
    try:
        flow = Flow("tls", "127.0.0.1", server.port, 1)
        ours.expect(flow, "localhost")
        ours.send(MESSAGE, flow)
        await server_ear.until(lambda: len(server_ear.heard) == 1)
        assert server_ear.heard[0][0] == MESSAGE
        server.send(MESSAGE, server_ear.heard[0][1])
        await ear.until(lambda: len(ear.heard) == 1)
        ours.send(MESSAGE, flow)  # the connection is used again
        await server_ear.until(lambda: len(server_ear.heard) == 2)
        assert ours.counters.connections_dialled == 1
    finally:
        ours.close()
        server.close()


@pytest.mark.parametrize("name", ["another.example", ""])
async def test_a_server_of_another_name_is_not_spoken_to(ear: Ear, settings: TlsSettings, name: str) -> None:
    server_ear = Ear()
    server = await listening(server_ear, Certificates(settings))
    ours = await listening(ear, Certificates(replace(settings, authorities=settings.certificate)))
    try:
        flow = Flow("tls", "127.0.0.1", server.port, 1)
        if name:
            ours.expect(flow, name)
        ours.send(MESSAGE, flow)
        await ear.until(lambda: ear.failed == [flow])
        assert server_ear.heard == []
    finally:
        ours.close()
        server.close()


async def test_a_server_signed_by_nobody_we_trust_is_not_spoken_to(ear: Ear, settings: TlsSettings) -> None:
    server_ear = Ear()
    server = await listening(server_ear, Certificates(settings))
    ours = await listening(ear, Certificates(settings))
    try:
        flow = Flow("tls", "127.0.0.1", server.port, 1)
        ours.expect(flow, "localhost")
        ours.send(MESSAGE, flow)
        await ear.until(lambda: ear.failed == [flow])
        assert server_ear.heard == []
    finally:
        ours.close()
        server.close()
