"""Webhooks against a real HTTP server: what arrives, how it is signed, and that one who fails harms nobody."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from softswitch.api.feed import Feed, Line
from softswitch.config.services import WebSettings
from softswitch.directory.hooks import Webhook
from softswitch.integrations.couriers import Courier, Receiver
from softswitch.integrations.delivery import Dead, Delivery, Progress
from softswitch.integrations.signing import signature
from softswitch.integrations.webclient import Reply, WebClient
from softswitch.integrations.webhooks import WebhookReceiver, verdict
from tests.unit.api.test_feed import Journal
from tests.unit.test_webclient import LOOPBACK, Server, reply, server

__all__ = ["server"]

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
PAGE = Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"


class World:
    """A journal, a feed, and couriers."""

    def __init__(self, web: WebClient) -> None:
        self.web = web
        self.journal = Journal()
        self.feed = Feed(self.journal)
        self.given_up: list[Dead] = []

    def happen(self, name: str = "call.ended", **fields: Any) -> int:
        line: Line = {
            "seq": self.journal.last() + 1, "time": "2027-01-15T08:00:00.000+00:00", "event": name, **fields
        }  # fmt: skip
        self.journal.lines.append(line)
        self.feed.publish(line)
        return int(line["seq"])

    def courier(self, url: str, kept: dict[str, Any] | None = None, clock: Any = time.time, **more: Any) -> Courier:
        hook = Webhook("crm", url, SECRET, **more)
        receiver: Receiver = WebhookReceiver(hook, self.web.fetch, clock)
        delivery = Delivery(self.journal.last(), receiver.limits, clock())
        if kept is not None:
            delivery.load(kept)
        return Courier(receiver, delivery, self.feed, lambda _, dead: self.given_up.append(dead), clock)


@asynccontextmanager
async def running(courier: Courier) -> AsyncIterator[Courier]:
    task = asyncio.create_task(courier.run())
    try:
        yield courier
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        courier.leave()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    web = WebClient(WebSettings(private=LOOPBACK, failures=1_000_000))
    yield World(web)
    await web.close()


async def until(condition: Any) -> None:
    async with asyncio.timeout(30.0):
        while not condition():  # noqa: ASYNC110 - what is waited for is over there, behind a socket
            await asyncio.sleep(0.005)


def numbers(server: Server) -> list[int]:
    return [json.loads(body)["seq"] for _, _, body in server.asked]


def example() -> Any:
    """The function that the page shows to whoever writes a receiver."""
    found: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0], found)
    return found["is_genuine"]


async def test_links_to_recordings_are_made_while_the_event_is_sent(world: World, server: Server) -> None:
    async def links(line: Line, hours: float, whom: str) -> dict[str, Any]:
        return {"recording_url": f"https://pbx.example.com/{line['recording']}?{hours:g}&{whom}"} if hours else {}

    line = {"seq": 3, "time": "t", "event": "recording.finished", "recording": 5, "call": "c1"}
    for hours, more in ((0.0, {}), (72.0, {"recording_url": "https://pbx.example.com/5?72&webhook:crm"})):
        hook = Webhook("crm", server.url("/hooks"), SECRET, link_hours=hours)
        assert await WebhookReceiver(hook, world.web.fetch, time.time, links).deliver(line, Progress()) == ("", False)
        assert json.loads(server.asked[-1][2]) == line | more


async def test_events_arrive_in_order_and_signed(world: World, server: Server) -> None:
    async with running(world.courier(server.url("/hooks?x=1"), events=("call", "queue.left"))) as courier:
        for name in ("call.ended", "queue.entered", "queue.left", "callback.created", "queue.tape", "webhook.gave_up"):
            world.happen(name, note="zażółć")
        world.happen("call.started")
        await until(lambda: courier.delivery.delivered == 3)
    assert numbers(server) == [1, 3, 7]
    line, fields, body = server.asked[0]
    assert line == "POST /hooks?x=1 HTTP/1.1"
    assert json.loads(body) == world.journal.lines[0]
    assert (fields["webhook-id"], fields["idempotency-key"], fields["softswitch-event"]) == ("1", "1", "call.ended")
    genuine = example()
    assert genuine(SECRET, fields, body)
    assert not genuine(SECRET, fields, body + b" ")
    assert not genuine(SECRET, fields, body, time.time() + 301)
    assert not genuine("whsec_" + base64.b64encode(bytes(32)).decode(), fields, body)
    assert courier.position == 7


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of the Standard Webhooks specification."""
    body = b'{"test": 2432232314}'
    found = signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_only_events_of_its_queues(world: World, server: Server) -> None:
    async with running(world.courier(server.url(), queues=("sales",))) as courier:
        world.happen("queue.left", queue="support")
        world.happen("call.ended", queue="")
        world.happen("queue.left", queue="sales")
        await until(lambda: courier.delivery.delivered == 1)
    assert numbers(server) == [3]


async def test_nothing_is_missed_while_the_receiver_is_down_or_the_switch(world: World, server: Server) -> None:
    offset = 0.0

    def clock() -> float:
        return time.time() + offset

    server.answer = lambda: reply(503, b"")
    async with running(world.courier(server.url(), clock=clock)) as courier:
        world.happen()
        await until(lambda: courier.delivery.failures == 1)
        offset = 5.0
        courier.wake()
        await until(lambda: courier.delivery.failures == 2)
        assert courier.position == 0 and "503" in courier.delivery.trouble
        courier.delivery.passed(courier.position)
        kept = json.loads(json.dumps(courier.delivery.export()))
    for _ in range(250):  # More than is read at once, while nobody delivers.
        world.happen()
    server.answer = lambda: reply(204, b"")
    server.asked.clear()
    kept["at"] = 0.0
    async with running(world.courier(server.url(), kept, clock)) as courier:
        await until(lambda: courier.delivery.delivered == 251)
    assert numbers(server) == list(range(1, 252))


async def test_a_refused_event_is_laid_aside_and_the_rest_goes_on(world: World, server: Server) -> None:
    server.answer = lambda: reply(422, b"no such\x07 thing") if numbers(server)[-1] == 1 else reply(200, b"")
    async with running(world.courier(server.url(), attempts=1)) as courier:
        world.happen()
        world.happen()
        await until(lambda: courier.delivery.delivered == 1)
    assert [(dead.seq, dead.error) for dead in world.given_up] == [(1, "status 422: no such thing")]
    assert numbers(server) == [1, 2]


async def test_one_that_does_not_answer_holds_up_no_other(world: World, server: Server) -> None:
    silent = Server()
    silent.delay = 60.0
    listening = await asyncio.start_server(silent.serve, "127.0.0.1", 0)
    silent.port = listening.sockets[0].getsockname()[1]
    async with running(world.courier(silent.url())) as stuck, running(world.courier(server.url())) as quick:
        for _ in range(20):
            world.happen()
        await until(lambda: quick.delivery.delivered == 20 and silent.asked)
        assert len(silent.asked) == 1 and stuck.position == 0
    listening.close()


async def test_what_is_behind_the_switch_cannot_be_reached(server: Server) -> None:
    web = WebClient(WebSettings())
    world = World(web)
    async with running(world.courier(server.url())) as courier:
        world.happen()
        await until(lambda: courier.delivery.failures == 1)
    await web.close()
    assert "not public" in courier.delivery.trouble and server.asked == []


def test_what_answers_mean() -> None:
    assert verdict(Reply("ok", 202)) == ("", False)
    assert verdict(Reply("ok", 301)) == ("status 301", True)
    assert verdict(Reply("ok", 429, b"slow down")) == ("status 429: slow down", False)
    assert verdict(Reply("timeout", detail="late")) == ("late", False)
