"""`softswitch transfer`: what it sends to the switch, and what it does not understand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from softswitch.cli import transfer


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What the command asks of a switch."""
    found: list[tuple[str, dict[str, Any]]] = []

    class Switch:
        def call(self, command: str, **arguments: Any) -> dict[str, Any]:
            found.append((command, arguments))
            return {"call": arguments["call"]}

    @contextlib.contextmanager
    def attached(config: Path | None) -> Iterator[Switch]:
        yield Switch()

    monkeypatch.setattr(transfer, "attached", attached)
    return found


def test_to_somebody(sent: list[tuple[str, dict[str, Any]]]) -> None:
    result = CliRunner().invoke(
        transfer.transfer, ["c1", "--to", "102", "--attended", "--note", "a refund", "--from", "bob"]
    )
    assert result.exit_code == 0, result.output
    assert sent == [
        ("transfer", {"call": "c1", "to": "102", "attended": True, "by": "bob", "note": "a refund", "customer": ""})
    ]
    assert "102 is asked" in result.output


@pytest.mark.parametrize("verb", transfer.VERBS)
def test_what_goes_on_is_steered(verb: str, sent: list[tuple[str, dict[str, Any]]]) -> None:
    result = CliRunner().invoke(transfer.transfer, ["c1", f"--{verb}"])
    assert result.exit_code == 0 and sent == [("steer_transfer", {"call": "c1", "verb": verb})]


@pytest.mark.parametrize("arguments", [["c1"], ["c1", "--to", "x", "--abort"]])
def test_one_thing_at_a_time(arguments: list[str], sent: list[tuple[str, dict[str, Any]]]) -> None:
    result = CliRunner().invoke(transfer.transfer, arguments)
    assert result.exit_code == 2 and sent == []
