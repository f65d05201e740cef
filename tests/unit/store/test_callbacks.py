"""Callbacks in the database: the same in SQLite and in its twin in memory; what a restart begins with; their books."""

from __future__ import annotations

import pytest

from softswitch.events import (
    CallbackAssigned,
    CallbackAttempted,
    CallbackCancelled,
    CallbackCreated,
    CallbackDone,
    CallbackExpired,
    CallbackMissed,
    CallerJoined,
    CallerLeft,
)
from softswitch.store.callbacks import open_callbacks, summarise
from tests.unit.store.conftest import Lives


def created(lives: Lives, callback: str, number: str = "+48601000111", queue: str = "sales") -> CallbackCreated:
    mono = lives.now.mono
    return CallbackCreated(
        callback, queue, number, "Jan", "requested", "agent", 3, mono - 120.0, 30.0, mono, mono + 3_600.0, "", "c1", "pl",
        "note",
    )  # fmt: skip


async def test_a_callback_is_kept_with_its_place(lives: Lives) -> None:
    await lives.start()
    began = lives.now.wall
    await lives.write(created(lives, "b1"), created(lives, "b2"), created(lives, "b1", "+48602"))
    lives.later(60.0)
    await lives.write(
        CallbackAttempted("b1", "sales", "+48601000111", 1, "c2", "anna"),
        CallbackMissed("b1", "sales", "+48601000111", 1, "busy", lives.now.mono + 300.0),
        CallbackDone("b2", "sales", "+48601000111", "reached", 60.0, 1, "anna"),
        CallbackCancelled("b2", "sales", "+48601000111", "cancelled", "eva", 61.0, 1),
    )
    await lives.kill()
    (one,) = (await lives.start()).callbacks
    assert (one.callback, one.number, one.priority, one.note) == ("b1", "+48601000111", 3, "note")
    assert (one.created_at, one.joined_at, one.credit) == (began, began - 120.0, 30.0)
    assert (one.attempts, one.cause, one.due_at) == (1, "busy", began + 360.0)
    (kept,) = open_callbacks([one], lambda wall: wall - began)
    assert (kept["id"], kept["joined"], kept["due"], kept["expires"]) == ("b1", -120.0, 360.0, 3_600.0)
    await lives.write(
        CallbackAssigned("b1", "help", "bob", lives.now.mono, "eva", lives.now.mono + 60.0, "sales"),
        CallbackMissed("b1", "help", "+48601000111", 2, "busy"),
        CallbackExpired("b1", "help", "+48601000111", "not_reached", "busy", 400.0, 2),
    )
    await lives.kill()
    assert (await lives.start()).callbacks == []
    reports = await lives.store.reports()
    by_id = {one.callback: one for one in await reports.callbacks()}
    assert (by_id["b1"].queue, by_id["b1"].owner, by_id["b1"].outcome) == ("help", "bob", "not_reached")
    assert (by_id["b2"].outcome, by_id["b2"].agent, by_id["b2"].seconds) == ("reached", "anna", 60.0), (
        "the first counts"
    )
    assert [one.callback for one in await reports.callbacks(queue="help")] == ["b1"]
    assert len(await reports.callbacks(number="+48601000111", limit=1)) == 1


async def test_the_visit_of_a_callback_is_none_of_a_caller(lives: Lives) -> None:
    await lives.start()
    await lives.write(
        CallerJoined("sales", "b1", 1, "+48601000111", 0, 1, 1, "callback"),
        CallerLeft("sales", "b1", 1, "answered", 900.0, 1, 1, kind="callback"),
    )
    assert await (await lives.store.reports()).visits() == []


async def test_the_books(lives: Lives) -> None:
    await lives.start()
    await lives.write(*(created(lives, f"b{index}") for index in range(5)))
    await lives.write(
        CallbackDone("b0", "sales", "", "reached", 100.0, 1, "anna"),
        CallbackDone("b1", "sales", "", "reached", 5_000.0, 2, "anna"),
        CallbackDone("b2", "sales", "", "called_again", 10.0, 0),
        CallbackExpired("b3", "sales", "", "not_reached", "busy", 900.0, 3),
    )
    (books,) = await (await lives.store.reports()).callback_summary(targets={"sales": 600.0})
    assert (books.queue, books.asked, books.open) == ("sales", 5, 1)
    assert books.results == {"called_again": 1, "not_reached": 1, "reached": 2}
    assert (books.mean_seconds, books.longest_seconds, books.in_time) == (2_550.0, 5_000.0, 1)


@pytest.mark.parametrize("targets", [{}, {"sales": 1.0}])
def test_nothing_gives_nothing(targets: dict[str, float]) -> None:
    assert summarise([], targets) == []
