"""Every figure of the reports against a recount by hand of the same journal (RPT-16, RPT-18), in months full of odd cases."""

from __future__ import annotations

import asyncio
import csv
import io
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from softswitch.acd.measure import recount
from softswitch.board.today import Today
from softswitch.events import Event
from softswitch.reports.build import Ask, make
from softswitch.reports.export import to_csv, to_xlsx
from softswitch.reports.fold import Limits
from softswitch.reports.range import Range, between
from softswitch.store import Store
from softswitch.store.ledger import Ledger
from softswitch.store.reports import Reports, Thresholds
from tests.sim.odd_month import WARSAW, lines_of, odd_month
from tests.sim.recount import Count, rank
from tests.unit.store.conftest import empty_database

__all__ = ["empty_database"]  # a fixture

MONTHS = [between("2026-03-01", "2026-03-31", WARSAW), between("2026-10-01", "2026-10-31", WARSAW)]  # 743 and 745 hours
VIEWS = ("cohort", "event")
FEW = 0.02  # seconds that rounding to milliseconds may add up to


@pytest.fixture(scope="module")
def events() -> list[tuple[float, Event]]:
    return odd_month()


@pytest.fixture(scope="module")
def journal(events: list[tuple[float, Event]], tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """Their journal and tables, as the switch writes them."""
    path = tmp_path_factory.mktemp("odd") / "softswitch.sqlite"
    shutil.copy(empty_database, path)

    async def write() -> None:
        store = await Store.open(path)
        seq = (await store.load()).next_seq
        for number, (at, event) in enumerate(events):
            store.publish(seq + number, at, at, event)
        await store.close()

    asyncio.run(write())
    return path


@pytest.fixture(scope="module")
def ledger(journal: Path) -> Ledger:
    ledger = Ledger(journal)
    assert ledger.catch_up() > 4_000 and ledger.skipped == 0
    return ledger


@pytest.fixture(scope="module")
def count(events: list[tuple[float, Event]]) -> Count:
    found = Count(lines_of(events))
    outcomes = {visit.outcome for visit in found.visits}
    assert outcomes >= {
        "answered", "abandoned", "abandoned_short", "abandoned_ringing", "timeout", "exit_key", "full", "no_agents_on_entry",
        "no_agents_later", "transferred_out", "system_shutdown", "withdrawn",
    }, "the months are odd enough"  # fmt: skip
    return found


def of(name: str) -> Callable[[str], bool]:
    return lambda queue: queue == name


def edges(span: Range) -> tuple[float, float]:
    return (span.since, span.until)


def same(row: Mapping[str, Any], wanted: Mapping[str, Any], where: object) -> int:
    """Whether every figure of a row is what was counted by hand; how many were compared."""
    compared = 0
    for name, want in wanted.items():
        if name not in row or name in ("reasons", "waits"):
            continue
        got, compared = row[name], compared + 1
        if isinstance(want, tuple):
            assert got["n"] == pytest.approx(want[0], abs=FEW), (where, name)
            if want[1] >= 0:
                assert got["d"] == pytest.approx(want[1], abs=FEW), (where, name)
                assert got["value"] == (pytest.approx(got["n"] / got["d"]) if got["d"] else None), (where, name)
        else:
            assert got == (want if want is None else pytest.approx(want, abs=FEW)), (where, name)
    return compared


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("month", MONTHS)
def test_queues(ledger: Ledger, count: Count, month: Range, view: str) -> None:
    rows = make("queues", ledger, Ask(month, view=view))["rows"]
    assert len(rows) >= 3
    for row in rows:
        wanted = count.queue(of(row["queue"]), edges(month), by_event=view == "event")
        assert same(row, wanted, (view, row["queue"])) > 15
        for name, share in (("median_wait", 0.5), ("p90_wait", 0.9), ("p95_wait", 0.95)):
            wait = rank(wanted["waits"], share)
            assert row[name] is None if wait is None else 0 <= row[name] - wait <= 1.001, "in begun seconds"
        if view == "cohort":
            same(row, {"fcr": count.settled(of(row["queue"]), edges(month))}, row["queue"])


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("interval", ["15", "60", "day", "week"])
def test_intervals(ledger: Ledger, count: Count, interval: str, view: str) -> None:
    for month in MONTHS:
        rows = make("intervals", ledger, Ask(month, interval, view))["rows"]
        assert sum(row["seconds"] for row in rows) == month.until - month.since
        for row in rows:
            since = datetime.fromisoformat(row["from"]).timestamp()
            same(row, count.queue(span=(since, since + row["seconds"]), by_event=view == "event"), (view, row["from"]))


@pytest.mark.parametrize("level", [0, 5, 60])
@pytest.mark.parametrize("view", VIEWS)
def test_another_service_level_for_one_report(ledger: Ledger, count: Count, level: int, view: str) -> None:
    for month in MONTHS:
        report = make("queues", ledger, Ask(month, view=view, level=level, limits={"q0": Limits()}))
        assert report["limits"] == {"q0": {"service_level_seconds": level, "short_abandon": 6.0}}
        for row in report["rows"]:
            wanted = count.queue(of(row["queue"]), edges(month), level, by_event=view == "event")
            same(row, wanted, (level, view, row["queue"]))
        for row in make("intervals", ledger, Ask(month, "day", view, level=level))["rows"]:
            since = datetime.fromisoformat(row["from"]).timestamp()
            span = (since, since + row["seconds"])
            same(row, count.queue(span=span, level=level, by_event=view == "event"), (level, row["from"]))


def test_edited_thresholds_hold_for_the_past(journal: Path, count: Count, tmp_path: Path) -> None:
    path = tmp_path / "softswitch.sqlite"
    shutil.copy(journal, path)
    limits: dict[str, Limits] = {}
    ledger = Ledger(path, limits=lambda queue: limits.get(queue, Limits()))
    ledger.catch_up()
    limits["q1"] = Limits(8.0, 2.5)
    assert ledger.catch_up() > 0, "counted anew"
    month = MONTHS[1]  # the first quarter of the journal belongs to the other month
    for row in make("queues", ledger, Ask(month))["rows"]:
        level, short = (8.0, 2.5) if row["queue"] == "q1" else (20.0, 6.0)
        same(row, count.queue(of(row["queue"]), edges(month), level, short), row["queue"])
    ledger.close()


def test_agents(ledger: Ledger, count: Count) -> None:
    for month in MONTHS:
        rows = make("agents", ledger, Ask(month))["rows"]
        assert len(rows) > 4
        for row in rows:
            wanted = count.agent(row["agent"], edges(month))
            assert same(row, wanted, row["agent"]) > 15
            assert row["reasons"] == pytest.approx(wanted["reasons"], abs=FEW)
        for row in make("gaming", ledger, Ask(month))["rows"]:
            begun = [one for one in count.pauses if one[1] == row["agent"] and month.since <= one[0] < month.until]
            assert row["pauses"] == len(begun)
            rings = [one for one in count.rings if one.agent == row["agent"] and month.since <= one.at < month.until]
            bins = Counter(-(-round(one.seconds * 1_000) // 1_000) // 5 * 5 for one in rings)
            assert row["histogram"] == bins


def test_the_heat_map_divides_by_the_days_that_have_come(ledger: Ledger, count: Count) -> None:
    month = MONTHS[1]
    now = datetime(2026, 10, 26, 12, 30, tzinfo=WARSAW).timestamp()
    rows = {(row["weekday"], row["hour"]): row for row in make("heatmap", ledger, Ask(month, now=now))["rows"]}
    assert rows["Mon", 12]["offered"]["d"] == 4, "the fourth Monday's noon has begun"
    assert rows["Mon", 13]["offered"]["d"] == 3 and rows["Sat", 12]["offered"]["d"] == 4
    assert rows["Sun", 2]["offered"]["d"] == 4, "an hour that comes twice is of one Sunday"
    twice = [
        one for one in count.visits
        if (here := datetime.fromtimestamp(one.came, WARSAW)).month == 10 and here.weekday() == 6 and here.hour == 2
    ]  # fmt: skip
    assert twice and rows["Sun", 2]["offered"]["n"] == len(twice)


def test_the_wallboard_says_what_the_report_of_the_day_says(
    events: list[tuple[float, Event]], ledger: Ledger, count: Count
) -> None:
    """By the time of each event, day by day of the time zone."""
    today, ends = Today("Europe/Warsaw"), {}
    for number, (at, event) in enumerate(events):
        if number % 700 == 0:  # as after a restart
            kept, today = today.as_dict(), Today("Europe/Warsaw")
            today.restore(kept)
        today.note(at, event)
        ends[datetime.fromtimestamp(at, WARSAW).date().isoformat()] = {
            name: today.figures(name, at, 0)["today"] for name in list(today.measure.queues)
        }
    assert len(ends) > 12
    compared = 0
    for day, queues in ends.items():
        span = between(day, day, WARSAW)
        rows = {row["queue"]: row for row in make("queues", ledger, Ask(span, view="event"))["rows"]}
        for name, figures in queues.items():
            row, wanted = rows.get(name), count.queue(of(name), edges(span), by_event=True)
            if row is None:
                assert not figures["entered"]
                continue
            compared += 1
            assert figures["entered"] == row["entered"] == wanted["entered"]
            assert figures["answered"] == row["answered"] and figures["other"] == row["other"]
            assert figures["abandoned"] == row["abandoned"] + row["abandoned_short"]
            assert (figures["sl"]["n"], figures["sl"]["d"]) == (row["sl"]["n"], row["sl"]["d"]) == wanted["sl"]
            assert figures["answer_rate"]["value"] == row["answer_rate"]["value"]
            assert figures["asa"]["n"] == pytest.approx(row["asa"]["n"], abs=FEW)
    assert compared > 20


def test_the_service_level_of_the_last_minutes(events: list[tuple[float, Event]], count: Count) -> None:
    today = Today("Europe/Warsaw")
    for number, (at, event) in enumerate(events):
        today.note(at, event)
        if number % 97:
            continue
        first = (int(at // 60) - 29) * 60  # this minute of the clock, and 29 before it
        for name in ("q0", "q1"):
            over = [
                one for one in count.visits
                if one.queue == name and one.left is not None and first <= one.left <= at
            ]  # fmt: skip
            recent = today.recent(name, at)
            known = sum(one.outcome == "answered" for one in over)
            assert known - 1 <= recent.answered <= known, "the very moment may be told by a later event"


async def _summary(journal: Path, span: Range) -> list[Any]:
    reports = await Reports.open(journal)
    try:
        return await reports.queue_summary(since=span.since, until=span.until, thresholds={"q0": Thresholds(20.0, 6.0)})
    finally:
        await reports.close()


def test_records_and_counters_say_the_same(
    journal: Path, events: list[tuple[float, Event]], ledger: Ledger, count: Count
) -> None:
    """What the commands read from the tables, what metrics count, what reports say."""
    for month in MONTHS:
        found = {one.queue: one for one in asyncio.run(_summary(journal, month))}
        for row in make("queues", ledger, Ask(month))["rows"]:
            one = found[row["queue"]]
            assert (one.offered, one.answered, one.abandoned, one.abandoned_short, one.other, one.in_progress) == (
                row["entered"], row["answered"], row["abandoned"], row["abandoned_short"], row["other"], row["waiting"],
            )  # fmt: skip
            assert one.service_level == row["sl"]["value"] and one.answer_rate == row["answer_rate"]["value"]
    measure = recount((event for _, event in events), ())
    for name, counts in measure.queues.items():
        wanted = count.queue(of(name))
        figures = counts.figures()
        for key in ("sl", "sl_answered", "sl_ast2", "sl_all", "sl_noloss", "sl_strict", "answer_rate", "abandon_rate"):
            assert (figures[key].numerator, figures[key].denominator) == wanted[key], (name, key)


def test_files_say_what_the_report_says(ledger: Ledger) -> None:
    report = make("intervals", ledger, Ask(MONTHS[1], "day"))
    sheet = openpyxl.load_workbook(io.BytesIO(to_xlsx(report, "pl")))["intervals"]
    comma, semicolon = (
        list(csv.reader(io.StringIO(to_csv(report, language).decode("utf-8-sig")), delimiter=mark))
        for language, mark in (("en", ","), ("pl", ";"))
    )
    place = semicolon[0].index("poziom obsługi")
    assert len(semicolon) == len(comma) == sheet.max_row == 1 + 31
    seen = 0
    for line, row in enumerate(report["rows"], 1):
        level = row["sl"]["value"]
        assert comma[line][0] == row["from"] and semicolon[line][0] == row["from"][:19].replace("T", " ")
        assert sheet.cell(line + 1, 1).value == datetime.fromisoformat(row["from"]).replace(tzinfo=None)
        assert sheet.cell(line + 1, place + 1).value == (level if level is None else pytest.approx(level))
        if level is not None:
            seen += 1
            assert float(comma[line][place]) == level == float(semicolon[line][place].replace(",", "."))
            assert "." not in semicolon[line][place]
    assert seen > 3
