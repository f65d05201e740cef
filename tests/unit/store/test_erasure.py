"""Who is forgotten is nowhere to be found, and every figure stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from softswitch.call.customers import Customer
from softswitch.erasing import Person, forget_in_block, person
from softswitch.events import CallbackCreated, CustomerIdentified, OrderGiven, QueueTape, SurveyAnswered
from softswitch.store.reports import FOREVER
from softswitch.store.searching import CallQuery, Searching
from tests.unit.store.conftest import Lives
from tests.unit.store.samples import ended, joined, left, leg_ended, started
from tests.unit.store.test_searching import life, recorded

__all__ = ["life"]
NUMBER, OTHER = "+48600100200", "+48600100201"
NAME = "Zażółć Gęślą"


def who(text: str = NUMBER) -> Person:
    found = person(text, "PL")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "written",
    ["+48600100200", "600100200", "0048600100200", "48600100200", "0600100200", "600 100 200", "+48 600-100-200"],
)
def test_a_number_is_found_however_it_is_spelt(written: str) -> None:
    for asked in (NUMBER, "600100200", "600 100 200", "0048600100200"):
        one = who(asked)
        assert one.hide(f"sip:{written}@example.com", "X") == "sip:X@example.com"
        assert one.hide(f"{written}_a", "X") == "X_a" and one.hide({"a": [written]}, "X") == {"a": ["X"]}


@pytest.mark.parametrize("written", ["6001002001", "1600100200", "a600100200f", "600100201", "+49600100200", ""])
def test_other_numbers_stay(written: str) -> None:
    assert who().hide(written, "X") == written


def test_numbers_that_are_nobodys_are_refused() -> None:
    assert [person(one, "PL") for one in ("101", "112", "", "anna", "123456", "*")] == [None] * 6


def test_numbers_that_are_no_texts_stay_as_they_are() -> None:
    text = '[[1,600100200,600100200,"call.created","c1",{"caller":"600100200","n":600100200,"name":"Jan"}]]'
    new, changed = forget_in_block(text, who(), "X", {"Jan"}, set(), {"c1"})
    assert (
        new == '[[1,600100200,600100200,"call.created","c1",{"caller":"X","n":600100200,"name":""}]]' and changed == 1
    )
    assert who().hide_in_column('{"a":600100200,"b":"600100200"}', "X") == '{"a":600100200,"b":"X"}'
    assert who().hide_in_column("[600100200 is no JSON", "X") == "[X is no JSON"


async def told(life: Lives) -> None:
    """Three calls of the person, two of another; everything that can hold a number."""
    for index, caller in enumerate((NUMBER, "600100200", "0048600100200", OTHER, OTHER)):
        call, name = f"c{index}", NAME if index < 3 else "Jan"
        life.later(60.0)
        await life.write(
            replace(started(call, caller), caller_name=name),
            replace(joined(index + 1, call), number=caller),
            CustomerIdentified(call, "K1" if index < 3 else "K2", "number"),
            left(index + 1, call, "answered", agent="anna"),
            replace(leg_ended(call, f"l{index}"), party=caller),
            ended(call, caller=caller, caller_name=name, customer="K1" if index < 3 else "K2", queue="sales"),
            SurveyAnswered(call, "s", "q", 5, "sales", "anna", "K1" if index < 3 else "K2"),
        )
    await life.write(
        replace(started("out"), dialled="600100200"),
        ended("out", dialled="600100200"),
        recorded(1, "c0", path=f"2026/x_{NUMBER}_c0.wav"),
        recorded(2, "c1", path=f"2026/x_{NUMBER}_c1.wav"),
        QueueTape("life", 1.0, 1, ([1.0, "JoinQueue", {"number": NUMBER, "at": 600100200}],)),
        OrderGiven("eva", "originate", "101", f"number={NUMBER}"),
        CallbackCreated(
            "k1", "sales", NUMBER, NAME, "requested", "agent", 0, 1.0, 0.0, 1.0, 9.0, note="call 600 100 200 back"
        ),
    )  # fmt: skip
    life.store.save_state("phones", {"101": [NUMBER, ""]})
    await life.store.customers.put([Customer("K1", NAME, (NUMBER,)), Customer("K2", "Jan", (OTHER,))])
    await life.store.flush(5.0)


async def figures(life: Lives) -> list[Any]:
    reports = await life.store.reports()
    rows = await reports.rows("SELECT count(*), count(DISTINCT number) FROM queue_visits", [])
    return [
        [(row.queue, row.offered, row.outcomes) for row in await reports.books(until=FOREVER)],
        await reports.rows(
            "SELECT count(*), sum(talk_seconds), sum(total_seconds), count(DISTINCT customer) FROM calls", []
        ),
        rows[0][0],
        await reports.rows("SELECT outcome, count(*) FROM calls GROUP BY outcome", []),
        await reports.rows("SELECT score, count(*), count(DISTINCT customer) FROM survey_answers GROUP BY score", []),
        len(await reports.events(limit=10_000)),
    ]


def left_in(path: Path) -> list[str]:
    """Where the person still stands, in whatever the file says."""
    found = []
    with closing(sqlite3.connect(path)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                text = " ".join(str(one) for one in row)
                if NAME in text or NAME.encode("ascii", "backslashreplace").decode() in text:
                    found.append(f"{table}: name")
                # The tape's own number is one, and no telephone's.
                if "600100200" in text.replace(" ", "").replace('"at":600100200', ""):
                    found.append(f"{table}: number")
    return found


async def test_nothing_is_left_and_every_figure_stays(life: Lives) -> None:
    await told(life)
    before = await figures(life)
    erasure = life.store.erasure
    known = await erasure.involved(who())
    assert known.calls == {"c0", "c1", "c2", "out"} and known.names == {NAME} and known.customers == {"K1"}
    assert left_in(life.path) != []
    await life.store.customers.remove(["K1"])  # the card is disguised by the caller of all this
    done = await erasure.rewrite(who(), "erased-1", known, held={2})
    assert [one for one in left_in(life.path) if not one.startswith("recordings")] == []
    assert done.rows["calls"] == 4 and done.events > 10
    assert await figures(life) == before
    search = Searching(await life.store.reports())
    assert [one.call for one in await search.calls(CallQuery(numbers=("erased-1",)), 9)] == ["out", "c2", "c1", "c0"]
    assert len(await search.calls(CallQuery(numbers=(OTHER,)), 9)) == 2, "the other is who they were"
    rows = await (await life.store.reports()).rows("SELECT recording, caller, path FROM recordings ORDER BY 1", [])
    assert rows == [(1, "erased-1", "2026/x_erased-1_c0.wav"), (2, NUMBER, f"2026/x_{NUMBER}_c1.wav")], "2 is held"
    tape = [one for one in await (await life.store.reports()).events(limit=99) if one.name == "queue.tape"]
    assert tape[0].payload["inputs"] == [[1.0, "JoinQueue", {"number": "erased-1", "at": 600100200}]]


async def test_a_restart_brings_nothing_back(life: Lives) -> None:
    await told(life)
    known = await life.store.erasure.involved(who())
    await life.store.erasure.rewrite(who(), "erased-1", known)
    await life.store.customers.remove(["K1"])
    await life.kill()
    await life.start()
    assert left_in(life.path) == []
    since = await life.store.since(0)
    assert since and not any(who().is_in(value) for _, event in since for value in event.as_dict().values())


async def test_what_was_begun_is_finished_by_asking_again(life: Lives, monkeypatch: pytest.MonkeyPatch) -> None:
    await told(life)
    erasure = life.store.erasure
    known = await erasure.involved(who())

    async def broken(*_: object) -> int:
        raise RuntimeError("the plug")

    with monkeypatch.context() as patched:
        patched.setattr(type(erasure), "_table", broken)
        with pytest.raises(RuntimeError, match="the plug"):
            await erasure.rewrite(who(), "erased-1", known)
    assert [one for one in left_in(life.path) if one.startswith("calls")] != []
    known = await erasure.involved(who())
    await erasure.rewrite(who(), "erased-2", known)
    assert [one for one in left_in(life.path) if not one.startswith("customer")] == []
