from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from softswitch.effects import Flow
from softswitch.net import stream
from softswitch.net.limits import Counters, Limits
from softswitch.net.stream import StreamListener

from .conftest import Ear

MESSAGE = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"
LIMITS = Limits(connections=6, connections_per_host=4, write_buffer=256 * 1024, dial=2.0)


@pytest.fixture
async def listener(ear: Ear) -> AsyncIterator[StreamListener]:
    listener = await listening(ear, LIMITS)
    yield listener
    listener.close()


async def listening(ear: Ear, limits: Limits, host: str = "127.0.0.1") -> StreamListener:
    listener = StreamListener(1, host, 0, ear, counters=Counters(), limits=limits)
    listener.open()
    await listener.start()
    return listener


async def connected(listener: StreamListener) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(listener.host, listener.port)


async def test_messages_come_up_however_they_are_cut(listener: StreamListener, ear: Ear) -> None:
    reader, writer = await connected(listener)
    stream = MESSAGE * 3
    for at in range(0, len(stream), 7):
        writer.write(stream[at : at + 7])
        await writer.drain()
        await asyncio.sleep(0)
    await ear.until(lambda: len(ear.heard) == 3)
    assert {data for data, _ in ear.heard} == {MESSAGE}
    flow = ear.heard[0][1]
    assert flow == Flow("tcp", "127.0.0.1", writer.get_extra_info("sockname")[1], 1, flow.connection)
    assert flow.connection > 0
    listener.send(b"SIP/2.0 200 OK\r\n\r\n", flow)
    assert await reader.readexactly(18) == b"SIP/2.0 200 OK\r\n\r\n"
    writer.close()


async def test_a_keepalive_is_answered(listener: StreamListener, ear: Ear) -> None:
    reader, writer = await connected(listener)
    writer.write(b"\r\n\r\n")
    assert await reader.readexactly(2) == b"\r\n"
    assert ear.heard == []
    writer.close()


async def test_a_closed_connection_is_reported_once_and_later_sends_fail(listener: StreamListener, ear: Ear) -> None:
    _, writer = await connected(listener)
    writer.write(MESSAGE)
    await ear.until(lambda: len(ear.heard) == 1)
    flow = ear.heard[0][1]
    writer.close()
    await ear.until(lambda: ear.failed == [flow])
    assert len(listener) == 0
    listener.send(b"late answer", flow)
    await ear.until(lambda: ear.failed == [flow, flow])
    assert listener.counters.flows_gone == 1


async def test_more_connections_than_allowed_are_cut_and_the_others_live(listener: StreamListener, ear: Ear) -> None:
    held = [await connected(listener) for _ in range(LIMITS.connections_per_host)]
    reader, extra = await connected(listener)
    with pytest.raises(ConnectionError):
        if await reader.read(10) == b"":
            raise ConnectionResetError
    assert listener.counters.connections_refused == 1
    held[0][1].write(MESSAGE)
    await ear.until(lambda: len(ear.heard) == 1)
    for _, writer in [*held, (reader, extra)]:
        writer.close()


@pytest.mark.parametrize(
    "said, counter, limits",
    [
        (b"", "cut_silent", replace(LIMITS, first_message=0.1)),
        (b"\r\n\r\n", "cut_silent", replace(LIMITS, first_message=0.1)),
        (MESSAGE[:20], "cut_half_message", replace(LIMITS, half_message=0.1)),
        (MESSAGE + MESSAGE[:20], "cut_half_message", replace(LIMITS, half_message=0.1)),
        (MESSAGE, "cut_idle", replace(LIMITS, idle=0.1)),
    ],
)
async def test_who_wastes_a_connection_loses_it(
    ear: Ear, said: bytes, counter: str, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SWEEP_SECONDS", 0.05)
    listener = await listening(ear, limits)
    _, writer = await connected(listener)
    writer.write(said)
    await ear.until(lambda: bool(ear.failed))
    assert getattr(listener.counters, counter) == 1
    writer.close()
    listener.close()


async def test_who_comes_after_a_time_without_connections_is_watched_as_well(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SWEEP_SECONDS", 0.02)
    listener = await listening(ear, replace(LIMITS, first_message=0.05))
    for count in (1, 2):
        _, writer = await connected(listener)
        await ear.until(lambda count=count: listener.counters.cut_silent == count)  # type: ignore[misc]
        writer.close()
        await asyncio.sleep(0.1)  # Several sweeps, of which nothing tells.
    listener.close()


async def test_a_message_that_trickles_is_cut_although_bytes_arrive(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SWEEP_SECONDS", 0.02)
    listener = await listening(ear, replace(LIMITS, half_message=0.2))
    _, writer = await connected(listener)

    async def trickle() -> None:
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.02)

    task = asyncio.create_task(trickle())
    await ear.until(lambda: listener.counters.cut_half_message == 1)
    task.cancel()
    writer.close()
    listener.close()


async def test_broken_framing_ends_the_connection_after_the_answer(listener: StreamListener, ear: Ear) -> None:
    reader, writer = await connected(listener)
    ear.on_message = lambda data, flow: listener.send(b"SIP/2.0 400 Bad Request\r\n\r\n", flow)
    writer.write(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: many\r\n\r\n")
    assert await reader.read() == b"SIP/2.0 400 Bad Request\r\n\r\n"
    assert listener.counters.cut_framing == 1
    writer.close()


async def test_a_peer_that_does_not_read_is_cut_before_it_fills_our_memory(listener: StreamListener, ear: Ear) -> None:
    _, writer = await connected(listener)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(MESSAGE)
    await ear.until(lambda: len(ear.heard) == 1)
    flow = ear.heard[0][1]
    for _ in range(2_000):
        listener.send(b"x" * 10_000, flow)
        if listener.counters.cut_stalled:
            break
    assert listener.counters.cut_stalled == 1
    await ear.until(lambda: flow in ear.failed)
    writer.close()


async def test_an_unknown_peer_is_dialled_and_the_connection_is_used_again(listener: StreamListener, ear: Ear) -> None:
    got: list[bytes] = []
    arrived = asyncio.Event()

    async def phone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.readexactly(5):
            got.append(data)
            arrived.set()
            if len(got) == 3:
                writer.write(MESSAGE)

    server = await asyncio.start_server(phone, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    flow = Flow("tcp", "127.0.0.1", port, 1)
    listener.send(b"one..", flow)
    listener.send(b"two..", flow)
    async with asyncio.timeout(5):
        while len(got) < 2:
            arrived.clear()
            await arrived.wait()
    listener.send(b"three", flow)
    await ear.until(lambda: len(ear.heard) == 1)
    assert got == [b"one..", b"two..", b"three"]
    assert listener.counters.connections_dialled == 1 and len(listener) == 1
    assert ear.heard[0][1].connection > 0
    server.close()


@pytest.mark.parametrize("port", [70_000, 0])
async def test_a_port_that_cannot_be_dialled_fails_the_flow(listener: StreamListener, ear: Ear, port: int) -> None:
    flow = Flow("tcp", "127.0.0.1", port, 1)
    listener.send(b"hello", flow)
    await ear.until(lambda: ear.failed == [flow])
    assert listener.counters.send_refused_address == 1


async def test_a_peer_that_refuses_fails_the_flow(listener: StreamListener, ear: Ear) -> None:
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))
        flow = Flow("tcp", "127.0.0.1", gone.getsockname()[1], 1)
    listener.send(b"hello", flow)
    await ear.until(lambda: ear.failed == [flow])
    assert listener.counters.dial_failed == 1
    assert not listener._dialling


async def test_many_messages_for_one_dial_are_bounded(ear: Ear) -> None:
    listener = await listening(ear, replace(LIMITS, dial_queue=3))
    flow = Flow("tcp", "127.0.0.1", 9, 1)
    for _ in range(10):
        listener.send(b"hello", flow)
    assert listener.counters.dial_failed == 7
    listener.close()


async def test_the_switch_can_close_a_connection(listener: StreamListener, ear: Ear) -> None:
    reader, writer = await connected(listener)
    writer.write(MESSAGE)
    await ear.until(lambda: len(ear.heard) == 1)
    flow = ear.heard[0][1]
    listener.send(b"goodbye", flow)
    listener.close_flow(flow, "test")
    assert await reader.read() == b"goodbye"
    await ear.until(lambda: ear.failed == [flow])
    writer.close()


async def test_a_connection_that_was_reset_before_it_was_accepted(ear: Ear) -> None:
    listener = await listening(ear, replace(LIMITS, connections=1_000, connections_per_host=1_000))
    loop = asyncio.get_running_loop()
    faults: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    for _ in range(50):
        wire = socket.create_connection((listener.host, listener.port))
        wire.sendall(MESSAGE)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.close()
    gone = stream.Connection(listener)
    listener.made(gone, None)
    assert gone.flow.connection == 0
    reader, writer = await connected(listener)
    writer.write(b"\r\n\r\n")
    assert await reader.readexactly(2) == b"\r\n"
    assert not faults
    writer.close()
    listener.close()
