from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from softswitch.entropy import SystemEntropy
from softswitch.running.driver import MOST_FAULTS, Driver


@dataclass
class Note:
    text: str


@dataclass
class Poison:
    pass


class Bell:
    """A machine that rings at a deadline."""

    def __init__(self) -> None:
        self.out: list[object] = []
        self.deadline: float | None = None
        self.rung: list[float] = []
        self.raises = False
        self.heard = asyncio.Event()

    def next_deadline(self) -> float | None:
        return self.deadline

    def expire(self, now: float) -> None:
        self.heard.set()
        if self.raises:
            raise RuntimeError("a deadline that fails")
        if self.deadline is not None and now >= self.deadline:
            self.rung.append(now)
            self.deadline = None
            self.out.append(Note("rung"))

    def drain(self) -> list[object]:
        out, self.out = self.out, []
        return out


class Stage:
    def __init__(self) -> None:
        self.bell = Bell()
        self.notes: list[str] = []
        self.faults: list[str] = []
        self.driver = Driver(
            self.bell,
            {Note: lambda note: self.notes.append(note.text), Poison: self.poison},
            lambda where, error: self.faults.append(where),
        )

    def poison(self, effect: Poison) -> None:
        raise OSError("cannot")


async def test_effects_are_performed_in_order_and_a_bad_one_costs_itself_only() -> None:
    stage = Stage()
    stage.bell.out += [Note("a"), Poison(), Note("b")]
    stage.driver.settle()
    assert stage.notes == ["a", "b"] and stage.faults == ["effect"]


async def test_an_effect_nobody_performs_is_a_fault_and_not_the_end() -> None:
    stage = Stage()
    stage.bell.out += ["what is this", Note("b")]
    stage.driver.settle()
    assert stage.notes == ["b"] and stage.faults == ["effect"]


async def test_an_effect_that_causes_an_effect_is_drained_too() -> None:
    stage = Stage()
    driver = Driver(stage.bell, {Note: lambda note: more(note.text)}, lambda where, error: None)

    def more(text: str) -> None:
        stage.notes.append(text)
        if text == "first":
            stage.bell.out.append(Note("second"))
            driver.settle()

    stage.bell.out.append(Note("first"))
    driver.settle()
    assert stage.notes == ["first", "second"]


async def test_what_stands_behind_a_fault_is_still_done() -> None:
    stage = Stage()
    whole = stage.bell.drain
    failures = iter([True, True, False])

    def drain() -> list[object]:
        if next(failures, False):
            raise RuntimeError("an item that fails")
        return whole()

    stage.bell.drain = drain  # type: ignore[method-assign]
    stage.bell.out.append(Note("behind"))
    stage.driver.settle()
    assert stage.notes == ["behind"] and stage.faults == ["drain", "drain"]


async def test_a_machine_that_always_fails_does_not_stop_the_loop() -> None:
    stage = Stage()

    def drain() -> list[object]:
        raise RuntimeError("always")

    stage.bell.drain = drain  # type: ignore[method-assign]
    stage.driver.settle()
    assert len(stage.faults) == MOST_FAULTS


async def test_the_timer_wakes_at_the_deadline() -> None:
    stage = Stage()
    started = time.monotonic()
    stage.bell.deadline = started + 0.02
    stage.driver.settle()
    async with asyncio.timeout(5):
        while not stage.notes:
            stage.bell.heard.clear()
            await stage.bell.heard.wait()
            await asyncio.sleep(0)
    assert stage.notes == ["rung"]
    assert 0.019 <= stage.bell.rung[0] - started < 1.0


async def test_an_earlier_deadline_replaces_a_later_one() -> None:
    stage = Stage()
    stage.bell.deadline = time.monotonic() + 3600
    stage.driver.settle()
    stage.bell.deadline = time.monotonic()
    stage.driver.settle()
    async with asyncio.timeout(5):
        await stage.bell.heard.wait()
    assert stage.bell.rung
    stage.driver.stop()


async def test_a_deadline_that_fails_for_ever_does_not_spin() -> None:
    stage = Stage()
    stage.bell.raises = True
    stage.bell.deadline = time.monotonic()
    stage.driver.settle()
    async with asyncio.timeout(5):
        while len(stage.faults) < 3:
            stage.bell.heard.clear()
            await stage.bell.heard.wait()
            await asyncio.sleep(0)
    stage.driver.stop()
    assert set(stage.faults) == {"timer"}


def test_tokens_are_64_bits_of_hex_and_do_not_repeat() -> None:
    entropy = SystemEntropy()
    tokens = {entropy.token() for _ in range(5000)}
    assert len(tokens) == 5000
    assert all(len(token) == 16 and set(token) <= set("0123456789abcdef") for token in tokens)
    assert {entropy.below(3) for _ in range(200)} == {0, 1, 2}
