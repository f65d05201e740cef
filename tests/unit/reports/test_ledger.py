"""Rows that follow the journal are those that are counted anew; and both are what was simulated (RPT-16)."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softswitch.reports.build import Ask, make
from softswitch.reports.fold import Fold, Limits, Numbers
from softswitch.reports.range import between
from softswitch.reports.rows import TABLES
from softswitch.store.ledger import EVERY, Ledger
from tests.sim.month import Month, Truth, write
from tests.unit.store.conftest import empty_database

__all__ = ["empty_database"]  # a fixture

START = datetime(2026, 3, 1, tzinfo=ZoneInfo("Europe/Warsaw")).timestamp()
WARSAW = ZoneInfo("Europe/Warsaw")
MARCH = between("2026-03-01", "2026-03-31", WARSAW)  # the clocks go forward on the 29th


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> tuple[Path, list[Truth], list[Any]]:
    """A small month: its database, what it was made of, its lines."""
    path = tmp_path_factory.mktemp("month") / "softswitch.sqlite"
    shutil.copy(empty_database, path)
    truth: list[Truth] = []
    lines = list(Month(START, days=31.0, queues=2, agents=8, rate=4.0, truth=truth).lines())
    write(iter(lines), path)
    return path, truth, lines


def tables(ledger: Ledger) -> dict[str, list[Any]]:
    return {name: sorted(ledger.rows(f"SELECT * FROM {name}"), key=repr) for name in (*EVERY, "report_numbers")}


@pytest.fixture(scope="module")
def whole(month: tuple[Path, list[Truth], list[Any]]) -> Ledger:
    ledger = Ledger(month[0])
    assert ledger.catch_up() == len(month[2])
    assert ledger.catch_up() == 0
    return ledger


def test_what_followed_the_journal_is_what_is_counted_anew(
    month: tuple[Path, list[Truth], list[Any]], whole: Ledger, tmp_path: Path, empty_database: Path
) -> None:
    path = tmp_path / "live.sqlite"
    shutil.copy(empty_database, path)
    dice, seq, rest = random.Random(7), 1, iter(month[2])
    while piece := list(itertools.islice(rest, dice.randrange(1, 2_000))):
        seq = write(iter(piece), path, seq)
        if dice.random() < 0.7:
            ledger = Ledger(path)  # each time as after a restart
            ledger.catch_up()
            ledger.close()
    live = Ledger(path)
    live.catch_up()
    assert tables(live) == tables(whole)
    live.rebuild()
    again = tables(live)
    # What is older than the first whole quarter of the journal is carried over, not counted twice.
    for name in ("report_queues", "report_agents", "report_missed"):
        assert again[name] == tables(whole)[name], name


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 6_000), max_size=8), seed=st.integers(0, 1_000))
def test_a_fold_in_pieces_is_the_fold_of_all(cuts: list[int], seed: int) -> None:
    lines = list(Month(START, days=1.0, queues=2, agents=4, rate=8.0, seed=seed).lines())

    def folded(places: list[int]) -> dict[str, dict[Any, Any]]:
        memory, found = Numbers(), {name: {} for name in TABLES}
        fold = Fold(memory)
        for number, (at, name, payload) in enumerate(lines):
            if number in places:
                _merge(found, fold)
                kept = json.loads(json.dumps(fold.export()))
                memory = Numbers(json.loads(json.dumps(memory)))
                fold = Fold(memory)
                fold.restore(kept)
            fold.see(number, at, name, payload)
        _merge(found, fold)
        return found

    assert folded(cuts) == folded([])


def _merge(found: dict[str, dict[Any, Any]], fold: Fold) -> None:
    for table, rows in fold.take().tables().items():
        for key, row in rows.items():
            before = found[table].get(key)
            if isinstance(row, tuple) or before is None:
                found[table][key] = row
            elif table in ("report_queues", "report_load"):  # whose last column is a maximum
                found[table][key] = [
                    *(a + b for a, b in zip(before[:-1], row[:-1], strict=True)),
                    max(before[-1], row[-1]),
                ]
            else:
                found[table][key] = [a + b for a, b in zip(before, row, strict=True)]


def ask(**more: Any) -> Ask:
    return Ask(MARCH, now=START + 31 * 86_400, **more)


def over(truth: list[Truth]) -> list[Truth]:
    """Whose visit ended within the time."""
    return [one for one in truth if one.came + one.waited < MARCH.until - 3_600]


def test_queues_are_what_was_simulated(month: tuple[Path, list[Truth], list[Any]], whole: Ledger) -> None:
    found = {row["queue"]: row for row in make("queues", whole, ask())["rows"]}
    for name in ("q0", "q1"):
        mine = [one for one in month[1] if one.queue == name and one.came < MARCH.until]
        row, answered = found[name], [one for one in mine if one.outcome == "answered"]
        gave_up = [one for one in mine if one.outcome != "answered"]
        short = sum(one.waited <= 6.0 for one in gave_up)
        assert row["entered"] == len(mine)
        open_ = row["waiting"]
        assert 0 <= open_ <= 3, "at most who still waited when the month ended"
        assert (
            abs(row["answered"] - len(answered)) <= open_
            and abs(row["abandoned"] + row["abandoned_short"] - len(gave_up)) <= open_
        )
        in_time = sum(one.waited <= 20.0 for one in answered)
        assert row["sl"]["n"] == pytest.approx(in_time, abs=open_)
        assert row["sl"]["d"] == pytest.approx(len(answered) + len(gave_up) - short, abs=open_)
        assert row["asa"]["value"] == pytest.approx(sum(one.waited for one in answered) / len(answered), rel=0.01)
        assert row["aht"]["value"] == pytest.approx(sum(one.talk + 15.0 for one in answered) / len(answered), rel=0.02)
        ranked = sorted(one.waited for one in answered)
        assert row["median_wait"] == pytest.approx(ranked[len(ranked) // 2], abs=1.1)


def test_days_are_those_of_the_zone(month: tuple[Path, list[Truth], list[Any]], whole: Ledger) -> None:
    report = make("intervals", whole, ask(interval="day"))
    counted = Counter(datetime.fromtimestamp(one.came, UTC).astimezone(WARSAW).date().isoformat() for one in month[1])
    assert len(report["rows"]) == 31
    march = {day: n for day, n in counted.items() if day.startswith("2026-03")}
    assert {row["from"][:10]: row["entered"] for row in report["rows"]} == march
    assert [row["seconds"] for row in report["rows"] if row["from"].startswith("2026-03-29")] == [23 * 3_600]
    hours = make("intervals", whole, ask(interval="60"))["rows"]
    assert len(hours) == 31 * 24 - 1 and sum(row["entered"] for row in hours) == sum(
        row["entered"] for row in report["rows"]
    )
    assert [row["from"] for row in hours if row["from"].startswith("2026-03-29T0")][1:4] == [
        "2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00",
    ]  # fmt: skip


def test_the_heat_map_is_a_mean_per_weekday(month: tuple[Path, list[Truth], list[Any]], whole: Ledger) -> None:
    rows = {(row["weekday"], row["hour"]): row for row in make("heatmap", whole, ask())["rows"]}
    assert len(rows) == 7 * 24
    # March 2026 has five Sundays; on one of them there was no hour from two to three.
    assert (
        rows["Sun", 1]["offered"]["d"] == 5
        and rows["Sun", 2]["offered"]["d"] == 4
        and rows["Wed", 2]["offered"]["d"] == 4
    )
    monday_noon = [
        one for one in month[1]
        if (here := datetime.fromtimestamp(one.came, UTC).astimezone(WARSAW)).weekday() == 0 and here.hour == 12
    ]  # fmt: skip
    assert rows["Mon", 12]["offered"]["n"] == len(monday_noon) and rows["Mon", 12]["offered"]["d"] == 5


def test_agents_are_what_was_simulated(month: tuple[Path, list[Truth], list[Any]], whole: Ledger) -> None:
    rows = {row["agent"]: row for row in make("agents", whole, ask())["rows"]}
    assert len(rows) == 8
    for name, row in rows.items():
        mine = [one for one in month[1] if one.agent == name]
        assert row["calls_in"] == pytest.approx(len(mine), abs=1)
        assert row["talk"] == pytest.approx(sum(one.talk for one in mine), rel=0.02)
        assert row["utilisation"]["value"] == pytest.approx((row["talk"] + row["wrap"]) / row["logged_in"])
        parts = ("talk", "hold", "wrap", "idle", "ringing", "not_ready", "unreachable")
        assert sum(row[one] for one in parts) == pytest.approx(row["logged_in"], rel=1e-9), "every moment counts once"
        assert row["reasons"].get("lunch", 0.0) == row["not_ready"]
    tricks = {row["agent"]: row for row in make("gaming", whole, ask())["rows"]}
    for name, row in tricks.items():
        assert row["short_answers"]["n"] == pytest.approx(
            sum(one.short for one in month[1] if one.agent == name), abs=1
        )


def test_missed_callers_and_what_came_of_them(month: tuple[Path, list[Truth], list[Any]], whole: Ledger) -> None:
    report = make("missed", whole, ask())
    assert sum(row["attempts"] for row in report["rows"]) == pytest.approx(
        sum(one.outcome != "answered" for one in month[1]), abs=3
    )
    assert {row["state"] for row in report["rows"]} >= {"contacted", "lost"}
    called = [row for row in report["rows"] if row["contact_how"] == "called"]
    assert called and all(row["contact_by"] == "101" and row["after"] > 0 for row in called)
    lost = report["total"]["lost_contact"]
    assert lost["n"] == sum(row["state"] == "lost" for row in report["rows"]) and 0 < lost["value"] < 1


def test_who_is_asked_of_no_queue_gets_no_figures_and_no_hundred_percent(whole: Ledger) -> None:
    empty = make("queues", whole, ask(queues=frozenset({"none"})))
    assert empty["rows"] == [] and empty["total"]["sl"] == {"value": None, "n": 0, "d": 0}
    quiet = make("intervals", whole, Ask(between("2020-01-01", "2020-01-01", WARSAW)))
    assert {row["sl"]["value"] for row in quiet["rows"]} == {None}


def test_both_views_have_the_same_calls(whole: Ledger) -> None:
    cohort, event = (make("queues", whole, ask(view=view))["total"] for view in ("cohort", "event"))
    names = ("entered", "answered", "abandoned")
    assert [cohort[name] for name in names] == [event[name] for name in names]
    by_hour = [make("intervals", whole, ask(view=view))["rows"] for view in ("cohort", "event")]
    assert [row["answered"] for row in by_hour[0]] != [row["answered"] for row in by_hour[1]]


def test_another_threshold_holds_for_the_past(month: tuple[Path, list[Truth], list[Any]], tmp_path: Path) -> None:
    path = tmp_path / "softswitch.sqlite"
    shutil.copy(month[0], path)
    strict, limits = Limits(5.0, 3.0), {}
    ledger = Ledger(path, limits=lambda queue: limits.get(queue, Limits()))
    ledger.catch_up()
    before = make("queues", ledger, ask())["total"]["sl"]
    limits.update(q0=strict, q1=strict)
    assert ledger.catch_up() == len(month[2])
    after = make("queues", ledger, ask())["total"]["sl"]
    # The row of the first quarter, which the journal does not tell from its beginning, stays as it was.
    wanted = sum(one.waited <= 5.0 for one in over(month[1]) if one.outcome == "answered")
    assert after["n"] < before["n"] and after["n"] == pytest.approx(wanted, abs=5)
    limits.clear()  # The queues are gone from the site: what was counted with stays.
    gone = Ledger(path, limits=lambda queue: None)
    assert gone.catch_up() == 0 and make("queues", gone, ask())["total"]["sl"] == after


def test_what_the_journal_has_forgotten_stays_counted(
    month: tuple[Path, list[Truth], list[Any]], tmp_path: Path
) -> None:
    path = tmp_path / "softswitch.sqlite"
    shutil.copy(month[0], path)
    ledger = Ledger(path)
    ledger.catch_up()
    before = make("intervals", ledger, ask(interval="day"))["rows"]
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM journal WHERE last_wall < ?", (START + 15 * 86_400,))
    assert ledger.catch_up() == 0
    ledger.rebuild()
    after = make("intervals", ledger, ask(interval="day"))["rows"]
    assert [row["entered"] for row in after] == [row["entered"] for row in before]
    assert after[:14] == before[:14] and after[17:] == before[17:]


def test_another_journal_is_counted_from_its_beginning(whole: Ledger, tmp_path: Path, empty_database: Path) -> None:
    """A copy of the database was put back: the rows do not fit it any more."""
    path = tmp_path / "softswitch.sqlite"
    shutil.copy(empty_database, path)
    write(Month(START, days=2.0, queues=1, agents=2, rate=4.0, seed=3).lines(), path)
    ledger = Ledger(path)
    ledger.catch_up()
    path.unlink()
    ledger.close()
    shutil.copy(empty_database, path)
    lines = list(Month(START + 86_400.0 * 3, days=1.0, queues=1, agents=2, rate=4.0, seed=4).lines())
    write(iter(lines), path)
    assert ledger.catch_up() == len(lines)


def test_two_processes_may_count(month: tuple[Path, list[Truth], list[Any]], whole: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "softswitch.sqlite"
    shutil.copy(month[0], path)
    first, second = Ledger(path), Ledger(path)
    blocks = itertools.count()

    def meanwhile() -> None:
        if next(blocks) == 3:
            second.catch_up()

    assert first.catch_up(meanwhile) < len(month[2]) * 2
    assert tables(first) == tables(second) == tables(whole)
    blocks = itertools.count()
    first.rebuild(meanwhile)
    assert tables(first)["report_queues"] == tables(whole)["report_queues"]
    assert second.catch_up() == 0 and tables(second) == tables(first)
    assert [one.name for one in tmp_path.iterdir() if "new" in one.name] == []


def test_a_number_is_forgotten(month: tuple[Path, list[Truth], list[Any]], tmp_path: Path) -> None:
    path = tmp_path / "softswitch.sqlite"
    shutil.copy(month[0], path)
    ledger = Ledger(path)
    ledger.catch_up()
    number = make("missed", ledger, ask())["rows"][0]["number"]
    total = make("queues", ledger, ask())["total"]
    assert ledger.forget(number) >= 1
    assert number not in json.dumps(make("missed", ledger, ask())) + json.dumps(make("repeats", ledger, ask()))
    assert make("queues", ledger, ask())["total"] == total
    assert ledger.prune(1, START + 40 * 86_400) > 0 and make("missed", ledger, ask())["rows"] == []
    assert make("queues", ledger, ask())["total"] == total
