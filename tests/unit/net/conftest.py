from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import uvloop

from softswitch.effects import Flow


@dataclass
class Ear:
    """Writes down what the listeners report, and lets a test wait for it."""

    heard: list[tuple[bytes, Flow]] = field(default_factory=list)
    behind: list[float] = field(default_factory=list)
    failed: list[Flow] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)
    settles: int = 0
    on_message: Callable[[bytes, Flow], None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def received(self, data: bytes, flow: Flow, behind: float) -> None:
        self.heard.append((data, flow))
        self.behind.append(behind)
        if self.on_message:
            self.on_message(data, flow)
        self._changed.set()

    def settled(self) -> None:
        self.settles += 1

    def flow_failed(self, flow: Flow) -> None:
        self.failed.append(flow)
        self._changed.set()

    def alarm(self, what: str, detail: str) -> None:
        self.alarms.append((what, detail))
        self._changed.set()

    async def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait until the condition holds after one of the reports."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The listeners work on either loop."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def ear() -> Ear:
    return Ear()
