"""Settings of one queue are changed as site.toml has them, checked as a whole, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from softswitch.edit import EditError
from softswitch.editing.queues import queue_set, queue_settings
from softswitch.errors import ConfigError
from softswitch.store.site import parse_site

SITE = parse_site(
    """
domain = "pbx.example.com"
[account.101]
password = "a-phone-password"
[agent.anna]
device = "101"
[queue.sales]
members = [{ agent = "anna" }]
wrap_up = 20
[queue.support]
"""
)


def test_what_holds_is_told_with_what_is_usual() -> None:
    found = queue_settings(SITE, None, queue="sales").result
    assert (found["settings"]["wrap_up"], found["defaults"]["wrap_up"]) == (20, 15)
    assert found["settings"]["members"] == [{"agent": "anna"}]
    assert "name" not in found["settings"]


def test_some_settings_are_changed_and_one_is_taken_back() -> None:
    done = queue_set(SITE, None, queue="sales", settings={"strategy": "round_robin", "wrap_up": None})
    assert done.site is not None
    wanted = replace(SITE.queues["sales"], strategy="round_robin", wrap_up=15.0)
    assert done.site == replace(SITE, queues={**SITE.queues, "sales": wanted})
    assert len(done.result["changes"]) == 1 and "round_robin" in done.result["changes"][0]


def test_a_dry_run_changes_nothing() -> None:
    done = queue_set(SITE, None, queue="sales", settings={"ring_timeout": 10}, dry_run=True)
    assert done.site is None and done.tried is not None
    assert done.tried.queues["sales"].ring_timeout == 10


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ring_timeout": "soon"}, "queue.sales.ring_timeout"),
        ({"strategy": "best"}, "queue.sales.strategy"),
        ({"colour": "red"}, "colour"),
        ({"members": [{"agent": "ann"}]}, 'did you mean "anna"?'),
    ],
)
def test_what_makes_no_sense_is_said(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        queue_set(SITE, None, queue="sales", settings=settings)
    assert said in str(raised.value)


def test_a_queue_that_is_not_there() -> None:
    with pytest.raises(EditError):
        queue_set(SITE, None, queue="sale", settings={})
    with pytest.raises(EditError):
        queue_set(SITE, None, queue="sales", settings={"name": "other"})
