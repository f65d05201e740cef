"""The book of callbacks: who is to be called back, when, and what has become of it (FEATURES OUT-01..04, B-5).

Who asked for it keeps the place in line: the callback *is* a caller of the queue, by the time at which the customer came, and
the one decision (`dispatcher.match`) serves it like any other. The others - given up, left a message, an agreed time, a talk
that broke off - stand in no line; they are taken when nobody waits and an agent has been idle for a while (ACD-43), or by the
agent whose they are.

A callback ends exactly once, with a `Result`. Attempts that fail put it out of the line until the next one is due; so does
the end of the hours in which the queue calls. Nothing of that is held against an agent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd.callback_task import Task
from softswitch.acd.caller import Caller, CallerState
from softswitch.acd.returning import is_known
from softswitch.callbacks import BACKGROUND, DEFAULT_RULES, TURN, CallbackRules, Kind, Result
from softswitch.effects import Outcome, ReleaseCaller
from softswitch.events import (
    CallbackAssigned,
    CallbackAttempted,
    CallbackCancelled,
    CallbackCreated,
    CallbackDone,
    CallbackDue,
    CallbackExpired,
    CallbackMissed,
    CallbackRequested,
    Event,
)

if TYPE_CHECKING:
    from softswitch.acd.agent import AgentState
    from softswitch.acd.engine import Engine
    from softswitch.acd.queue import QueueState, Seat
    from softswitch.callbacks import CustomerDialled, CustomerMissed, CustomerReached, RequestCallback
    from softswitch.effects import EnterQueue

LOOK_AGAIN: Final = 30.0  # seconds until hours of opening are looked at again: they may be changed at any time
RETURN: Final = 5.0  # seconds after a restart in which call control says which customers are on the line
WATCHDOG: Final = 90.0  # seconds beyond the ringing after which an attempt of which nothing is heard counts as failed
AGENT_GONE: Final = "agent_gone"  # whoever was to talk to the customer has hung up before they answered
FINAL: Final = frozenset({"forbidden", "invalid"})  # causes that another attempt would not change
SETTLED: Final = frozenset({Kind.ABANDONED, Kind.DROPPED})  # done with once the customer has talked to anybody
ABANDONED: Final = frozenset({Outcome.ABANDONED, Outcome.ABANDONED_RINGING, Outcome.ABANDONED_CONNECTING})


class Callbacks:
    """All callbacks of all queues, by id. Part of the engine: publishes, times and matches through it."""

    def __init__(self, engine: Engine) -> None:
        self.tasks: dict[str, Task] = {}
        self.is_open: Callable[[str], bool] = lambda name: True  # of a scheme of opening hours
        self._engine = engine
        self._numbers: dict[str, dict[str, Task]] = {}
        self._answered: Counter[str] = (
            Counter()
        )  # callers of a queue since the last callback that had its turn (ACD-43)
        self._due: dict[str, Task] = {}  # that stand in no line and may be taken now
        self._ahead: dict[str, Task] = {}  # in line, whose customer is called before an agent is free
        engine.visits.on_end = self.visit_ended
        engine.dispatcher.on_owned = self._not_taken
        engine.dispatcher.on_called = self._called

    @property
    def pending(self) -> bool:
        """Whether `blend` has anything to look at."""
        return bool(self._due or self._ahead)

    def rules(self, queue: str) -> CallbackRules:
        state = self._engine.queues.get(queue)
        return state.config.callbacks if state is not None else DEFAULT_RULES

    def of_number(self, number: str) -> list[Task]:
        return list(self._numbers.get(number, {}).values())

    def refusal(self, queue: str, number: str) -> str:
        """Why a queue takes no callback of a number: "already" | "full", "" if it does."""
        if any(task.queue == queue and task.kind == Kind.REQUESTED for task in self.of_number(number)):
            return "already"
        full = sum(task.queue == queue for task in self.tasks.values()) >= self.rules(queue).max_open
        return "full" if full else ""

    # --- asked for -----------------------------------------------------------------------------------------------------

    def request(self, item: RequestCallback, now: float) -> None:
        """A caller lets go of the line and keeps the place."""
        self.add(
            item.queue, item.number, now, kind=Kind.REQUESTED, name=item.name, call=item.call, joined=item.joined,
            credit=item.credit, priority=item.priority, language=item.language,
        )  # fmt: skip
        self._engine.match(now)

    def voicemail(self, event: CallbackRequested, now: float) -> None:
        """A message was left in the mailbox of a queue."""
        self.add(event.queue, event.number, now, kind=Kind.VOICEMAIL, name=event.caller_name, call=event.call)
        self._engine.match(now)

    def add(
        self, queue: str, number: str, now: float, *, kind: str, name: str = "", call: str = "", joined: float | None = None,
        credit: float = 0.0, priority: int = 0, language: str = "", due: float | None = None, owner: str = "", note: str = "",
        mode: str = "", by: str = "", within: float = 0.0,
    ) -> Task | None:  # fmt: skip
        """Put a callback on the list; the one there is, if the number is on that of the queue already. None: it is full.

        `within`: seconds after which it is given up, 0 = as the queue says.
        """
        state, rules = self._engine.queues.get(queue), self.rules(queue)
        if state is None or state.closing or not is_known(number):
            return None
        for other in self.of_number(number):
            if other.queue != queue:
                continue
            if other.placed or kind != Kind.REQUESTED or other.watchdog:
                return other  # Nobody is called twice, and whoever has a place keeps the better one.
            self._close(other, Result.SUPERSEDED, now, by=kind)
        if sum(task.queue == queue for task in self.tasks.values()) >= rules.max_open:
            self._engine.ignored["callback"] += 1
            return None
        start = now if due is None else max(now, due)
        task = Task(
            self._engine.entropy.token(), queue, number, name, kind, mode or ("agent" if owner else rules.mode), now,
            now if joined is None else joined, credit, priority, start, start + (within or rules.expires), owner, call,
            language, note,
        )  # fmt: skip
        self._keep(task)
        self._publish(
            CallbackCreated(
                task.id, queue, number, name, kind, task.mode, priority, task.joined, credit, task.due, task.expires, owner,
                call, language, note, by,
            )
        )  # fmt: skip
        self._wake(task, now)
        return task

    def _keep(self, task: Task) -> None:
        self.tasks[task.id] = task
        self._numbers.setdefault(task.number, {})[task.id] = task

    # --- what people order -----------------------------------------------------------------------------------------------

    def cancel(self, task_id: str, by: str, now: float) -> bool:
        """Nobody is to be called back any more; False if there is no such callback."""
        task = self.tasks.get(task_id)
        if task is not None:
            self._close(task, Result.CANCELLED, now, by=by)
            self._engine.match(now)
        return task is not None

    def done(self, task_id: str, by: str, now: float) -> bool:
        """Somebody says that it is done; False if there is no such callback."""
        task = self.tasks.get(task_id)
        if task is not None:
            self._close(task, Result.BY_HAND, now, by=by, agent=by if by in self._engine.roster.agents else "")
            self._engine.match(now)
        return task is not None

    def assign(
        self, task_id: str, by: str, now: float, *, owner: str | None = None, queue: str = "", due: float | None = None
    ) -> str:
        """Give a callback to an agent ("" = to whoever the queue chooses), to another queue, or another time; "" or why not."""
        task = self.tasks.get(task_id)
        if task is None:
            return "there is no such callback"
        if task.watchdog:
            return "the customer is being called"
        to = self._engine.queues.get(queue or task.queue)
        whose = task.owner if owner is None else owner
        if to is None:
            return "there is no such queue"
        if whose and self._seat(whose, to) is None:
            return f"{whose} is no agent of {to.name}"
        former = task.queue
        if task.caller is not None:  # The visit ends: the next one has another queue, or stands in another line.
            caller, task.caller = task.caller, None
            self._engine.dispatcher.depart(caller, Outcome.TRANSFERRED_OUT, to.name, now)
        self._out_of_line(task)
        task.queue, task.owner, task.mode = to.name, whose, "agent" if whose else task.mode
        if due is not None:
            task.due, task.reminded = max(now, due), False
            task.expires = max(task.expires, task.due + self.rules(to.name).expires)
        before = former if former != to.name else ""
        self._publish(CallbackAssigned(task.id, to.name, whose, task.due, by, task.expires, before))
        self._wake(task, now)
        self._engine.match(now)
        return ""

    # --- what becomes of it ------------------------------------------------------------------------------------------------

    def dialled(self, item: CustomerDialled, now: float) -> None:
        """The customer is being called."""
        task = self.tasks.get(item.callback)
        if task is None:
            return
        task.attempts += 1
        self._watch(task, now)
        self._publish(CallbackAttempted(task.id, task.queue, task.number, task.attempts, item.call, item.agent))

    def reached(self, item: CustomerReached, now: float) -> None:
        """Customer first: they are on the line, and wait at their place."""
        task = self.tasks.get(item.callback)
        if task is None or task.caller is None or not task.caller.absent:
            self._engine.ignored["callback"] += 1
            return
        task.watchdog = 0.0
        self._engine.deadlines.clear(("callback", task.id))
        self._engine.visits.reached(task.caller, now)
        self._engine.match(now)

    def missed(self, item: CustomerMissed, now: float) -> None:
        """The customer could not be reached, or has hung up: again later, or never."""
        task = self.tasks.get(item.callback)
        if task is None:
            self._engine.ignored["callback"] += 1
        elif item.cause == AGENT_GONE:  # The customer did nothing wrong, and keeps the place.
            task.watchdog = 0.0
            self._arm(task, now)
        else:
            self._missed(task, item.cause, now)
            self._engine.match(now)

    def _missed(self, task: Task, cause: str, now: float) -> None:
        task.watchdog = 0.0
        task.cause = cause
        self._out_of_line(task)
        if task.caller is not None and task.caller.state is not CallerState.AWAY:
            self._engine.dispatcher.put_off(task.caller, now)
        if task.superseded:
            self._close(task, Result.CALLED_AGAIN, now)
            return
        rules = self.rules(task.queue)
        over = cause in FINAL or task.attempts >= rules.attempts
        due = None if over else now + rules.gap
        self._publish(CallbackMissed(task.id, task.queue, task.number, task.attempts, cause, due))
        if due is None:
            self._close(task, Result.FORBIDDEN if cause in FINAL else Result.NOT_REACHED, now)
        else:
            task.due = due
            self._wake(task, now)

    def _called(self, caller: Caller, now: float) -> None:
        """The customer is to be called before an agent is: something must be heard of it."""
        if (task := self.tasks.get(caller.id)) is not None:
            self._watch(task, now)

    def _not_taken(self, caller: Caller, now: float) -> None:
        """The agent whose callback it is did not take it: again later, and nobody else is rung for it."""
        task = self.tasks.get(caller.id)
        if task is not None:
            task.watchdog = 0.0
            self._engine.dispatcher.put_off(caller, now)
            task.due = now + self.rules(task.queue).gap
            self._wake(task, now)

    def visit_ended(self, caller: Caller, outcome: Outcome, agent: str, now: float) -> None:
        """The visit of any caller is over: one that was a callback closes it, others may close or open one."""
        if caller.callback is None:
            if outcome is Outcome.ANSWERED:
                if caller.queue.config.callbacks.ratio:
                    self._answered[caller.queue.name] += 1
                if self.tasks:
                    self._talked(caller, agent, now)
            elif outcome in ABANDONED:
                self._abandoned(caller, now)
            return
        task = self.tasks.get(caller.id)
        if task is None or task.caller is not caller:
            return
        task.caller = None
        if outcome is Outcome.ANSWERED or (
            outcome is Outcome.WITHDRAWN and not caller.absent
        ):  # An agent, or a colleague.
            self._close(task, Result.REACHED, now, agent=agent)
        else:  # Sent away by a supervisor, a queue that is gone, a shutdown that means it.
            self._close(task, Result.CANCELLED, now, by=str(outcome))

    def _talked(self, caller: Caller, agent: str, now: float) -> None:
        """The customer has reached us: what that settles needs no call any more."""
        if not caller.number:
            return
        for task in self.of_number(caller.number):
            if task.kind in SETTLED or (task.kind == Kind.VOICEMAIL and task.queue == caller.queue.name):
                if task.watchdog:
                    task.superseded = True
                else:
                    self._close(task, Result.CALLED_AGAIN, now, agent=agent)

    def _abandoned(self, caller: Caller, now: float) -> None:
        """Who waited long enough and gave up is called back (OUT-02)."""
        rules = caller.queue.config.callbacks
        waited = now - caller.joined
        if 0.0 < rules.abandoned_after <= waited and waited > caller.queue.config.short_abandon and caller.number:
            self.add(caller.queue.name, caller.number, now, kind=Kind.ABANDONED, name=caller.name, call=caller.id)

    def dropped(self, caller: Caller, agent: str, cause: str, now: float) -> None:
        """A conversation broke off: its agent calls back, unless the customer is faster (OUT-04)."""
        rules, number = caller.queue.config.callbacks, caller.number
        if rules.reconnect <= 0.0 or not number:
            return
        self.add(
            caller.queue.name, number, now, kind=Kind.DROPPED, name=caller.name, call=caller.id, owner=agent, note=cause,
            within=rules.reconnect,
        )  # fmt: skip
        self._engine.match(now)

    def preferred(self, queue: str, number: str) -> str:
        """The agent to whom a caller of this number goes first: the one with whom the conversation broke off. "" = any."""
        for task in self.of_number(number) if number else ():
            if task.kind == Kind.DROPPED and task.queue == queue:
                return task.owner
        return ""

    def called_again(self, item: EnterQueue, now: float) -> None:
        """The customer calls themselves, and takes over the place of their callback."""
        for task in self.of_number(item.number) if item.number else ():
            if task.queue != item.queue or task.kind != Kind.REQUESTED or task.id == item.caller:
                continue
            if task.caller is not None and not task.caller.absent:
                continue  # They are on the line already.
            item.wait_credit = max(item.wait_credit, now - (task.joined - task.credit))
            item.priority = max(item.priority, task.priority)
            if task.watchdog:
                task.superseded = True  # They are being called this very moment: their line is busy with us.
            else:
                self._close(task, Result.CALLED_AGAIN, now)

    def _close(self, task: Task, result: Result, now: float, *, by: str = "", agent: str = "") -> None:
        """The one end of every callback."""
        del self.tasks[task.id]
        numbers = self._numbers[task.number]
        del numbers[task.id]
        if not numbers:
            del self._numbers[task.number]
        self._out_of_line(task)
        self._engine.deadlines.clear(("callback", task.id))
        caller, task.caller = task.caller, None
        if caller is not None and caller.state is not CallerState.ENDED:
            self._engine.dispatcher.depart(caller, Outcome.WITHDRAWN, str(result), now)
            self._engine.emit(ReleaseCaller(caller.id, task.queue, Outcome.WITHDRAWN))
        seconds = now - task.created
        if result in (Result.REACHED, Result.CALLED_AGAIN, Result.BY_HAND):
            self._publish(CallbackDone(task.id, task.queue, task.number, str(result), seconds, task.attempts, agent))
        elif result in (Result.CANCELLED, Result.SUPERSEDED):
            self._publish(CallbackCancelled(task.id, task.queue, task.number, str(result), by, seconds, task.attempts))
        else:
            self._publish(
                CallbackExpired(task.id, task.queue, task.number, str(result), task.cause, seconds, task.attempts)
            )

    def returned(self, task_id: str, now: float) -> None:
        """Call control says, after a restart, that the customer of a callback is on the line."""
        task = self.tasks.get(task_id)
        if task is None:
            return
        caller = task.caller or self._book(task)
        self._out_of_line(task)
        if caller.absent:
            self._engine.deadlines.clear(("callback", task.id))
            self._engine.visits.reached(caller, now)

    # --- time ----------------------------------------------------------------------------------------------------------------

    def timer(self, task_id: str, now: float) -> None:
        """Something is due: an attempt, the end of the time, a look at the hours; or nothing was heard of an attempt."""
        task = self.tasks.get(task_id)
        if task is None:
            return  # A look at idle agents: the match that follows every timer.
        if task.watchdog:
            if now >= task.watchdog:
                self._missed(task, "lost", now)
            else:
                self._engine.deadlines.set(("callback", task.id), task.watchdog)
        elif task.caller is None or task.caller.state in (CallerState.AWAY, CallerState.WAITING):
            self._wake(task, now)
        else:  # It is somebody's turn with it: looked at again in a while.
            self._engine.deadlines.set(("callback", task.id), now + LOOK_AGAIN)

    def _watch(self, task: Task, now: float) -> None:
        task.watchdog = now + self.rules(task.queue).ring + WATCHDOG
        self._engine.deadlines.set(("callback", task.id), task.watchdog)

    def _wake(self, task: Task, now: float) -> None:
        """Put it where it belongs at this moment: over, out of the line until later, in line, or on the list of those due."""
        rules, caller = self.rules(task.queue), task.caller
        if caller is not None and not caller.absent:
            return  # The customer is on the line.
        if now >= task.expires:
            self._close(task, Result.EXPIRED, now)
            return
        if now < task.due or (rules.hours and not self.is_open(rules.hours)):
            self._out_of_line(task)
            if caller is not None and caller.state is CallerState.WAITING:
                self._engine.visits.step_aside(caller)
            elif caller is None and task.placed:
                self._book(task)  # Its place is kept, and it is in the books.
        elif task.placed:
            self._into_line(task, now)
        elif caller is None or caller.state is CallerState.AWAY:
            self._due[task.id] = task
            self._remind(task)
        self._arm(task, now)

    def _arm(self, task: Task, now: float) -> None:
        if task.watchdog:
            return
        at = task.expires
        if now < task.due:
            at = min(at, task.due)
        elif self.rules(task.queue).hours:
            at = min(at, now + LOOK_AGAIN)
        self._engine.deadlines.set(("callback", task.id), at)

    def _remind(self, task: Task) -> None:
        if task.kind == Kind.SCHEDULED and not task.reminded:
            task.reminded = True
            self._publish(CallbackDue(task.id, task.queue, task.number, task.name, task.owner, task.note))

    def _book(self, task: Task) -> Caller:
        queue = self._engine.queues[task.queue]
        priority = task.priority if task.placed else BACKGROUND + task.priority
        task.caller = self._engine.visits.book(task.callback(), queue, task.joined, task.credit, priority)
        return task.caller

    def _into_line(self, task: Task, now: float) -> None:
        caller = task.caller
        if caller is None:
            caller = self._book(task)
        if caller.state is CallerState.AWAY:
            self._engine.visits.step_back(caller, now)
        if task.mode == "customer" and self.rules(task.queue).lead > 0.0:
            self._ahead[task.id] = task

    def _out_of_line(self, task: Task) -> None:
        self._due.pop(task.id, None)
        self._ahead.pop(task.id, None)

    # --- those without a place, and customers who are called ahead (after every match) -------------------------------------

    def blend(self, now: float) -> bool:
        """Take callbacks for agents who are idle, one for each; whether there is something to match."""
        taken = False
        for task in list(self._due.values()):
            queue = self._engine.queues.get(task.queue)
            if queue is not None:
                taken |= self._take_own(task, queue, now) if task.owner else self._take(task, queue, now)
        for task in list(self._ahead.values()):
            self._call_ahead(task, now)
        return taken

    def _take_own(self, task: Task, queue: QueueState, now: float) -> bool:
        seat = self._seat(task.owner, queue)
        if seat is None or not any(place[0] is seat for place in seat.agent.places):
            return False  # Whoever it is will be idle some time, and then there is a match.
        self._into_line(task, now)
        self._out_of_line(task)
        assert task.caller is not None
        self._engine.dispatcher.ring(task.caller, seat, now)
        return True

    def _take(self, task: Task, queue: QueueState, now: float) -> bool:
        """ACD-43: by the ratio, or when an agent is idle."""
        ratio = queue.config.callbacks.ratio
        if not ratio or self._answered[queue.name] < ratio:
            return self._take_idle(task, queue, now)
        self._answered[queue.name] = 0
        caller = task.caller or self._book(task)
        self._engine.visits.set_priority(caller, TURN + task.priority)
        self._into_line(task, now)
        self._due.pop(task.id, None)
        return True

    def _take_idle(self, task: Task, queue: QueueState, now: float) -> bool:
        """ACD-43: inbound calls go first, and an agent gets some rest from them."""
        if queue.waiting or queue.idle <= queue.called:
            return False
        idle = [place[3].agent.idle_since for tier in queue.tiers for place in tier.idle]
        if not idle:
            return False  # Nobody but guests, who are there for the callers who ask for them.
        rested = min(idle)
        at = rested + queue.config.callbacks.idle
        if at > now:
            self._engine.deadlines.set(("callback", f"idle {queue.name}"), at)
            return False
        self._into_line(task, now)
        self._due.pop(task.id, None)
        return True

    def _call_ahead(self, task: Task, now: float) -> None:
        """The customer is called while the agent who will be free still writes the notes of another call."""
        caller = task.caller
        if caller is None or caller.state is not CallerState.WAITING:
            self._ahead.pop(task.id, None)
            return
        queue = caller.queue
        if queue.idle or queue.ahead_of(caller) > len(queue.ringing):
            return  # The match does it; or somebody who is on the line comes before.
        within = queue.config.callbacks.lead
        ends = sorted(end for agent in _members(queue) if (end := agent.wrap_up_until) and agent.serving)
        if len(ends) <= queue.called:
            return
        at = ends[queue.called] - within
        if at > now:
            self._engine.deadlines.set(("callback", f"ahead {queue.name}"), at)
        else:
            self._ahead.pop(task.id, None)
            self._engine.dispatcher.call_customer(caller, now)

    def _seat(self, agent: str, queue: QueueState) -> Seat | None:
        found = self._engine.roster.agents.get(agent)
        return next((seat for seat in found.seats if seat.queue is queue), None) if found is not None else None

    def _publish(self, event: Event) -> None:
        self._engine.publish(event)

    # --- looking -----------------------------------------------------------------------------------------------------------

    def rows(self, now: float) -> list[dict[str, Any]]:
        """Every open callback as plain values, the oldest first. Durations in seconds."""
        return [task.row(self._engine.visits, now) for task in self.tasks.values()]

    # --- restart -----------------------------------------------------------------------------------------------------------

    def restore(self, kept: Iterable[Mapping[str, Any]], now: float) -> None:
        """Go on with what the store kept, after the state of the engine was restored. Times are of this process's clock.

        Whoever was being called is called again when it is their turn: the place in line is the same.
        """
        for one in kept:
            task = Task(**{name: value for name, value in one.items() if name in Task.__dataclass_fields__})
            if task.id in self.tasks:
                continue
            self._keep(task)
            present = self._engine.visits.callers.get(task.id)
            if present is not None:  # The customer is on the line: call control has said so already.
                task.caller, present.callback = present, task.callback()
                self._engine.deadlines.clear(("wait", present.id))
                continue
            if task.queue not in self._engine.queues:
                self._close(task, Result.CANCELLED, now, by="configuration")
                continue
            if task.id in self._engine.visits.interrupted:
                self._book(task)  # Their visit goes on, whatever comes next; the customer may even be on the line.
                task.expires = max(task.expires, now + RETURN)
            self._wake(task, now)
        self._engine.match(now)

    def forget_queue(self, queue: str, now: float) -> None:
        """The queue is gone from the configuration: nobody is called back for it any more."""
        for task in [task for task in self.tasks.values() if task.queue == queue and not task.watchdog]:
            self._close(task, Result.CANCELLED, now, by="configuration")


def _members(queue: QueueState) -> Iterable[AgentState]:
    return (seat.agent for tier in queue.tiers for seat in tier.seats.values())
