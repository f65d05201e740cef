"""`softswitch callback`: what it sends to the switch, what it shows, and what it does not understand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from softswitch.cli import callback

OPEN = {
    "callback": "b1", "queue": "sales", "number": "+48601000111", "name": "Jan", "kind": "requested", "state": "waiting",
    "position": 2, "waited": 61.0, "due_in": -61.0, "attempts": 1, "cause": "busy", "owner": "", "note": "umowa",
}  # fmt: skip
REPORT = {
    "queue": "sales", "asked": 9, "results": {"reached": 5, "not_reached": 1, "cancelled": 2}, "open": 1, "in_time": 4,
    "mean_seconds": None, "longest_seconds": 0.0,
}  # fmt: skip


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What the commands ask of a switch."""
    found: list[tuple[str, dict[str, Any]]] = []

    class Switch:
        def call(self, command: str, **arguments: Any) -> Any:
            found.append((command, arguments))
            return {"callbacks": [OPEN], "callback_report": [REPORT], "callback_history": []}.get(command, OPEN)

    @contextlib.contextmanager
    def attached(config: Path | None) -> Iterator[Switch]:
        yield Switch()

    monkeypatch.setattr(callback, "attached", attached)
    return found


def run(*arguments: str) -> str:
    result = CliRunner().invoke(callback.callback, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def test_lists(sent: list[tuple[str, dict[str, Any]]]) -> None:
    assert "b1" in run("list", "--queue", "sales")
    assert "no callbacks" in run("list", "--all")
    assert "sales" in run("report", "--days", "3")
    assert sent == [
        ("callbacks", {"queue": "sales", "number": ""}), ("callback_history", {"queue": "", "number": ""}),
        ("callback_report", {"days": 3}),
    ]  # fmt: skip


def test_orders(sent: list[tuple[str, dict[str, Any]]]) -> None:
    assert "b1 is on the list" in run("add", "sales", "601000111", "--at", "2027-03-02 14:30", "--owner", "anna")
    run("assign", "b1", "--anybody")
    run("done", "b1")
    run("cancel", "b1")
    at = datetime.fromisoformat("2027-03-02 14:30").timestamp()
    assert sent == [
        ("callback_add", {"queue": "sales", "number": "601000111", "at": at, "owner": "anna", "name": "", "note": ""}),
        ("callback_assign", {"callback": "b1", "owner": "", "queue": "", "at": None}),
        ("callback_done", {"callback": "b1"}), ("callback_cancel", {"callback": "b1"}),
    ]  # fmt: skip


@pytest.mark.parametrize("arguments", [("assign", "b1"), ("add", "sales", "601", "--at", "tomorrow"), ("add", "sales")])
def test_what_it_does_not_understand(arguments: tuple[str, ...], sent: list[tuple[str, dict[str, Any]]]) -> None:
    assert CliRunner().invoke(callback.callback, list(arguments)).exit_code == 2
    assert sent == []
