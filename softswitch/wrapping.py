"""What follows from what agents do and write down: pages about callers, callbacks that a disposition makes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from softswitch import logs
from softswitch.call.facts import Card
from softswitch.directory.wrapping import Disposition
from softswitch.events import CallerConnected, DispositionChosen, Event, OfferMade, ScreenPop
from softswitch.screenpop import address

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

log = logs.get_logger()


class Wrapping:
    """The follow-up of one running switch."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def see(self, event: Event) -> None:
        """Something happened: perhaps an agent is rung, or said what a call was about."""
        kind = type(event)
        if kind is OfferMade:
            self._pop(event, "offer")  # type: ignore[arg-type]
        elif kind is CallerConnected:
            self._pop(event, "answer")  # type: ignore[arg-type]
        elif kind is DispositionChosen:
            self._disposed(event)  # type: ignore[arg-type]

    # --- pages about callers -----------------------------------------------------------------------------------------

    def _pop(self, event: OfferMade | CallerConnected, at: str) -> None:
        self.pop(event.caller, event.queue, event.agent, at)

    def pop(self, call: str, queue: str, agent: str, at: str) -> None:
        """Tell an agent's panel whose call it is."""
        daemon = self._daemon
        known, directory = daemon.switch.calls.board.calls.get(call), daemon.directory
        if known is None:
            return
        number = known.caller_number
        card: Any = self.card_of(call) or {}
        customer, name = str(card.get("id") or ""), str(card.get("name") or "")
        config = directory.queues.get(queue)
        template = (config.screen_pop if config is not None else "") or directory.screen_pop
        url = address(
            template,
            {"number": number, "customer": customer, "call": call, "queue": queue, "agent": agent, "name": name,
             "dialled": known.dialled},
        )  # fmt: skip
        daemon.publisher.publish(ScreenPop(call, queue, agent, at, number, customer, name or known.caller_name, url))

    def card_of(self, call: str) -> Card | None:
        """The card of a call that goes on: whose it was found to be, else whose number calls."""
        known = self._daemon.switch.calls.board.calls.get(call)
        if known is None:
            return None
        cards = self._daemon.facilities.desk.cards
        found = known.context.get("customer", "")
        return cards.card(found) if found else cards.by_number(known.caller_number)

    # --- dispositions ------------------------------------------------------------------------------------------------

    def _disposed(self, event: DispositionChosen) -> None:
        if event.disposition == event.previous:
            return
        config = self._daemon.directory.dispositions.get(event.disposition)
        if config is not None and config.callback:
            # Not now: what has happened is just being told.
            asyncio.get_running_loop().call_soon(lambda: self._daemon.spawn(self._call_back(event, config)))

    async def _call_back(self, event: DispositionChosen, config: Disposition) -> None:
        daemon = self._daemon
        number = event.number or await self._number(event.call)
        due = time.monotonic() + config.callback_after if config.callback_after else None
        owner = event.agent if config.callback_own else ""
        _, refusal = daemon.input(
            "callback",
            lambda now: daemon.switch.add_callback(
                event.queue, number, now, due=due, owner=owner, note=event.note, by=event.actor
            ),
        )
        if refusal:
            log.warning("no callback", call=event.call, disposition=event.disposition, reason=refusal)

    async def _number(self, call: str) -> str:
        """Who called, as the records say."""
        reports = await self._daemon.store.reports()
        found = await reports.call(call)
        return found.call.caller if found is not None else ""
