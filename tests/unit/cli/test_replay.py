"""`softswitch sim` and `softswitch explain` against a database, and against a file of events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from softswitch.cli import main
from softswitch.sim.tape import Noted, event_of
from tests.sim.journal import recorded

HOUR = 3_600.0
DAY: dict[str, Any] = {
    "queue": {"q": {"wrap_up": 20, "tier_mode": "timed", "tier_after": {"1": 120}}},
    "callers": [{"queue": "q", "rate": {"Mon 08:00-09:00": 80}, "patience": "exponential(240)"}],
    "teams": [
        {"name": "first", "count": 3, "queues": {"q": 0}, "shift": ["Mon 08:00-10:00"]},
        {"name": "second", "count": 2, "queues": {"q": 1}, "shift": ["Mon 08:00-10:00"]},
    ],
}  # fmt: skip
AGENTS = ("first-1", "first-2", "first-3", "second-1", "second-2")
SITE = (
    'domain = "example.com"\n'
    + "".join(f'[account.{n}]\npassword = "correct horse {n}"\n[agent.{n}]\ndevice = "{n}"\n' for n in AGENTS)
    + """[queue.q]
tier_mode = "timed"
tier_after = { 1 = 120 }
members = ["first-1", "first-2", "first-3", { agent = "second-1", tier = 1 }, { agent = "second-2", tier = 1 }]
"""
)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


@pytest.fixture(scope="module")
def lines() -> list[Noted]:
    return recorded(DAY)


@pytest.fixture
def journal(lines: list[Noted], tmp_path: Path) -> Path:
    """A file as `softswitch events --json` writes it."""
    file = tmp_path / "day.events"
    with file.open("w") as output:
        for one in lines:
            stamp = datetime.fromtimestamp(one.wall, UTC).isoformat()
            output.write(json.dumps({"seq": one.seq, "time": stamp, "event": one.name, **one.payload}) + "\n")
    return file


@pytest.fixture(scope="module")
def site(lines: list[Noted], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A site whose journal holds the day, each caller being a call."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "site.toml").write_text(SITE)
    (folder / "softswitch.toml").write_text('[paths]\ndatabase = "softswitch.sqlite"\nsocket = "s"\n')
    applied = run("apply", str(folder / "site.toml"), "--config", str(folder))
    assert applied.exit_code == 0, applied.output

    async def write() -> None:
        from softswitch.events import CallEnded, CallerJoined, CallerLeft, CallStarted
        from softswitch.store import Store

        store = await Store.open(folder / "softswitch.sqlite", flush_interval=0.01, pending_limit=1_000_000)
        seq = 1

        def publish(wall: float, mono: float, event: Any) -> None:
            nonlocal seq
            store.publish(seq, wall, mono, event)
            seq += 1

        for one in lines:
            event = event_of(one)
            if event is None:
                continue
            if getattr(event, "until", None) is not None:
                event.until -= one.wall - one.mono  # type: ignore[attr-defined]
            if isinstance(event, CallerJoined):
                publish(one.wall, one.mono, CallStarted(event.caller, "600100200", "", "800"))
            publish(one.wall, one.mono, event)
            if isinstance(event, CallerLeft):
                publish(
                    one.wall,
                    one.mono,
                    CallEnded(event.caller, "600100200", "", "800", "", "answered", 200, "", 0, 0, 0),
                )
        await store.close()

    asyncio.run(write())
    yield folder


# --- sim --replay ------------------------------------------------------------------------------------------------------


def test_a_file_of_events_is_played_again_to_the_same_assignments(journal: Path) -> None:
    result = run("sim", "--replay", str(journal))
    assert result.exit_code == 0, result.output
    assert "Every assignment is as recorded." in result.output


def test_the_site_s_own_record_is_played_again(site: Path) -> None:
    result = run("sim", "--replay", "--config", str(site), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["different"] == 0 and found["exact"] and found["offers"] > 30
    assert found["recorded"]["q"]["offered"] > 30 and found["difference"] == {}


def test_a_policy_is_compared_with_the_one_in_force(site: Path, tmp_path: Path) -> None:
    (tmp_path / "new.toml").write_text('[queue.q]\ntier_mode = "busy"\n')
    order = ["sim", "--replay", "--policy", str(tmp_path / "new.toml"), "--replications", "3", "--config", str(site)]
    result = run(*order, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["difference"]["q"]["asa"]["mean"] < 0 < found["difference"]["q"]["sl"]["mean"]
    shown = run(*order)
    assert "difference" in shown.output and "Occupancy: recorded" in shown.output and "±" in shown.output


def test_a_time_of_the_record(site: Path, lines: list[Noted]) -> None:
    middle = datetime.fromtimestamp(1_700_000_000 + 8.5 * HOUR).isoformat()
    result = run("sim", "--replay", "--from", middle, "--config", str(site), "--json")
    assert result.exit_code == 0, result.output
    assert 10 < json.loads(result.stdout)["recorded"]["q"]["offered"] < 60
    late = run("sim", "--replay", "--from", "2031-01-01T09:00", "--config", str(site))
    assert late.exit_code == 1 and "no tape" in late.output.lower()


def test_an_assignment_that_differs_is_shown(journal: Path) -> None:
    changed = journal.read_text().replace('"agent": "first-1", "offer": 1,', '"agent": "first-2", "offer": 1,')
    assert changed != journal.read_text()
    journal.write_text(changed)
    result = run("sim", "--replay", str(journal))
    assert result.exit_code == 1 and "1 assignment differ" in result.output and "-> first-1 (offer 1)" in result.output


def test_wrong_usage_of_sim(journal: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('[queue.q]\nstrategy = "psychic"\n')
    (tmp_path / "scenario.toml").write_text("days = 0\n")
    (tmp_path / "no.events").write_text("hello\n")
    assert run("sim").exit_code == 2
    assert run("sim", str(tmp_path / "scenario.toml"), "--replay", str(journal)).exit_code == 2
    assert run("sim", str(tmp_path / "scenario.toml"), "--policy", str(tmp_path / "bad.toml")).exit_code == 2
    assert run("sim", str(tmp_path / "scenario.toml")).exit_code == 5
    assert run("sim", "--replay", str(journal), "--policy", str(tmp_path / "bad.toml")).exit_code == 5
    assert run("sim", "--replay", str(tmp_path / "no.events")).exit_code == 1
    assert run("sim", "--replay", str(tmp_path / "nowhere")).exit_code == 1
    assert run("sim", "--replay", str(journal), "--from", "soon").exit_code == 2


# --- explain -----------------------------------------------------------------------------------------------------------


def test_a_past_call_is_explained(site: Path) -> None:
    result = run("explain", "call", "q-20", "--config", str(site))
    assert result.exit_code == 0, result.output
    assert "entered q with priority 0" in result.output and "agents in question, best first" in result.output
    assert "not in question" in result.output
    found = json.loads(run("explain", "call", "q-20", "--config", str(site), "--json").stdout)
    offered = [one for one in found["steps"] if one["kind"] == "offered"]
    members = {one["name"] for step in offered for part in ("ranking", "excluded") for one in step["decision"][part]}
    assert offered and members == {"first-1", "first-2", "first-3", "second-1", "second-2"}, "everybody has a reason"
    assert not any(one["reason"] == "unknown" for step in offered for one in step["decision"]["excluded"])


def test_why_a_call_went_before_another(site: Path) -> None:
    result = run("explain", "call", "q-20", "--before", "q-21", "--config", str(site))
    assert result.exit_code == 0 and result.output.startswith("q-21: "), result.output


def test_an_agent_s_time_is_explained(site: Path) -> None:
    begin = datetime.fromtimestamp(1_700_000_000 + 8 * HOUR).isoformat()
    order = ["explain", "agent", "second-1", "--from", begin, "--since", "30 min", "--config", str(site)]
    result = run(*order)
    assert result.exit_code == 0, result.output
    assert "second-1: " in result.output and "went to first-" in result.output and "tier 1 opens in" in result.output
    found = json.loads(run(*order, "--json").stdout)
    assert sum(found["totals"].values()) == pytest.approx(1_800.0)


def test_the_last_decisions_of_a_queue(site: Path) -> None:
    end = datetime.fromtimestamp(1_700_000_000 + 8.5 * HOUR).isoformat()
    found = json.loads(run("explain", "queue", "q", "--to", end, "--last", "3", "--config", str(site), "--json").stdout)
    assert len(found["decisions"]) == 3 and len(found["lines"]) >= 6


def test_what_is_not_there_has_its_exit_code(site: Path) -> None:
    assert run("explain", "call", "nobody", "--config", str(site)).exit_code == 4
    assert run("explain", "agent", "nobody", "--config", str(site)).exit_code == 4
    assert run("explain", "queue", "nobody", "--config", str(site)).exit_code == 4


# --- a dry run -----------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_the_change_would_have_done(site: Path) -> None:
    """The second line is taken away: callers wait longer."""
    changed = SITE.replace(', { agent = "second-1", tier = 1 }, { agent = "second-2", tier = 1 }', "")
    (site / "changed.toml").write_text(changed)
    ever = str(100 * 365 * 24)
    arguments = ("apply", str(site / "changed.toml"), "--dry-run", "--config", str(site))
    found = json.loads(run(*arguments, "--hours", ever, "--json").stdout)
    assert found["replayed_offers"] > 30 and "site" not in found
    (line,) = found["replay"]
    assert line.startswith("? queue q: SL % ") and "ASA" in line
    before, after = (float(part) for part in line.partition("ASA ")[2].partition(" (")[0].split(" -> "))
    assert after > before
    shown = run(*arguments, "--hours", ever).output
    assert line.split()[0:3] == ["?", "queue", "q:"] and "played again" in shown and "Nothing was changed" in shown
    assert "replay" not in json.loads(run(*arguments, "--hours", "0", "--json").stdout)
    assert json.loads(run(*arguments, "--json").stdout)["replay"] == []  # Nothing was recorded in the last hour.


def test_a_change_of_no_queue_needs_no_record(site: Path) -> None:
    (site / "changed.toml").write_text(SITE + '[account.900]\npassword = "correct horse"\n')
    result = run("apply", str(site / "changed.toml"), "--dry-run", "--config", str(site), "--json")
    assert "replay" not in json.loads(result.stdout)
