"""The world around the queue engine, with callers who ask to be called back and all that may happen then.

Whoever waits lets go of the line now and then; customers answer, are busy, hang up; agents hang up while they ring; some call
again; supervisors cancel and give callbacks to others. The invariants and the oracle of `queue_world` hold all the time:
nobody of better rank is passed over, whether they are on the line or not.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import fields, replace
from typing import Any

from softswitch.acd.callback_task import Task
from softswitch.acd.caller import CallerState
from softswitch.callbacks import (
    CallbackRules,
    CustomerDialled,
    CustomerMissed,
    CustomerReached,
    DialCustomer,
    RequestCallback,
)
from softswitch.directory import Queue
from softswitch.effects import (
    ConnectOffer,
    ConversationEnded,
    EnterQueue,
    LeaveQueue,
    OfferConnected,
    OfferFailed,
    OfferResult,
    Outcome,
    Publish,
    ReleaseCaller,
)
from softswitch.events import CallbackCancelled, CallbackCreated, CallbackDone, CallbackExpired
from tests.sim.queue_world import World

CAUSES = ("busy", "no_answer", "rejected", "unreachable", "forbidden")
KEPT = tuple(one.name for one in fields(Task) if one.name not in ("caller", "watchdog", "reminded", "superseded"))


class CallbackWorld(World):
    """One run."""

    def __init__(self, seed: int, **more: Any) -> None:
        self.fate = random.Random(f"{seed} callbacks")
        self.dialling: dict[str, int] = {}  # callback -> the offer whose agent listens, 0 = none yet
        super().__init__(seed, **more)

    def _draw_queue(self, name: str) -> Queue:
        fate = self.fate
        rules = CallbackRules(
            mode=fate.choice(("agent", "agent", "customer")), attempts=fate.choice((1, 2, 3)),
            gap=fate.choice((5.0, 20.0)), ring=10.0, expires=fate.choice((60.0, 150.0)), max_open=fate.choice((2, 50)),
            hours=fate.choice(("", "", "peak")), abandoned_after=fate.choice((0.0, 3.0)), idle=fate.choice((0.0, 5.0)),
            lead=fate.choice((0.0, 3.0)), reconnect=fate.choice((0.0, 60.0)),
        )  # fmt: skip
        return replace(super()._draw_queue(name), callbacks=rules)

    def _start(self) -> None:
        super()._start()
        self._repeat(8.0, self._caller_asks)
        self._repeat(20.0, self._somebody_orders)
        self._repeat(15.0, self._customer_calls_again)

    # --- people ------------------------------------------------------------------------------------------------------

    def _caller_asks(self) -> None:
        """Somebody who waits, or a stranger in a menu, asks to be called back."""
        waiting = [
            caller
            for caller in self.engine.visits.callers.values()
            if caller.callback is None and caller.state in (CallerState.WAITING, CallerState.OFFERING)
        ]
        number = f"+4860{self.fate.randint(0, 30):02d}"
        if waiting and self.fate.random() < 0.8:
            caller = self.fate.choice(waiting)
            self._live.discard(caller.id)
            request = RequestCallback(
                caller.queue.name, number, "", caller.id, caller.joined, caller.credit, caller.priority
            )
            self.give(LeaveQueue(caller.id, Outcome.EXIT_KEY))
            self.after(self.fate.uniform(0.0, 5.0), lambda: self.give(request))
        else:
            queue = self.fate.choice((*sorted(self.queues), "q9"))
            self.give(RequestCallback(queue, number, "", "menu", self.now))

    def _customer_calls_again(self) -> None:
        tasks = list(self.engine.callbacks.tasks.values())
        if not tasks:
            return
        task = self.fate.choice(tasks)
        self._calls += 1
        name = f"c{self._calls}"
        self._live.add(name)
        self.give(EnterQueue(name, task.queue, task.number))
        self.after(self.fate.expovariate(1 / 30.0), lambda: self._hang_up(name))

    def _somebody_orders(self) -> None:
        fate, book = self.fate, self.engine.callbacks
        task = fate.choice((*sorted(book.tasks), "nothing"))
        owner = fate.choice((None, "", *sorted(self.agents)))
        queue = fate.choice(("", *sorted(self.queues)))
        order = fate.choice(("cancel", "done", "assign", "assign", "add"))
        self._input(
            "callback", (order, task, owner, queue or fate.choice(sorted(self.queues)), fate.choice((0.0, 10.0)))
        )

    # --- what comes out ----------------------------------------------------------------------------------------------

    def _perform(self, item: object) -> None:
        if isinstance(item, Publish) and isinstance(item.event, CallbackCreated):
            self._live.add(item.event.callback)
        if isinstance(item, ReleaseCaller):
            self.dialling.pop(item.caller, None)
        if isinstance(item, DialCustomer):
            self._dial(item.callback.id, 0)
        elif isinstance(item, ConnectOffer) and self._is_absent(item.caller):
            if self._rings.pop(item.offer, None) is None:
                self.report(OfferFailed(item.offer, OfferResult.FAILED))
                return
            self.after(self.fate.uniform(0.0, 2.0), lambda: self._introduced(item))
        else:
            super()._perform(item)

    def _is_absent(self, caller: str) -> bool:
        found = self.engine.visits.callers.get(caller)
        return found is not None and found.absent

    def _introduced(self, item: ConnectOffer) -> None:
        offer = self.engine.dispatcher.offers.get(item.offer)
        if offer is None or not self._is_absent(item.caller):
            self.report(ConversationEnded(item.offer))  # It was withdrawn, or a report has gone astray: nobody talks.
            return
        if self.fate.random() < 0.1:
            self.report(OfferFailed(item.offer, OfferResult.REJECTED))
            return
        self._dial(item.caller, item.offer)

    def _dial(self, callback: str, offer: int) -> None:
        fate = self.fate
        self.dialling[callback] = offer
        self.give(CustomerDialled(callback, f"call of {callback}", "somebody" if offer else ""))
        self.after(fate.choice((0.0, fate.uniform(0.5, 9.0))), lambda: self._dialled(callback, offer))

    def _dialled(self, callback: str, offer: int) -> None:
        fate = self.fate
        if self.dialling.get(callback) != offer:
            return
        del self.dialling[callback]
        if fate.random() < 0.02:
            return  # A fault of ours: nothing is ever heard of it.
        if fate.random() < 0.4:
            self.give(CustomerMissed(callback, fate.choice(CAUSES)))
            self.report(ConversationEnded(offer))  # A report that went astray may have said that they talk.
        elif not offer:
            self.give(CustomerReached(callback))
            self.after(fate.expovariate(1 / 20.0), lambda: self._customer_leaves(callback))
        elif fate.random() < 0.1:
            self.give(OfferFailed(offer, OfferResult.FAILED))
            self.give(CustomerMissed(callback, "agent_gone"))
        elif offer in self.engine.dispatcher.offers:
            self.give(OfferConnected(offer))
            self._talks[offer] = callback
            cause = fate.choice(("", "", "rtp_timeout"))
            self.after(fate.expovariate(1 / 15.0) + 0.5, lambda: self._talk_is_over(offer, cause))

    def _customer_leaves(self, callback: str) -> None:
        caller = self.engine.visits.callers.get(callback)
        if caller is not None and not caller.absent:
            self.give(LeaveQueue(callback))
        for offer in [offer for offer, party in self._talks.items() if party == callback]:
            del self._talks[offer]
            self.report(ConversationEnded(offer))

    def _talk_is_over(self, offer: int, cause: str) -> None:
        if self._talks.pop(offer, None) is not None:
            self.report(ConversationEnded(offer, cause))

    def _hang_up(self, caller: str) -> None:
        if not self._is_absent(caller):
            super()._hang_up(caller)

    # --- faults and the end ------------------------------------------------------------------------------------------

    def _table(self) -> list[dict[str, Any]]:
        return [{name: getattr(task, name) for name in KEPT} for task in self.engine.callbacks.tasks.values()]

    def _crash(self) -> None:
        self.dialling.clear()
        super()._crash()

    def _close_the_day(self) -> None:
        """Callbacks are still open at night: they are cancelled, and the rest is the end of any day."""
        self.end = self.now
        self._live_until(self.now + 30.0)
        for name, queue in self.queues.items():
            rules = replace(queue.callbacks, abandoned_after=0.0, reconnect=0.0)
            self.queues[name] = replace(queue, callbacks=rules)
        self._configure()
        for task in sorted(self.engine.callbacks.tasks):
            self._input("callback", ("cancel", task, None, "", 0.0))
        for offer in sorted(self.engine.dispatcher.offers.keys() - self._talks.keys()):
            self.report(ConversationEnded(offer))  # Those of which a report that went astray says that they talk.
        super()._close_the_day()

    def _check_books(self) -> None:
        super()._check_books()
        ends = (CallbackDone, CallbackExpired, CallbackCancelled)
        asked = Counter(event.callback for event in self.events if isinstance(event, CallbackCreated))
        ended = Counter(event.callback for event in self.events if isinstance(event, ends))
        assert asked == ended and set(asked.values()) <= {1}, (
            f"callbacks without one end: {asked - ended} {ended - asked}"
        )
        assert not self.engine.callbacks.tasks and not self.engine.callbacks._numbers
