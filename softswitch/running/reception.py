"""From the listeners to the switch: what is served at once, what waits, what is turned away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from softswitch.effects import Flow
    from softswitch.running.driver import Driver
    from softswitch.switch import Switch

ADMITTED_AT_ONCE: Final = 8  # registrations that waited, served in one turn of the loop: some milliseconds


class Reception:
    """`fault` is told of an exception of ours in the switch."""

    def __init__(self, switch: Switch, driver: Driver, fault: Callable[[str, Exception], None]) -> None:
        self._switch = switch
        self._gate = switch.guard.gate
        self._driver = driver
        self._fault = fault
        self._loop = asyncio.get_running_loop()
        self._admitting = False

    def take(self, data: bytes, flow: Flow, behind: float) -> None:
        """One message that has waited `behind` seconds to be read."""
        now = time.monotonic()
        instead = self._gate.stops(data, flow, behind, now)
        if instead is None:
            self._serve(data, flow, now)
            return
        for effect in instead:
            self._driver.perform(effect)
        if self._gate.anteroom and not self._admitting:
            self._admitting = True
            self._loop.call_soon(self._admit)

    def _serve(self, data: bytes, flow: Flow, now: float) -> None:
        try:
            self._switch.receive(data, flow, now)
        except Exception as error:
            self._fault("message", error)
        self._driver.carry_out()

    def _admit(self) -> None:
        """Registrations that waited, a few in each turn of the loop: what arrives meanwhile comes first."""
        for _ in range(ADMITTED_AT_ONCE):
            now = time.monotonic()
            waited = self._gate.anteroom.next(now)
            if waited is None:
                break
            self._serve(*waited, now)
        self._driver.settle()
        self._admitting = bool(self._gate.anteroom)
        if self._admitting:
            self._loop.call_soon(self._admit)
