"""What is true of the engine after every input (RELIABILITY section 4). For tests, the simulator and policy test kits.

Each rule is computed here from configuration and states alone, not from the structures that the engine uses to be fast, so
that a mistake there cannot hide itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from softswitch.acd.agent import SERVING, Activity, AgentState, Presence
from softswitch.acd.caller import Caller, CallerState, OfferState

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine
    from softswitch.acd.queue import QueueState

RINGING_ACTIVITIES = (Activity.RESERVED, Activity.OFFERED)
TALKING_ACTIVITIES = (Activity.TALKING, Activity.HOLDING)


def check_invariants(engine: Engine, now: float) -> None:
    """Raise AssertionError at the first rule that does not hold."""
    _check_callers(engine)
    _check_offers(engine)
    for agent in engine.roster.agents.values():
        _check_agent(agent)
    for queue in engine.queues.values():
        _check_queue(queue)
        _check_nobody_waits_in_vain(engine, queue, now)
    _check_books(engine)
    _check_deadlines(engine)


# --- structure -----------------------------------------------------------------------------------------------------


def _check_callers(engine: Engine) -> None:
    """Every caller is in exactly one of waiting, offered, connecting; the ended are gone."""
    seen: Counter[str] = Counter()
    for queue in engine.queues.values():
        for index, lane in enumerate(queue.lanes):
            for entry in lane:
                caller = entry[-1]
                seen[caller.id] += 1
                assert caller.state is CallerState.WAITING and caller.lane == index and entry is caller.entry, caller.id
        for entry in queue.ringing:
            seen[entry[-1].id] += 1
            assert entry[-1].state is CallerState.OFFERING and entry is entry[-1].entry, entry[-1].id
    for caller in engine.visits.callers.values():
        assert engine.queues.get(caller.queue.name) is caller.queue, f"{caller.id} waits in a queue that is gone"
        expected = 0 if caller.state is CallerState.CONNECTING else 1
        assert seen.pop(caller.id, 0) == expected, f"{caller.id} is {caller.state} and stands in the wrong lines"
        states = {offer.state for offer in caller.offers.values()}
        assert (
            states
            == {
                CallerState.WAITING: set(),
                CallerState.OFFERING: {OfferState.RINGING},
                CallerState.CONNECTING: {OfferState.CONNECTING},
            }[caller.state]
        ), f"{caller.id} is {caller.state} with offers {states}"
    assert not seen, f"lines hold callers who have left: {seen}"


def _check_offers(engine: Engine) -> None:
    """One offer or conversation per agent, known from both sides."""
    for number, offer in engine.dispatcher.offers.items():
        assert offer.id == number and offer.agent.offer is offer, f"offer {number} and its agent disagree"
        known = engine.visits.callers.get(offer.caller.id) is offer.caller
        assert known is not (offer.state is OfferState.TALKING), f"offer {number} is {offer.state}"
        assert (number in offer.caller.offers) is known, f"offer {number} and its caller disagree"
    for caller in engine.visits.callers.values():
        assert caller.offers.items() <= engine.dispatcher.offers.items(), f"{caller.id} has an offer that is gone"
    for agent in engine.roster.agents.values():
        if agent.offer is not None:
            assert engine.dispatcher.offers.get(agent.offer.id) is agent.offer, f"{agent.name} holds a dead offer"


def _check_agent(agent: AgentState) -> None:
    """Activity says what the facts say; nobody rings for who is paused, away or on another call."""
    offer, activity = agent.offer, agent.activity
    if offer is None:
        expected = (
            Activity.TALKING
            if agent.outside
            else Activity.WRAP_UP
            if agent.wrap_up_until
            else Activity.UNREACHABLE
            if not agent.reachable
            else Activity.BACK_OFF
            if agent.back_off_until
            else Activity.IDLE
        )
        assert activity is expected, f"{agent.name} is {activity}, not {expected}"
        assert not agent.removed, f"{agent.name} is removed and idle"
    elif offer.state is OfferState.RINGING:
        assert activity in RINGING_ACTIVITIES, f"{agent.name} is rung and {activity}"
        assert agent.presence in SERVING and agent.reachable and not agent.outside, f"{agent.name} is rung in vain"
        assert offer.queue.name not in agent.paused_in, f"{agent.name} is rung for a queue they left"
    else:
        assert activity in TALKING_ACTIVITIES, f"{agent.name} talks and is {activity}"
    standing = {(seat.queue.name, seat.tier.number) for seat, _, _ in agent.places}
    wanted = {
        (seat.queue.name, seat.tier.number)
        for seat in agent.seats
        if agent.presence in SERVING and activity is Activity.IDLE and seat.queue.name not in agent.paused_in
    }
    assert standing == wanted, f"{agent.name} stands in {standing}, not {wanted}"


def _check_queue(queue: QueueState) -> None:
    assert queue.waiting == sum(len(lane) for lane in queue.lanes), queue.name
    assert queue.idle == sum(len(tier.idle) for tier in queue.tiers), queue.name
    for tier in queue.tiers:
        places = list(tier.idle)
        assert all(first[:3] < second[:3] for first, second in pairwise(places)), queue.name
        assert all(place[0] == queue.strategy.key(place[-1].agent) for place in places), "a key moved in line"
        assert tier.present == sum(_is_present(seat.agent, queue) for seat in tier.seats.values()), queue.name
    callers = queue.in_order()
    assert [queue.ahead_of(caller) for caller in callers] == list(range(len(callers))), "positions have gaps"


# --- rules -----------------------------------------------------------------------------------------------------------


def _is_present(agent: AgentState, queue: QueueState) -> bool:
    return agent.presence is not Presence.OFFLINE and agent.reachable and queue.name not in agent.paused_in


def _is_free(agent: AgentState, queue: QueueState) -> bool:
    return agent.presence in SERVING and agent.activity is Activity.IDLE and queue.name not in agent.paused_in


def _is_soon_free(agent: AgentState, queue: QueueState, now: float) -> bool:
    ends = {Activity.WRAP_UP: agent.wrap_up_until, Activity.BACK_OFF: agent.back_off_until}.get(agent.activity)
    within = queue.config.tier_soon
    return (
        within > 0.0
        and ends is not None
        and ends - now <= within
        and agent.presence in SERVING
        and queue.name not in agent.paused_in
    )


def usable_tiers(engine: Engine, caller: Caller, now: float) -> list[int]:
    """The tiers this caller may use now, from the rule of ACD-10 and the states of agents alone."""
    queue, config = caller.queue, caller.queue.config
    members: dict[int, list[AgentState]] = {}
    for member in config.members:
        agent = engine.roster.agents.get(member.agent)
        members.setdefault(member.tier, []).extend([agent] if agent is not None and not agent.removed else [])
    numbers = sorted(members)
    present = {number: any(_is_present(agent, queue) for agent in members[number]) for number in numbers}
    soon = {
        number: any(_is_free(agent, queue) or _is_soon_free(agent, queue, now) for agent in members[number])
        for number in numbers
    }
    passed = queue.steps[caller.lane - 1] if caller.lane else -1.0
    opened: list[int] = []
    for index, number in enumerate(numbers):
        after = config.tier_after.get(number, 0.0 if config.tier_mode == "timed" else float("inf"))
        by_time = config.tier_mode != "busy" and after <= passed
        below_empty = index > 0 and numbers[index - 1] in opened and not present[numbers[index - 1]]
        if index == 0 or by_time or below_empty:
            opened.append(number)
    if not config.tier_widen:
        opened = next(([number] for number in reversed(opened) if present[number]), opened)
    if config.tier_mode == "timed":
        return opened
    reached: list[int] = []
    for number in numbers:
        if number in opened or (reached and not any(soon[lower] for lower in reached)):
            reached.append(number)
    return reached


def usable_agents(engine: Engine, caller: Caller, now: float) -> dict[int, list[AgentState]]:
    """The free agents this caller may be offered to now, by tier; tiers without any are left out."""
    queue = caller.queue
    agents: dict[int, list[AgentState]] = {}
    for number in usable_tiers(engine, caller, now):
        for member in queue.config.members:
            agent = engine.roster.agents.get(member.agent)
            if member.tier == number and agent is not None and not agent.removed and _is_free(agent, queue):
                agents.setdefault(number, []).append(agent)
    return agents


def _check_nobody_waits_in_vain(engine: Engine, queue: QueueState, now: float) -> None:
    """Liveness: no free agent while a caller waits who may use them, whatever their rank."""
    for caller in queue.in_order():
        if caller.state is CallerState.WAITING:
            agents = usable_agents(engine, caller, now)
            assert not agents, f"{caller.id} waits in {queue.name} while {agents} are free"


def _check_books(engine: Engine) -> None:
    """offered = sum of outcomes + in progress, per queue."""
    present = Counter(caller.queue.name for caller in engine.visits.callers.values())
    present.update(past["queue"] for past in engine.visits.interrupted.values())
    for name, counts in engine.measure.queues.items():
        assert counts.in_progress == present[name], f"{name}: {counts.in_progress} in the books, {present[name]} here"


def _check_deadlines(engine: Engine) -> None:
    """Exactly those timers run that something waits for."""
    expected: set[tuple[str, object]] = set()
    expected.update(("ring", o.id) for o in engine.dispatcher.offers.values() if o.state is OfferState.RINGING)
    for caller in engine.visits.callers.values():
        if caller.lane < len(caller.queue.steps):
            expected.add(("tier", caller.id))
        if caller.queue.config.max_wait > 0.0 and not caller.overdue:
            expected.add(("wait", caller.id))
    for agent in engine.roster.agents.values():
        if agent.wrap_up_until:
            expected.add(("wrap_up", agent.name))
        if agent.back_off_until:
            expected.add(("back_off", agent.name))
    running = {name for name in engine.deadlines.names() if name[0] != "vacant"}
    assert running == expected, f"timers: {_named(running - expected)} too many, {_named(expected - running)} missing"


def _named(names: Iterable[tuple[str, object]]) -> list[str]:
    return sorted(f"{kind} {key}" for kind, key in names)
