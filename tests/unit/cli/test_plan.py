"""`softswitch plan`: from a bill, from records, and what it says where there is nothing to plan from."""

from __future__ import annotations

import datetime
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from softswitch.cli import main

USAGE, FAILED = 2, 1


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOFTSWITCH_CONFIG", raising=False)


@pytest.fixture
def bill(tmp_path: Path) -> Iterator[Path]:
    """Four weeks of Mondays with 100 calls of three minutes from 10:00 to 10:30, and ten at noon."""
    path = tmp_path / "billing.csv"
    lines = ["Data i czas;Czas trwania"]
    for week in range(4):
        monday = datetime.datetime(2026, 9, 7, 10) + datetime.timedelta(weeks=week)
        lines += [f"{monday + datetime.timedelta(minutes=i % 30):%d.%m.%Y %H:%M:%S};3:00" for i in range(100)]
        lines += [f"{monday + datetime.timedelta(hours=2):%d.%m.%Y %H:%M:%S};180"] * 10
    path.write_text("\n".join(lines))
    yield path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["plan", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def test_a_bill_as_a_table(bill: Path) -> None:
    result = run("--billing", str(bill), "--occupancy", "100")
    assert result.exit_code == 0, result.output
    assert "│ 10:00 │  14 │" in result.output  # FEATURES C.9
    assert "Erlang C, callers are taken to wait for ever" in result.output
    assert "Lunch on Mon: 12:00" in result.output


def test_a_bill_as_json_with_patience(bill: Path) -> None:
    plan = json.loads(run("--billing", str(bill), "--occupancy", "100", "--patience", "180", "--json").output)
    assert (plan["model"], plan["calls"], plan["days"], plan["handle_time"]) == ("Erlang A", 440, 22, 180.0)
    assert [(one["from"], one["agents"]) for one in plan["intervals"]] == [("10:00", 12), ("12:00", 3)]
    assert plan["people_to_employ_at_the_peak"] == 18  # of whom 30 % are away
    assert plan["service_level_one_fewer"] < 0.8 <= plan["service_level"] < plan["service_level_one_more"]
    assert plan["back_test_error"] == 0.0


@pytest.mark.parametrize("suffix, magic", [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_a_chart(bill: Path, tmp_path: Path, suffix: str, magic: bytes) -> None:
    chart = tmp_path / f"plan{suffix}"
    result = run("--billing", str(bill), "--chart", str(chart))
    assert f"Drawn: {chart}" in result.output
    assert chart.read_bytes().startswith(magic)


def record(connection: sqlite3.Connection, table: str, **values: object) -> None:
    """A row; what is not given is 0 or ""."""
    row = {
        name: values.get(name, "" if kind == "TEXT" else 0)
        for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})")
    }
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def test_from_records(tmp_path: Path) -> None:
    made = CliRunner().invoke(main, ["init", str(tmp_path / "site")])
    assert made.exit_code == 0, made.output
    database = tmp_path / "site" / "softswitch.sqlite"
    with sqlite3.connect(database) as connection:
        now = datetime.datetime.now(datetime.UTC).timestamp()
        for n in range(40):
            at = now - 86_400.0 * (1 + n % 20)
            answered = n % 4 != 0
            record(
                connection, "calls", seq=n + 1, call=f"c{n}", started_at=at, ended_at=at + 90, queue="infolinia",
                talk_seconds=60.0 if answered else 0.0,
            )  # fmt: skip
            record(
                connection, "queue_visits", visit=n + 1, call=f"c{n}", queue="infolinia", entered_at=at, left_at=at + 10,
                waited=10.0, outcome="answered" if answered else "abandoned",
            )  # fmt: skip
    config = str(tmp_path / "site")
    plan = json.loads(run("--queue", "infolinia", "--config", config, "--json").output)
    assert (plan["calls"], plan["answered"], plan["model"]) == (40, 30, "Erlang A")
    assert plan["handle_time"] == pytest.approx(75.0)  # a minute of talk, and the wrap-up of the queue
    assert plan["patience"] == pytest.approx(40.0)  # 400 s waited by anybody, ten gave up
    longer = json.loads(run("--queue", "infolinia", "--config", config, "--wrap-up", "60", "--json").output)
    assert longer["handle_time"] == pytest.approx(120.0)
    few = run("--queue", "infolinia", "--config", config, "--days", "1", "--timezone", "Europe/Nowhere")
    assert few.exit_code == USAGE and "Europe/Nowhere" in few.output
    nobody = run("--queue", "nobody", "--config", config)
    assert nobody.exit_code == FAILED and "There are no calls in queue nobody" in nobody.output


def test_only_whole_days_count(tmp_path: Path) -> None:
    """One call an interval, every day: the calls of today and of the day before the first whole one make no half days."""
    made = CliRunner().invoke(main, ["init", str(tmp_path / "site")])
    assert made.exit_code == 0, made.output
    zone = ZoneInfo("Pacific/Kiritimati")  # which has no change of clocks
    today = datetime.datetime.now(zone).date()
    with sqlite3.connect(tmp_path / "site" / "softswitch.sqlite") as connection:
        for day in range(8, -1, -1):
            for hour in (0, 12):
                at = datetime.datetime.combine(
                    today - datetime.timedelta(days=day), datetime.time(hour), zone
                ).timestamp()
                call = f"c{day}-{hour}"
                record(connection, "calls", seq=1 + 24 * day + hour, call=call, started_at=at, talk_seconds=60.0)
                record(
                    connection, "queue_visits", visit=1 + 24 * day + hour, call=call, queue="infolinia", entered_at=at,
                    left_at=at, waited=0.0, outcome="answered",
                )  # fmt: skip
    told = run(
        "--queue", "infolinia", "--config", str(tmp_path / "site"), "--days", "7", "--timezone", str(zone), "--json"
    )
    plan = json.loads(told.output)
    assert (plan["calls"], plan["days"]) == (14, 7)
    assert {one["calls"] for one in plan["intervals"]} == {1.0} and len(plan["intervals"]) == 14


def test_a_transferred_call_is_as_long_as_its_agent_was_on_the_phone(tmp_path: Path) -> None:
    """Ten minutes of a call, of which the agent of the queue had one, and one of another queue nine."""
    made = CliRunner().invoke(main, ["init", str(tmp_path / "site")])
    assert made.exit_code == 0, made.output
    with sqlite3.connect(tmp_path / "site" / "softswitch.sqlite") as connection:
        at = datetime.datetime.now(datetime.UTC).timestamp() - 86_400.0
        record(
            connection, "calls", seq=1, call="c", started_at=at, ended_at=at + 600, queue="infolinia", talk_seconds=600.0
        )  # fmt: skip
        for number, (queue, agent, seconds) in enumerate((("infolinia", "anna", 60.0), ("second", "ewa", 540.0)), 1):
            record(
                connection, "queue_visits", visit=number, call="c", queue=queue, entered_at=at, left_at=at, waited=0.0,
                outcome="answered", agent=agent,
            )  # fmt: skip
            record(connection, "legs", seq=number, call="c", leg=agent, role="agent", party=agent, talk_seconds=seconds)
    for queue, seconds in (("infolinia", 60.0), ("second", 540.0)):
        told = run("--queue", queue, "--config", str(tmp_path / "site"), "--wrap-up", "0", "--json").output
        assert json.loads(told)["handle_time"] == pytest.approx(seconds)


@pytest.mark.parametrize(
    "arguments, said",
    [
        ((), "Name a queue or a bill"),
        (("--queue", "q", "--target", "120/20"), "expected PERCENT/SECONDS"),
        (("--queue", "q", "--chart", "plan.pdf"), "plan.pdf cannot be drawn"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == USAGE
    assert said in result.output
