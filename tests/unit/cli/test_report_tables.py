"""`softswitch report queues` and the others, over the books of a switch that does not run."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from softswitch.cli.report_tables import HELP, INTERVALS, RANGES
from softswitch.config import load_config
from softswitch.events import CallerConnected, CallerJoined, CallerLeft
from softswitch.reports import range as ranges
from softswitch.reports.build import REPORTS
from softswitch.store import Store
from tests.unit.cli.test_cli import data, empty_folder, run, site

__all__ = ["empty_folder", "site"]  # fixtures


@pytest.fixture
def books(site: dict[str, Any], tmp_path: Path) -> None:
    """Three callers of the last minute: one answered, one late, one who gave up."""
    path = load_config(tmp_path / "site" / "softswitch.toml").paths.database

    async def write() -> None:
        store = await Store.open(path)
        seq, now = (await store.load()).next_seq, time.time()
        for number, (outcome, waited) in enumerate((("answered", 5.0), ("answered", 30.0), ("abandoned", 50.0))):
            call = f"c{number}"
            events = [
                (now - 60.0, CallerJoined("infolinia", call, number, "=1+1", 0, 1, 1)),
                (now - 60.0 + waited, CallerConnected("infolinia", call, "anna", number, waited)),
                (now - 60.0 + waited, CallerLeft("infolinia", call, number, outcome, waited, 1, 1, agent="anna")),
            ]
            for at, event in events if outcome == "answered" else [events[0], events[2]]:
                store.publish(seq, at, 1.0, event)
                seq += 1
        await store.close()

    asyncio.run(write())


def test_the_words_are_those_of_the_reports() -> None:
    assert set(HELP) == set(REPORTS) and set(RANGES) == set(ranges.RANGES) and set(INTERVALS) == set(ranges.INTERVALS)


def test_queues(books: None, tmp_path: Path) -> None:
    span = ("--since", "2020-01-01")
    found = data("report", "queues", *span)
    (row,) = found["rows"]
    assert (row["entered"], row["answered"], row["abandoned"]) == (3, 2, 1)
    assert row["sl"] == {"value": pytest.approx(1 / 3), "n": 1, "d": 3}
    assert found["definitions"]["sl"] == "A_T / (A + B - B_S)"
    shown = run("report", "queues", *span, "--all").output
    assert "infolinia" in shown and "33.3 %" in shown and "–" in shown, "a dash for what has no base"
    assert data("report", "queues", *span, "--queue", "infolinia")["rows"] == found["rows"]
    assert run("report", "queues", "--queue", "nobody").exit_code == 4
    assert run("report", "queues", "--since", "yesterday").exit_code == 2


@pytest.mark.parametrize("name", list(HELP))
def test_every_report_is_shown(books: None, name: str) -> None:
    result = run("report", name, "--range", "week")
    assert result.exit_code == 0 and REPORTS[name][0][0] in result.output


def test_files(books: None, tmp_path: Path) -> None:
    for form in ("csv", "xlsx", "json"):
        assert run("report", "missed", "--since", "2020-01-01", "--output", str(tmp_path / f"x.{form}")).exit_code == 0
    assert b"'=1+1" in (tmp_path / "x.csv").read_bytes()
    assert openpyxl.load_workbook(tmp_path / "x.xlsx")["missed"]["A2"].value == "=1+1"
    assert json.loads((tmp_path / "x.json").read_text())["rows"][0]["number"] == "=1+1"
    assert run("report", "missed", "--output", str(tmp_path / "x.doc")).exit_code == 2


def test_the_queue_log_and_a_recount(books: None, tmp_path: Path) -> None:
    lines = run("report", "queue-log").output.splitlines()
    assert [line.split("|")[4] for line in lines if line.split("|")[1] == "c2"] == ["ENTERQUEUE", "ABANDON"]
    assert "written" in run("report", "queue-log", "--output", str(tmp_path / "queue_log")).output.lower()
    assert (tmp_path / "queue_log").read_text().splitlines() == lines
    assert data("report", "rebuild")["events"] == 8
    assert run("report", "send", "morning").exit_code == 3, "no switch runs"
