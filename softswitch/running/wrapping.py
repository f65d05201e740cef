"""What follows from what agents do and write down: pages about callers, callbacks that a disposition makes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from softswitch import logs
from softswitch.call.door import recognise
from softswitch.call.facts import Card
from softswitch.config.services import WebSettings
from softswitch.directory.wrapping import Disposition
from softswitch.events import (
    CallerConnected,
    CallStarted,
    DispositionChosen,
    Event,
    HttpAnswered,
    OfferMade,
    ScreenPop,
)
from softswitch.integrations.lookup import Lookup
from softswitch.integrations.screenpop import address
from softswitch.integrations.webclient import Reply, WebClient

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

log = logs.get_logger()


class Wrapping:
    """The follow-up of one running switch."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        settings, web = daemon.config.lookup, daemon.config.web
        # Whom to ask is the operator's own choice, in the file of the host: it may be anywhere.
        host = (urlsplit(settings.url).hostname or "").lower()
        self._web = WebClient(
            WebSettings(
                hosts=(host,), private=(host,), timeout=settings.timeout, failures=settings.failures, pause=settings.pause,
                ca=web.ca,
            )
        )  # fmt: skip
        self.lookup = Lookup(settings, self._ask)

    def start(self) -> None:
        if self.lookup.settings.url:
            self._daemon.spawn(self._web.warm_up())

    async def close(self) -> None:
        await self._web.close()

    def see(self, event: Event) -> None:
        """Something happened: perhaps an agent is rung, or said what a call was about."""
        kind = type(event)
        if kind is CallStarted:
            self._look_up(event)  # type: ignore[arg-type]
        elif kind is OfferMade:
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

    # --- another program that knows callers ----------------------------------------------------------------------------

    def _look_up(self, event: CallStarted) -> None:
        """A call from outside has come: whose it is may be known elsewhere."""
        if event.trunk and self.lookup.settings.url:
            # Not now: our own cards are just being looked at.
            asyncio.get_running_loop().call_soon(lambda: self._perhaps(event.call))

    def _perhaps(self, call: str) -> None:
        daemon = self._daemon
        known = daemon.switch.calls.board.calls.get(call)
        if known is None:
            return
        number = daemon.facilities.desk.callers.spelt(known.caller_number)
        if not known.context.get("customer") and self.lookup.wanted(number):
            daemon.spawn(self._find(call, number))

    async def _find(self, call: str, number: str) -> None:
        daemon = self._daemon
        cards = daemon.facilities.desk.cards
        customer = await self.lookup.find(number, cards, daemon.directory.agents)
        known, card = daemon.switch.calls.board.calls.get(call), cards.card(customer) if customer else None
        if known is None or known.ended is not None or card is None or known.context.get("customer"):
            return
        daemon.input("lookup", lambda now: recognise(known, card, "lookup"))
        for agent in daemon.switch.queues.roster.agents.values():
            if agent.offer is not None and agent.offer.caller.id == call:
                self.pop(call, agent.offer.queue.name, agent.name, "found")

    async def _ask(self, url: str, headers: tuple[tuple[str, str], ...]) -> Reply:
        begun = time.monotonic()
        reply = await self._web.fetch("GET", url, headers, within=self.lookup.settings.timeout)
        seconds = round(time.monotonic() - begun, 3)
        host = urlsplit(url).hostname or ""
        self._daemon.publisher.publish(HttpAnswered("", host, reply.status, seconds, reply.detail))
        return reply

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
