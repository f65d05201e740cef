"""Menus and flows, driven by lists of keys."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.call.flow import MAX_TYPED_AHEAD, Flow, FlowRun, Gather, Note, Play
from softswitch.call.menu import MAX_MENUS, menu_flow
from softswitch.directory import ChoiceStep, GotoStep, HoursStep, Menu, PlayStep

HOTLINE = {
    "main": Menu(
        "main",
        (
            HoursStep("standard", closed="menu:closed"),
            PlayStep(("welcome",), interruptible=False),
            ChoiceStep(
                ("press-1",),
                {"1": "queue:infolinia", "2": "menu:sales"},
                timeout=5.0,
                on_timeout=("still-there",),
                otherwise="queue:infolinia",
            ),
        ),
    ),
    "sales": Menu("sales", (ChoiceStep(("sales-menu",), {"7": "extension:101"}),)),
    "closed": Menu("closed", (PlayStep(("closed",)),)),
    "circle": Menu("circle", (GotoStep("menu:circle"),)),
    "notice": Menu("notice", (GotoStep("play:outage,goodbye"),)),
}


@dataclass
class Caller:
    """The leg a flow runs on: remembers what was heard."""

    heard: list[str] = field(default_factory=list)
    left: str = ""
    hung_up: str = ""
    deadline: float | None = None
    plays: int = 0
    path: list[str] = field(default_factory=list)

    def play(self, clips: tuple[str, ...], *, until_digit: bool, now: float) -> int:
        self.plays += 1
        self.heard.extend(clips)
        return self.plays

    def comfort(self, now: float) -> None:
        self.heard.append("~")

    def arm(self, at: float | None) -> None:
        self.deadline = at

    def note(self, step: str, detail: str, now: float) -> None:
        self.path.append(f"{step} {detail}".strip())

    def leave(self, destination: str, now: float) -> None:
        self.left = destination

    def hang_up(self, cause: str, now: float) -> None:
        self.hung_up = cause


def start(name: str = "main", *, is_open: bool = True) -> tuple[Caller, FlowRun]:
    caller = Caller()
    run = FlowRun(menu_flow(name, HOTLINE, lambda hours: is_open), caller)
    run.start(0.0)
    return caller, run


def test_greeting_then_choice_leads_to_the_queue() -> None:
    caller, run = start()
    assert caller.heard == ["welcome"]
    run.play_done(1, 1.0)
    assert caller.heard == ["welcome", "press-1"]
    run.digit("1", 1.5)
    assert caller.left == "queue:infolinia"
    assert run.over


def test_a_key_during_an_uninterruptible_greeting_counts_for_the_choice() -> None:
    caller, run = start()
    run.digit("1", 0.2)
    assert caller.heard == ["welcome"]
    run.play_done(1, 1.0)
    assert caller.left == "queue:infolinia"
    assert "press-1" not in caller.heard


def test_outside_opening_hours_the_message_then_the_end() -> None:
    caller, run = start(is_open=False)
    assert caller.heard == ["closed"]
    run.play_done(1, 3.0)
    assert caller.hung_up == "completed"
    assert caller.path == ["menu:main", "closed:standard", "menu:closed"]


def test_no_key_three_times_goes_on_by_itself() -> None:
    caller, run = start()
    now = 1.0
    for _ in range(20):
        if run.over:
            break
        if caller.deadline is not None:
            now, caller.deadline = caller.deadline, None
            run.expire(now)
        else:
            run.play_done(caller.plays, now)
    assert caller.heard == ["welcome", "press-1", "~", "still-there", "press-1", "~", "still-there", "press-1", "~"]
    assert caller.left == "queue:infolinia"


def test_a_wrong_key_is_named_and_the_question_comes_again() -> None:
    caller, run = start()
    run.play_done(1, 1.0)
    run.digit("9", 1.1)
    assert caller.heard[-1] == "not-understood"
    run.play_done(caller.plays, 2.0)
    assert caller.heard[-1] == "press-1"


def test_star_goes_back_and_hash_repeats() -> None:
    caller, run = start()
    run.play_done(1, 1.0)
    run.digit("2", 1.1)
    assert caller.heard[-1] == "sales-menu"
    run.digit("#", 1.2)
    assert caller.heard[-2:] == ["sales-menu", "sales-menu"]
    run.digit("*", 1.3)
    assert caller.heard[-1] == "welcome"


def test_play_destination_plays_all_its_clips_then_hangs_up() -> None:
    caller, run = start("notice")
    assert caller.heard == ["outage", "goodbye"]
    run.play_done(1, 1.0)
    assert caller.hung_up == "completed"


def test_a_missing_menu_is_said_and_ended() -> None:
    caller, run = start("nowhere")
    run.play_done(1, 1.0)
    assert caller.hung_up
    assert caller.heard == ["unavailable"]


def test_a_circle_of_menus_ends() -> None:
    caller, _ = start("circle")
    assert caller.hung_up
    assert len(caller.path) <= MAX_MENUS + 1


def test_a_flow_that_never_waits_is_stopped() -> None:
    def endless() -> Flow:
        while True:
            yield Note("round")

    caller = Caller()
    FlowRun(endless(), caller).start(0.0)
    assert caller.hung_up == "the flow goes in circles"


def test_late_reports_of_replaced_clips_change_nothing() -> None:
    caller, run = start()
    run.play_done(1, 1.0)
    run.play_done(1, 1.1)
    assert caller.heard == ["welcome", "press-1"]
    run.stop()
    run.play_done(2, 1.2)
    run.digit("1", 1.3)
    run.expire(9.0)
    assert not caller.left
    assert not caller.hung_up


def test_typed_ahead_digits_are_bounded() -> None:
    def listen() -> Flow:
        yield Play(("long",), until_digit=False)
        for _ in range(MAX_TYPED_AHEAD + 1):
            yield Gather(1.0)

    caller = Caller()
    run = FlowRun(listen(), caller)
    run.start(0.0)
    for _ in range(1000):
        run.digit("5", 0.1)
    run.play_done(1, 1.0)
    assert caller.deadline == 2.0  # the one Gather beyond the bound had to wait


@given(st.lists(st.one_of(st.sampled_from(list("0123456789*#ABCD")), st.sampled_from(["done", "expire"])), max_size=80))
def test_whatever_is_pressed_the_caller_always_hears_something_or_is_gone(inputs: list[str]) -> None:
    caller, run = start()
    now = 0.0
    for each in inputs:
        now += 0.1
        if each == "done":
            run.play_done(caller.plays, now)
        elif each == "expire":
            run.expire(now)
        else:
            run.digit(each, now)
        assert run.over == bool(caller.left or caller.hung_up)
    assert caller.heard


@pytest.mark.parametrize(
    "keys, destination", [("1", "queue:infolinia"), ("27", "extension:101"), ("2*1", "queue:infolinia")]
)
def test_keys_typed_in_one_go(keys: str, destination: str) -> None:
    caller, run = start()
    for key in keys:
        run.digit(key, 0.1)
    run.play_done(1, 1.0)
    for _ in range(5):
        if not run.over:
            run.play_done(caller.plays, 2.0)
    assert caller.left == destination
