"""Runs one machine on one loop: carries out its effects, keeps one timer, and survives its faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from softswitch.machine import Machine

SHORTEST_WAIT = 0.001  # seconds: the loop's own resolution; a shorter timer fires early and spins
AFTER_FAULT = 0.05
MOST_FAULTS = 100  # in one turn: a machine that fails for ever must not stop the loop


class Driver:
    """`perform` maps each effect's type to what carries it out; `fault` records an exception of ours, never raises."""

    def __init__(
        self,
        machine: Machine,
        perform: Mapping[type, Callable[[Any], None]],
        fault: Callable[[str, Exception], None],
    ) -> None:
        self._machine = machine
        self._perform = dict(perform)
        self._fault = fault
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._settling = False

    def carry_out(self) -> None:
        """Drain completely. An effect that fails costs itself only."""
        if self._settling:  # Performing an effect gave the machine an input: the outer turn will drain it.
            return
        self._settling = True
        try:
            for _ in range(MOST_FAULTS):
                if self._drained():
                    break
        finally:
            self._settling = False

    def perform(self, effect: Any) -> None:
        """Carry out one effect that no machine asked for."""
        try:
            self._perform[type(effect)](effect)
        except Exception as error:
            self._fault("effect", error)

    def _drained(self) -> bool:
        """Carry out all that the machine wants; False if it failed on the way, and there may be more behind that."""
        perform, machine = self._perform, self._machine
        try:
            while effects := machine.drain():
                for effect in effects:
                    try:
                        perform[type(effect)](effect)
                    except Exception as error:
                        self._fault("effect", error)
        except Exception as error:
            self._fault("drain", error)
            return False
        return True

    def settle(self) -> None:
        """Drain completely, then arm the timer. Call after every input, or once after a batch that was carried out."""
        self.carry_out()
        self._arm(0.0)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, earliest: float) -> None:
        deadline = self._machine.next_deadline()
        if deadline is None or (self._timer is not None and self._due <= deadline):
            return  # An early wake-up is harmless; re-arming on every packet is not.
        if self._timer is not None:
            self._timer.cancel()
        self._due = deadline
        delay = max(deadline - time.monotonic(), SHORTEST_WAIT, earliest)
        self._timer = self._loop.call_later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        earliest = 0.0
        try:
            self._machine.expire(time.monotonic())
        except Exception as error:
            self._fault("timer", error)
            earliest = AFTER_FAULT  # A deadline that fails again and again must not take the whole processor.
        self.carry_out()
        self._arm(earliest)
