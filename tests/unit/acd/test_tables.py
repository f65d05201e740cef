"""Every arrow of the three state tables, and every arrow that is not there."""

from __future__ import annotations

from itertools import product

import pytest

from softswitch.acd.agent import (
    ACTIVITY_TABLE,
    PRESENCE_TABLE,
    Activity,
    ActivityInput,
    Presence,
    PresenceInput,
)
from softswitch.acd.caller import CALLER_TABLE, Caller, CallerInput, CallerState
from tests.unit.acd.site import Site, queue


def test_the_tables_know_every_state() -> None:
    assert set(CALLER_TABLE) == set(CallerState)
    assert set(PRESENCE_TABLE) == set(Presence)
    assert set(ACTIVITY_TABLE) == set(Activity)


@pytest.mark.parametrize("state, what", list(product(CallerState, CallerInput)))
def test_every_arrow_of_a_caller(state: CallerState, what: CallerInput) -> None:
    caller = Caller("c", Site(queue("anna")).engine.queues["q"], 1, "", "", 0, 0.0, 0.0, state=state)
    if what in CALLER_TABLE[state]:
        caller.step(what)
        assert caller.state is CALLER_TABLE[state][what]
    else:
        with pytest.raises(AssertionError):
            caller.step(what)
        assert caller.state is state


@pytest.mark.parametrize("state, what", list(product(Activity, ActivityInput)))
def test_every_arrow_of_activity(state: Activity, what: ActivityInput) -> None:
    site = Site(queue("anna"))
    agent, floor = site.engine.roster.agents["anna"], site.engine.roster.floor
    agent.activity = state
    if what in ACTIVITY_TABLE[state]:
        floor.move(agent, what, site.now, "test")
        assert agent.activity is ACTIVITY_TABLE[state][what]
    else:
        with pytest.raises(AssertionError):
            floor.move(agent, what, site.now, "test")
        assert agent.activity is state


@pytest.mark.parametrize("state, what", list(product(Presence, PresenceInput)))
def test_every_arrow_of_presence(state: Presence, what: PresenceInput) -> None:
    site = Site(queue("anna"))
    agent, roster = site.engine.roster.agents["anna"], site.engine.roster
    agent.presence = state
    if what in PRESENCE_TABLE[state]:
        roster.change_presence(agent, what, "lunch", "test", site.now)
        assert agent.presence is PRESENCE_TABLE[state][what]
    else:
        with pytest.raises(AssertionError):
            roster.change_presence(agent, what, "lunch", "test", site.now)
        assert agent.presence is state


def test_every_state_can_be_reached_and_every_live_one_left() -> None:
    starts = (CallerState.ENTERING, Presence.OFFLINE, Activity.IDLE)
    for table, start in zip((CALLER_TABLE, PRESENCE_TABLE, ACTIVITY_TABLE), starts, strict=True):
        reached, todo = {start}, [start]
        while todo:
            fresh = set(table[todo.pop()].values()) - reached  # type: ignore[index]
            reached |= fresh
            todo += fresh
        assert reached == set(table)
    assert not CALLER_TABLE[CallerState.ENDED]
