"""Everything about one call, number or account in the log, and nothing about others; with an injected clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from softswitch import logs
from softswitch.effects import Flow
from softswitch.events import CallEnded, CallerJoined, CallStarted, LegStarted
from softswitch.log_focus import LogFocus
from softswitch.trace import Noted, Trace

FLOW = Flow("udp", "198.51.100.7", 5060)


class Bench:
    def __init__(self) -> None:
        self.now = 1_000.0
        self.said: list[dict[str, Any]] = []
        self.focus = LogFocus(self.say, lambda: self.now, lambda: "pl")

    def say(self, event: str, **fields: Any) -> None:
        self.said.append({"event": event, **fields})

    def call(self, call: str, caller: str, dialled: str, account: str = "", dialog: str = "") -> None:
        self.focus.see(self.now, CallStarted(call, caller, "", dialled, account))
        self.focus.see(self.now, LegStarted(call, f"{call}-a", "caller", caller, dialog or f"{call}@host", account))

    def sip(self, dialog: str, source: str = "x", target: str = "y") -> None:
        lines = (
            "INVITE sip:y@h SIP/2.0",
            f"From: <sip:{source}@h>;tag=1",
            f"To: <sip:{target}@h>",
            f"Call-ID: {dialog}",
        )
        self.focus.see_message(Noted(self.now, True, FLOW, "\r\n".join((*lines, "", "")).encode()))

    @property
    def events(self) -> list[str]:
        found = [one["event"] for one in self.said]
        self.said.clear()
        return found


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_of_one_call(bench: Bench) -> None:
    bench.focus.add("call", "c1", 60.0, "eva")
    bench.call("c1", "+48600100200", "800")
    bench.call("c2", "+48600100201", "800")
    bench.sip("c1@host")
    bench.sip("c2@host")
    assert bench.events == ["call.created", "leg.created", "sip"]


def test_of_a_number_however_it_is_written(bench: Bench) -> None:
    bench.focus.add("number", "600 100 200", 60.0, "eva")
    bench.call("c1", "+48600100200", "800")
    bench.call("c2", "+48600100201", "800")
    bench.call("c3", "101", "+48600100200", "101")
    bench.focus.see(bench.now, CallerJoined("sales", "c1", 1, "", 0, 1, 1))
    bench.sip("before-there-is-a-call", source="48600100200")
    bench.sip("another", source="48600100201")
    assert bench.events == ["call.created", "leg.created"] * 2 + ["queue.entered", "sip"]
    (row,) = bench.focus.rows()
    assert (row["value"], row["calls"], row["lines"], row["by"]) == ("+48600100200", 2, 6, "eva")


def test_of_an_account_and_its_calls_until_they_end(bench: Bench) -> None:
    bench.focus.add("account", "101", 60.0, "eva")
    bench.call("c1", "101", "+48221234567", "101")
    assert bench.events == ["call.created", "leg.created"]
    bench.focus.see(bench.now, CallEnded("c1", "101", "", "+48221234567", "101", "answered", 200, "", 1.0, 1.0, 2.0))
    assert bench.events == ["call.ended"] and bench.focus.rows()[0]["calls"] == 0


def test_it_ends_by_itself_and_by_hand(bench: Bench) -> None:
    bench.focus.add("call", "c1", 60.0, "eva")
    bench.focus.add("account", "101", 600.0, "eva")
    bench.now += 61.0
    bench.call("c1", "102", "800", "102")
    assert bench.events == [] and [one["kind"] for one in bench.focus.rows()] == ["account"]
    assert bench.focus.remove("account", "101") and not bench.focus.remove("account", "101")
    assert len(bench.focus) == 0


def test_the_trace_gives_each_message_to_whoever_watches() -> None:
    trace, seen = Trace(1 << 16), []
    trace.note(True, b"x", FLOW)
    trace.watch = seen.append
    trace.note(False, b"y", FLOW)
    trace.watch = None
    trace.note(False, b"z", FLOW)
    assert [one.data for one in seen] == [b"y"] and len(trace) == 3


def test_it_is_written_whatever_the_level_is_and_masked(tmp_path: Path) -> None:
    path = tmp_path / "log"
    logs.configure(level="error", path=path, mask=True)
    said = {"caller": "+48600100200", "caller_name": "Jan Kowalski", "party": "sip:48600100200@pbx", "pin": "1234"}
    logs.detail("call.created", call="c1", **said)
    text = path.read_text()
    assert "DEBUG" in text and "call=c1" in text and "*********200" in text and "sip:********200@pbx" in text
    assert "600100" not in text and "Kowalski" not in text and "1234" not in text
