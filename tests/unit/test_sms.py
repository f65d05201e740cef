"""Text messages: composed, limited, tried again, kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from softswitch.config.services import SmsSettings
from softswitch.integrations.sms import Sms, Text, compose
from softswitch.integrations.webclient import Reply

URL = "https://sms.example.com/send"
MOBILE, FIXED = "+48601000111", "+48221234567"


class Provider:
    """Answers as it is told."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[Any, ...]] = []

    async def fetch(self, *request: Any) -> Reply:
        self.asked.append(request)
        return self.replies.pop(0) if self.replies else Reply("ok", 200)


class Box:
    """Texts, and a clock."""

    def __init__(self, *replies: Reply, **settings: Any) -> None:
        self.now = 1_790_000_000.0
        self.provider = Provider(*replies)
        self.told: list[tuple[str, int, str]] = []
        self.kept: list[dict[str, Any]] = []
        self.settings = SmsSettings(**{"url": URL} | settings)
        self.sms = Sms(
            self.settings, self.provider.fetch, lambda one, error: self.told.append((one.to, one.attempts, error)),
            lambda: self.kept.append(json.loads(json.dumps(self.sms.export()))), lambda: self.now,
        )  # fmt: skip

    async def tick(self) -> None:
        """What is due now."""
        for one in [one for one in self.sms.waiting.items if one.at <= self.now]:
            await self.sms.waiting.attempt(one)


async def test_a_text_is_sent_once() -> None:
    box = Box()
    assert box.sms.send("601 000 111", 'Dzień dobry, "K-17"', "pl") == ""
    await box.tick()
    method, url, headers, body, _ = box.provider.asked[0]
    assert (method, url) == ("POST", URL) and ("Content-Type", "application/json") in headers
    assert json.loads(body) == {"to": MOBILE, "text": 'Dzień dobry, "K-17"', "sender": ""}
    assert box.told == [(MOBILE, 1, "")] and len(box.sms) == 0
    await box.tick()
    assert len(box.provider.asked) == 1


@pytest.mark.parametrize(
    ("to", "settings", "why"),
    [
        (MOBILE, {"url": ""}, "disabled"),
        ("anna", {}, "number"),
        ("112", {}, "number"),
        (FIXED, {}, "number"),
        (FIXED, {"mobile_only": False}, ""),
        ("+4915112345678", {}, "country"),
        ("+4915112345678", {"countries": ("pl", "de")}, ""),
        ("+48701234567", {"mobile_only": False, "countries": ("de",)}, "country"),
    ],
)
def test_whom_texts_go_to(to: str, settings: dict[str, Any], why: str) -> None:
    box = Box(**settings)
    assert box.sms.send(to, "x", "pl") == why
    assert len(box.sms) == (0 if why else 1) and [one[2] for one in box.told] == ([why] if why else [])


def test_limits_count_a_day() -> None:
    box = Box(per_number=2, per_day=3)
    assert [box.sms.send(MOBILE, "x", "pl") for _ in range(3)] == ["", "", "limit"]
    assert [box.sms.send("+48601000112", "x", "pl"), box.sms.send("+48601000113", "x", "pl")] == ["", "limit"]
    box.now += 86_401.0
    assert box.sms.send(MOBILE, "x", "pl") == ""


async def test_what_fails_for_a_while_is_tried_again_and_later_each_time() -> None:
    box = Box(Reply("timeout", detail="slow"), Reply("ok", 503), Reply("ok", 429), Reply("ok", 200))
    box.sms.send(MOBILE, "x", "pl")
    moments = []
    while len(box.sms):
        await box.tick()
        moments.append(box.sms.waiting.items[0].at - box.now if len(box.sms) else 0.0)
        box.now = box.sms.waiting.items[0].at if len(box.sms) else box.now
    assert moments == [30.0, 60.0, 120.0, 0.0] and box.told == [(MOBILE, 4, "")]


async def test_what_is_refused_for_good_is_given_up() -> None:
    box = Box(Reply("ok", 400, b"no such\x07 sender"))
    box.sms.send(MOBILE, "x", "pl")
    await box.tick()
    assert box.told == [(MOBILE, 1, "status 400: no such sender")]


async def test_it_is_given_up_in_the_end() -> None:
    box = Box(*[Reply("failed", detail="dead")] * 100, give_up_hours=1.0)
    box.sms.send(MOBILE, "x", "pl")
    while len(box.sms):
        await box.tick()
        box.now = box.sms.waiting.items[0].at if len(box.sms) else box.now
    assert box.told[0][2] == "dead" and box.now - 1_790_000_000.0 <= 3_600.0 + 1_800.0


async def test_texts_and_limits_survive_a_restart() -> None:
    box = Box(Reply("failed", detail="dead"), per_number=1)
    box.sms.send(MOBILE, "x", "pl", notice="n", call="c")
    await box.tick()
    other = Box(per_number=1)
    other.sms.load(box.kept[-1])
    assert other.sms.send(MOBILE, "y", "pl") == "limit"
    other.now += 60.0
    await other.tick()
    assert [json.loads(one[3])["text"] for one in other.provider.asked] == ["x"]
    assert other.told[-1] == (MOBILE, 2, "")


def test_other_forms(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("Bearer abc\n")
    one = Text(7, MOBILE, "a&b=ć")
    settings = SmsSettings(url=URL, form="form", body="to=$to&m=$text&id=$id", authorization_file=secret)
    _, body, headers = compose(settings, one)
    assert body == b"to=%2B48601000111&m=a%26b%3D%C4%87&id=7" and ("Authorization", "Bearer abc") in headers
    url, body, _ = compose(SmsSettings(url=f"{URL}?n=$to&m=$text", method="GET"), one)
    assert (url, body) == (f"{URL}?n=%2B48601000111&m=a%26b%3D%C4%87", b"")


async def test_an_authorization_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    box = Box(authorization_file=tmp_path / "none")
    box.sms.send(MOBILE, "x", "pl")
    await box.tick()
    assert "No such file" in box.sms.trouble and len(box.sms) == 1 and box.provider.asked == []
