"""The runner of flows: what ends a step, and what is kept for the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from softswitch.call.flow import (
    MAX_STEPS,
    MAX_TYPED_AHEAD,
    Dial,
    EnterQueue,
    Flow,
    Gather,
    Hangup,
    Mark,
    Play,
    Runner,
    Tell,
)
from softswitch.effects import AgentCommand


class Stage:
    """Writes down what the runner wants."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.plays = 0
        self.until: float | None = None

    def play(self, clips: tuple[str, ...], interruptible: bool) -> int:
        self.plays += 1
        self.log.append(clips)
        return self.plays

    def music(self, name: str) -> None:
        self.log.append("music")

    def echo(self) -> None:
        self.log.append("echo")

    def wait_until(self, at: float | None) -> None:
        self.until = at

    def enter_queue(self, step: EnterQueue, now: float) -> None:
        self.log.append(step)

    def dial(self, step: Dial, now: float) -> None:
        self.log.append(step)

    def finish(self, cause: str, now: float) -> None:
        self.log.append(f"finish {cause}")

    def tell(self, command: AgentCommand) -> None:
        self.log.append(command)

    def mark(self, step: Mark) -> None:
        self.log.append(step)

    def speak(self, language: str) -> None:
        self.log.append(language)


def runner(flow: Callable[[], Flow]) -> tuple[Runner, Stage]:
    stage = Stage()
    made = Runner(flow(), stage)
    made.start(0.0)
    return made, stage


def test_a_prompt_ends_by_itself_by_a_digit_or_by_its_deadline() -> None:
    def flow() -> Flow:
        for _ in range(3):
            typed = yield Play(("a",))
            yield Mark(f"typed {typed}")

    r, stage = runner(flow)
    r.play_done(1, "end", 1.0)
    r.digit("5", 2.0)
    assert r.digits == ["5"], "kept for the next Gather"
    assert stage.log == [("a",), Mark("typed "), ("a",), Mark("typed 5"), Mark("typed 5"), "finish normal"]
    assert stage.until is None


def test_a_prompt_that_must_be_heard_is_not_cut() -> None:
    def flow() -> Flow:
        yield Play(("law",), interruptible=False)
        digit = yield Gather(("ask",))
        yield Mark(digit)

    r, stage = runner(flow)
    r.digit("1", 0.5)
    assert stage.log == [("law",)]
    r.play_done(1, "end", 1.0)
    assert stage.log == [("law",), Mark("1"), "finish normal"], "typed ahead: the question is not asked"


def test_reports_about_other_clips_are_ignored() -> None:
    def flow() -> Flow:
        yield Play(("a",))
        yield Play(("b",))

    r, stage = runner(flow)
    for stale in (7, 0):
        r.play_done(stale, "end", 1.0)
    r.play_done(1, "replaced", 1.0)
    r.play_done(1, "digit", 1.0)  # the digit itself is on its way
    assert stage.log == [("a",)]
    r.play_done(1, "missing", 1.0)
    assert stage.log == [("a",), ("b",)]


def test_gathering_waits_after_the_prompt_with_something_to_hear() -> None:
    def flow() -> Flow:
        typed = yield Gather(("ask",), timeout=5.0)
        yield Mark(f"typed {typed}")

    r, stage = runner(flow)
    r.play_done(1, "end", 2.0)
    assert (stage.log, stage.until) == ([("ask",), "music"], 7.0)
    r.expire(7.0)
    assert stage.log[2:] == [Mark("typed "), "finish normal"]


def test_several_digits_and_a_terminator() -> None:
    def flow() -> Flow:
        number = yield Gather(("ask",), digits=4, inter_digit=3.0, terminator="#")
        yield Mark(number)
        number = yield Gather(digits=3, inter_digit=2.0)
        yield Mark(number)

    r, stage = runner(flow)
    r.digit("1", 0.5)
    assert stage.until == 3.5, "the first digit cuts the prompt"
    r.digit("2", 1.0)
    r.digit("#", 1.5)
    assert Mark("12") in stage.log
    r.digit("7", 2.0)
    r.expire(4.0)
    assert Mark("7") in stage.log, "what came in time counts"


def test_typing_ahead_is_bounded() -> None:
    def flow() -> Flow:
        yield Play(("law",), interruptible=False)

    r, _ = runner(flow)
    for _ in range(100):
        r.digit("1", 0.1)
    assert len(r.digits) == MAX_TYPED_AHEAD


def test_a_flow_that_never_waits_is_stopped() -> None:
    def flow() -> Flow:
        while True:
            yield Mark("again")

    r, stage = runner(flow)
    assert stage.log[-1] == "finish flow_loop" and len(stage.log) == MAX_STEPS + 1
    assert not r.active


def test_dialling_resumes_with_the_reason() -> None:
    def flow() -> Flow:
        reason = yield Dial("bob")
        yield Hangup(reason)

    r, stage = runner(flow)
    r.digit("1", 0.5)
    r.resume("busy", 1.0)
    assert stage.log == [Dial("bob"), "finish busy"]
    r.resume("busy", 1.0)
    assert len(stage.log) == 2


def test_a_stopped_flow_hears_nothing_any_more_and_cleans_up() -> None:
    closed: list[bool] = []

    def flow() -> Flow:
        try:
            yield Play(("a",))
        finally:
            closed.append(True)

    r, stage = runner(flow)
    r.stop()
    r.stop()
    r.play_done(1, "end", 1.0)
    r.expire(1.0)
    r.digit("1", 1.0)
    assert closed == [True] and stage.log == [("a",)] and stage.until is None


def test_commands_and_queues_pass_through() -> None:
    command = AgentCommand("eve", "ready")

    def flow() -> Flow:
        yield Tell(command)
        yield EnterQueue("info")

    r, stage = runner(flow)
    assert stage.log == [command, EnterQueue("info")]
    r.play_done(0, "end", 1.0)
    assert r.active
