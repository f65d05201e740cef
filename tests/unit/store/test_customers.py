"""Customers' cards and surveys in the database."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from softswitch.call.customers import Customer
from softswitch.events import DispositionChosen, SurveyAnswered
from softswitch.store import customers as module
from softswitch.store.database import MIGRATIONS
from softswitch.store.sqlite import Store
from tests.unit.store.conftest import START, Lives
from tests.unit.store.samples import ended, started

ANNA = Customer(
    "K1", "Anna Wójcik", ("+48601000111", "+48601000112"), "pl", True, "b2b", "jan", {"nip": "5260001246"}, "Acme 100%",
    "anna@acme.pl", "https://crm.example.com/1", ("vip 2026", "śpiący"),
)  # fmt: skip
OLA = Customer("K2", "Ola", ("+48601000113",))


@pytest.fixture
async def filed(tmp_path: Path, empty_database: Path) -> AsyncIterator[Lives]:
    """A life with a file: the twin in memory has no cards, for nothing of a call asks for them there."""
    path = tmp_path / "softswitch.sqlite"
    shutil.copy(empty_database, path)
    life = Lives("sqlite", path)
    await life.start()
    yield life
    await life.store.close(flush=False)


@pytest.fixture
def store(filed: Lives) -> Store:
    found: Store = filed.store
    return found


async def every(store: Store) -> list[Customer]:
    return [one async for portion in store.customers.portions() for one in portion]


async def test_cards_are_kept_and_replaced(store: Store) -> None:
    table = store.customers
    await table.put([ANNA, OLA])
    assert await every(store) == [ANNA, OLA] and await table.count() == 2
    changed = replace(ANNA, name="Anna Nowak", numbers=("+48601000113",), fields={})
    await table.put([changed])
    assert await every(store) == [changed, replace(OLA, numbers=())], "a number has one owner"
    assert await table.find("K1", "") == changed == await table.find("", "+48601000113")
    assert await table.find("K3", "+48601000111") is None
    await table.remove(["K1", "K9"])
    assert await every(store) == [replace(OLA, numbers=())]


async def test_customers_are_found_by_parts(store: Store) -> None:
    jan = Customer("J-7", "Jan Łącki", ("+48601000999",), manager="ola", tags=("vip",))
    await store.customers.put([ANNA, OLA, jan])
    reports = await store.reports()

    async def found(text: str = "", **which: Any) -> list[str]:
        return [one["customer"] for one in await reports.search(text, **which)]

    assert await found() == ["J-7", "K1", "K2"]
    assert await found("wojcik ANNA") == ["K1"] and await found("lacki") == ["J-7"]
    assert await found("601 000-11") == ["K1", "K2"], "the digits of a number, whatever stands between them"
    assert await found("100%") == ["K1"] and await found("%") == ["K1"] and await found("_") == []
    assert await found("acme.pl") == ["K1"] and await found("k") == ["J-7", "K1", "K2"]
    assert await found(tag="vip") == ["J-7"] and await found(tag="śpiący") == ["K1"]
    assert await found(manager="ola") == ["J-7"] and await found(vip=True) == ["K1"]
    assert await found(after="J-7", limit=1) == ["K1"]
    (one,) = await reports.search("anna")
    assert one["tags"] == ["vip 2026", "śpiący"] and one["vip"] is True


async def test_notes_and_what_two_customers_become_together(store: Store, filed: Lives) -> None:
    table = store.customers
    await table.put([ANNA, OLA])
    await filed.write(started("c1"), ended("c1", customer="K2"), SurveyAnswered("c1", "s", "q", 5, "", "", "K2"))
    first = await table.note("K2", 10.0, "jan", "c1", "angry")
    assert await table.note("K1", 20.0, "ola", "", "calm") > first
    assert [one["text"] for one in await table.notes("K2")] == ["angry"]
    together = replace(ANNA, numbers=(*ANNA.numbers, *OLA.numbers))
    await table.merge(together, "K2")
    assert await every(store) == [together]
    assert [(one["text"], one["author"]) for one in await table.notes("K1")] == [("calm", "ola"), ("angry", "jan")]
    history = await (await store.reports()).history("K1", ())
    assert [one["call"] for one in history["calls"]] == ["c1"] and [one["score"] for one in history["surveys"]] == [5]
    await table.remove(["K1"])
    assert await table.notes("K1") == []


async def test_the_history_of_a_customer(store: Store, filed: Lives) -> None:
    """By the card that was found, by numbers that called, and by numbers that were called; each call once, the newest first."""
    mine = "+48601000111"
    for number, (caller, dialled, customer) in enumerate(
        [(mine, "800", "K1"), ("+48", "800", ""), (mine, "800", ""), ("101", mine, ""), ("anonymous", "800", "K1")]
    ):
        call = f"c{number}"
        begun = replace(started(call, caller=caller), dialled=dialled)
        await filed.write(begun, replace(ended(call, caller=caller, customer=customer), dialled=dialled))
    await filed.write(DispositionChosen("c2", "sales", "anna", "sale", "anna", "", mine))
    reports = await store.reports()
    found = await reports.history("K1", [mine])
    assert [one["call"] for one in found["calls"]] == ["c4", "c3", "c2", "c0"]
    assert [(one["call"], one["disposition"]) for one in found["dispositions"]] == [("c2", "sale")]
    assert [one["call"] for one in (await reports.history("K1", [mine], 2))["calls"]] == ["c4", "c3"]
    assert (await reports.history("", []))["calls"] == []


async def test_a_customer_number_goes_before_a_telephone_number(store: Store) -> None:
    await store.customers.put([Customer("A", "of the number", ("112",)), Customer("112", "of the name")])
    found = await store.customers.find("112", "112")
    assert found is not None and found.name == "of the name"


async def test_they_are_read_in_portions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [Customer(f"K{number:03}", "", (f"+4860100{number:04}",)) for number in range(25)]
    await store.customers.put(reversed(cards))
    monkeypatch.setattr(module, "PORTION", 10)
    sizes = [len(portion) async for portion in store.customers.portions()]
    assert sizes == [10, 10, 5] and await every(store) == cards
    assert [one.id for one in await store.customers.page("K010", 2)] == ["K011", "K012"]


async def test_who_called_lately_is_read_without_gaps(store: Store, filed: Lives) -> None:
    for number in range(7):
        call = f"c{number}"
        await filed.write(started(call, caller=f"60{number}"), ended(call, caller=f"60{number}"))
        filed.later(0.0 if number % 2 else 1.0)  # Some begin in the same moment.
    found, wall, seq = [], START.wall + 1.0, 0
    while rows := await store.customers.calls_after(wall, seq, 2):
        wall, seq = rows[-1][:2]
        found += [caller for _, _, caller in rows]
    assert found == [f"60{number}" for number in range(1, 7)]


async def test_a_call_has_its_customer(lives: Lives) -> None:
    await lives.start()
    await lives.write(started("c1"), ended("c1", customer="K1"))
    details = await (await lives.store.reports()).call("c1")
    assert details.call.customer == "K1"


async def test_figures_of_surveys(store: Store, filed: Lives) -> None:
    answers = [("anna", 5), ("anna", 4), ("jan", 1)]
    for agent, score in answers:
        await filed.write(SurveyAnswered("c", "s", "overall", score, "infolinia", agent, "K1"))
    await filed.write(SurveyAnswered("c", "other", "", 3))
    table = store.customers
    assert [(one.group, one.answers, one.mean) for one in await table.surveys(survey="s")] == [("", 3, 10 / 3)]
    by_agent = await table.surveys(survey="s", by="agent")
    assert [(one.group, one.answers, one.mean, one.lowest, one.highest) for one in by_agent] == [
        ("anna", 2, 4.5, 4, 5), ("jan", 1, 1.0, 1, 1),
    ]  # fmt: skip
    assert [one.survey for one in await table.surveys(by="queue")] == ["other", "s"]
    assert await table.surveys(since=START.wall + 1.0) == []
    assert [(one["agent"], one["score"]) for one in await table.answers(survey="s")] == answers


async def test_answers_go_with_old_calls(lives: Lives) -> None:
    await lives.start()
    await lives.write(SurveyAnswered("c", "s", "overall", 5))
    lives.later(10 * 86_400.0)
    await lives.write(SurveyAnswered("d", "s", "overall", 5))
    assert await lives.store.prune(calls_days=5, now=lives.now) == 1


def downgrade(path: Path, revision: str) -> None:
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        settings.attributes["connection"] = connection
        command.downgrade(settings, revision)
        connection.commit()
    engine.dispose()


async def test_an_older_database_is_brought_up_to_date(tmp_path: Path, empty_database: Path) -> None:
    path = tmp_path / "old.sqlite"
    shutil.copy(empty_database, path)
    await asyncio.to_thread(downgrade, path, "0005")
    with closing(sqlite3.connect(path)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert not tables & {"customers", "customer_numbers", "survey_answers"}
        assert "customer" not in {row[1] for row in database.execute("PRAGMA table_info(calls)")}
    store = await Store.open(path)
    await store.customers.put([ANNA])
    assert await every(store) == [ANNA]
    await store.close()


async def test_fields_that_have_a_place_of_their_own_now_move_there(tmp_path: Path, empty_database: Path) -> None:
    path = tmp_path / "old.sqlite"
    shutil.copy(empty_database, path)
    await asyncio.to_thread(downgrade, path, "0009")
    with closing(sqlite3.connect(path)) as database, database:
        fields = '{"company": "Acme", "nip": "1", "tags": "a|b"}'
        database.execute("INSERT INTO customers VALUES ('K1', 'Żółw', 'pl', 1, '', 'anna', ?, 1.0)", (fields,))
        database.execute("INSERT INTO customer_numbers VALUES ('+48601', 'K1')")
    store = await Store.open(path)
    (one,) = await every(store)
    assert one == Customer("K1", "Żółw", ("+48601",), "pl", True, "", "anna", {"nip": "1"}, "Acme", tags=("a", "b"))
    assert [row["customer"] for row in await (await store.reports()).search("zolw acme 601")] == ["K1"]
    await store.close(flush=False)
