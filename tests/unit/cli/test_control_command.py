"""`softswitch call ...` and `softswitch agent ...`: what each order of the API is on the command line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from softswitch.cli import agents, control, live

Sent = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What the commands ask of a switch."""
    found: Sent = []

    class Switch:
        def call(self, command: str, **arguments: Any) -> dict[str, Any]:
            found.append((command, arguments))
            return {
                "order": "o1", "call": "c1", "verb": "play", "state": "pending", "detail": "", "by": "cli",
                "agent": "anna", "presence": "ready", "activity": "idle", "account": "109", "mode": "whisper",
            }  # fmt: skip

    @contextlib.contextmanager
    def attached(config: Path | None) -> Iterator[Switch]:
        yield Switch()

    for module in (control, agents, live):
        monkeypatch.setattr(module, "attached", attached)
    return found


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (["hold", "c1"], ("call_hold", {"call": "c1", "verb": "hold", "account": ""})),
        (["resume", "c1", "--for", "102"], ("call_hold", {"call": "c1", "verb": "resume", "account": "102"})),
        (["answer", "c1", "102"], ("call_answer", {"call": "c1", "account": "102"})),
        (["play", "c1", "welcome", "hours", "--to", "caller"],
         ("call_play", {"call": "c1", "clips": ["welcome", "hours"], "to": "caller"})),
        (["bridge", "c1", "c2"], ("call_bridge", {"call": "c1", "other": "c2"})),
        (["order", "o1"], ("call_order", {"order": "o1"})),
        (["supervise", "c1", "--as", "109", "--mode", "whisper"],
         ("supervise", {"call": "c1", "account": "109", "mode": "whisper"})),
    ],
)  # fmt: skip
def test_orders_about_a_call(words: list[str], order: tuple[str, dict[str, Any]], sent: Sent) -> None:
    result = CliRunner().invoke(control.call, words)
    assert result.exit_code == 0, result.output
    assert sent == [order]


def test_what_takes_time_names_its_order(sent: Sent) -> None:
    result = CliRunner().invoke(control.call, ["play", "c1", "welcome"])
    assert "play pending: order o1 of call c1" in result.output
    assert '"order": "o1"' in CliRunner().invoke(control.call, ["order", "o1", "--json"]).output


@pytest.mark.parametrize("words", [["play", "c1"], ["answer", "c1"], ["supervise", "c1", "--as", "109", "--mode", "x"]])
def test_what_is_not_understood(words: list[str], sent: Sent) -> None:
    assert CliRunner().invoke(control.call, words).exit_code == 2 and sent == []


@pytest.mark.parametrize(
    ("word", "verb"), [("once", "ready_once"), ("end-wrap-up", "end_wrap_up"), ("extend-wrap-up", "extend_wrap_up")]
)
def test_states_of_an_agent(word: str, verb: str, sent: Sent) -> None:
    result = CliRunner().invoke(agents.agent, [word, "anna"])
    assert result.exit_code == 0, result.output
    assert sent == [("agent", {"name": "anna", "verb": verb})]


def test_a_text_for_an_agent(sent: Sent) -> None:
    assert CliRunner().invoke(agents.agent, ["message", "anna", "wait for me"]).exit_code == 0
    assert sent == [("agent_message", {"agent": "anna", "text": "wait for me"})]
