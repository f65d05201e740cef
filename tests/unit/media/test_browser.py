"""A real worker and a browser-like far end on the loopback interface: ICE, DTLS, SRTP, and audio by content."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from media.client import MediaClient, start_worker
from media.control import (
    Bridge,
    Close,
    Command,
    Digit,
    Echo,
    Latched,
    Open,
    Ready,
    Secured,
    SendDigits,
    Statistics,
    Tone,
    WorkerEvent,
)
from tests.browser import Browser, Terms, leg_for, only_on
from tests.unit.media.rig import Phone, free_ports, share_of
from tests.unit.media.rig import heard as decoded

LEGS = 8
HOST = "127.0.0.1"


class Site:
    """A worker, and the browsers that call it."""

    def __init__(self, client: MediaClient, ready: Ready) -> None:
        self.client, self.ready = client, ready
        self.browsers: list[Browser] = []
        self.seen: list[WorkerEvent] = []
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(client.fileno(), self._on_events)

    def _on_events(self) -> None:
        self.seen += self.client.events()
        self._news.set()

    def post(self, *commands: Command) -> None:
        self.client.post_all(commands)

    async def wait(self, kind: type, when: Callable[..., bool] = lambda event: True) -> WorkerEvent:
        """The first event of a kind that satisfies `when`."""
        async with asyncio.timeout(15):
            while True:
                for event in self.seen:
                    if isinstance(event, kind) and when(event):
                        self.seen.remove(event)
                        return event
                self._news.clear()
                await self._news.wait()

    def terms(self, leg: int, **values: str) -> Terms:
        return Terms(self.ready.base_port + 2 * leg, self.ready.fingerprint, **values)  # type: ignore[arg-type]

    async def call(self, leg: int, browser: Browser, **values: str) -> Terms:
        """The browser calls."""
        self.browsers.append(browser)
        ours = self.terms(leg, **values)
        self.post(leg_for(leg, ours, await browser.offer()))
        await browser.accept(ours.sdp())
        return ours

    async def secured(self, leg: int) -> Secured:
        event = await self.wait(Secured, lambda event: event.leg == leg)
        assert isinstance(event, Secured)
        return event

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.client.fileno())
        for browser in self.browsers:
            await browser.close()


@pytest.fixture(scope="module", params=["epoll", "auto"])
def worker(request: pytest.FixtureRequest) -> Iterator[tuple[MediaClient, Ready]]:
    with start_worker(0, hosts=(HOST,), base_port=free_ports(LEGS), legs=LEGS, relay=request.param) as client:
        (ready,) = (event for event in client.wait_for(Ready) if isinstance(event, Ready))
        yield client, ready
        assert client.gauges()["faults"] == 0


@pytest.fixture
async def site(worker: tuple[MediaClient, Ready]) -> AsyncIterator[Site]:
    site = Site(*worker)
    with only_on(HOST):
        yield site
        site.post(*(Close(leg) for leg in range(LEGS)))
        await site.close()


async def test_a_browser_hears_a_tone_and_itself(site: Site) -> None:
    browser = Browser(700.0)
    await site.call(0, browser)
    site.post(Tone(0, "dial"))
    assert (await site.secured(0)).suite == "AEAD_AES_128_GCM"
    heard = await browser.hear(0.6)
    assert share_of(heard[1600:], 425) > 0.99
    site.post(Echo(0))
    await browser.hear(0.4)
    assert share_of(await browser.hear(0.4), 700) > 0.99
    latched = await site.wait(Latched)
    assert isinstance(latched, Latched) and latched.host == HOST
    site.post(Close(0))
    statistics = await site.wait(Statistics, lambda event: event.leg == 0)
    assert isinstance(statistics, Statistics)
    assert (statistics.dropped_forged, statistics.dropped_foreign, statistics.lost) == (0, 0, 0)
    assert statistics.packets_received > 40 and statistics.packets_sent > 60
    await asyncio.wait_for(browser.closed.wait(), 10)  # By our goodbye.


async def test_we_call_a_browser(site: Site) -> None:
    """It answers `a=setup:active`; and we begin the handshake where it answers `passive`."""
    browser = Browser(700.0)
    site.browsers.append(browser)
    ours = site.terms(1, setup="actpass")
    answer = await browser.answer(ours.sdp())
    assert "a=setup:active" in answer
    ours.setup = "passive"
    site.post(leg_for(1, ours, answer), Echo(1))
    assert not (await site.secured(1)).error
    await browser.hear(0.4)
    assert share_of(await browser.hear(0.4), 700) > 0.99


async def test_the_handshake_is_ours_to_begin(site: Site) -> None:
    browser = Browser(700.0)
    await site.call(2, browser, setup="active")
    site.post(Echo(2))
    assert not (await site.secured(2)).error
    await browser.hear(0.4)
    assert share_of(await browser.hear(0.4), 700) > 0.99


async def test_two_browsers_and_a_phone(site: Site) -> None:
    """Bridged with each other, and then one of them with a phone on plain RTP."""
    alice, bob, phone = Browser(700.0), Browser(1100.0), Phone("127.0.0.7")
    await site.call(3, alice)
    await site.call(4, bob)
    site.post(Bridge(3, 4))
    await site.secured(3)
    await site.secured(4)
    await alice.hear(0.4), await bob.hear(0.1)
    assert share_of(await alice.hear(0.4), 1100) > 0.99
    assert share_of((await bob.hear(0.8))[-3200:], 700) > 0.99
    site.post(Open(5, *phone.address, "PCMU", 0, 101), Bridge(3, 5))
    packets = await asyncio.to_thread(phone.listen, 20)
    assert share_of(decoded(packets), 700) > 0.99 and {packet.payload_type for packet in packets} == {0}
    phone.socket.close()


async def test_digits_to_a_browser_and_rtcp(site: Site) -> None:
    browser = Browser()
    await site.call(6, browser)
    site.post(Echo(6), SendDigits(6, "12"))
    await site.secured(6)
    await browser.hear(1.0)
    report = await browser.connection.getStats()
    inbound = [each for each in report.values() if each.type == "inbound-rtp"]
    assert inbound and inbound[0].packetsReceived > 40 and inbound[0].packetsLost == 0
    assert not any(isinstance(event, Digit) for event in site.seen)
