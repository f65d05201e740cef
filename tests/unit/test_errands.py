"""Notices to callers, and the errands of menus: who is told what, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from softswitch.call.customers import Customer
from softswitch.call.desk import Desk
from softswitch.config import Config
from softswitch.config.services import SmsSettings
from softswitch.config.voicemail import MailSettings
from softswitch.directory import Directory, Queue
from softswitch.directory.entry import Notice
from softswitch.effects import ErrandDone, HttpRequest, SendMail, SendText
from softswitch.events import CallbackCreated, CallEnded, CallerJoined, CallerLeft, Event
from softswitch.integrations.errands import MAIL_STATE, SMS_STATE, Errands
from softswitch.integrations.mail import Note, compose

MOBILE = "+48601000111"
TEXTS = {"pl": "Oddzwonimy, {name} ({queue})", "en": "We call back, {name}"}
NOTICES = {
    "missed": Notice("missed", "abandoned", ("sales",), TEXTS, after_wait=10.0),
    "after": Notice("after", "after_call", ("*",), {"": "Thank you"}, min_talk=5.0),
    "booked": Notice("booked", "callback", ("*",), {"en": "Booked at {time}"}),
}


@dataclass
class House:
    """What errands need of a daemon: a site, a desk, a store, and somebody who hears what happens."""

    config: Config
    directory: Directory
    told: list[Event] = field(default_factory=list)
    done: list[ErrandDone] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)
    work: list[Any] = field(default_factory=list)
    alarms: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        desk = Desk(self.told.append, self.directory, lambda name: True)
        self.facilities = SimpleNamespace(desk=desk)
        self.publisher = SimpleNamespace(publish=self.told.append)
        self.store = SimpleNamespace(save_state=self.kept.__setitem__)
        self.switch = SimpleNamespace(errand_done=lambda done, now: self.done.append(done))
        self.errands = Errands(self)  # type: ignore[arg-type]

    def spawn(self, work: Any) -> None:
        self.work.append(work)

    def input(self, where: str, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments, 0.0)

    def stands(self, name: str, detail: str) -> None:
        if detail:
            self.alarms[name] = detail
        else:
            self.alarms.pop(name, None)

    @property
    def texts(self) -> list[tuple[str, str]]:
        """What waits to be sent: the notice and the text."""
        return [(one["notice"], one["text"]) for one in self.errands.sms.export()["waiting"]]


def house(**more: Any) -> House:
    config = Config(sms=SmsSettings(url="https://sms.example.com/"), **more)
    return House(config, Directory("pbx.test", queues={"sales": Queue("sales", "Sprzedaż")}, notices=NOTICES))


def joined(call: str, number: str = MOBILE, queue: str = "sales") -> CallerJoined:
    return CallerJoined(queue, call, 1, number, 0, 1, 1)


def left(call: str, outcome: str = "abandoned", waited: float = 30.0, queue: str = "sales") -> CallerLeft:
    return CallerLeft(queue, call, 1, outcome, waited, 1, 0)


async def test_who_gave_up_is_told() -> None:
    there = house()
    there.facilities.desk.cards.put(Customer("K1", "Jan", (MOBILE,)))
    for event in (joined("a"), left("a")):
        there.errands.see(event)
    assert there.texts == [("missed", "Oddzwonimy, Jan (Sprzedaż)")] and there.kept[SMS_STATE]["waiting"]


@pytest.mark.parametrize(
    ("number", "outcome", "waited", "queue"),
    [
        (MOBILE, "answered", 30.0, "sales"),
        (MOBILE, "abandoned", 9.0, "sales"),
        (MOBILE, "abandoned", 30.0, "other"),
        ("101", "abandoned", 30.0, "sales"),
        ("", "abandoned", 30.0, "sales"),
        ("+48221234567", "abandoned", 30.0, "sales"),
    ],
)
async def test_who_is_not(number: str, outcome: str, waited: float, queue: str) -> None:
    there = house()
    for event in (joined("a", number, queue), left("a", outcome, waited, queue)):
        there.errands.see(event)
    assert there.texts == []


async def test_the_blocked_and_the_impatient_get_no_more() -> None:
    there = house()
    for number in range(8):
        there.errands.see(joined(f"c{number}"))
        there.errands.see(left(f"c{number}"))
    assert len(there.texts) == there.config.sms.per_number == 5
    assert [event.as_dict()["error"] for event in there.told] == ["limit"] * 3
    there.facilities.desk.callers.block("+48601000222", "cli", 0.0)
    there.told.clear()
    for event in (joined("x", "+48601000222"), left("x")):
        there.errands.see(event)
    assert there.told == []


async def test_after_a_call_and_when_a_callback_is_booked() -> None:
    there = house()
    ended = CallEnded(
        "a", MOBILE, "", "800", "", "answered", 200, "normal", 1.0, 60.0, 61.0, queue="sales", agent="anna", trunk="t"
    )
    booked = CallbackCreated("b", "sales", MOBILE, "", "requested", "agent", 0, 0.0, 0.0, 0.0, 0.0, language="en")
    there.errands.see(ended)
    there.errands.see(booked)
    assert [notice for notice, _ in there.texts] == ["after", "booked"]
    assert there.texts[1][1].startswith("Booked at ")
    for event in (
        CallEnded("a", MOBILE, "", "800", "", "answered", 200, "x", 1.0, 3.0, 4.0, queue="sales", trunk="t"),
        CallEnded("a", MOBILE, "", "800", "101", "answered", 200, "x", 1.0, 60.0, 61.0, queue="sales"),
        CallbackCreated("b", "sales", MOBILE, "", "voicemail", "agent", 0, 0.0, 0.0, 0.0, 0.0),
    ):
        there.errands.see(event)
    assert len(there.texts) == 2


async def test_steps_of_menus_hear_what_became_of_their_errands() -> None:
    there = house()
    errands = there.errands
    errands.text(SendText("c/1", "c", "+4922112345678", "Hallo"))
    errands.mail(SendMail("c/2", "c", ("a@example.com",), "s", "t"))
    assert [(one.errand, one.result) for one in there.done] == [("c/1", "failed"), ("c/2", "disabled")]
    errands.fetch(HttpRequest("c/3", "c", "GET", "http://127.0.0.1/?pin=9876"))
    await there.work.pop()
    assert there.done[-1].result == "refused" and "public" in there.done[-1].detail
    assert there.told[-1].as_dict()["host"] == "127.0.0.1" and "9876" not in str(there.told)
    await errands.close()


async def test_mails_are_kept_until_they_are_sent() -> None:
    there = house(mail=MailSettings(host="mail.example.com"))
    there.errands.mail(SendMail("c/1", "c", ("a@example.com",), "Subject", "Text"))
    (kept,) = there.kept[MAIL_STATE]
    other = house(mail=MailSettings(host="mail.example.com"))
    other.errands.load(SimpleNamespace(states={MAIL_STATE: SimpleNamespace(value=[kept])}))  # type: ignore[arg-type]
    assert len(other.errands.outbox) == 1
    there.errands._mail_told(Note(kept["message"], ("a@example.com",), "s", "t", "c", "c/1"), 2, "")
    assert there.kept[MAIL_STATE] == [] and there.done[-1] == ErrandDone("c/1", "ok")
    assert there.told[-1].name == "mail.sent"


def test_a_mail_of_a_menu_is_one_mail() -> None:
    mail = compose(Note(1, ("a@example.com",), "Line\r\nBcc: x@example.com", "Żółć\r\n\x07.\n"), "pbx@example.com")
    assert mail["Subject"] == "LineBcc: x@example.com" and mail["Bcc"] is None
    assert mail.get_content() == "Żółć\n.\n\n" and mail["Auto-Submitted"] == "auto-generated"
