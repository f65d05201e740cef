"""Whatever a menu is like and whatever the caller does: they are never in silence, and every call comes to an end."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softswitch.call.flow import Dial, Fetch, Gather, Play, Runner
from softswitch.call.menu import Site, flow_for
from softswitch.call.plugin import Plugin
from softswitch.call.routing import Destination
from softswitch.call.tree import MAX_STEPS
from softswitch.call.visitor import Somebody, Visitor
from softswitch.decode import Problems
from softswitch.directory import Account, Directory, Hours, Menu, Queue
from softswitch.directory.menus import (
    CallbackStep,
    CallStep,
    ChoiceStep,
    CollectStep,
    DialStep,
    GotoStep,
    HangupStep,
    HoursStep,
    HttpStep,
    IdentifyStep,
    IfStep,
    LanguageStep,
    PlayStep,
    QueueStep,
    SayStep,
    SetStep,
    SmsStep,
    SurveyStep,
    SwitchStep,
)
from softswitch.effects import ErrandDone
from softswitch.flows import Ask, Goto, Hangup
from softswitch.store.validate import validate

BRANCHES = ("", "a", "b", "c")
MENUS = ("main", "other")
LONGEST = MAX_STEPS * 60.0  # seconds that a caller who does nothing may be kept: no step here takes a minute of that
destinations = st.sampled_from(
    [
        "next", "back", "repeat", "return", "branch:a", "branch:b", "branch:c", "menu:main", "menu:other", "menu:other:a",
        "hangup", "queue:info", "extension:101", "play:bye", "flow:py",
    ]
)  # fmt: skip
maybe = st.one_of(st.just(""), destinations)
clips = st.sampled_from([(), ("one",), ("one", "two")])
expressions = st.sampled_from(
    ["true", "false", "x > 1", "typed == 1", "queue.info.free > 0", "caller.name * 2", "x + 1", "hours.office", "1 / 0"]
)
choices = st.dictionaries(st.sampled_from(["1", "2", "12", "*", "#", "9"]), destinations, max_size=4)
shared = st.sampled_from(["branch:a", "branch:b", "menu:other", "menu:other:c", "menu:main"])
steps = st.one_of(
    st.builds(PlayStep, clips, st.booleans()),
    st.builds(SayStep, st.sampled_from(["number", "time", "wait"]), st.sampled_from(["", "x", "3"])),
    st.builds(
        ChoiceStep, clips, choices, st.just(2.0), st.integers(1, 3), clips, clips, maybe, maybe, maybe, st.just(1.0),
        st.booleans(),
    ),
    st.builds(HoursStep, st.just("office"), destinations),
    st.builds(GotoStep, destinations),
    st.builds(IfStep, expressions, maybe, maybe),
    st.builds(
        SwitchStep, expressions, st.dictionaries(st.sampled_from(["1", "true", ""]), destinations, max_size=2), maybe
    ),
    st.builds(SetStep, st.dictionaries(st.sampled_from(["x", "y"]), expressions, min_size=1, max_size=2)),
    st.builds(LanguageStep, st.sampled_from(["en", "{x}", ""])),
    st.builds(CollectStep, st.just("x"), clips, st.just(1), st.just(3), attempts=st.integers(1, 3), otherwise=maybe),
    st.builds(IdentifyStep, st.just("id"), clips, st.just(1), st.just(3), found=maybe, otherwise=maybe),
    st.builds(QueueStep, st.just("info"), expressions),
    st.builds(DialStep, st.sampled_from(["extension:101", "extension:gone"]), st.just(5.0), maybe, maybe, maybe),
    st.builds(HttpStep, st.just("https://x.test/{x}"), save=st.just({"y": "a"}), failed=maybe),
    st.builds(SmsStep, st.just("hi {x}")),
    st.builds(SurveyStep, st.just("s"), clips=clips),
    st.builds(CallbackStep, st.just("info")),
    st.builds(CallStep, shared),
    st.builds(HangupStep, st.just("done")),
)  # fmt: skip
branch = st.lists(steps, min_size=1, max_size=5).map(tuple)
trees = st.tuples(*(st.tuples(*(branch for _ in BRANCHES)) for _ in MENUS)).map(
    lambda found: {
        name: Menu(name, branches[0], branches=dict(zip(BRANCHES[1:], branches[1:], strict=True)))
        for name, branches in zip(MENUS, found, strict=True)
    }
)


def plug_in(caller: Any) -> Any:
    key = yield Ask("plug-in")
    yield Goto("menu:main") if key == "1" else Hangup()


class Ear:
    """The stage of one caller: what they hear now, when their time is over, and how it ended."""

    def __init__(self) -> None:
        self.heard = ""
        self.until: float | None = None
        self.ended = ""
        self.plays = 0

    def play(self, clips: tuple[str, ...], interruptible: bool) -> int:
        assert clips
        self.heard = f"play {clips}"
        self.plays += 1
        return self.plays

    def music(self, name: str) -> None:
        self.heard = "music"

    def wait_until(self, at: float | None) -> None:
        self.until = at

    def enter_queue(self, step: Any, now: float) -> None:
        self.ended = "queue"

    def ask_callback(self, step: Any, now: float) -> None:
        self.ended = "callback"

    def dial(self, step: Any, now: float) -> None:
        self.heard = "ringback"

    def stop_dialling(self, now: float) -> None:
        self.heard = ""

    def fetch(self, step: Fetch, now: float) -> None:
        step.errand = "errand"

    def finish(self, cause: str, now: float) -> None:
        assert cause != "flow_loop"
        self.ended = f"hangup {cause}"

    def mark(self, step: Any) -> None:
        pass

    here = present = tell = mark

    def speak(self, language: str) -> None:
        pass


def site(menus: dict[str, Menu], opened: bool) -> Site:
    directory = Directory(
        "pbx.test", accounts={"101": Account("101")}, menus=menus, queues={"info": Queue("info")},
        hours={"office": Hours("office", ())}, extensions={"800": "menu:main", "12": "menu:other"},
    )  # fmt: skip
    return Site(directory, lambda name: opened, flows={"py": Plugin("py", plug_in)})


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(trees, st.randoms(use_true_random=False), st.integers(0, 60))
def test_nobody_is_left_in_silence_or_for_ever(menus: dict[str, Menu], luck: random.Random, patience: int) -> None:
    """The caller presses keys for a while, then does nothing. Services answer or not, phones are picked up or not."""
    where = site(menus, luck.random() < 0.5)
    validate(where.directory, Problems("site.toml"))  # Valid or not: it says so, and does not break.
    ear, now = Ear(), 0.0
    visitor = Visitor(Somebody("call", "+48500100200", "Jan"))
    runner = Runner(flow_for(Destination("menu", "main"), where, visitor), ear)  # type: ignore[arg-type]
    runner.start(now)
    quiet_since = 0.0
    for _ in range(20_000):
        if ear.ended:
            return
        step = runner.step
        assert ear.heard, f"silence at {step}"
        if isinstance(step, Dial) and (ear.until is None or luck.random() < 0.3):
            now += 20.0  # The attempt has a time of its own.
            runner.resume(luck.choice(["busy", "no_answer", "unreachable"]), now)
            continue
        assert ear.until is not None, f"{step} waits for ever"
        if patience and isinstance(step, Play | Gather) and luck.random() < 0.7:
            patience -= 1
            quiet_since = now = now + 0.1
            runner.digit(luck.choice("0123456789*#1212**"), now)
        elif isinstance(step, Fetch) and luck.random() < 0.5:
            runner.fetched(
                ErrandDone("errand", luck.choice(["ok", "failed"]), luck.choice([200, 404]), b'{"a": 1}'), now
            )
        elif isinstance(step, Play | Gather) and runner._play and luck.random() < 0.9:
            now += 1.0
            runner.play_done(runner._play, "end", now)
        else:
            now = max(now, ear.until)
            runner.expire(now)
        assert now - quiet_since < LONGEST, "kept on the line without a key"
    raise AssertionError("the call never ends")
