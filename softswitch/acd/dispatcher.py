"""Offers: which agent is rung for which caller, and how every ring ends.

`match` is the one decision, run after every change. An offer reserves its agent in the same step; races are settled by offer
id; the end of an offer frees agent and caller in the same step. What a peer did late, twice or for an unknown offer is
counted in `ignored` and changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from softswitch.acd.agent import AgentState
from softswitch.acd.caller import AGED, Caller, CallerInput, CallerState, Offer, OfferState
from softswitch.acd.returning import is_known
from softswitch.acd.roster import must_stop_ringing
from softswitch.callbacks import DialCustomer
from softswitch.effects import (
    ConnectOffer,
    OfferResult,
    OfferResumed,
    Outcome,
    Publish,
    ReleaseCaller,
    RingAgent,
    WithdrawOffer,
)
from softswitch.events import Event, OfferEnded, OfferMade

if TYPE_CHECKING:
    from softswitch.acd.acquaintances import Acquaintances
    from softswitch.acd.queue import QueueState, Seat, Tier
    from softswitch.acd.review import Review
    from softswitch.acd.roster import Roster
    from softswitch.acd.visits import Visits
    from softswitch.directory import Queue
    from softswitch.machine import Deadlines, Entropy

RANKED = 3  # names of the best agents that an offer's ranking carries

FAILURES = frozenset(
    {OfferResult.NO_ANSWER, OfferResult.REJECTED, OfferResult.BUSY, OfferResult.UNREACHABLE, OfferResult.FAILED}
)


class Dispatcher:
    """The live offers and conversations by id. Shares the engine's visits, roster, deadlines and set of queues to match."""

    def __init__(
        self,
        visits: Visits,
        roster: Roster,
        deadlines: Deadlines[tuple[str, object]],
        dirty: dict[QueueState, None],
        ignored: Counter[str],
        publish: Callable[[Event], None],
        emit: Callable[[object], None],
        entropy: Entropy,
        review: Review,
        acquaintances: Acquaintances,
    ) -> None:
        self.offers: dict[int, Offer] = {}  # ringing, connecting, talking
        self.on_owned: Callable[[Caller, float], None] = _nobody  # told when the agent of a callback did not take it
        self.on_called: Callable[[Caller, float], None] = _nobody  # ... when the customer of one is to be called
        self.last = 0
        self._visits = visits
        self._roster = roster
        self._deadlines = deadlines
        self._dirty = dirty
        self._ignored = ignored
        self._publish = publish
        self._emit = emit
        self._entropy = entropy
        self._review = review
        self._acquaintances = acquaintances

    # --- the one decision --------------------------------------------------------------------------------------------

    def match(self, now: float) -> None:
        """While there is a caller who may use an idle agent: the first caller by rank, the first agent by tier and strategy.

        Looks only at queues that something happened to; reserving an agent may make others of them worth a look.
        """
        dirty = self._dirty
        while dirty:
            best: Caller | None = None
            tiers: Sequence[Tier] = ()
            for queue in tuple(dirty):
                if queue.watched:
                    self._visits.watch(queue, now)
                    self._review.look(queue, now)
                found = queue.candidate(now) if queue.idle > queue.called else None
                if found is None:
                    del dirty[queue]
                elif best is None or is_before(found[0], best):
                    best, tiers = found
            if best is None:
                continue
            if best.absent and best.callback is not None and best.callback.mode == "customer":
                self.call_customer(best, now)
            else:
                self._offer(best, tiers, now)

    def call_customer(self, caller: Caller, now: float) -> None:
        """Call the customer of a callback before an agent is rung; the agents stay free for others meanwhile."""
        assert caller.callback is not None
        self._visits.calling(caller)
        self._emit(DialCustomer(caller.callback, caller.queue.name, caller.priority, caller.joined))
        self.on_called(caller, now)

    def _offer(self, caller: Caller, tiers: Sequence[Tier], now: float) -> None:
        """Ring as many agents for the caller as the strategy wants, lower tiers first."""
        strategy = caller.queue.strategy
        room = strategy.width(caller, now) - len(caller.offers)
        assert room > 0, f"strategy {strategy.name} rings nobody"
        for tier in tiers:
            idle = tier.idle
            while idle.entries:
                self._ring(caller, strategy.choose(tier, caller, now, self._entropy), tier, now)
                room -= 1
                if not room:
                    return

    def ring(self, caller: Caller, seat: Seat, now: float) -> None:
        """Ring this agent for a caller who waits, whatever the order says: a callback that is theirs."""
        self._ring(caller, seat, seat.tier, now)

    def _ring(self, caller: Caller, seat: Seat, tier: Tier, now: float) -> None:
        """`tier`: of the queue, or its part in the caller's section."""
        agent, whole = seat.agent, tier.whole
        if tier.number > caller.tier and not caller.preferred:
            self._visits.tier_opened(caller, tier.number, caller.section.reason_open(tier))
        head = tier.idle.head(RANKED)
        ranking = (*whole.label, *[place[2] for place in head])  # place[2]: the name
        keys = caller.queue.strategy.values(head, caller, now)
        whole.last = (seat.position, agent.name)
        self._ring_agent(caller, agent, tier.number, ranking, now, keys, () if tier is whole else tier.label)

    def _ring_agent(
        self, caller: Caller, agent: AgentState, tier: int, ranking: tuple[str, ...], now: float,
        keys: tuple[float, ...] = (), asked: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        queue = caller.queue
        self.last += 1
        offer = Offer(self.last, caller, agent, queue, tier, now)
        caller.rung_first = caller.rung_first or now
        self._visits.offered(caller)
        self.offers[offer.id] = caller.offers[offer.id] = offer
        caller.offers_made += 1
        waited = now - caller.joined
        self._emit(Publish(OfferMade(queue.name, caller.id, agent.name, offer.id, tier, waited, ranking, keys, asked)))
        self._roster.reserve(agent, offer, now)
        timeout = queue.config.ring_timeout if agent.config.ring_timeout is None else agent.config.ring_timeout
        self._deadlines.set(("ring", offer.id), now + timeout)
        callback = caller.callback if caller.absent else None
        confirm = agent.config.confirm or queue.config.confirm
        self._emit(
            RingAgent(
                offer.id, caller.id, agent.name, queue.name, agent.device, timeout, callback, confirm, caller.joined
            )
        )  # fmt: skip
        if queue.widening:
            self._visits.arm_widening(caller, now)

    def assign(self, caller: Caller, agent: AgentState, now: float) -> None:
        """Ring this idle agent for the caller, by a supervisor's order; whoever else rings for them stops (ACD-42)."""
        others = [offer for offer in caller.offers.values() if offer.agent is not agent]
        caller.assigned = True
        seat = next((seat for seat in agent.seats if seat.queue is caller.queue), None)
        if agent.offer is None:
            self._ring_agent(caller, agent, seat.tier.number if seat is not None else caller.tier, ("assigned",), now)
        for offer in others:
            self._end(offer, OfferResult.CANCELLED_ELSEWHERE, now, withdraw=True)

    # --- restart -----------------------------------------------------------------------------------------------------

    def resume(self, offer: Offer, until: float) -> None:
        """A phone that has been ringing for a caller goes on, at most until then."""
        self._visits.offered(offer.caller)
        self.offers[offer.id] = offer.caller.offers[offer.id] = offer
        self._deadlines.set(("ring", offer.id), until)

    def refuse(self, item: OfferResumed, now: float) -> None:
        """There is nobody to ring, or nobody to ring for, any more."""
        result = OfferResult.CANCELLED_AGENT_STATE
        self._emit(WithdrawOffer(item.offer, result))
        self._publish(OfferEnded(item.queue, item.caller, item.agent, item.offer, result, now - item.at))

    # --- reports about an offer --------------------------------------------------------------------------------------

    def ringing(self, offer_id: int, now: float) -> None:
        offer = self.offers.get(offer_id)
        if offer is None or offer.state is not OfferState.RINGING:
            self._ignored["offer"] += 1
            return
        self._roster.rings(offer.agent, now)

    def asked(self, offer_id: int, until: float, now: float) -> None:
        """Somebody picked up and is asked whether they take the call: until they say so, the phone counts as ringing."""
        offer = self.offers.get(offer_id)
        if offer is None or offer.state is not OfferState.RINGING:
            self._ignored["offer"] += 1
            return
        offer.asked = True
        self._roster.rings(offer.agent, now)
        self._deadlines.set(("ring", offer_id), until)

    def answered(self, offer_id: int, now: float) -> None:
        """The agent's phone answered: the first answer wins the caller, every other is withdrawn."""
        offer = self.offers.get(offer_id)
        if offer is None:
            self._ignored["offer"] += 1
            self._emit(WithdrawOffer(offer_id, OfferResult.CANCELLED_ELSEWHERE))  # The answer lost the race.
            return
        if offer.state is not OfferState.RINGING:
            self._ignored["offer"] += 1
            return
        caller = offer.caller
        offer.state, offer.answered = OfferState.CONNECTING, now
        self._deadlines.clear(("ring", offer_id))
        self._roster.picked_up(offer.agent, now)
        self._visits.picked_up(caller, now)
        if len(caller.offers) > 1:
            for other in list(caller.offers.values()):
                if other is not offer:
                    self._end(other, OfferResult.CANCELLED_ELSEWHERE, now, withdraw=True)
        self._emit(ConnectOffer(offer_id, caller.id, offer.agent.name, offer.queue.name))
        told = offer.asked and not offer.queue.config.consent
        if not caller.absent and (told or not speaks_first(offer.queue.config)):
            self._connected(offer, now)

    def connected(self, offer_id: int, now: float) -> None:
        """Caller and agent hear each other, after the agent was spoken to."""
        offer = self.offers.get(offer_id)
        if offer is None or offer.state is not OfferState.CONNECTING:
            self._ignored["offer"] += 1
            return
        self._connected(offer, now)

    def _connected(self, offer: Offer, now: float) -> None:
        offer.state = OfferState.TALKING
        offer.caller.absent = False
        self._publish_result(offer, OfferResult.ANSWERED, offer.answered)
        self._visits.connected(offer.caller, offer.agent.name, offer.id, now)
        caller = offer.caller
        caller.offers.clear()
        if offer.queue.config.last_agent_hours and is_known(caller.number):
            self._acquaintances.met(caller.number, offer.agent.name, now)
        self._roster.connected(offer.agent, now)

    def failed(self, offer_id: int, result: OfferResult, now: float, status: int = 0) -> None:
        """The ring ended without an answer, or the agent who picked up is gone before the two were joined."""
        offer = self.offers.get(offer_id)
        if offer is None:
            self._ignored["offer"] += 1
        elif offer.state is OfferState.TALKING:
            self.ended(offer_id, now)
        elif result is OfferResult.CANCELLED_CALLER_GONE:
            # Nobody is there to ring for: the visit is over, and no fault of the agent's.
            self.depart(offer.caller, *offer.caller.abandonment(now), now)
        else:
            self._end(offer, result if result in FAILURES else OfferResult.FAILED, now, status=status)

    def held(self, offer_id: int, held: bool, now: float) -> None:
        offer = self.offers.get(offer_id)
        if offer is None or offer.state is not OfferState.TALKING:
            self._ignored["offer"] += 1
            return
        self._roster.held(offer.agent, held, now)

    def ended(self, offer_id: int, now: float) -> None:
        """Caller and agent no longer talk: wrap-up begins."""
        offer = self.offers.get(offer_id)
        if offer is None:
            self._ignored["offer"] += 1
            return
        if offer.state is OfferState.RINGING or (offer.caller.absent and offer.state is OfferState.CONNECTING):
            self._end(offer, OfferResult.FAILED, now)
            return
        if offer.state is OfferState.CONNECTING:
            self._connected(offer, now)  # What has ended has been; only the report of its beginning is missing.
        del self.offers[offer_id]
        self._roster.conversation_ended(offer.agent, offer, now)

    def timed_out(self, offer_id: int, now: float) -> None:
        offer = self.offers.get(offer_id)
        if offer is not None and offer.state is OfferState.RINGING:
            self._end(offer, OfferResult.NO_ANSWER, now, withdraw=True)

    def _end(self, offer: Offer, result: OfferResult, now: float, *, status: int = 0, withdraw: bool = False) -> None:
        """The one end of every offer that led to no conversation: agent and caller are free in the same step."""
        caller, connecting = offer.caller, offer.state is OfferState.CONNECTING
        del self.offers[offer.id]
        del caller.offers[offer.id]
        self._deadlines.clear(("ring", offer.id))
        if withdraw:
            self._emit(WithdrawOffer(offer.id, result))
        self._publish_result(offer, result, offer.answered if connecting else now, status)
        if result in FAILURES:
            self._roster.offer_failed(offer.agent, offer, result, now)
        else:
            self._roster.offer_cancelled(offer.agent, result, now)
        if result is OfferResult.CANCELLED_CALLER_GONE:
            return
        if connecting:
            self._visits.waits_again(caller, CallerInput.AGENT_GONE)
        elif caller.state is CallerState.OFFERING and not caller.offers:
            self._visits.waits_again(caller, CallerInput.OFFERS_OVER)
        if caller.preferred == offer.agent.name:
            self._review.failed(caller, now)
        if caller.callback is not None and caller.callback.owner and caller.state is CallerState.WAITING:
            self.on_owned(caller, now)
        if caller.overdue and caller.state is CallerState.WAITING:
            self.release(caller, Outcome.TIMEOUT, caller.queue.config.on_timeout, now)

    def _publish_result(self, offer: Offer, result: OfferResult, ended: float, status: int = 0) -> None:
        self._publish(
            OfferEnded(offer.queue.name, offer.caller.id, offer.agent.name, offer.id, result, ended - offer.at, status)
        )

    def stop_ringing(self, agents: Iterable[AgentState], now: float) -> None:
        """End the offers of agents who are no longer there for them (AGT-02)."""
        for agent in agents:
            if agent.offer is not None and must_stop_ringing(agent):
                gone = not agent.reachable and agent.serving
                result = OfferResult.UNREACHABLE if gone else OfferResult.CANCELLED_AGENT_STATE
                self._end(agent.offer, result, now, withdraw=True)

    def put_off(self, caller: Caller, now: float) -> None:
        """A callback leaves the line for a while. Its agents are free, and nothing is held against them."""
        for offer in list(caller.offers.values()):
            self._end(offer, OfferResult.CANCELLED_CALLER_GONE, now, withdraw=True)
        if caller.state is CallerState.CONNECTING:
            self._visits.waits_again(caller, CallerInput.AGENT_GONE)
        elif caller.state is CallerState.OFFERING:
            self._visits.waits_again(caller, CallerInput.OFFERS_OVER)
        self._visits.step_aside(caller)

    def depart(self, caller: Caller, outcome: Outcome, detail: str, now: float) -> None:
        """The caller leaves without an agent: whoever rings for them is withdrawn first."""
        for offer in list(caller.offers.values()):
            self._end(offer, OfferResult.CANCELLED_CALLER_GONE, now, withdraw=True)
        self._visits.end(caller, outcome, detail, now)

    def release(self, caller: Caller, outcome: Outcome, destination: str, now: float, detail: str = "") -> None:
        self.depart(caller, outcome, detail, now)
        self._emit(ReleaseCaller(caller.id, caller.queue.name, outcome, destination, caller.priority, caller.credit))


def _nobody(caller: Caller, now: float) -> None:
    """Nobody wants to know."""


def is_before(caller: Caller, other: Caller) -> bool:
    """ACD-03, ACD-04, ACD-49: who has no phone ringing first, then who has waited too long, then the queue's weight,
    priority, effective wait, sequence."""
    if bool(caller.offers) is not bool(other.offers):
        return not caller.offers
    aged = caller.entry[0] == AGED
    if aged is not (other.entry[0] == AGED):
        return aged
    weight, other_weight = caller.queue.config.weight, other.queue.config.weight
    return caller.entry < other.entry if aged or weight == other_weight else weight > other_weight


def speaks_first(config: Queue) -> bool:
    """Whether agent or caller are told something before they hear each other (ACD-34, ACD-35)."""
    return bool(config.agent_greeting or config.agent_hears_wait or config.connecting or config.consent)
