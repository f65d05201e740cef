from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from softswitch.cli.attach import Attached, running
from softswitch.cli.output import FAILED, NOT_RUNNING, UNKNOWN, Failure
from softswitch.running.console import MAX_CLIENTS, MAX_LINE, Console, ConsoleError

FAULTS: list[tuple[str, Exception]] = []


def add(first: int, second: int) -> int:
    return first + second


async def slowly() -> str:
    await asyncio.sleep(0)
    return "done"


def refuse() -> None:
    raise ConsoleError("There is no queue 'x'.", "The queues are: a, b.", kind="unknown")


def broken() -> None:
    raise ZeroDivisionError("a fault of ours")


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    FAULTS.clear()
    handlers = {"add": add, "slowly": slowly, "refuse": refuse, "broken": broken, "never": never}
    console = Console(tmp_path / "run" / "s.sock", handlers, lambda where, error: FAULTS.append((where, error)))
    await console.start()
    yield console
    await console.close()


async def call(console: Console, command: str, **arguments: Any) -> Any:
    def attach_and_call() -> Any:
        with Attached(console.path) as switch:
            return switch.call(command, **arguments)

    return await asyncio.to_thread(attach_and_call)


async def never() -> None:
    await asyncio.Event().wait()


async def test_who_asks_says_how_long_it_may_take(console: Console) -> None:
    def impatient() -> None:
        with Attached(console.path) as switch, pytest.raises(Failure, match="did not answer within 0 seconds"):
            switch.patient(0.2).call("never")

    await asyncio.to_thread(impatient)
    assert await call(console, "add", first=2, second=3) == 5


async def test_a_command_is_carried_out(console: Console) -> None:
    assert await call(console, "add", first=2, second=3) == 5
    assert await call(console, "slowly") == "done"


async def test_only_the_owner_may_open_it(console: Console) -> None:
    assert stat.S_IMODE(os.stat(console.path).st_mode) == 0o600


async def test_errors_carry_their_remedy_and_exit_code(console: Console) -> None:
    with pytest.raises(Failure, match="no queue 'x'") as error:
        await call(console, "refuse")
    assert error.value.hint == "The queues are: a, b." and error.value.exit_code == UNKNOWN
    with pytest.raises(Failure, match="no command 'dance'"):
        await call(console, "dance")
    with pytest.raises(Failure, match="not understood") as error:
        await call(console, "add", first=1)
    assert error.value.exit_code == FAILED


async def test_a_fault_of_ours_is_reported_and_the_console_lives(console: Console) -> None:
    with pytest.raises(Failure, match="The switch failed"):
        await call(console, "broken")
    assert FAULTS[0][0] == "console"
    assert await call(console, "add", first=1, second=1) == 2


@pytest.mark.parametrize(
    "line", [b"\n", b"{}\n", b"[1]\n", b'{"command": 7}\n', b"\xff\xfe\n", b'{"command":"add","arguments":3}\n']
)
async def test_nonsense_is_answered(console: Console, line: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(str(console.path))
    writer.write(line)
    assert b'"ok":false' in await reader.readline()
    writer.close()


async def test_a_line_without_end_is_cut(console: Console) -> None:
    reader, writer = await asyncio.open_unix_connection(str(console.path))
    writer.write(b"x" * (MAX_LINE + 1_000_000))
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    assert await call(console, "add", first=1, second=1) == 2


async def test_followers_get_events_and_leave_without_a_trace(console: Console) -> None:
    reader, writer = await asyncio.open_unix_connection(str(console.path))
    writer.write(b'{"command": "events"}\n')
    assert b"following" in await reader.readline()
    console.publish({"event": "call.created", "call": "c1"})
    assert await reader.readline() == b'{"event":"call.created","call":"c1"}\n'
    writer.close()
    await writer.wait_closed()
    assert await call(console, "add", first=1, second=1) == 2  # Served after the departure was noticed.
    console.publish({"event": "call.ended"})
    assert not console._followers


async def test_a_follower_that_does_not_read_is_cut(console: Console) -> None:
    reader, writer = await asyncio.open_unix_connection(str(console.path), limit=100)
    writer.write(b'{"command": "events"}\n')
    await reader.readline()
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    for _ in range(1000):
        console.publish({"event": "x" * 10_000})
        if not console._followers:
            break
    assert not console._followers
    writer.close()


async def test_too_many_clients_are_turned_away(console: Console) -> None:
    held = [await asyncio.open_unix_connection(str(console.path)) for _ in range(MAX_CLIENTS)]
    reader, writer = await asyncio.open_unix_connection(str(console.path))
    assert await reader.read() == b""
    for _, one in [*held, (reader, writer)]:
        one.close()


async def test_a_second_switch_is_refused_and_a_stale_socket_is_not(console: Console, tmp_path: Path) -> None:
    second = Console(console.path, {}, lambda where, error: None)
    with pytest.raises(ConsoleError, match="already running"):
        await second.start()
    stale = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as dead:  # Bound and gone, as after a kill -9.
        dead.bind(str(stale))
    assert stale.exists()
    third = Console(stale, {}, lambda where, error: None)
    await third.start()
    assert await asyncio.to_thread(running, stale)
    await third.close()
    assert not stale.exists()


async def test_a_path_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match="too long"):
        await Console(tmp_path / ("x" * 120), {}, lambda where, error: None).start()
    plain = tmp_path / "file"
    plain.write_text("")
    with pytest.raises(ConsoleError, match="not a socket"):
        await Console(plain, {}, lambda where, error: None).start()


def test_no_switch_has_its_own_exit_code(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="No switch is running") as error:
        Attached(tmp_path / "none.sock")
    assert error.value.exit_code == NOT_RUNNING and "softswitch serve" in error.value.hint
    assert not running(tmp_path / "none.sock")
