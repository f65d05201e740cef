"""At the entrance: announcements of outages, who is let in, whose card is found, and the keys that switch."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from softswitch.call.customers import Customer
from softswitch.call.desk import Desk
from softswitch.directory import ChoiceStep, Hours, Menu, PlayStep, Queue, SayStep, Span
from softswitch.directory.entry import NumberList, Outage, Screening
from tests.sim.provider import Provider, outside, trunk
from tests.sim.test_forwarding import code
from tests.sim.test_lamps import watcher
from tests.sim.world import World, account, site

CALLER = "+48601000111"
DIDS = {"+48221234567": "extension:bob", "+48221234568": "queue:sales", "+48221234569": "menu:main"}
LIT = "confirmed recipient office"
CODES = {"*281": "hours.toggle:office", "*282": "hours.closed:office", "*29": "outage.toggle:net"}


def world(**more: Any) -> tuple[World, Provider]:
    accounts = {user: account(user, name=user.capitalize()) for user in ("anna", "bob")}
    more.setdefault("accounts", {**accounts, "boss": account("boss", controls=("*",))})
    more.setdefault("queues", {"sales": Queue("sales")})
    more.setdefault("menus", {"main": Menu("main", (ChoiceStep(("menu-main",), {"1": "queue:sales"}, timeout=5.0),))})
    more.setdefault("hours", {"office": Hours("office", (Span((0, 1, 2, 3, 4), 480, 1200),))})
    more.setdefault("outages", {"net": Outage("net")})
    more.setdefault("feature_codes", CODES)
    more.setdefault("extensions", {"800": "menu:main", "801": "queue:sales"})
    w = World(site(**outside(trunk(dids=DIDS), **more)))
    provider = Provider(w)
    w.run(1)
    return w, provider


def desk(w: World) -> Desk:
    return w.switch.calls.board.desk


def on(w: World, outage: Outage, until: float = 0.0) -> None:
    assert desk(w).switches.outage_on(outage, "cli", w.now, until) == ""
    w.switch.settle(w.now)


# --- outages -----------------------------------------------------------------------------------------------------------


def test_an_announcement_stands_before_everything_else() -> None:
    w, provider = world()
    on(w, Outage("net", clips=("outage",)))
    menu, queue, phone = (provider.dial_in(number) for number in ("+48221234569", "+48221234568", "+48221234567"))
    inside = w.phone("anna")
    bob = w.phone("bob")
    w.run(0.5)
    colleague, hotline = inside.call("bob"), inside.call("801")
    w.run(0.5)
    assert w.hears(menu) == w.hears(queue) == w.hears(phone) == w.hears(hotline) == "play:pl/outage"
    assert bob.lines, "colleagues are not told"
    w.run(0.7)
    assert w.hears(menu) == "play:pl/menu-main" and w.hears(queue) == "music:default"
    for line in (menu, queue, phone, colleague, hotline):
        line.phone.hang_up(line)
    w.run(60)
    record = next(event for event in w.switch.named("call.ended") if event.dialled == "+48221234569")
    assert record.path[0] == "outage:net"
    w.assert_idle()


def test_it_may_end_the_call_at_some_numbers_only() -> None:
    w, provider = world()
    on(w, Outage("net", "", ("+48221234568",), ("outage", "goodbye"), "hangup"))
    queue, menu = provider.dial_in("+48221234568"), provider.dial_in("+48221234569")
    w.run(0.5)
    assert w.hears(queue) == "play:pl/outage pl/goodbye" and w.hears(menu) == "play:pl/menu-main"
    w.run(5)
    assert queue.state == "ended"
    provider.hang_up(menu)
    w.run(60)
    ended = next(event for event in w.switch.named("call.ended") if event.dialled == "+48221234568")
    assert (ended.outcome, ended.cause) == ("completed", "outage")


def test_it_ends_by_itself_and_survives_a_restart() -> None:
    w, _ = world()
    on(w, Outage("net"), until=desk(w).switches.epoch + w.now + 60.0)
    kept = desk(w).export()
    w.run(30)
    assert desk(w).switches.outages
    w.run(31)
    assert not desk(w).switches.outages
    assert [(one.on, one.by) for one in w.switch.named("outage.switched")] == [(True, "cli"), (False, "expired")]
    other, _ = world()
    desk(other).restore(kept, other.now)
    assert list(desk(other).switches.outages) == ["net"]
    desk(other).restore(kept, other.now + 100.0)
    assert not desk(other).switches.outages, "it ended while nobody looked"


def test_of_several_the_one_that_names_the_number_is_heard() -> None:
    w, provider = world()
    on(w, Outage("some", "", ("+48221234568",), ("closed",)))
    on(w, Outage("all", clips=("outage",)))
    line = provider.dial_in("+48221234568")
    w.run(0.5)
    assert w.hears(line) == "play:pl/closed"


# --- who is let in -------------------------------------------------------------------------------------------------------


def test_a_blocked_number_is_refused_and_told_of() -> None:
    w, provider = world()
    assert desk(w).callers.block("601 000 111", "cli", w.now) == CALLER
    line = provider.dial_in("+48221234567")
    w.run(1)
    assert (line.state, line.status) == ("ended", 603)
    screened = w.switch.named("caller.screened")[0]
    assert (screened.number, screened.cause, screened.dialled) == (CALLER, "blocked", "+48221234567")
    record = w.switch.named("call.ended")[0]
    assert (record.outcome, record.cause, record.call) == ("failed", "blocked", screened.call)
    assert desk(w).callers.unblock(CALLER, "cli") == CALLER
    again = provider.dial_in("+48221234569")
    w.run(1)
    assert again.state == "up"


def test_a_block_ends() -> None:
    w, _ = world()
    desk(w).callers.block("+4860*", "cli", w.now, until=desk(w).callers.epoch + w.now + 100.0)
    w.run(50)
    assert desk(w).callers.blocked(CALLER)
    w.run(51)
    assert not desk(w).callers.blocked(CALLER)
    assert w.switch.named("caller.unblocked")[0].by == "expired"


@pytest.mark.parametrize(
    ("screening", "caller", "heard"),
    [
        (Screening("s", deny=("bad",)), CALLER, 603),
        (Screening("s", deny=("bad",)), "+48601000112", "up"),
        (Screening("s", ("+48221234567",), deny=("bad",)), CALLER, "up"),
        (Screening("s", deny=("bad",), allow=("good",)), "+48601000112", 603),
        (Screening("s", deny=("bad",), allow=("good",)), "+49301234567", "up"),
        (Screening("s", deny=("bad",), otherwise="play:not-permitted"), CALLER, "play:pl/not-permitted"),
        (Screening("s", deny=("hidden",)), "anonymous", 603),
        (Screening("s", deny=("hidden",)), CALLER, "up"),
    ],
)
def test_screenings(screening: Screening, caller: str, heard: str | int) -> None:
    lists = {
        "bad": NumberList("bad", numbers=("601 000 111",)),
        "good": NumberList("good", numbers=("+4930*",)),
        "hidden": NumberList("hidden", numbers=("anonymous",)),
    }
    w, provider = world(lists=lists, screenings={"s": screening})
    line = provider.dial_in("+48221234569", caller)
    w.run(0.5)
    if isinstance(heard, int):
        assert (line.state, line.status) == ("ended", heard)
    elif heard == "up":
        assert line.state == "up" and not w.switch.named("caller.screened")
    else:
        assert w.hears(line) == heard and w.switch.named("caller.screened")[0].destination == "play:not-permitted"


def test_whoever_calls_too_often_waits_until_tomorrow() -> None:
    w, provider = world(screenings={"s": Screening("s", most_calls=2, hours=1.0)})
    for expected in ("up", "up", "ended", "ended"):
        line = provider.dial_in("+48221234569")
        w.run(1)
        assert line.state == expected
        if expected == "up":
            provider.hang_up(line)
        w.run(60)
    other = provider.dial_in("+48221234569", "+48601000112")
    w.run(1)
    assert other.state == "up"
    w.run(3_700)
    line = provider.dial_in("+48221234569")
    w.run(1)
    assert line.state == "up"


# --- cards ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", [True, False])
def test_the_card_goes_with_the_call(shown: bool) -> None:
    w, provider = world(show_customers=shown)
    desk(w).cards.put(Customer("K-17", "Jan Kowalski", (CALLER,), "en", True, "b2b", "anna"))
    bob = w.phone("bob")
    w.run(1)
    line = provider.dial_in("+48221234567")
    w.run(2)
    shows = bob.lines[0].invite.get("From")
    assert shows.startswith('"Jan Kowalski"') is shown
    found = w.switch.named("customer.identified")[0]
    assert (found.customer, found.by) == ("K-17", "number")
    provider.hang_up(line)
    w.run(40)
    assert w.switch.named("call.ended")[0].customer == "K-17"
    menu = provider.dial_in("+48221234569")
    w.run(0.5)
    assert w.hears(menu) == "play:en/menu-main", "the card says which language"


# --- keys ------------------------------------------------------------------------------------------------------------------


def test_keys_switch_the_hours_and_show_it() -> None:
    w, _ = world()
    w.opening["office"] = True
    boss = watcher(w, "boss")
    keys = {name: boss.watch(name) for name in CODES}
    w.run(1)
    assert {key.lamp() for key in keys.values()} == {"idle"}
    assert code(w, boss, "*281") == "done"
    assert not desk(w).switches.is_open("office") and keys["*281"].lamp() == LIT
    assert keys["*282"].lamp() == LIT, "closed it is, whichever key did it"
    assert code(w, boss, "*281") == "done"
    assert desk(w).switches.is_open("office") and keys["*281"].lamp() == "idle"
    assert code(w, boss, "*29") == "done" and keys["*29"].lamp() == "confirmed recipient net"
    assert code(w, boss, "*29") == "done" and keys["*29"].lamp() == "idle"
    assert [(one.state, one.by) for one in w.switch.named("hours.switched")] == [("closed", "boss"), ("auto", "boss")]
    assert not desk(w).switches.set_hours("office", "closed", "cli", w.now, desk(w).switches.epoch + w.now + 60)
    w.switch.settle(w.now)
    w.run(1)
    assert keys["*281"].lamp() == LIT
    w.run(62)
    assert keys["*281"].lamp() == "idle", "the end is shown, too"


def test_whom_the_site_does_not_name_cannot_switch() -> None:
    w, _ = world()
    anna = w.phone("anna")
    w.run(1)
    assert code(w, anna, "*281") == "not-permitted" and code(w, anna, "*29") == "not-permitted"
    assert not w.switch.named("hours.switched") and not desk(w).switches.outages


# --- what menus can say of it --------------------------------------------------------------------------------------------


def test_a_menu_says_when_it_is_open_again() -> None:
    closed = Menu("main", (SayStep("moment", "opens.office"), PlayStep(("goodbye",))))
    w, provider = world(menus={"main": closed})
    zone, wall = ZoneInfo("Europe/Warsaw"), desk(w).switches.epoch + w.now
    tomorrow = (datetime.fromtimestamp(wall, zone) + timedelta(days=1)).replace(hour=8, minute=30, second=0)
    desk(w).opens = lambda name, since: tomorrow if name == "office" else None
    line = provider.dial_in("+48221234569")
    w.run(0.5)
    assert w.hears(line) == "play:pl/tomorrow pl/hours/8 pl/numbers/30"
    desk(w).switches.set_hours("office", "closed", "cli", w.now)
    unknown = provider.dial_in("+48221234569")
    w.run(0.5)
    assert w.hears(unknown) == "play:pl/goodbye", "nobody knows, nothing is said"
