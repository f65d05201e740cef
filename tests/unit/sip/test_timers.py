"""The queues of the transaction timers."""

from __future__ import annotations

from softswitch.sip.timers import NEVER, TimerQueues


class Recorder:
    def __init__(self) -> None:
        self.fired: list[tuple[str, float]] = []
        self.wanted = True

    def awaits(self, what: str) -> bool:
        return self.wanted

    def fire(self, what: str, now: float) -> None:
        self.fired.append((what, now))


def test_timers_fire_when_due_and_once() -> None:
    timers: TimerQueues[str] = TimerQueues()
    owner = Recorder()
    timers.arm(5.0, 0.0, owner, "late")
    timers.arm(0.5, 0.0, owner, "soon")
    timers.arm(0.5, 0.2, owner, "next")
    assert timers.next == 0.5
    timers.expire(0.4)
    assert owner.fired == []
    timers.expire(0.5)
    assert owner.fired == [("soon", 0.5)] and timers.next == 0.7
    timers.expire(100.0)
    assert owner.fired[1:] == [("next", 100.0), ("late", 100.0)]
    assert timers.next == NEVER and len(timers) == 0


def test_nobody_is_woken_for_timers_that_mean_nothing_any_more() -> None:
    timers: TimerQueues[str] = TimerQueues()
    gone, there = Recorder(), Recorder()
    timers.arm(0.5, 0.0, gone, "a")
    timers.arm(0.5, 1.0, there, "b")
    timers.arm(0.2, 0.0, there, "c")
    gone.wanted = False
    timers.expire(0.2)
    assert timers.next == 1.5 and len(timers) == 1


def test_a_timer_that_arms_itself_again_is_not_lost() -> None:
    timers: TimerQueues[str] = TimerQueues()

    class Again(Recorder):
        def fire(self, what: str, now: float) -> None:
            super().fire(what, now)
            timers.arm(0.5, now, self, what)

    owner = Again()
    timers.arm(0.5, 0.0, owner, "a")
    for _ in range(3):
        timers.expire(timers.next)
    assert owner.fired == [("a", 0.5), ("a", 1.0), ("a", 1.5)] and timers.next == 2.0
