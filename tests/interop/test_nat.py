"""Phones behind real routers (nftables masquerading in network namespaces): real telephones, and phones of the tests' own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import HEARD
from .lab import Lab
from .sipharness import audio
from .sipharness.baresip import Baresip
from .sipharness.listening import hear
from .sipharness.nat import Home, Internet, Place
from .wirecall import WireCall
from .wirephone import WirePhone
from .wirertp import stamped_socket
from .wiresip import Message


@pytest.fixture
def net() -> Iterator[Internet]:
    with Internet() as internet:
        yield internet


@contextlib.contextmanager
def switch(net: Internet, directory: Path, **environment: object) -> Iterator[Lab]:
    """A switch with a public address; it must end well."""
    settings = {f"SOFTSWITCH_{name.upper()}": str(value) for name, value in environment.items()}
    directory.mkdir()
    lab = Lab(directory, host=net.switch.address, accounts=6, agents=0, environment=settings)
    try:
        with net.switch:
            lab.start()
        yield lab
        lab.stop()
    finally:
        lab.kill()


def baresip(place: Place, lab: Lab, number: int, folder: Path, transport: str = "udp", **options: Any) -> Baresip:
    play = audio.babble_wav(folder / f"{number}.wav", seed=number + 1)
    return Baresip(lab.account(number, transport=transport), play=play, host=place.address, **options)


def assert_they_talk(one: Baresip, other: Baresip) -> None:
    """One calls the other; what each says is what the other hears."""
    one.call(other.account.user)
    one.wait("established", timeout=20)
    voices = [audio.babble(30, seed=int(phone.play.stem) + 1) for phone in (one, other) if phone.play is not None]
    hear((voices[0], other.heard), (voices[1], one.heard))
    one.hangup()
    other.wait("closed", timeout=20)


@pytest.mark.parametrize("homes", [1, 2])
def test_two_phones_at_home(net: Internet, tmp_path: Path, homes: int) -> None:
    """Behind the same router, and behind two whose homes have the same private addresses."""
    first = net.home()
    second = first if homes == 1 else net.home()
    with switch(net, tmp_path / "lab") as lab, contextlib.ExitStack() as stack:
        phones = []
        for number, home in enumerate((first, second)):
            place = home.phone()
            with place:
                phones.append(stack.enter_context(baresip(place, lab, number, tmp_path, auto_answer=number == 1)))
        for phone in phones:
            phone.wait_registered()
        if homes == 2:
            assert phones[0].host == phones[1].host
        sources = {row["source"].rpartition(":")[0] for row in lab.command("registrations")}
        assert sources == {first.address, second.address}
        assert_they_talk(*phones)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_phone_behind_nat_on_a_connection(net: Internet, tmp_path: Path, transport: str) -> None:
    """It cannot be dialled: the call that comes in arrives on the connection that it registered on."""
    with switch(net, tmp_path / "lab") as lab, contextlib.ExitStack() as stack:
        phones = []
        for number in (0, 1):
            place = net.home().phone()
            with place:
                phones.append(
                    stack.enter_context(
                        baresip(place, lab, number, tmp_path, transport if number else "udp", auto_answer=number == 1)
                    )
                )
        for phone in phones:
            phone.wait_registered()
        (row,) = [row for row in lab.command("registrations") if row["aor"] == phones[1].account.user]
        assert row["transport"] == transport
        assert_they_talk(*phones)


# --- phones of our own: what exactly is on the wire -----------------------------------------------------------------------


async def wirephone(place: Place, lab: Lab, number: int, stack: contextlib.AsyncExitStack) -> WirePhone:
    account = lab.account(number)
    phone = WirePhone(account.user, account.password, lab.server, account.host)
    phone.host, phone.network, phone.voice = place.address, place, audio.babble(30, seed=number + 1)
    await phone.start()
    stack.push_async_callback(phone.leave)
    await phone.register()
    return phone


@contextlib.asynccontextmanager
async def talking(
    net: Internet, folder: Path
) -> AsyncIterator[tuple[Lab, Home, WirePhone, WireCall, WirePhone, WireCall]]:
    """Anna at her home has called Bob at his, and they hear each other: (lab, her home, Anna, her call, Bob, his)."""
    async with contextlib.AsyncExitStack() as stack:
        lab = stack.enter_context(switch(net, folder))
        home, other = net.home(), net.home()
        anna, bob = await wirephone(home.phone(), lab, 0, stack), await wirephone(other.phone(), lab, 1, stack)
        bob.on_call = lambda call: call.answer()
        call = anna.call(bob.user)
        await call.answered()
        answer = await bob.next_call()
        await answer.media.hears(50)
        await call.media.hears(50)
        yield lab, home, anna, call, bob, answer


async def test_a_port_that_changes_in_the_middle_of_a_call(net: Internet, tmp_path: Path) -> None:
    """The router forgets everything: new ports for signalling and audio. After a re-INVITE the call goes on as it was."""
    async with talking(net, tmp_path / "lab") as (lab, home, anna, call, bob, answer):
        before = source_of(lab, anna)

        home.forget()
        await asyncio.sleep(0.5)  # Packets go on for a moment, by ports that the switch has never seen.
        await anna.register()
        assert source_of(lab, anna) != before
        quiet = len(call.media.received.packets)
        await call.resume()
        moved = time.time()
        await call.media.hears(100)
        await answer.media.hears(100)
        assert len(call.media.received.packets) > quiet
        assert audio.stretch(anna.voice, answer.media.heard(moved)) >= HEARD
        assert audio.stretch(bob.voice, call.media.heard(moved)) >= HEARD

        await answer.hang_up()  # The BYE to Anna goes where she is now.
        await call.ended()
        assert not anna.unexpected and not bob.unexpected


async def test_nobody_else_takes_over_a_call_whose_port_has_changed(net: Internet, tmp_path: Path) -> None:
    """A stranger who knows every identifier of the call, and sends from his own address, changes and hears nothing."""
    async with (
        talking(net, tmp_path / "lab") as (lab, home, anna, call, _, answer),
        contextlib.AsyncExitStack() as stack,
    ):
        home.forget()  # Now Anna's old ports lead nowhere: the best moment to step in.
        with net.stranger:
            signals, voice = stamped_socket(net.stranger.address), stamped_socket(net.stranger.address)
        stack.callback(signals.close)
        stack.callback(voice.close)
        forged = forgeries(call, voice.getsockname())
        for message in forged:
            signals.sendto(message.encode(), lab.server)
        noise = audio.encode_g711(audio.tone(700, 1.0), 8)
        remote = call.media.remote
        assert remote is not None
        for number in range(100):
            head = bytes([0x80, 8]) + number.to_bytes(2, "big") + (160 * number).to_bytes(4, "big") + b"forg"
            voice.sendto(head + noise[160 * (number % 50) : 160 * (number % 50) + 160], remote)
            await asyncio.sleep(0.01)
        statuses = answered(signals)
        assert statuses == {481} or statuses == {401} or statuses == {401, 481}, statuses
        with pytest.raises(BlockingIOError):
            voice.recv(2_000)  # No audio goes there.
        assert call.alive and answer.alive

        await anna.register()
        await call.resume()  # Who is really Anna goes on.
        moved = time.time()
        await call.media.hears(100)
        await answer.media.hears(100)
        assert audio.stretch(anna.voice, answer.media.heard(moved)) >= HEARD
        assert audio.contains(audio.tone(700, 1.0), answer.media.heard(moved - 2)) < 0.2


def forgeries(call: Any, media: tuple[str, int]) -> list[Message]:
    """A re-INVITE that would lead the audio away and a BYE, with the right tags, Call-ID and numbers."""
    found = []
    for step, method in enumerate(("INVITE", "BYE")):
        message = call._request(method, call._sequence + 1 + step)
        if method == "INVITE":
            inside = f"{call.phone.host} {call.media.port}"
            body = call._description((call.media.payload_type,), call.media.event_type)
            body = body.replace(call.phone.host, media[0]).replace(f"audio {call.media.port}", f"audio {media[1]}")
            assert inside not in body
            message.body = body
            message.headers.append(("content-type", "application/sdp"))
        found.append(message)
    return found


def answered(signals: Any) -> set[int]:
    """The final statuses that have come back."""
    found = set()
    with contextlib.suppress(BlockingIOError):
        while True:
            message = Message.parse(signals.recv(65_535), time.time())
            if message.status >= 200:
                found.add(message.status)
    return found


def source_of(lab: Lab, phone: WirePhone) -> str:
    (row,) = [row for row in lab.command("registrations") if row["aor"] == phone.user]
    return str(row["source"])


# --- keeping the router's port open ---------------------------------------------------------------------------------------

FORGETS = 6  # seconds after which the router forgets a flow that is quiet
QUIET = 14.0


async def quiet_then_called(net: Internet, home: Home, lab: Lab) -> bool:
    """Whether a phone rings that has said nothing of itself for much longer than its router remembers."""
    async with contextlib.AsyncExitStack() as stack:
        home.remember(FORGETS)
        anna = await wirephone(home.phone(), lab, 0, stack)
        bob = await wirephone(net.home().phone(), lab, 1, stack)
        await asyncio.sleep(QUIET)  # the router's clock is the kernel's
        call = bob.call(anna.user)
        try:
            await call.reaches("ringing", 3.0)
        except TimeoutError:
            await anna.register()  # The router lets answers in again, so that the test can end in order.
            return False
        finally:
            await call.hang_up()
        return True


async def test_options_keep_the_port_open(net: Internet, tmp_path: Path) -> None:
    with switch(net, tmp_path / "lab", nat_qualify_seconds=5) as lab:
        assert await quiet_then_called(net, net.home(), lab)
        rows = {row["aor"]: row for row in lab.command("registrations")}
        assert all(row["rtt_ms"] is not None and row["rtt_ms"] < 1_000 for row in rows.values())


async def test_and_without_them_the_router_forgets(net: Internet, tmp_path: Path) -> None:
    """What the test above would look like if OPTIONS did nothing."""
    with switch(net, tmp_path / "lab", nat_qualify="off") as lab:
        assert not await quiet_then_called(net, net.home(), lab)
