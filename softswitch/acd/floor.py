"""The floor: what every agent is doing, and in whose lines they stand.

Activity is moved only by `move`, along the arrows of `ACTIVITY_TABLE`. What an agent falls back to when an offer or a call
is over is decided from facts (a leg outside the queues, wrap-up, contact, back-off), so no order of reports can strand one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from softswitch.acd import wrapping
from softswitch.acd.agent import ACTIVITY_TABLE, OCCUPIED, TIMED, Activity, ActivityInput, AgentState
from softswitch.acd.outlook import Outlook
from softswitch.effects import Publish
from softswitch.events import AgentActivityChanged

if TYPE_CHECKING:
    from softswitch.acd.queue import QueueState
    from softswitch.machine import Deadlines


class Floor:
    """Moves agents between activities; shares the engine's deadlines and its set of queues to match."""

    def __init__(
        self,
        emit: Callable[[object], None],
        deadlines: Deadlines[tuple[str, object]],
        dirty: dict[QueueState, None],
    ) -> None:
        self._emit = emit
        self._deadlines = deadlines
        self._dirty = dirty
        self.outlook = Outlook()

    # --- wrap-up and back-off ------------------------------------------------------------------------------------

    def begin_wrap_up(self, agent: AgentState, queue: str, seconds: float, now: float) -> None:
        """A fact; `settle` makes it the activity."""
        if agent.owes:  # What is owed for the call before is still owed.
            agent.wrap_up_due = max(agent.wrap_up_due, now + seconds)
            self._wrap_up(agent, max(agent.wrap_up_until, now + seconds))
            return
        agent.wrap_up_from, agent.wrap_up_queue = now, queue
        agent.wrap_up_due = now + seconds
        self._wrap_up(agent, now + seconds)

    def owe(self, agent: AgentState, most: float) -> None:
        """The wrap-up that has just begun goes on until a disposition is chosen, `most` seconds at the longest."""
        agent.owes = True
        self._wrap_up(agent, max(agent.wrap_up_until, agent.wrap_up_from + most))

    def disposition_given(self, agent: AgentState, now: float) -> None:
        """Nothing is owed any more: the wrap-up ends when it would have without that, now if that time has passed."""
        agent.owes = False
        if agent.wrap_up_due <= now:
            self.wrap_up_over(agent, now)
        else:
            self._wrap_up(agent, agent.wrap_up_due)
            self._tell_wrap_up(agent, now, "disposition chosen")

    def _wrap_up(self, agent: AgentState, until: float) -> None:
        agent.wrap_up_until = until
        self._deadlines.set(("wrap_up", agent.name), until)

    def extend_wrap_up(self, agent: AgentState, now: float) -> None:
        """One more period, up to the queue's ceiling."""
        queue = next((seat.queue.config for seat in agent.seats if seat.queue.name == agent.wrap_up_queue), None)
        so_far = agent.wrap_up_due - agent.wrap_up_from
        own = agent.config.wrap_up
        period = own if own is not None else queue.wrap_up if queue else so_far
        ceiling = max(queue.wrap_up_max, so_far) if queue else so_far
        agent.wrap_up_due = min(agent.wrap_up_due + period, agent.wrap_up_from + ceiling)
        self._wrap_up(agent, max(agent.wrap_up_until, agent.wrap_up_due) if agent.owes else agent.wrap_up_due)
        self._tell_wrap_up(agent, now, "wrap-up extended")

    def _tell_wrap_up(self, agent: AgentState, now: float, cause: str) -> None:
        """It goes on, to another end."""
        if agent.activity is not Activity.WRAP_UP:
            return  # Behind a call of the agent's own; it is told when that is over.
        agent.until = agent.wrap_up_until
        activity, elapsed = agent.activity, now - agent.activity_since
        self._emit(
            Publish(
                AgentActivityChanged(
                    agent.name, activity, activity, elapsed, cause, agent.until, agent.kind, agent.wrap_up_queue, _owed(agent)
                )
            )
        )  # fmt: skip
        self._touch(agent)

    def drop_wrap_up(self, agent: AgentState) -> None:
        if agent.owes:
            agent.owes = False
            self._emit(Publish(wrapping.unsaid(agent)))
        agent.wrap_up_until = 0.0
        self._deadlines.clear(("wrap_up", agent.name))

    def wrap_up_over(self, agent: AgentState, now: float, cause: str = "wrap-up over") -> None:
        self.drop_wrap_up(agent)
        if agent.activity is Activity.WRAP_UP:
            agent.idle_since = now  # C.5: the clock starts when the wrap-up of the last handled leg ends
        self.settle(agent, now, cause)

    def begin_back_off(self, agent: AgentState, until: float, cause: str, now: float) -> None:
        """A fact; `settle` makes it the activity."""
        if until > now:
            agent.back_off_until, agent.back_off_cause = until, cause
            self._deadlines.set(("back_off", agent.name), until)

    def drop_back_off(self, agent: AgentState) -> None:
        agent.back_off_until, agent.back_off_cause = 0.0, ""
        self._deadlines.clear(("back_off", agent.name))

    def back_off_over(self, agent: AgentState, now: float) -> None:
        self.drop_back_off(agent)
        self.settle(agent, now, "back-off over")

    # --- the one place where activity changes --------------------------------------------------------------------

    def settle(self, agent: AgentState, now: float, cause: str) -> None:
        """Fall to what the facts say, unless an offer or a conversation holds the agent."""
        if agent.offer is None:
            what = _resting(agent)
            if what is not _RESTING_INPUT.get(agent.activity) or agent.kind != agent.outside:
                self.move(agent, what, now, cause, agent.outside)
                return
        self.stand(agent)
        self._touch(agent)

    def move(self, agent: AgentState, what: ActivityInput, now: float, cause: str, kind: str = "") -> None:
        before = agent.activity
        after = ACTIVITY_TABLE[before].get(what)
        assert after is not None, f"agent {agent.name}: {what} in {before}"
        elapsed = now - agent.activity_since
        if before in OCCUPIED:
            agent.load.add(now, elapsed)
            if before is Activity.WRAP_UP:
                self.outlook.wrapped_up(agent, elapsed, now)
            elif agent.kind != "queue":
                self.outlook.elsewhere(agent, elapsed)
        agent.activity = after
        agent.activity_since = now
        agent.kind = kind
        if after in TIMED:
            self._note_until(agent)
        elif agent.until is not None:
            agent.until = None
        offer = agent.offer
        if offer is not None:
            queue_name = offer.queue.name
        else:
            queue_name = agent.wrap_up_queue if after is Activity.WRAP_UP else ""
        self._emit(
            Publish(
                AgentActivityChanged(
                    agent.name, after, before, elapsed, cause, agent.until, kind, queue_name,
                    _owed(agent) if after is Activity.WRAP_UP else "",
                )
            )
        )  # fmt: skip
        if after is Activity.IDLE:
            self.stand(agent)
        elif agent.places:
            self.step_aside(agent)
        dirty = self._dirty
        for seat in agent.seats:  # As in `_touch`; this is the hot path.
            queue = seat.queue
            if queue.watched:
                queue.note(seat)
                dirty[queue] = None
            elif queue.idle and (queue.waiting or queue.ringing.entries):
                dirty[queue] = None

    def _note_until(self, agent: AgentState) -> None:
        if agent.activity is Activity.WRAP_UP:
            agent.until = agent.wrap_up_until
        else:
            agent.until = agent.back_off_until if agent.activity is Activity.BACK_OFF else None

    def place_by_facts(self, agent: AgentState, now: float) -> None:
        """The first activity of an agent new to this process: a fact, not a transition."""
        agent.activity = _RESTING_ACTIVITY[_resting(agent)]
        agent.activity_since, agent.kind = now, agent.outside
        self._note_until(agent)

    def place(self, agent: AgentState, activity: Activity, since: float, kind: str) -> None:
        """An activity that has gone on since before this process."""
        agent.activity, agent.activity_since, agent.kind = activity, since, kind
        self.stand(agent)
        self._touch(agent)

    # --- standing in line ----------------------------------------------------------------------------------------

    def stand(self, agent: AgentState) -> None:
        """Stand in the line of every seat if offerable, in none if not."""
        if not agent.offerable:
            if agent.places:
                self.step_aside(agent)
        elif not agent.places:
            seats = [seat for seat in agent.seats if seat.open] if agent.paused_in else agent.seats
            agent.places = [seat.queue.stand(seat) for seat in seats]

    def step_aside(self, agent: AgentState) -> None:
        for seat, line, entry in agent.places:
            line.remove(entry)
            queue = seat.queue
            queue.idle -= 1
            if seat.sections:
                queue.step_aside(seat, entry)
        agent.places = []

    def unseat(self, agent: AgentState) -> None:
        self.step_aside(agent)
        for seat in agent.seats:
            seat.queue.rise(seat)
        agent.seats = []

    def count(self, agent: AgentState) -> None:
        """Keep each tier's number of agents who are there."""
        present = agent.present
        for seat in agent.seats:
            here = present and seat.open
            if here is not seat.counted:
                seat.counted = here
                seat.queue.presence_changed(seat, 1 if here else -1)
                self._dirty[seat.queue] = None
            if seat.queue.watched:
                seat.queue.note(seat)

    def _touch(self, agent: AgentState) -> None:
        """Have those queues looked at that may now find a match, or may have lost their last agent."""
        for seat in agent.seats:
            queue = seat.queue
            if queue.watched:
                queue.note(seat)
                self._dirty[queue] = None
            elif queue.idle and (queue.waiting or queue.ringing.entries):
                self._dirty[queue] = None


def _owed(agent: AgentState) -> str:
    """The call for which a disposition must be chosen."""
    return agent.handled.call if agent.owes and agent.handled is not None else ""


# The resting input whose activity this is: nothing is to be moved while it still holds.
_RESTING_INPUT = {
    Activity.IDLE: ActivityInput.REST,
    Activity.TALKING: ActivityInput.OUTSIDE,
    Activity.WRAP_UP: ActivityInput.WRAP,
    Activity.BACK_OFF: ActivityInput.BACK_OFF,
    Activity.UNREACHABLE: ActivityInput.LOSE,
}


_RESTING_ACTIVITY = {what: activity for activity, what in _RESTING_INPUT.items()}


def _resting(agent: AgentState) -> ActivityInput:
    """What holds an agent who has neither offer nor conversation."""
    if agent.outside:
        return ActivityInput.OUTSIDE
    if agent.wrap_up_until:
        return ActivityInput.WRAP
    if not agent.reachable:
        return ActivityInput.LOSE
    if agent.back_off_until:
        return ActivityInput.BACK_OFF
    return ActivityInput.REST
