"""What a site says about callers who wait: kept as it is written, and looked at before it is in force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softswitch.decode import Problems
from softswitch.directory import Queue, Rung, Surge
from softswitch.store.objects import from_objects, to_objects
from softswitch.store.site import parse_site
from tests.unit.store.test_transfer_settings import small, wrong

TOML = """
domain = "pbx.test"
[extensions]
800 = "queue:info:5"
801 = "queue:info:-2"
[queue.second]
[queue.info]
exit_keys = { 1 = "queue:second", "#" = "hangup" }
resume_within = 120
base = "call"
leave_when = ["logged_out", "tier_excluded"]
join_grace = 5
escalation = [
    { wait = 30.5, play = ["queue-timeout"] },
    { wait = 60, do = "agents:second" },
    { length = 10, do = "queue:second:2" },
    { estimate = 300, no_agents = true, do = "priority:+5" },
    { service_level = 0.7, wait = 10, do = "hangup" },
]
surge = { length = 20, until = 5, wait = 300, positions = 10, shed_below = 1, shed_to = "hangup" }
"""


def info(**policy: Any) -> Queue:
    return replace(small().queues["q"], **policy)


def mistakes(**policy: Any) -> list[str]:
    return wrong(replace(small(), queues={"q": info(**policy), "other": Queue("other")}))


def test_what_is_written_is_read_and_written_again() -> None:
    site = parse_site(TOML)
    queue = site.queues["info"]
    assert queue.escalation[0] == Rung(wait=30.5, play=("queue-timeout",))
    assert queue.escalation[3] == Rung(estimate=300.0, no_agents=True, do="priority:+5")
    assert queue.surge == Surge(20, 300.0, 5, (), 10, False, 1, "hangup")
    assert queue.exit_keys == {"1": "queue:second", "#": "hangup"}
    assert from_objects(to_objects(site), Problems("site.toml"), site.version) == site


@pytest.mark.parametrize(
    "policy, key",
    [
        ({"escalation": (Rung(wait=5.0),)}, "queue.q.escalation[0].do"),
        ({"escalation": (Rung(do="hangup"),)}, "queue.q.escalation[0]"),
        ({"escalation": (Rung(wait=5.0, do="tier:7"),)}, "queue.q.escalation[0].do"),
        ({"escalation": (Rung(wait=5.0, do="agents:q"),)}, "queue.q.escalation[0].do"),
        ({"escalation": (Rung(wait=5.0, do="agents:none"),)}, "queue.q.escalation[0].do"),
        ({"escalation": (Rung(wait=5.0, do="priority:high"),)}, "queue.q.escalation[0].do"),
        ({"escalation": (Rung(wait=5.0, do="nowhere"),)}, "queue.q.escalation[0].do"),
        ({"escalation": (Rung(length=1, do="queue:q"),)}, "queue.q"),
        ({"exit_keys": {"1": "queue:none"}}, "queue.q.exit_keys.1"),
        ({"exit_keys": {"1": "queue:other:many"}}, "queue.q.exit_keys.1"),
        ({"surge": Surge(shed_below=2)}, "queue.q.surge.shed_to"),
        ({"surge": Surge(length=1, shed_below=2, shed_to="queue:q")}, "queue.q"),
    ],
)
def test_mistakes_are_found(policy: dict[str, Any], key: str) -> None:
    assert key in mistakes(**policy)


@pytest.mark.parametrize(
    "policy",
    [
        {"escalation": (Rung(wait=5.0, do="tier:0"), Rung(length=3, do="queue:other:-3"))},
        {"exit_keys": {"*": "queue:q"}, "surge": Surge(length=3, shed_below=1, shed_to="queue:other")},
        {"escalation": (Rung(wait=5.0, do="queue:q"), Rung(no_agents=True, play=("x",)))},
    ],
)
def test_what_makes_sense_is_accepted(policy: dict[str, Any]) -> None:
    assert mistakes(**policy) == []


@pytest.mark.parametrize(
    "line",
    ['exit_keys = { 12 = "hangup" }', 'exit_keys = ["1"]', "escalation = 5", "surge = 20", 'base = "menu"',
     "escalation = [{ wait = -1 }]", "surge = { lenght = 3 }", 'leave_when = ["bored"]', "vip_priority = 1.5"],
)  # fmt: skip
def test_what_cannot_be_read_is_said(line: str) -> None:
    with pytest.raises(Exception, match=r"queue\.info"):
        parse_site(f'domain = "pbx.test"\n[queue.info]\n{line}\n')
