"""What follows from what agents write down: callbacks that a disposition makes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from softswitch import logs
from softswitch.directory.wrapping import Disposition
from softswitch.events import DispositionChosen, Event

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

log = logs.get_logger()


class Wrapping:
    """The follow-up of one running switch."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def see(self, event: Event) -> None:
        """Something happened: perhaps an agent said what a call was about."""
        if type(event) is not DispositionChosen or event.disposition == event.previous:
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
