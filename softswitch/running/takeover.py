"""What a new life of the switch takes over from the one before: pure choices over what the store kept, for `daemon`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from media.control import Command, Open
from softswitch.acd.catching_up import catch_up
from softswitch.call import phones
from softswitch.call.revival import Kept
from softswitch.events import AgentActivityChanged, GroupRang
from softswitch.store.callbacks import open_callbacks

if TYPE_CHECKING:
    from softswitch.events import Event
    from softswitch.store.records import Snapshot

OFFER_GAP: Final = 1_000  # offers that may have been made and never written


def queue_state(
    kept: dict[str, Any], at: float, events: Iterable[tuple[float, Event]], snapshot: Snapshot
) -> dict[str, Any]:
    """The state of the queue engine as it was kept `at` a time, brought up to the end of the journal.

    `events`: what was published since; the state is kept once a second, the journal several times.
    """
    events = list(events)
    state = catch_up(kept, [(when - at, _counted_from(at, event)) for when, event in events])
    state["phones"] = phones.catch_up(kept.get("phones", {}), events)
    state["turns"] = _turns(kept.get("turns", {}), events)
    state["last_visit"] = max(state["last_visit"], snapshot.last_visit)
    state["last_offer"] += OFFER_GAP
    for name, known in snapshot.agents.items():
        agent = state["agents"].get(name)
        if agent is not None and (agent["presence"], agent["reason"]) != (known.presence, known.reason):
            agent.update(presence=known.presence, reason=known.reason, presence_age=at - known.presence_since)
    return state


def _turns(kept: Mapping[str, int], events: Iterable[tuple[float, Event]]) -> dict[str, int]:
    """With which member a ring group begins that rotates: each time with the next one."""
    turns = dict(kept)
    for _, event in events:
        if isinstance(event, GroupRang):
            name = f"group:{event.group}"
            turns[name] = turns.get(name, 0) + 1
    return turns


def _counted_from(at: float, event: Event) -> Event:
    """An event whose times are seconds since then."""
    if isinstance(event, AgentActivityChanged) and event.until is not None:
        return replace(event, until=event.until - at)
    return event


def callbacks(snapshot: Snapshot, epoch: float) -> list[dict[str, Any]]:
    """Who is to be called back, with times of this process's clock. `epoch`: the wall-clock time when it was 0."""
    return open_callbacks(snapshot.callbacks, lambda wall: wall - epoch)


def choose(
    snapshot: Snapshot, standing: Mapping[int, Sequence[Command]], survive: float
) -> tuple[list[Kept], list[str]]:
    """(Calls to go on with, calls to forget.) The switch was alive `survive` seconds ago, or media of the call still is."""
    ports = {(worker, one.leg) for worker, orders in standing.items() for one in orders if isinstance(one, Open)}
    calls, forgotten = [], []
    for one in snapshot.calls:
        legs = one.value.get("legs", {}).values()
        if survive > 0 and (snapshot.outage <= survive or any(tuple(leg.get("media", ())) in ports for leg in legs)):
            calls.append(Kept(one.value, one.shift))
        else:
            forgotten.append(one.call)
    return calls, forgotten
