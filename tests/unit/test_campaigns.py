"""Campaigns in virtual time: whom they call, when, how often; and books that balance whatever happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.campaigns import (
    LOOK,
    OPEN,
    Book,
    Contact,
    Dial,
    Found,
    Withdraw,
    permits,
    script_of,
)
from softswitch.directory.campaigns import WORKING_HOURS, Campaign

MONDAY = datetime(2027, 3, 1, 10, 0, tzinfo=ZoneInfo("Europe/Warsaw")).timestamp()
HOUR = 3_600.0
ZONES = {"+48": "Europe/Warsaw", "+44": "Europe/London", "+1": "America/New_York"}


def zone(number: str) -> str:
    return next(name for prefix, name in ZONES.items() if number.startswith(prefix))


class World:
    """A book, and a queue's list that carries out its orders."""

    def __init__(self, count: int = 3, denied: tuple[str, ...] = (), **config: object) -> None:
        self.denied = set(denied)
        more = {"mode": "progressive", "enabled": True, **config}
        self.book = Book(Campaign("c", "info", **more), zone, self.denied.__contains__)  # type: ignore[arg-type]
        self.book.add(Contact(f"k{index}", f"+4860000000{index}") for index in range(count))
        self.now = MONDAY
        self.listed: dict[str, str] = {}  # callback -> contact
        self.called: list[str] = []
        self.withdrawn: list[str] = []

    def tick(self, free: int = 1) -> list[str]:
        """Whom it wants called now."""
        return self.carry_out(self.book.tick(self.now, free))

    def carry_out(self, orders: object) -> list[str]:
        found = []
        for order in [*orders, *self.book.taken()]:  # type: ignore[misc]
            if isinstance(order, Dial):
                callback = f"b{len(self.called)}"
                self.called.append(order.contact)
                self.listed[callback] = order.contact
                self.book.listed(order.contact, callback, "", self.now)
                found.append(order.contact)
            elif isinstance(order, Withdraw):
                self.listed.pop(order.callback, None)
                self.withdrawn.append(order.callback)
        return found

    def of(self, contact: str) -> str:
        return next(callback for callback, one in self.listed.items() if one == contact)

    def missed(self, contact: str, cause: str = "no_answer") -> None:
        callback = self.of(contact)
        self.book.attempted(callback, self.now)
        self.book.missed(callback, cause, self.now)
        self.carry_out([])

    def reached(self, contact: str) -> None:
        callback = self.of(contact)
        self.book.attempted(callback, self.now)
        self.book.ended(callback, "reached", "anna", self.now)
        del self.listed[callback]


def test_one_call_for_each_agent_who_is_free() -> None:
    w = World(5)
    assert w.tick(0) == [] and w.tick(2) == ["k0", "k1"]
    assert w.tick(2) == [], "two agents, two calls"
    w.reached("k0")
    assert w.tick(2) == ["k2"]
    assert w.book.counts() | {} == {
        "waiting": 2, "shown": 0, "calling": 2, "reached": 1, "not_reached": 0, "denied": 0, "skipped": 0, "cancelled": 0,
    }  # fmt: skip


def test_attempts_and_the_gap_between_them() -> None:
    w = World(1, attempts=3, gap=4.0)
    times = []
    while w.book.contacts["k0"].status in OPEN:
        if w.tick():
            times.append((w.now - MONDAY) / HOUR)
            w.missed("k0", "busy")
        w.now += 600
        assert w.now < MONDAY + 7 * 24 * HOUR
    assert times[:2] == [0.0, 4.0] and 8.0 <= times[2] <= 8.5
    one = w.book.contacts["k0"]
    assert (one.status, one.attempts, one.outcome, one.callback) == ("not_reached", 3, "busy", "")
    assert len(w.withdrawn) == 3, "the queue does not try again by its own rules"


def test_the_hours_are_those_of_the_customer() -> None:
    w = World(0)
    w.book.add([Contact("pl", "+48600000001"), Contact("uk", "+442070000001"), Contact("ny", "+12120000001")])
    w.now = datetime(2027, 3, 1, 8, 59, tzinfo=ZoneInfo("Europe/Warsaw")).timestamp()
    assert w.tick(9) == []
    seen = {}
    while len(seen) < 3:
        seen |= {one: datetime.fromtimestamp(w.now, ZoneInfo("UTC")).hour for one in w.tick(9)}
        w.now += 60
    assert seen == {"pl": 8, "uk": 9, "ny": 14}
    assert not permits(WORKING_HOURS, "Europe/Warsaw", MONDAY + 5 * 24 * HOUR), "on a Saturday"


def test_what_nobody_has_taken_before_the_evening_waits_for_the_next_day() -> None:
    w = World(1)
    w.now = datetime(2027, 3, 1, 19, 59, tzinfo=ZoneInfo("Europe/Warsaw")).timestamp()
    assert w.tick() == ["k0"]
    w.now += 120
    assert w.tick() == [] and not w.listed
    assert (w.book.contacts["k0"].status, w.book.contacts["k0"].attempts) == ("waiting", 0)


def test_nobody_on_a_deny_list_is_called_even_if_they_came_on_it_later() -> None:
    w = World(2, denied=("+48600000000",))
    assert w.tick(1) == ["k1"]
    assert w.book.contacts["k0"].status == "denied"
    w.missed("k1")
    w.denied.add("+48600000001")
    w.now += 5 * HOUR
    assert w.tick(1) == [] and w.book.contacts["k1"].status == "denied"


def test_a_contact_that_is_refused_at_the_last_moment_is_no_attempt() -> None:
    w = World(1)
    (order,) = w.book.tick(w.now, 1)
    assert isinstance(order, Dial)
    w.book.listed("k0", "", "the list is full", w.now)
    one = w.book.contacts["k0"]
    assert (one.status, one.attempts, one.outcome) == ("waiting", 0, "the list is full")
    w.now += LOOK
    assert w.tick() == ["k0"]


def test_too_many_who_meet_nobody_end_the_day() -> None:
    w = World(0, max_abandoned=3.0)
    w.book.add(Contact(f"k{index}", f"+486000{index:05}") for index in range(80))
    for index in range(40):
        (one,) = w.tick()
        if index in (10, 20):
            w.missed(one, "hung_up")
        else:
            w.reached(one)
        if w.book.held:
            break
    assert (w.book.answered, w.book.abandoned) == (40, 2) and not w.book.held, "counted; 2 of 21 is too few to tell"
    (one,) = w.tick()
    w.missed(one, "hung_up")
    assert w.book.abandoned_share == pytest.approx(100 * 3 / 41) and w.book.held
    assert w.tick(5) == []
    w.now += 24 * HOUR
    assert w.tick(1) != [] and not w.book.held


def test_preview_an_agent_looks_accepts_or_lets_it_be() -> None:
    w = World(3, mode="preview")
    assert w.tick(5) == [], "nobody is called before somebody has looked"
    one = w.book.next_for("anna", w.now)
    assert one is not None and one.id == "k0" and w.book.next_for("anna", w.now) is one
    other = w.book.next_for("jan", w.now)
    assert other is not None and other.id == "k1"
    assert w.book.accept("k0", "jan", w.now) == "it is not shown to you"
    assert w.book.accept("k0", "anna", w.now) == ""
    (order,) = w.book.taken()
    assert order == Dial("k0", "anna")
    assert w.book.skip("k1", "jan", "wrong person", 0.0, w.now) == ""
    assert (other.status, other.note) == ("skipped", "wrong person")
    third = w.book.next_for("jan", w.now)
    assert third is not None and w.book.skip("k2", "jan", "", HOUR, w.now) == "" and third.status == "waiting"
    assert w.book.next_for("jan", w.now) is None
    w.now += HOUR
    assert w.book.next_for("jan", w.now) is third
    w.now += 700  # They went for lunch.
    w.tick()
    assert third.status == "waiting" and third.agent == ""


def test_a_campaign_that_is_switched_off_calls_nobody() -> None:
    w = World(2, enabled=False)
    assert w.tick(5) == [] and w.book.next_for("anna", w.now) is None


def test_a_list_that_is_cleared_takes_its_callbacks_along() -> None:
    w = World(3)
    w.tick(2)
    w.book.clear()
    w.carry_out([])
    assert w.listed == {} and w.book.counts()["cancelled"] == 3 and w.tick(5) == []


def test_a_person_who_is_forgotten_is_called_no_more_and_the_books_balance() -> None:
    w = World(3)
    w.tick(1)
    found = w.book.forget(lambda text: text == "+48600000000", "erased-1")
    w.carry_out([])
    assert [(one.number, one.name, one.status) for one in found] == [("erased-1", "", "cancelled")]
    assert w.listed == {} and w.tick(9) == ["k1", "k2"] and sum(w.book.counts().values()) == 3
    assert w.book.add([Contact("new", "+48600000000")]) == 1, "nothing of them is known any more"


def test_one_number_stands_once_on_a_list() -> None:
    w = World(1)
    assert w.book.add([Contact("x", "+48600000000"), Contact("y", "+48600000009"), Contact("z", "+48600000009")]) == 1


def test_what_agents_see() -> None:
    one = Contact("k", "+48600000001", "Jan", {"debt": "120 zł"})
    assert script_of(Campaign("c", script="# {name}\n{debt} {nothing}"), one) == "# Jan\n120 zł {nothing}"


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["tick", "hour", "ring", "missed", "abandoned", "reached", "expired", "cancelled", "show", "accept",
                         "skip", "later", "refuse", "restart", "deny", "clear"]),
        st.integers(0, 9),
    ), max_size=60,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(ACTS, st.sampled_from(["preview", "progressive"]))
def test_the_books_balance(acts: list[tuple[str, int]], mode: str) -> None:
    w = World(6, mode=mode, attempts=2)
    for what, number in acts:
        callbacks = list(w.listed)
        picked = callbacks[number % len(callbacks)] if callbacks else ""
        act(w, what, number, picked)
        assert sum(w.book.counts().values()) == 6
        held = [one for one in w.book.contacts.values() if one.callback]
        assert {one.callback for one in held} == set(w.listed), "what is on the queue's list is what the book says"
        assert all(one.status == "calling" for one in held)
        assert all(one.attempts <= 2 for one in w.book.contacts.values())
    for _ in range(40):  # Whatever has happened, everybody comes to an end.
        w.now += 5 * HOUR
        act(w, "show", 0, "")
        act(w, "accept", 0, "")
        for contact in [*w.tick(9), *w.listed.values()]:
            if contact in w.listed.values():
                w.reached(contact)
    assert not any(one.status in OPEN for one in w.book.contacts.values())


def act(w: World, what: str, number: int, picked: str) -> None:
    book = w.book
    if what == "tick":
        w.tick(number % 4)
    elif what == "hour":
        w.now += HOUR
    elif what == "ring" and picked:
        book.attempted(picked, w.now)
    elif what in ("missed", "abandoned") and picked:
        w.missed(w.listed[picked], "busy" if what == "missed" else "hung_up")
    elif what == "reached" and picked:
        w.reached(w.listed[picked])
    elif what in ("expired", "cancelled") and picked:
        book.ended(picked, what, "", w.now)
        del w.listed[picked]
    elif what == "show":
        book.next_for("anna", w.now)
    elif what in ("accept", "skip", "later"):
        shown = next((one for one in book.contacts.values() if one.status == "shown"), None)
        if shown is not None and what == "accept":
            book.accept(shown.id, "anna", w.now)
        elif shown is not None:
            book.skip(shown.id, "anna", "", HOUR if what == "later" else 0.0, w.now)
        w.carry_out([])
    elif what == "refuse":
        for order in book.tick(w.now, 1):
            if isinstance(order, Dial):
                book.listed(order.contact, "", "full", w.now)
            else:
                w.carry_out([order])
    elif what == "restart":
        w.book = Book(book.config, zone, w.denied.__contains__)
        w.book.add(book.contacts.values())
        w.book.load(book.export())
    elif what == "deny":
        w.denied.add(f"+4860000000{number}")
    elif what == "clear" and number == 0:
        book.clear()
        w.carry_out([])


def test_a_campaign_that_pauses_goes_on_where_it_was() -> None:
    w = World(3)
    assert w.tick() == ["k0"]
    w.book.paused = True
    w.reached("k0")
    assert w.tick() == [] and w.book.next_for("anna", w.now) is None
    kept, other = w.book.export(), World(0)
    other.book.load(kept)
    assert other.book.paused, "a restart starts nothing"
    w.book.paused = False
    assert w.tick() == ["k1"]


def test_only_the_agents_of_the_campaign_are_rung() -> None:
    w = World(4, agents=("anna", "jan"))
    orders = w.book.tick(w.now, 3, ["ola", "jan", "anna"])
    assert [(one.contact, one.agent) for one in orders if isinstance(one, Dial)] == [("k0", "jan"), ("k1", "anna")]
    w.carry_out(orders)
    assert w.book.tick(w.now, 3, ["ola", "jan", "anna"]) == [], "one call for each of them"


def test_results_by_disposition_and_who_is_called_again() -> None:
    w = World(3, attempts=1, gap=1.0)
    w.tick(3)
    for index in range(3):
        w.book.attempted(w.of(f"k{index}"), w.now, f"call{index}")
    w.book.said("call0", "sale")
    w.book.said("call1", "refusal")
    w.book.said("call1", "sale")
    w.book.said("nobody's", "sale")
    for index in (0, 1):
        w.book.ended(w.of(f"k{index}"), "reached", "anna", w.now)
    w.book.missed(w.of("k2"), "busy", w.now)
    assert +w.book.dispositions == {"sale": 2} and (w.book.attempts, w.book.called) == (3, 3)
    assert round(w.book.hit_rate or 0, 1) == 66.7 and w.book.next_due() is None
    assert w.book.again("k0", "jan", "", 600, w.now), "another agent has talked to them"
    assert w.book.again("k0", "anna", "machine", 600, w.now) == ""
    one = w.book.contacts["k0"]
    assert (one.status, one.note, w.book.next_due()) == ("waiting", "machine", w.now + 600)
    w.denied.add(w.book.contacts["k1"].number)
    assert "nobody may call" in w.book.again("k1", "anna", "", 600, w.now)
    again = World(0)
    again.book.add(w.book.contacts.values())
    assert again.book.counts() == w.book.counts() and +again.book.dispositions == {"sale": 2}
    assert (again.book.attempts, again.book.called) == (3, 3)


KNOWN = {
    "nobody was rung": (None, "waiting", 0),
    "it is on the list, and nobody was dialled": (Found("b", open=True), "calling", 0),
    "the agent hears that it will be dialled": (Found("b", open=True, live=True), "calling", 0),
    "the phone rings on": (Found("b", 1, open=True, live=True, ringing=True, call="c"), "calling", 1),
    "it rang, and the call is gone": (Found("b", 1, open=True), "waiting", 1),
    "nobody answered meanwhile": (Found("b", 1, outcome="not_reached", cause="busy"), "waiting", 1),
    "they talked meanwhile": (Found("b", 1, outcome="reached", agent="anna"), "reached", 1),
    "it was taken back after it rang": (Found("b", 1, outcome="cancelled", cause="busy"), "waiting", 1),
    "it was taken back before": (Found("b", outcome="cancelled"), "waiting", 0),
}


@pytest.mark.parametrize("kept", ["ordered", "listed", "connecting", "attempted"])
@pytest.mark.parametrize("what", KNOWN)
def test_whoever_may_have_been_dialled_before_a_kill_counts_as_called(what: str, kept: str) -> None:
    """Whatever was the last that reached the disk, and whatever is found of the call: never two calls for one attempt."""
    first = World(1, attempts=3, gap=4.0)
    (order,) = first.book.tick(first.now, 1)
    assert isinstance(order, Dial)
    if kept != "ordered":
        first.book.listed("k0", "b", "", first.now)
    if kept == "connecting":
        assert first.book.connecting("b", "anna") and not first.book.connecting("x", "anna")
    if kept == "attempted":
        first.now += 5
        first.book.attempted("b", first.now, "c")
    stored = replace(first.book.contacts["k0"], ringing=False)

    w = World(0, attempts=3, gap=4.0)
    w.now = first.now + 60
    w.book.add([stored])
    assert w.tick(5) == [], "nobody is called before it is known what has become of the last call"
    assert [one.id for one in w.book.unsure()] == ["k0"]
    found, status, attempts = KNOWN[what]
    w.book.found_out("k0", found, w.now)
    one = w.book.contacts["k0"]
    # What is on the disk knows more than a record of the queue that a power failure has eaten.
    if kept in ("connecting", "attempted") and found is not None and attempts == 0:
        status, attempts = "waiting", 1
    assert (one.status, one.attempts) == (status, 1 if kept == "attempted" else attempts)
    if one.attempts and status == "waiting" and found is not None:
        assert one.due >= w.now + 4 * HOUR - 1 and w.tick(5) == [], "the next attempt has its gap"
    w.carry_out([])
    assert sum(w.book.counts().values()) == 1 and w.book.attempts == one.attempts
    if found is not None and found.open and status != "calling":
        assert w.withdrawn == ["b"], "and the queue does not call them by itself"
