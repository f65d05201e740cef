"""The front desk by itself: overrides, lists, history, cards."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.call import callers
from softswitch.call.callers import Callers, Numbers, canonical, pattern
from softswitch.call.customers import Cards, Customer
from softswitch.call.desk import Desk
from softswitch.directory import Directory, Hours, Span
from softswitch.directory.entry import NumberList, Outage
from softswitch.events import Event

WALL = 1_790_000_000.0
SITE = Directory(
    "pbx.test",
    hours={"office": Hours("office", (Span((0, 1, 2, 3, 4), 480, 1200),))},
    lists={"bad": NumberList("bad", numbers=("+4870*", "22 123 45 67", "112", "anonymous"))},
    extensions={"800": "menu:x", "101": "extension:101"},
)


def make(scheduled: bool = True) -> tuple[Desk, list[Event]]:
    told: list[Event] = []
    desk = Desk(told.append, SITE, lambda name: scheduled)
    desk.set_clock(WALL)
    return desk, told


# --- hours by hand -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduled", [True, False])
def test_hours_by_hand_until_their_end(scheduled: bool) -> None:
    desk, told = make(scheduled)
    switches = desk.switches
    assert switches.is_open("office") is scheduled and desk.next_deadline() is None
    assert switches.set_hours("office", "closed" if scheduled else "open", "cli", 0.0, WALL + 60.0) == ""
    assert switches.is_open("office") is not scheduled
    assert desk.next_deadline() == 60.0
    desk.expire(59.9)
    assert switches.is_open("office") is not scheduled
    desk.expire(60.0)
    assert switches.is_open("office") is scheduled and desk.next_deadline() is None
    assert [event.as_dict()["by"] for event in told] == ["cli", "expired"]


def test_a_clock_that_is_set_moves_the_end() -> None:
    desk, _ = make()
    desk.switches.set_hours("office", "closed", "cli", 0.0, WALL + 3_600.0)
    desk.set_clock(WALL + 3_000.0)  # Summer time was not meant: the machine's clock was 50 minutes late.
    assert desk.next_deadline() == 600.0


def test_what_cannot_be() -> None:
    desk, told = make()
    switches = desk.switches
    assert switches.set_hours("nowhere", "open", "cli", 0.0) == "unknown"
    assert switches.set_hours("office", "ajar", "cli", 0.0) == "state"
    assert switches.set_hours("office", "open", "cli", 0.0, WALL - 1.0) == "past"
    assert switches.outage_off("net", "cli") == "unknown" and switches.press_outage("net", "101", 0.0) == "unknown"
    assert told == []


def test_the_site_has_the_last_word_when_it_changes_it() -> None:
    desk, told = make()
    desk.switches.set_hours("office", "closed", "cli", 0.0)
    desk.configure(SITE)
    assert "office" in desk.switches.hours, "the same site again changes nothing"
    office = SITE.hours["office"]
    desk.configure(Directory("pbx.test", hours={"office": Hours("office", office.spans, override="open")}))
    assert not desk.switches.hours and told[-1].as_dict() | {"by": "site", "state": "open"} == told[-1].as_dict()
    desk.switches.set_hours("office", "closed", "cli", 0.0)
    desk.configure(Directory("pbx.test"))
    assert not desk.switches.hours


def test_the_next_opening_knows_what_was_said_by_hand() -> None:
    desk, _ = make()
    at = datetime(2026, 9, 22, 8, 0, tzinfo=UTC)
    desk.opens = lambda name, wall: at if wall < at.timestamp() else at + timedelta(days=1)
    assert desk.next_opening("office", 0.0) == at
    desk.switches.set_hours("office", "open", "cli", 0.0)
    assert desk.next_opening("office", 5.0) == datetime.fromtimestamp(WALL + 5.0, UTC)
    desk.switches.set_hours("office", "closed", "cli", 0.0)
    assert desk.next_opening("office", 0.0) is None, "nobody knows"
    desk.switches.set_hours("office", "closed", "cli", 0.0, at.timestamp() + 1.0)
    assert desk.next_opening("office", 0.0) == at + timedelta(days=1)


def test_everything_comes_back_after_a_restart() -> None:
    desk, _ = make()
    desk.switches.set_hours("office", "closed", "cli", 0.0, WALL + 100.0)
    desk.switches.outage_on(Outage("net", "", ("800",), ("outage",), "hangup", 10.0), "101", 0.0)
    desk.callers.block("anonymous", "cli", 0.0, WALL + 50.0, "silence")
    kept = desk.export()
    other, told = make()
    other.restore(kept, 10.0)
    assert other.export() == kept and told == []
    late, told = make()
    late.restore(kept, 100.0)
    assert not late.switches.hours and not late.callers.blocks and list(late.switches.outages) == ["net"]
    assert late.switches.outages["net"].until == WALL + 600.0


# --- lists and blocks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("+48701234567", True),
        ("+48221234567", True),
        ("221234567", True),
        ("0048221234567", True),
        ("+48221234568", False),
        ("112", True),
        ("1122", False),
        ("", True),
        ("anonymous", True),
        ("anna", False),
    ],
)
def test_lists_hold_numbers_in_any_spelling(number: str, found: bool) -> None:
    desk, _ = make()
    assert desk.callers.holds("bad", number) is found
    assert desk.callers.lists_of(number) == (["bad"] if found else [])
    assert not desk.callers.holds("nowhere", number)


def test_the_blocked_are_a_list_too() -> None:
    desk, told = make()
    assert desk.callers.block("601 000 111", "cli", 1.0, reason="insults") == "+48601000111"
    assert desk.callers.holds("blocked", "+48601000111") and desk.callers.names() == {"bad", "blocked"}
    assert desk.callers.block("what", "cli", 1.0) == "" and desk.callers.unblock("+48999", "cli") == ""
    assert desk.callers.unblock("601000111", "cli") == "+48601000111" and not desk.callers.holds(
        "blocked", "+48601000111"
    )
    assert [event.name for event in told] == ["caller.blocked", "caller.unblocked"]


@given(
    st.sets(st.from_regex(r"\+[1-9][0-9]{1,6}\*?", fullmatch=True)), st.from_regex(r"\+[1-9][0-9]{1,9}", fullmatch=True)
)
@settings(max_examples=200)
def test_a_list_agrees_with_looking_at_each_number(patterns: set[str], number: str) -> None:
    plain = any(number.startswith(one[:-1]) if one.endswith("*") else one == number for one in patterns)
    assert Numbers(patterns).holds(number) is plain


@given(st.text(max_size=30))
def test_no_text_harms(text: str) -> None:
    spelt = pattern(text, "pl")
    assert isinstance(spelt, str) and (not spelt or pattern(spelt, "pl") == spelt)
    assert isinstance(canonical(text, "pl"), str)


# --- history ---------------------------------------------------------------------------------------------------------------


def test_calls_of_today_are_those_since_midnight_there() -> None:
    found = Callers(lambda event: None, SITE)
    zone = ZoneInfo("Europe/Warsaw")
    noon = datetime(2026, 10, 25, 12, 0, tzinfo=zone)  # A day of 25 hours.
    for hours in (13.5, 12.5, 3.0, 1.0, 0.0):
        found.note("601000111", noon.timestamp() - 3_600.0 * hours)
    # Noon is 13 hours after midnight, for clocks were put back: one of five was yesterday, one is this call.
    assert found.calls_today("+48601000111", noon) == 3
    assert found.calls_within("+48601000111", 2.0, noon) == 1
    assert found.calls_today("+48601000112", noon) == 0 and found.remembered == 1


def test_the_past_is_put_before_what_came_since() -> None:
    found = Callers(lambda event: None, SITE)
    found.note("+48601000111", WALL)
    found.begin_recall()
    found.recall([("+48601000111", WALL - 20.0), ("+48601000112", WALL - 10.0)])
    found.end_recall()
    assert found.calls_since("+48601000111", WALL - 30.0) == 2 and found.calls_since("+48601000112", 0.0) == 1


def test_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "MOST_NUMBERS", 10)
    found = Callers(lambda event: None, SITE)
    found.epoch = WALL
    for number in range(30):
        found.note(f"+4860100{number:04}", WALL + number)
    assert found.remembered == 10 and not found.calls_since("+48601000000", 0.0)
    found.tidy(callers.REMEMBERED + 25.0)
    assert found.remembered == 5


# --- cards -------------------------------------------------------------------------------------------------------------------


def test_a_card_is_found_by_number_and_by_what_is_typed() -> None:
    cards = Cards("pl")
    cards.put(
        Customer("K1", "Ala", ("+48601000111",), "pl", True, "b2b", "anna", {"nip": "526-000-12-46", "city": "Łódź"})
    )
    card = cards.by_number("601 000 111".replace(" ", ""))
    assert card == {
        "id": "K1", "name": "Ala", "vip": True, "language": "pl", "manager": "anna", "segment": "b2b",
        "nip": "526-000-12-46", "city": "Łódź", "company": "", "email": "", "link": "", "tags": "", "do_not_call": False,
    }  # fmt: skip
    assert (
        cards.by_value("id", "K1")
        == card
        == cards.by_value("nip", "5260001246")
        == cards.by_value("number", "+48601000111")
    )
    assert cards.by_value("nip", "1") is None and cards.by_value("city", "Łódź") is None and cards.by_number("") is None


customers = st.builds(
    Customer,
    st.sampled_from(["A", "B", "C", "D"]),
    st.text(max_size=5),
    st.sets(st.sampled_from([f"+4860100011{one}" for one in range(5)]), max_size=2).map(tuple),
    fields=st.dictionaries(st.sampled_from(["nip", "pesel"]), st.sampled_from(["1", "2", "x"]), max_size=2),
)


@given(st.lists(st.one_of(customers, st.sampled_from(["A", "B", "C", "D"])), max_size=25))
@settings(max_examples=200)
def test_the_indexes_agree_with_the_cards(changes: list[Customer | str]) -> None:
    cards = Cards("pl")
    plain: dict[str, Customer] = {}
    owners: dict[str, str] = {}
    for change in changes:
        name = change if isinstance(change, str) else change.id
        owners = {number: whose for number, whose in owners.items() if whose != name}
        if isinstance(change, str):
            assert cards.remove(change) is (plain.pop(change, None) is not None)
        else:
            cards.put(change)
            plain[change.id] = change
            owners |= dict.fromkeys(change.numbers, change.id)
    assert len(cards) == len(plain) and set(cards.ids()) == set(plain)
    for number in (f"+4860100011{one}" for one in range(5)):
        found = cards.by_number(number)
        assert (found["id"] if found else "") == owners.get(number, "") == cards.owner(number)
    counted = Counter((name, value) for one in plain.values() for name, value in one.fields.items())
    for name in ("nip", "pesel"):
        for value in ("1", "2", "x"):
            card = cards.by_value(name, value)
            assert (card is not None) is (counted[name, value] == 1 and value != "x")
