"""Alerts in virtual time: raised when a condition has held for long enough, over only when it is really over."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.acd.measure import QueueCounts
from softswitch.board.alerts import Alerts, Seen
from softswitch.board.told import letter, shown
from softswitch.directory import Agent, Directory, Pause, Queue
from softswitch.directory.alerts import Alert
from softswitch.events import AlertCleared, AlertRaised


class Room:
    """A board whose figures are set by hand, looked at once a second."""

    def __init__(self, *rules: Alert) -> None:
        self.now = 1_000.0
        self.alerts = Alerts()
        self.queues: dict[str, dict[str, Any]] = {
            name: {"waiting": 0, "longest_wait": 0.0, "agents": {"idle": 2}} for name in ("sales", "support")
        }
        self.agents: dict[str, dict[str, Any]] = {
            name: {"presence": "ready", "reason": "", "presence_seconds": 0.0, "queues": [queue]}
            for name, queue in (("anna", "sales"), ("ola", "support"))
        }
        self.trunks = {"provider": "up", "spare": "unknown"}
        self.counts = {name: QueueCounts() for name in self.queues}
        self.asked: list[tuple[str, int]] = []
        self.closed: set[str] = set()
        self.told: list[AlertRaised | AlertCleared] = []
        self.configure(*rules)

    def configure(self, *rules: Alert) -> None:
        site = Directory("pbx.example.com", alerts={one.name: one for one in rules})
        self.alerts.configure(site, self.now)

    def recent(self, queue: str, minutes: int) -> QueueCounts:
        self.asked.append((queue, minutes))
        return self.counts[queue]

    def ended(self, queue: str, in_time: int, late: int) -> None:
        counts = QueueCounts(answered_in_time=in_time)
        counts.outcomes["answered"] = in_time + late
        self.counts[queue] = counts

    def run(self, seconds: int) -> list[str]:
        """What was told meanwhile: "raised sales", "cleared sales"."""
        before = len(self.told)
        for _ in range(seconds):
            self.now += 1.0
            seen = Seen(self.queues, self.agents, self.trunks, self.recent, lambda name: name not in self.closed)
            self.alerts.observe(seen, self.now)
            self.told += self.alerts.drain()
        return [
            f"{one.name.removeprefix('alert.')} {one.queue or one.agent or one.trunk}" for one in self.told[before:]
        ]


def wait(**more: Any) -> Alert:
    return Alert("slow", "Slow", condition="wait", **{"threshold": 60.0, "hold": 10.0, **more})


def test_it_is_told_when_it_has_lasted_and_once() -> None:
    room = Room(wait())
    room.queues["sales"]["longest_wait"] = 60.0
    assert room.run(30) == [], "the threshold itself is not above it"
    room.queues["sales"]["longest_wait"] = 61.0
    assert room.run(10) == []
    assert room.run(1) == ["raised sales"]
    assert room.run(100) == []
    assert room.told == [AlertRaised("slow", "Slow", "wait", "warning", 61.0, 60.0, queue="sales")]
    assert [(one["queue"], one["value"], one["seconds"]) for one in room.alerts.active(room.now)] == [
        ("sales", 61.0, 100.0)
    ]


def test_a_moment_is_not_told() -> None:
    room = Room(wait())
    for _ in range(5):
        room.queues["sales"]["longest_wait"] = 90.0
        assert room.run(9) == []
        room.queues["sales"]["longest_wait"] = 10.0
        assert room.run(1) == []


def test_between_the_thresholds_nothing_changes() -> None:
    room = Room(wait(clear=20.0))
    room.queues["sales"]["longest_wait"] = 61.0
    assert room.run(11) == ["raised sales"]
    for value in (59.0, 21.0, 70.0, 30.0):
        room.queues["sales"]["longest_wait"] = value
        assert room.run(60) == []
    assert room.alerts.active(room.now)[0]["value"] == 30.0, "the present one"
    room.queues["sales"]["longest_wait"] = 20.0
    assert room.run(10) == []
    assert room.run(1) == ["cleared sales"]
    cleared = room.told[-1]
    assert isinstance(cleared, AlertCleared)
    assert (cleared.cause, cleared.seconds, len(room.alerts)) == ("over", 251.0, 0)


def test_calming_down_for_a_moment_is_not_the_end() -> None:
    room = Room(wait())
    room.queues["sales"]["longest_wait"] = 61.0
    room.run(11)
    for _ in range(5):
        room.queues["sales"]["longest_wait"] = 5.0
        assert room.run(9) == []
        room.queues["sales"]["longest_wait"] = 61.0
        assert room.run(2) == []
    assert len(room.alerts) == 1


def test_queues_are_looked_at_one_by_one() -> None:
    room = Room(wait(hold=0.0), Alert("many", condition="waiting", queues=("support",), threshold=3, hold=0.0))
    room.queues["sales"] |= {"longest_wait": 61.0, "waiting": 9}
    room.queues["support"] |= {"waiting": 4}
    assert room.run(1) == ["raised sales", "raised support"]
    assert [one.alert for one in room.told] == ["slow", "many"]
    room.queues["support"]["waiting"] = 3
    assert room.run(1) == ["cleared support"]


def test_service_level_of_the_last_minutes() -> None:
    rule = Alert("sl", condition="service_level", queues=("sales",), threshold=0.8, clear=0.9, hold=0.0, minutes=15)
    room = Room(rule)
    room.ended("sales", 0, 4)
    assert room.run(5) == [], "four calls say nothing: five are wanted"
    room.ended("sales", 3, 2)
    assert room.run(1) == ["raised sales"]
    assert (room.told[-1].value, room.told[-1].threshold) == (0.6, 0.8)  # type: ignore[union-attr]
    room.ended("sales", 17, 3)
    assert room.run(5) == [], "85 % is not enough to be over"
    room.ended("sales", 18, 2)
    assert room.run(1) == ["cleared sales"]
    assert set(room.asked) == {("sales", 15)}


def test_a_level_that_cannot_be_measured_any_more_is_over() -> None:
    room = Room(Alert("sl", condition="service_level", queues=("sales",), threshold=0.8, hold=5.0, at_least=1))
    assert room.run(10) == [], "nothing to be measured is not bad"
    room.ended("sales", 0, 1)
    assert room.run(6) == ["raised sales"]
    room.ended("sales", 0, 0)
    assert room.run(6) == ["cleared sales"]


@pytest.mark.parametrize(
    "agents, told",
    [
        ({}, True),
        ({"logged_out": 3, "paused": 1, "unreachable": 1}, True),
        ({"logged_out": 3, "in_use": 1}, False),
        ({"wrapup": 1}, False),
    ],
)
def test_nobody_takes_calls(agents: dict[str, int], told: bool) -> None:
    room = Room(Alert("empty", condition="no_agents", queues=("sales",), hold=0.0))
    room.queues["sales"]["agents"] = agents
    assert room.run(1) == (["raised sales"] if told else [])


def test_only_while_it_is_open() -> None:
    room = Room(Alert("empty", condition="no_agents", queues=("sales",), hold=0.0, hours="office"))
    room.queues["sales"]["agents"] = {}
    room.closed = {"office"}
    assert room.run(10) == []
    room.closed = set()
    assert room.run(1) == ["raised sales"]
    room.closed = {"office"}
    assert room.run(1) == ["cleared sales"]
    assert room.told[-1].cause == "gone"  # type: ignore[union-attr]


def test_a_pause_by_its_reason() -> None:
    room = Room(Alert("lunch", condition="pause", reasons=("lunch",), threshold=1800.0, hold=0.0))
    room.agents["anna"] |= {"presence": "not_ready", "reason": "training", "presence_seconds": 4000.0}
    room.agents["ola"] |= {"presence": "not_ready", "reason": "lunch", "presence_seconds": 1801.0}
    assert room.run(1) == ["raised ola"]
    assert room.told[-1].reason == "lunch"  # type: ignore[union-attr]
    room.agents["ola"] |= {"presence": "ready", "reason": "", "presence_seconds": 0.0}
    assert room.run(1) == ["cleared ola"]


def test_a_pause_of_those_who_serve_a_queue() -> None:
    room = Room(Alert("pause", condition="pause", queues=("sales",), threshold=60.0, hold=0.0))
    for one in room.agents.values():
        one |= {"presence": "not_ready", "reason": "lunch", "presence_seconds": 90.0}
    assert room.run(1) == ["raised anna"]


def test_trunks() -> None:
    room = Room(Alert("line", condition="trunk_down", severity="critical", hold=5.0))
    assert room.run(10) == [], "one that was not tried yet is not down"
    room.trunks["provider"] = "down"
    assert room.run(6) == ["raised provider"]
    room.trunks["provider"] = "up"
    assert room.run(6) == ["cleared provider"]


def test_a_rule_that_has_changed_is_looked_at_anew() -> None:
    room = Room(wait(hold=0.0))
    room.queues["sales"]["longest_wait"] = 61.0
    assert room.run(1) == ["raised sales"]
    room.configure(wait(hold=0.0))
    assert room.run(1) == [], "the same rule"
    room.configure(wait(hold=0.0, threshold=100.0))
    assert room.run(1) == ["cleared sales"] and room.told[-1].cause == "gone"  # type: ignore[union-attr]
    room.configure()
    assert room.run(5) == []


def test_a_queue_that_is_gone() -> None:
    room = Room(wait(hold=0.0))
    room.queues["sales"]["longest_wait"] = 61.0
    room.run(1)
    del room.queues["sales"]
    assert room.run(1) == ["cleared sales"]


def test_a_restart_tells_nobody_twice() -> None:
    room = Room(wait())
    room.queues["sales"]["longest_wait"] = 61.0
    assert room.run(31) == ["raised sales"]
    kept = room.alerts.export(room.now)
    after = Room(wait())
    after.now = 50.0  # another clock
    after.alerts.restore(kept, after.now)
    after.queues["sales"]["longest_wait"] = 70.0
    assert after.run(60) == []
    assert after.alerts.active(after.now)[0]["seconds"] == 80.0
    after.queues["sales"]["longest_wait"] = 0.0
    assert after.run(11) == ["cleared sales"]
    gone = Room()
    gone.alerts.restore(kept, gone.now)
    assert len(gone.alerts) == 0


def test_the_worst_and_oldest_first() -> None:
    room = Room(
        wait(hold=0.0, queues=("sales",)),
        Alert("line", condition="trunk_down", severity="critical", hold=0.0),
        Alert("many", condition="waiting", threshold=3, hold=0.0),
    )
    room.queues["sales"]["waiting"] = 4
    room.run(1)
    room.queues["sales"]["longest_wait"] = 61.0
    room.run(1)
    room.trunks["provider"] = "down"
    room.run(1)
    assert [one["alert"] for one in room.alerts.active(room.now)] == ["line", "many", "slow"]


# --- in words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition, value, said",
    [("service_level", 0.8, "80 %"), ("wait", 65.0, "1:05"), ("waiting", 7.0, "7"), ("no_agents", 0.0, "0"),
     ("pause", 3661.0, "1:01:01"), ("trunk_down", None, "-")],
)  # fmt: skip
def test_values_as_people_read_them(condition: str, value: float | None, said: str) -> None:
    assert shown(condition, value) == said


@pytest.mark.parametrize(
    "language, event, subject",
    [
        ("pl", AlertRaised("sl", "", "service_level", "warning", 0.712, 0.8, queue="sales"),
         "Alarm: Sprzedaż: poziom obsługi z ostatnich 30 min 71 %, poniżej 80 %"),
        ("en", AlertRaised("w", "", "wait", "warning", 125.0, 60.0, queue="other"),
         "Alert: other: a caller waits for 2:05, longer than 1:00"),
        ("en", AlertRaised("p", "", "pause", "warning", 4000.0, 3600.0, agent="anna", reason="lunch"),
         "Alert: Anna: in the pause Lunch for 1:06:40, longer than 1:00:00"),
        ("pl", AlertRaised("n", "", "no_agents", "critical", 0.0, 0.0, queue="sales"),
         "Alarm: Sprzedaż: nikt nie odbiera połączeń"),
        ("de", AlertRaised("t", "", "trunk_down", "critical", None, 0.0, trunk="provider"),
         "Alert: trunk provider does not work"),
        ("en", AlertCleared("q", "Too many", "waiting", "warning", 65.0, "over", queue="sales"),
         "Over: rule: Sprzedaż"),
    ],
)  # fmt: skip
def test_what_people_read(language: str, event: AlertRaised | AlertCleared, subject: str) -> None:
    site = Directory(
        "pbx.example.com", language=language, queues={"sales": Queue("sales", title="Sprzedaż")},
        agents={"anna": Agent("anna", "101", title="Anna")},
    )  # fmt: skip
    found, text = letter(event, Alert("rule"), site, 1_790_000_000.0)
    assert found == subject
    assert "2026-09-21 16:13:20" in text
    if isinstance(event, AlertCleared):
        assert "It lasted 1:05." in text


def test_a_pause_that_may_last_so_long_needs_no_rule() -> None:
    room = Room()
    assert room.alerts.idle
    lunch = Pause("lunch", {"pl": "Obiad"}, longest=1800.0, alert="critical")
    site = Directory("pbx.example.com", pauses={"lunch": lunch, "break": Pause("break")})
    room.alerts.configure(site, room.now)
    assert not room.alerts.idle
    room.agents["anna"] |= {"presence": "not_ready", "reason": "break", "presence_seconds": 4000.0}
    room.agents["ola"] |= {"presence": "not_ready", "reason": "lunch", "presence_seconds": 1800.0}
    assert room.run(1) == []
    room.agents["ola"]["presence_seconds"] = 1801.0
    assert room.run(1) == ["raised ola"]
    raised = room.told[-1]
    assert isinstance(raised, AlertRaised)
    assert (raised.title, raised.severity, raised.reason, raised.threshold) == ("Obiad", "critical", "lunch", 1800.0)
    _, text = letter(raised, Alert("x", condition="pause"), site, 0.0)
    assert "przerwa Obiad" in text
    room.agents["ola"] |= {"reason": "break", "presence_seconds": 0.0}
    assert room.run(1) == ["cleared ola"], "another reason ends the interval"
