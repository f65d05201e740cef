"""Another program that knows callers: what its answers are taken for, how long they are good, and what fails (API-09)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from softswitch.call.customers import Cards, Customer
from softswitch.config import load_config
from softswitch.config.lookup import LookupSettings
from softswitch.errors import ConfigError
from softswitch.integrations.lookup import Lookup, card_of
from softswitch.integrations.webclient import Reply

URL = "https://crm.example.com/?phone=$number"
NUMBER = "+48600100200"
SETTINGS = LookupSettings(url=URL, cache=100.0, cache_nobody=10.0)


class Crm:
    """Answers in turn, on a clock of its own."""

    def __init__(self, *replies: Reply, settings: LookupSettings = SETTINGS) -> None:
        self.replies, self.now = list(replies), 1_000.0
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.cards = Cards("pl")
        self.lookup = Lookup(settings, self.ask, lambda: self.now)

    async def ask(self, url: str, headers: tuple[tuple[str, str], ...]) -> Reply:
        self.asked.append((url, dict(headers)))
        assert not self.lookup.wanted(NUMBER), "nobody is asked twice at once"
        return self.replies.pop(0)

    async def find(self, number: str = NUMBER) -> str:
        return await self.lookup.find(number, self.cards, {"anna"})


def said(status: int = 200, **answer: Any) -> Reply:
    return Reply("ok", status, json.dumps(answer).encode())


async def test_an_answer_is_a_card_for_a_while() -> None:
    crm = Crm(said(id=17, name="Jan Łącki", vip=True, manager="anna"), said(id=17, name="Jan"))
    assert crm.lookup.wanted(NUMBER)
    assert await crm.find() == "17"
    assert crm.asked == [("https://crm.example.com/?phone=%2B48600100200", {"Accept": "application/json"})]
    card = crm.cards.by_number("600100200")
    assert card is not None and (card["name"], card["vip"], card["manager"]) == ("Jan Łącki", True, "anna")
    crm.now += 99.0
    crm.lookup.tidy(crm.cards)
    assert not crm.lookup.wanted(NUMBER) and len(crm.cards) == 1
    crm.now += 2.0
    assert crm.lookup.wanted(NUMBER)
    crm.lookup.tidy(crm.cards)
    assert len(crm.cards) == 0
    assert await crm.find() == "17" and len(crm.cards) == 1


async def test_two_numbers_of_one_customer() -> None:
    crm = Crm(said(id="a", name="Ala"), said(id="a", name="Ala"))
    await crm.find()
    crm.now += 50.0
    await crm.find("+48600100201")
    assert crm.cards.owner(NUMBER) == crm.cards.owner("+48600100201") == "a"
    crm.now += 60.0
    crm.lookup.tidy(crm.cards)
    assert len(crm.cards) == 1, "one of the answers is still good"
    crm.now += 60.0
    crm.lookup.tidy(crm.cards)
    assert len(crm.cards) == 0


@pytest.mark.parametrize(("reply", "again"), [
    (Reply("ok", 404, b""), 10.0), (said(error="none"), 10.0), (Reply("ok", 200, b"<html>"), 10.0),
    (Reply("timeout"), 0.0), (Reply("failed"), 0.0), (Reply("ok", 500, b"{}"), 0.0), (Reply("ok", 302, b""), 0.0),
])  # fmt: skip
async def test_nobody_and_no_answer(reply: Reply, again: float) -> None:
    crm = Crm(reply)
    assert await crm.find() == "" and len(crm.cards) == 0
    assert crm.lookup.wanted(NUMBER) is (again == 0.0)
    crm.now += again
    assert crm.lookup.wanted(NUMBER)


async def test_our_own_card_stays() -> None:
    crm = Crm(said(id="K1", name="theirs"), said(id="K2", name="theirs"))
    crm.cards.put(Customer("K1", "ours"))
    assert await crm.find() == "K1"
    card = crm.cards.card("K1")
    assert card is not None and card["name"] == "ours"
    await crm.find("+48600100201")
    crm.lookup.disown("K2")
    crm.cards.put(Customer("K2", "imported meanwhile"))
    crm.now += 1_000.0
    crm.lookup.tidy(crm.cards)
    assert sorted(crm.cards.ids()) == ["K1", "K2"], "an answer that is not good any more takes nothing of ours along"


@pytest.mark.parametrize(("change", "left"), [
    ({"link": "javascript:alert(1)"}, ("link", "")), ({"link": "https://x.pl/1"}, ("link", "https://x.pl/1")),
    ({"manager": "nobody"}, ("manager", "")), ({"language": "polski"}, ("language", "")), ({"email": "a b"}, ("email", "")),
    ({"name": "a" * 500}, ("name", "")), ({"name": "Jan\r\nVia: x"}, ("name", "Jan  Via: x")), ({"name": ["x"]}, ("name", "")),
    ({"vip": "perhaps"}, ("vip", False)), ({"vip": "tak"}, ("vip", True)), ({"vip": 1}, ("vip", True)),
])  # fmt: skip
def test_what_cannot_be_used_is_left_out(change: dict[str, Any], left: tuple[str, Any]) -> None:
    found = card_of(json.dumps({"id": "K1", **change}).encode(), SETTINGS, NUMBER, "pl", {"anna"})
    assert found is not None and getattr(found, left[0]) == left[1] and found.numbers == (NUMBER,)


def test_places_in_the_answer() -> None:
    settings = LookupSettings(url=URL, customer="data.0.id", name="data.0.person.name")
    body = {"data": [{"id": 5, "person": {"name": "Jan"}}]}
    found = card_of(json.dumps(body).encode(), settings, NUMBER, "pl", ())
    assert found is not None and (found.id, found.name) == ("5", "Jan")
    for other in ({"data": []}, {"data": {"0": 1}}, [], 7, {"data": [{"id": None}]}, {"data": [{"id": " "}]}):
        assert card_of(json.dumps(other).encode(), settings, NUMBER, "pl", ()) is None


async def test_who_may_ask_is_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    crm = Crm(said(id=1), settings=LookupSettings(url=URL, authorization_file=file))
    assert await crm.find() == "" and crm.asked == []
    file.write_text("Bearer secret\n")
    assert await crm.find() == "1" and crm.asked[0][1]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('url = "https://$number.example.com/"', "lookup.url"),
        ('url = "https://crm.example.com/$name"', "no $ but $number"),
        ('url = "ftp://crm.example.com/"', "lookup.url"),
        ('url = "http://crm.example.com/"\nauthorization_file = "token"', "must not travel in clear"),
        ('url = "https://crm.example.com/"\ncustomer = ""', "where the customer number stands"),
        ('name = "a b"', "a place in the answer"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "softswitch.toml"
    file.write_text(f"[lookup]\n{text}\n")
    with pytest.raises(ConfigError) as raised:
        load_config(file)
    assert expected in str(raised.value)


def test_it_is_off_until_somebody_is_named() -> None:
    crm = Crm(settings=LookupSettings())
    assert not crm.lookup.wanted(NUMBER)
    wanted: Callable[[str], bool] = Crm().lookup.wanted
    assert not wanted("101") and not wanted("") and not wanted("anonymous")
