"""What is shown of calls and opening hours is what is so."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from softswitch.cli import desk, live

CALL: dict[str, Any] = {
    "call": "2f58beaa008d9e9d", "caller": "104", "dialled": "801", "trunk": "", "state": "talking", "queue": "helpline",
    "agent": "anna", "transfers": 0, "seconds": 7.7, "legs": [{"party": "Service"}, {"party": "Anna Nowak"}],
}  # fmt: skip
HOURS: dict[str, Any] = {
    "hours": "office", "open": False, "state": "auto", "site": "auto", "holiday": False, "until": 0.0, "by": "",
    "timezone": "Europe/Warsaw", "opens": True, "next_change": "2026-11-23T08:00:00+01:00",
    "next_opening": "2026-11-23T08:00:00+01:00",
}  # fmt: skip


def cells(capsys: pytest.CaptureFixture[str]) -> list[str]:
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("│"))
    return [cell.strip() for cell in row.split("│")[1:-1]]


def test_who_was_led_on_is_with_whom_they_talk_to(capsys: pytest.CaptureFixture[str]) -> None:
    live._show_calls([CALL])
    assert cells(capsys)[6] == "anna"
    live._show_calls([CALL | {"transfers": 1, "legs": [{"party": "Service"}, {"party": "Piotr Kowalski"}]}])
    assert cells(capsys)[6] == "Piotr Kowalski"
    live._show_calls([CALL | {"transfers": 1, "legs": [{"party": "Service"}]}])
    assert cells(capsys)[6] == "-", "it rings at the target"


def test_the_end_of_what_was_said_by_hand_is_in_the_zone_of_the_hours(capsys: pytest.CaptureFixture[str]) -> None:
    """As `--until` was given, whatever the clock of the machine says."""
    until = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.UTC).timestamp()
    overruled = HOURS | {"state": "closed", "until": until, "by": "cli", "next_opening": "2026-11-23T13:00:00+01:00"}
    desk._show_hours([overruled])
    assert cells(capsys)[2:] == ["by hand", "2026-11-23 13:00", "cli", "opens Mon 2026-11-23 13:00"]
    desk._show_hours([overruled | {"open": True, "state": "open"}])
    assert cells(capsys)[5] == "-", "the calendar's next change may not be noticed"
    desk._show_hours([HOURS])
    assert cells(capsys)[2:] == ["its calendar", "-", "-", "opens Mon 2026-11-23 08:00"]
