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
from softswitch.acd.sections import is_there
from softswitch.callbacks import Kind
from softswitch.directory.waiting import AGENTS, TIER

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine
    from softswitch.acd.queue import QueueState
    from softswitch.acd.section import Section
    from softswitch.directory import Need

RINGING_ACTIVITIES = (Activity.RESERVED, Activity.OFFERED)
TALKING_ACTIVITIES = (Activity.TALKING, Activity.HOLDING)


def check_invariants(engine: Engine, now: float) -> None:
    """Raise AssertionError at the first rule that does not hold."""
    _check_callers(engine)
    _check_offers(engine)
    for agent in engine.roster.agents.values():
        _check_agent(agent)
    for queue in engine.queues.values():
        _check_queue(engine, queue)
        _check_nobody_waits_in_vain(engine, queue, now)
    _check_books(engine)
    _check_deadlines(engine)


# --- structure -----------------------------------------------------------------------------------------------------


def _check_callers(engine: Engine) -> None:
    """Every caller is in exactly one of waiting, offered, connecting; the ended are gone."""
    seen: Counter[str] = Counter()
    for queue in engine.queues.values():
        for section, (index, lane) in ((s, one) for s in _sections(queue) for one in enumerate(s.lanes)):
            for entry in lane:
                caller = entry[-1]
                seen[caller.id] += 1
                assert caller.state is CallerState.WAITING and entry is caller.entry, caller.id
                assert caller.lane == index, caller.id
                assert caller.section is section, f"{caller.id} stands in another section"
        for entry in queue.ringing:
            seen[entry[-1].id] += 1
            assert entry[-1].state in (CallerState.OFFERING, CallerState.CALLED) and entry is entry[-1].entry, entry[
                -1
            ].id
    for caller in engine.visits.callers.values():
        assert engine.queues.get(caller.queue.name) is caller.queue, f"{caller.id} waits in a queue that is gone"
        expected = 0 if caller.state in (CallerState.CONNECTING, CallerState.AWAY) else 1
        assert seen.pop(caller.id, 0) == expected, f"{caller.id} is {caller.state} and stands in the wrong lines"
        states = {offer.state for offer in caller.offers.values()}
        assert (
            states
            == {
                CallerState.WAITING: set(),
                CallerState.OFFERING: {OfferState.RINGING},
                CallerState.CONNECTING: {OfferState.CONNECTING},
                CallerState.CALLED: set(),
                CallerState.AWAY: set(),
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
        if agent.presence in SERVING
        and activity is Activity.IDLE
        and not agent.paused_in & {seat.queue.name, seat.tier.lender}
    }
    assert standing == wanted, f"{agent.name} stands in {standing}, not {wanted}"


def _check_queue(engine: Engine, queue: QueueState) -> None:
    assert queue.waiting == sum(len(lane) for section in _sections(queue) for lane in section.lanes), queue.name
    assert queue.idle == sum(len(tier.idle) for tier in (*queue.tiers, *queue.lent, queue.guests)), queue.name
    _check_load(queue)
    _check_wanted(engine, queue)
    assert queue.served.keys() == {section for section in queue.sections.values() if section.free}, queue.name
    for section in queue.sections.values():
        _check_section(engine, section, queue)
    for tier in queue.tiers:
        places = list(tier.idle)
        assert all(first[:3] < second[:3] for first, second in pairwise(places)), queue.name
        assert all(place[0] == queue.strategy.key(place[-1].agent) for place in places), "a key moved in line"
        assert tier.present == sum(_is_present(seat.agent, queue) for seat in tier.seats.values()), queue.name
    callers = queue.in_order()
    assert [queue.ahead_of(caller) for caller in callers] == list(range(len(callers))), "positions have gaps"


def _check_load(queue: QueueState) -> None:
    """What rules by load go by is what a look at all members gives."""
    if not queue.weighs:
        return
    agents = [seat.agent for tier in queue.tiers for seat in tier.seats.values()]
    ready = [one for one in agents if one.presence in SERVING and one.reachable and queue.name not in one.paused_in]
    busy = [one for one in ready if one.activity is not Activity.IDLE]
    assert (queue.ready, queue.busy) == (len(ready), len(busy)), f"{queue.name}: the load is not what the agents do"


def _check_wanted(engine: Engine, queue: QueueState) -> None:
    """Nobody stands in line for one agent who has gone."""
    wanted = {section for section in queue.sections.values() if section.wanted}
    assert queue.wanting == len(wanted) and queue.doubted.keys() <= wanted, f"{queue.name}: who is asked for"
    for section in wanted:
        agent = engine.roster.agents.get(section.wanted)
        if agent is None or not is_there(agent, queue):
            assert section in queue.doubted, f"{queue.name}: nobody looks whether {section.wanted} is there"
            assert not any(section.lanes), f"{queue.name}: {section.wanted} has gone, and somebody waits for them"


def _sections(queue: QueueState) -> tuple[Section, ...]:
    return (queue, *queue.sections.values())


def _check_section(engine: Engine, section: Section, queue: QueueState) -> None:
    """A section holds exactly the seats that fit, each in the state of the whole queue's."""
    assert queue.sections.get(section.key) is section and section.callers > 0, f"{queue.name}: an empty section"
    agent, levels, height = section.key
    fitting = {seat for seat in queue.seats() if not agent or seat.agent.name == agent}
    if not agent:
        members = {member.agent for member in queue.config.members} | _helpers(engine, queue, height).keys()
        fitting = {seat for seat in fitting if seat.agent.name in members and _has(seat.agent, levels)}
    assert section.where.keys() == fitting, f"{queue.name}: a section has {section.where.keys() ^ fitting}"
    for tier in section.tiers:
        standing = {place[3] for place in tier.whole.idle if place[3] in fitting}
        assert {place[3] for place in tier.idle} == standing, f"{queue.name}: a section's line"
        assert tier.present == sum(seat.counted for seat in tier.seats.values()), f"{queue.name}: a section's presence"
    assert section.free == sum(len(tier.idle) for tier in section.tiers), queue.name


def _helpers(engine: Engine, queue: QueueState, height: int) -> dict[str, int]:
    """Members of other queues who help callers that far up the ladder, with the number of their tier."""
    taken = {member.agent for member in queue.config.members}
    number = max((member.tier for member in queue.config.members), default=-1)
    opening = [rung for rung in queue.config.escalation if rung.kind in (TIER, AGENTS)]
    found: dict[str, int] = {}
    seen: set[str] = set()
    for index, rung in enumerate(opening, 1):
        if rung.kind != AGENTS or rung.target in seen:
            continue
        seen.add(rung.target)
        number += 1
        lender = engine.queues.get(rung.target)
        names = [member.agent for member in lender.config.members] if lender is not None else []
        for name in names:
            if name not in taken and index <= height:
                found[name] = number
        taken.update(names)
    return found


def _raised(queue: QueueState, height: int) -> set[int]:
    """Tiers that the ladder has opened so far up."""
    opening = [rung for rung in queue.config.escalation if rung.kind in (TIER, AGENTS)]
    return {int(rung.target) for rung in opening[:height] if rung.kind == TIER}


def _has(agent: AgentState, levels: Iterable[tuple[str, int]]) -> bool:
    return all(skill in agent.config.skills and agent.config.skills[skill] >= level for skill, level in levels)


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
    levels = _levels(caller)
    members: dict[int, list[AgentState]] = {}
    for member in config.members:
        agent = engine.roster.agents.get(member.agent)
        if agent is not None and not agent.removed and _has(agent, levels):
            members.setdefault(member.tier, []).append(agent)
        elif not levels:
            members.setdefault(member.tier, [])
    numbers = sorted(members)
    present = {number: any(_is_present(agent, queue) for agent in members[number]) for number in numbers}
    soon = {
        number: any(_is_free(agent, queue) or _is_soon_free(agent, queue, now) for agent in members[number])
        for number in numbers
    }
    passed = queue.steps[caller.lane - 1] if caller.lane else -1.0
    opened: list[int] = []
    raised = _raised(queue, caller.height)
    helping = sorted(set(_helpers(engine, queue, caller.height).values()))
    for index, number in enumerate(numbers):
        after = config.tier_after.get(number, 0.0 if config.tier_mode == "timed" else float("inf"))
        by_time = config.tier_mode != "busy" and after <= passed
        below_empty = index > 0 and numbers[index - 1] in opened and not present[numbers[index - 1]]
        if index == 0 or by_time or below_empty or number in raised:
            opened.append(number)
    if not config.tier_widen:
        opened = next(([number] for number in reversed(opened) if present[number]), opened)
    if config.tier_mode == "timed":
        return opened + helping
    reached: list[int] = []
    for number in numbers:
        if number in opened or (reached and not any(soon[lower] for lower in reached)):
            reached.append(number)
    return reached + helping


def _levels(caller: Caller) -> list[tuple[str, int]]:
    """The skills and levels that a caller asks for now: of each skill what was said last, up to the wait so far."""
    latest: dict[str, Need] = {}
    own = {need.skill for need in caller.asks}
    for need in (*(one for one in caller.queue.config.needs if one.skill not in own), *caller.asks):
        known = latest.get(need.skill)
        passed = need.after <= 0.0 or need.after in _passed(caller)
        if passed and (known is None or need.after >= known.after):
            latest[need.skill] = need
    return [(need.skill, need.level) for need in latest.values() if not need.drop]


def _passed(caller: Caller) -> list[float]:
    """The times of change that lie behind a caller: those before the one for which a timer runs."""
    until = caller.section_until or float("inf")
    return [need.after for need in caller.needs if need.after < until]


def usable_agents(engine: Engine, caller: Caller, now: float) -> dict[int, list[AgentState]]:
    """The free agents this caller may be offered to now, by tier; tiers without any are left out."""
    queue = caller.queue
    agents: dict[int, list[AgentState]] = {}
    if caller.preferred:
        agent = engine.roster.agents.get(caller.preferred)
        assert agent is not None and not agent.removed and agent.presence in SERVING and agent.reachable, (
            f"{caller.id} waits for {caller.preferred}, who is not there"
        )
        number = next((seat.tier.number for seat in agent.seats if seat.queue is queue), queue.guests.number)
        lender = next((seat.tier.lender for seat in agent.seats if seat.queue is queue), "")
        return {number: [agent]} if _is_free(agent, queue) and lender not in agent.paused_in else {}
    levels = _levels(caller)
    for number in usable_tiers(engine, caller, now):
        for member in queue.config.members:
            agent = engine.roster.agents.get(member.agent)
            if agent is None or agent.removed or not _has(agent, levels):
                continue
            if member.tier == number and _is_free(agent, queue):
                agents.setdefault(number, []).append(agent)
    for name, number in _helpers(engine, queue, caller.height).items():
        agent = engine.roster.agents.get(name)
        if agent is None or agent.removed or not _has(agent, levels) or not _is_free(agent, queue):
            continue
        lender = next((seat.tier.lender for seat in agent.seats if seat.queue is queue), "")
        if lender not in agent.paused_in:
            agents.setdefault(number, []).append(agent)
    return agents


def _check_nobody_waits_in_vain(engine: Engine, queue: QueueState, now: float) -> None:
    """Liveness: no free agent while a caller waits who may use them, whatever their rank.

    Agents are kept, as many as customers of callbacks are being called.
    """
    if queue.idle <= queue.called:
        return
    for caller in queue.in_order():
        if caller.state is CallerState.WAITING:
            agents = usable_agents(engine, caller, now)
            assert not agents, f"{caller.id} waits in {queue.name} while {agents} are free"


def _check_books(engine: Engine) -> None:
    """offered = sum of outcomes + in progress, per queue."""
    present = Counter(caller.queue.name for caller in engine.visits.callers.values() if caller.callback is None)
    present.update(past["queue"] for past in engine.visits.interrupted.values() if not past.get("kind"))
    called_back = Counter(task.queue for task in engine.callbacks.tasks.values())
    for name, counts in engine.measure.queues.items():
        assert counts.in_progress == present[name], f"{name}: {counts.in_progress} in the books, {present[name]} here"
        assert counts.callbacks_open == called_back[name], f"{name}: callbacks in the books and on the list"


def _check_deadlines(engine: Engine) -> None:
    """Exactly those timers run that something waits for."""
    assert all(engine.deadlines.at(("callback", one)) is not None for one in _waiting_tasks(engine)), (
        "a callback sleeps"
    )
    expected: set[tuple[str, object]] = set()
    expected.update(("ring", o.id) for o in engine.dispatcher.offers.values() if o.state is OfferState.RINGING)
    for caller in engine.visits.callers.values():
        if caller.lane < len(caller.queue.steps) and caller.state is not CallerState.AWAY:
            expected.add(("tier", caller.id))
        if caller.section_until:
            expected.add(("section", caller.id))
        if caller.queue.widening and caller.state is CallerState.OFFERING:
            expected.add(("widen", caller.id))
        if caller.queue.config.max_wait > 0.0 and not caller.overdue and caller.callback is None:
            expected.add(("wait", caller.id))
        away = caller.state is CallerState.AWAY
        placed = caller.callback is None or caller.callback.kind == Kind.REQUESTED
        if caller.queue.config.fair_after > 0.0 and placed and not caller.aged and not away:
            expected.add(("age", caller.id))
        elif away and engine.deadlines.at(("age", caller.id)) is not None:
            expected.add(("age", caller.id))  # It goes on while nobody stands there.
    for agent in engine.roster.agents.values():
        if agent.owes:
            assert agent.wrap_up_until and agent.handled is not None, f"{agent.name} owes a disposition without wrap-up"
        if agent.wrap_up_until:
            expected.add(("wrap_up", agent.name))
        if agent.back_off_until:
            expected.add(("back_off", agent.name))
    watching = ("vacant", "ladder", "surge", "rung", "join", "callback")
    running = {name for name in engine.deadlines.names() if name[0] not in watching}
    assert running == expected, f"timers: {_named(running - expected)} too many, {_named(expected - running)} missing"


def _waiting_tasks(engine: Engine) -> list[str]:
    """Callbacks that something must wake: all but those whose customer is on the line."""
    tasks = engine.callbacks.tasks.values()
    return [task.id for task in tasks if task.caller is None or task.caller.absent]


def _named(names: Iterable[tuple[str, object]]) -> list[str]:
    return sorted(f"{kind} {key}" for kind, key in names)
