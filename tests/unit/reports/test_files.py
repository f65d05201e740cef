"""Files of reports: no formula of a caller's, every number with what it is; the queue_log."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from softswitch.integrations.mail import Note, compose
from softswitch.reports.build import REPORTS, Ask, make
from softswitch.reports.export import file_name, tables, to_csv, to_xlsx, written
from softswitch.reports.fold import Fold, Numbers
from softswitch.reports.letter import letter, page
from softswitch.reports.queue_log import QueueLog
from softswitch.reports.range import before, between
from softswitch.reports.rows import AGENT_COLUMNS, QUEUE_COLUMNS
from softswitch.store.ledger import Ledger
from tests.sim.month import write
from tests.unit.store.conftest import empty_database

__all__ = ["empty_database"]  # a fixture

WARSAW = ZoneInfo("Europe/Warsaw")
SPAN = between("2026-11-01", "2026-11-01", WARSAW)
EVIL = '=HYPERLINK("http://evil.example","+1")'


def report() -> dict[str, Any]:
    return {
        "report": "queues",
        "range": SPAN.as_dict(),
        "columns": [
            {"name": "queue", "titles": {"en": "queue", "pl": "kolejka"}, "unit": "text", "formula": ""},
            {"name": "sl", "titles": {"en": "service level", "pl": "poziom"}, "unit": "share", "formula": "A_T / (A + B - B_S)"},
            {"name": "bias", "titles": {"en": "bias"}, "unit": "seconds", "formula": "x"},
        ],
        "definitions": {"sl": "A_T / (A + B - B_S)"},
        "rows": [
            {"queue": EVIL, "sl": {"value": 0.5, "n": 1, "d": 2}, "bias": -3.5},
            {"queue": "b", "sl": {"value": None, "n": 0, "d": 0}, "bias": None},
        ],
        "callers": [{"number": "+48221234567", "again": 3}],
    }  # fmt: skip


def test_csv() -> None:
    text = to_csv(report(), "pl", "comma").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [
        ["kolejka", "poziom", "poziom: n", "poziom: d", "bias"],
        [f"'{EVIL}", "0.5", "1", "2", "-3.5"],
        ["b", "", "0", "0", ""],
        [],
        ["callers"],
        ["number", "again"],
        ["+48221234567", "3"],
    ]
    semicolon = to_csv(report(), "pl").decode("utf-8-sig")
    assert semicolon == to_csv(report(), "en", "semicolon").decode("utf-8-sig").replace(
        "queue;service level;service level: n;service level: d", "kolejka;poziom;poziom: n;poziom: d"
    )
    assert semicolon.splitlines()[1:3] == [f'"\'{EVIL.replace(chr(34), chr(34) * 2)}";0,5;1;2;-3,5', "b;;0;0;"]


def test_xlsx() -> None:
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(report())))
    assert book.sheetnames == ["queues", "callers", "Definitions"]
    sheet = book["queues"]
    assert (sheet["A2"].value, sheet["A2"].data_type) == (EVIL, "s"), "a text, not a formula"
    assert sheet["B2"].value == 0.5 and sheet["B3"].value is None and sheet["E2"].value == -3.5
    assert book["callers"]["A2"].value == "+48221234567"
    said = {row[0]: row[1] for row in book["Definitions"].iter_rows(values_only=True)}
    assert said["sl"] == "A_T / (A + B - B_S)" and said["time zone"] == "Europe/Warsaw"


def test_json_and_names() -> None:
    assert json.loads(written(report(), "json")) == report()
    assert file_name(report(), "csv") == "queues-2026-11-01.csv"


@pytest.mark.parametrize("name", list(REPORTS))
def test_every_report_has_its_definitions_and_can_be_written(name: str, tmp_path: Any, empty_database: Any) -> None:
    (tmp_path / "s.sqlite").write_bytes(empty_database.read_bytes())
    ledger = Ledger(tmp_path / "s.sqlite")
    ledger.catch_up()
    found = make(name, ledger, Ask(SPAN))
    for column in found["columns"]:
        assert set(column["titles"]) == {"en", "pl"} and all(column["titles"].values())
        if column["unit"] in ("count", "share", "number") and column["name"] != "hour":
            assert column["formula"], f"{name}: {column['name']} says not what it is"
    for form in ("csv", "xlsx", "json"):
        assert written(found, form)
    assert tables(found)


def test_the_queue_log() -> None:
    log, lines = QueueLog(), []
    call = {"queue": "sales", "caller": "c1"}
    presence = {"agent": "anna", "actor": "x", "device": "101", "queue": "", "reason": ""}
    leg = {"call": "c1", "talk_seconds": 42.4, "ring_seconds": 1.0, "status": 200, "cause": "normal"}
    for at, name, event in [
        (100.9, "agent.presence", {**presence, "presence": "ready", "previous": "offline"}),
        (101.0, "queue.entered", {**call, "visit": 1, "number": "+48|22\n1", "position": 2, "kind": ""}),
        (103.0, "queue.offer_result", {**call, "agent": "jan", "result": "no_answer", "ring_seconds": 1.5}),
        (104.0, "queue.offer_result", {**call, "agent": "anna", "result": "answered", "ring_seconds": 1.0}),
        (105.0, "queue.connected", {**call, "agent": "anna", "offer": 2, "waited": 4.0}),
        (105.0, "queue.left", {**call, "outcome": "answered", "waited": 4.0, "position_at_entry": 2, "kind": ""}),
        (147.4, "leg.ended", {**leg, "role": "agent", "party": "anna", "by": "remote"}),
        (147.4, "leg.ended", {**leg, "role": "caller", "party": "x", "by": "local"}),
        (150.0, "queue.entered", {"queue": "sales", "caller": "c2", "visit": 2, "number": "", "position": 1, "kind": ""}),
        (
            155.0, "queue.left",
            {"queue": "sales", "caller": "c2", "outcome": "abandoned", "waited": 5.0, "position_at_entry": 1, "kind": ""},
        ),
        (160.0, "agent.presence", {**presence, "presence": "not_ready", "previous": "ready", "reason": "lunch"}),
        (170.0, "agent.presence", {**presence, "presence": "ready", "previous": "not_ready"}),
        (200.9, "agent.presence", {**presence, "presence": "offline", "previous": "ready"}),
    ]:  # fmt: skip
        assert name in log.names
        lines += log.see(at, name, event)
    assert lines == [
        "100|NONE|NONE|anna|AGENTLOGIN|101",
        "101|c1|sales|NONE|ENTERQUEUE||+48/22 1|2",
        "103|c1|sales|jan|RINGNOANSWER|1500",
        "105|c1|sales|anna|CONNECT|4|c1|1",
        "147|c1|sales|anna|COMPLETEAGENT|4|42|2",
        "150|c2|sales|NONE|ENTERQUEUE|||1",
        "155|c2|sales|NONE|ABANDON|1|1|5",
        "160|NONE|NONE|anna|PAUSEALL|lunch",
        "170|NONE|NONE|anna|UNPAUSEALL|",
        "200|NONE|NONE|anna|AGENTLOGOFF|101|100",
    ]


def test_the_queue_log_of_a_line_that_moves_up() -> None:
    """Positions as callers move up, rings that a caller ends, times of transfers; every ENTERQUEUE has its end."""
    log, lines = QueueLog(), []
    entered = {"queue": "sales", "number": "", "kind": ""}
    left = {"queue": "sales", "kind": "", "agent": ""}
    transfer = {"by": "101", "target": "200", "leg": "", "other": "", "transfers": 1}
    story: list[tuple[float, str, dict[str, Any]]] = [
        (10.0, "config.changed", {}),
        (100.0, "queue.entered", {**entered, "caller": "c1", "position": 1}),
        (101.0, "queue.entered", {**entered, "caller": "c2", "position": 2}),
        (102.0, "queue.entered", {**entered, "caller": "c3", "position": 1}),  # of a higher priority
        (110.0, "queue.offer_result", {
            "queue": "sales", "caller": "c3", "agent": "anna", "result": "answered", "ring_seconds": 5.2,
        }),
        (110.0, "queue.connected", {"queue": "sales", "caller": "c3", "agent": "anna", "waited": 8.0}),
        (110.0, "queue.left", {**left, "caller": "c3", "outcome": "answered", "waited": 8.0, "position_at_entry": 1}),
        (120.0, "queue.offer_result", {
            "queue": "sales", "caller": "c1", "agent": "jan", "result": "cancelled_caller_gone", "ring_seconds": 2.5,
        }),
        (120.0, "queue.left", {**left, "caller": "c1", "outcome": "abandoned_ringing", "waited": 20.0, "position_at_entry": 1}),
        (130.0, "queue.left", {**left, "caller": "c2", "outcome": "abandoned", "waited": 29.0, "position_at_entry": 2}),
        (140.0, "call.transferred", {**transfer, "call": "c3", "kind": "blind"}),
        (150.0, "queue.entered", {**entered, "caller": "c4", "position": 1}),
        (160.0, "queue.left", {**left, "caller": "c4", "outcome": "system_shutdown", "waited": 10.0, "position_at_entry": 1}),
    ]  # fmt: skip
    for at, name, event in story:
        assert name in log.names
        lines += log.see(at, name, event)
    assert lines == [
        "10|NONE|NONE|NONE|CONFIGRELOAD|",
        "100|c1|sales|NONE|ENTERQUEUE|||1",
        "101|c2|sales|NONE|ENTERQUEUE|||2",
        "102|c3|sales|NONE|ENTERQUEUE|||1",
        "110|c3|sales|anna|CONNECT|8|c3|5",
        "120|c1|sales|jan|RINGCANCELED|2500",
        "120|c1|sales|NONE|ABANDON|1|1|20",
        "130|c2|sales|NONE|ABANDON|1|2|29",
        "140|c3|sales|anna|BLINDTRANSFER|200||8|30|1",
        "150|c4|sales|NONE|ENTERQUEUE|||1",
        "160|c4|sales|NONE|EXITWITHTIMEOUT|1|1|10",
    ]


def test_transfers_and_what_they_cost() -> None:
    fold = Fold(Numbers())
    started = {"kind": "attended", "by": "101", "target": "102", "note": "", "customer": ""}
    device = {"presence": "ready", "reason": "", "device": "101", "queue": ""}
    for at, name, event in [
        (1_000.0, "agent.presence", {"agent": "anna", **device}),
        (1_000.0, "call.created", {"call": "c1"}),
        (1_001.0, "transfer.started", {"call": "c1", **started}),
        (1_031.0, "call.transferred", {"call": "c1", **started, "leg": "", "other": "c9", "transfers": 1}),
        (1_040.0, "transfer.started", {"call": "c1", **started, "kind": "blind"}),
        (1_060.0, "transfer.failed", {"call": "c1", "by": "101", "target": "102", "cause": "busy", "status": 486}),
        (1_061.0, "call.recalled", {"call": "c1", "by": "101", "target": "102", "cause": "busy", "attempt": 1}),
    ]:
        fold.see(int(at), at, name, event)
    rows = list(fold.take().transfers.values())
    # call, queue, kind, transferor, target, result, cost in ms, chain, recalls
    assert rows == [
        ("c1", "", "attended", "anna", "102", "done", 30_000, 1, 0),
        ("c1", "", "blind", "anna", "102", "busy", 0, 0, 1),
    ]


def test_a_desk_phone_consults_before_it_transfers() -> None:
    """The hold tells how long, where "transfer.started" comes with the end of the consultation."""
    fold = Fold(Numbers())
    transfer = {"kind": "attended", "by": "101", "target": "102"}
    for at, name, event in [
        (1_000.0, "call.created", {"call": "c1"}),
        (1_010.0, "call.held", {"call": "c1", "leg": "x"}),
        (1_015.0, "call.resumed", {"call": "c1", "leg": "x"}),
        (1_020.0, "call.held", {"call": "c1", "leg": "x"}),
        (1_050.0, "transfer.started", {"call": "c1", **transfer}),
        (1_050.0, "call.transferred", {"call": "c1", **transfer, "leg": "", "other": "c9", "transfers": 1}),
    ]:
        fold.see(int(at), at, name, event)
    (row,) = fold.take().transfers.values()
    assert row[6] == 30_000, "from the second hold on; the first was over"


def test_a_conversation_cut_off_by_a_crash_ends() -> None:
    """Whoever talked then, and whose phone never came back, does not talk for the rest of the day."""
    fold = Fold(Numbers())
    agent = {"agent": "anna", "reason": "", "device": "101", "queue": "", "kind": ""}
    leg = {"call": "c1", "leg": "l", "role": "agent", "party": "anna", "talk_seconds": 100.0, "by": "failure"}
    for at, name, event in [
        (900.0, "agent.presence", {**agent, "presence": "ready"}),
        (900.0, "agent.activity", {**agent, "activity": "talking", "kind": "queue"}),
        (1_000.0, "leg.ended", {**leg, "cause": "system_restart"}),
        (1_600.0, "queue.entered", {"queue": "q", "caller": "c2", "visit": 2, "number": "", "kind": ""}),
    ]:
        fold.see(int(at), at, name, event)
    row = dict(zip(AGENT_COLUMNS, fold.take().agents[900, "anna"], strict=True))
    assert (row["talk_queue"], row["unreachable"], row["logged_in"]) == (100_000, 600_000, 700_000)


def test_the_clock_of_what_goes_on_is_that_of_the_journal() -> None:
    fold = Fold(Numbers())
    agent = {"agent": "anna", "reason": "", "device": "101", "queue": "", "kind": ""}
    fold.see(1, 900.0, "agent.presence", {**agent, "presence": "ready"})
    fold.see(2, 900.0, "agent.activity", {**agent, "activity": "idle"})
    fold.tick(1_500.0)
    assert dict(zip(AGENT_COLUMNS, fold.take().agents[900, "anna"], strict=True))["idle"] == 600_000


def test_one_number_with_two_callers_at_once() -> None:
    """A company shows one number: both callers count, and the first is followed by the second."""
    fold = Fold(Numbers())
    for at, name, caller in [
        (1_000.0, "queue.entered", "c1"),
        (1_010.0, "queue.entered", "c2"),
        (1_020.0, "queue.left", "c1"),
        (1_030.0, "queue.left", "c2"),
    ]:
        end = {"outcome": "answered", "waited": 20.0, "agent": "anna"} if name == "queue.left" else {}
        fold.see(
            int(at), at, name, {"queue": "q", "caller": caller, "visit": 1, "number": "+48221234567", "kind": "", **end}
        )
    row = dict(zip(QUEUE_COLUMNS, fold.take().queues["cohort", 900, "q"], strict=True))
    assert (row["contacts"], row["followed_week"], row["followed_day"]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("of", "now", "wanted"),
    [
        (("2026-11-18", "2026-11-18"), "2026-11-18T14:07", ("2026-11-17T00:00", "2026-11-17T14:15")),
        (("2026-11-18", "2026-11-18"), "2026-11-20T14:07", ("2026-11-17T00:00", "2026-11-18T00:00")),
        (("2026-03-01", "2026-03-31"), "2026-11-18T14:07", ("2026-02-01T00:00", "2026-03-01T00:00")),
        (("2026-03-23", "2026-03-29"), "2026-11-18T14:07", ("2026-03-16T00:00", "2026-03-23T00:00")),
        (("2026-11-01", "2026-11-30"), "2026-11-18T14:07", ("2026-10-01T00:00", "2026-10-18T14:15")),
        (("2026-01-01", "2026-12-31"), "2027-01-18T14:07", ("2025-01-01T00:00", "2026-01-01T00:00")),
        (("2026-11-18T09:00", "2026-11-18T17:00"), "2026-11-20T14:07", ("2026-11-17T09:00", "2026-11-17T17:00")),
    ],
)
def test_the_time_before(of: tuple[str, str], now: str, wanted: tuple[str, str]) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=WARSAW).timestamp()
    found = before(between(*of, WARSAW), at).as_dict()
    assert (found["from"][:16], found["to"][:16]) == wanted


def test_a_mail_with_tables(tmp_path: Any, empty_database: Any) -> None:
    """As a page and as text; a name of a caller's is no markup."""
    evil = {**report(), "titles": {"en": "Queues", "pl": "Kolejki"}, "total": {"sl": {"value": 0.5, "n": 1, "d": 2}}}
    evil["report"] = "unknown"
    evil["rows"] = [{**evil["rows"][0], "queue": "<script>x</script>"}, evil["rows"][1]]
    html = page([evil], "pl")
    assert "<script>" not in html and "&lt;script&gt;" in html and "50,0 %" in html and "A_T / (A + B - B_S)" in html
    mail = compose(Note(1, ("a@example.com",), "Raport", letter([evil], "pl"), files=(), html=html), "s@example.com")
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "text/html"]


def test_who_was_missed_is_in_the_report_of_each_day_on_which_they_tried(tmp_path: Any, empty_database: Any) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(empty_database.read_bytes())
    midnight = float(SPAN.since)
    lines = []
    for at in (midnight - 3_600.0, midnight + 3_600.0):
        call = {"queue": "q", "caller": f"c{at}", "visit": 1, "number": "+48221234567", "kind": ""}
        lines.append((at, "queue.entered", call))
        lines.append((at + 30.0, "queue.left", {**call, "outcome": "abandoned", "waited": 30.0}))
    write(iter(lines), path)
    ledger = Ledger(path)
    ledger.catch_up()
    for day in ("2026-10-31", "2026-11-01"):
        (row,) = make("missed", ledger, Ask(between(day, day, WARSAW), now=midnight + 90_000.0))["rows"]
        assert row["attempts"] == 2
    assert make("missed", ledger, Ask(between("2026-11-02", "2026-11-02", WARSAW)))["rows"] == []


def test_who_transfers_at_once_has_not_hung_up() -> None:
    """A desk phone hangs up behind its transfer; only who ends a call and leads it nowhere is counted."""
    fold = Fold(Numbers())
    login = {"agent": "anna", "presence": "ready", "reason": "", "device": "101", "queue": ""}
    leg = {"leg": "l", "role": "agent", "party": "anna", "talk_seconds": 3.0, "by": "remote", "cause": "normal"}
    blind = {"kind": "blind", "by": "101", "target": "102"}
    for at, name, event in [
        (1_000.0, "agent.presence", login),
        (1_001.0, "call.created", {"call": "c1"}),
        (1_004.0, "transfer.started", {"call": "c1", **blind}),
        (1_004.0, "call.transferred", {"call": "c1", **blind, "leg": "", "other": "", "transfers": 1}),
        (1_004.0, "leg.ended", {"call": "c1", **leg}),
        (1_011.0, "call.created", {"call": "c2"}),
        (1_014.0, "leg.ended", {"call": "c2", **leg}),
    ]:
        fold.see(int(at), at, name, event)
    assert dict(zip(AGENT_COLUMNS, fold.take().agents[900, "anna"], strict=True))["short_answers"] == 1
