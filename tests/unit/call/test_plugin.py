"""Flows in Python: their words, their ends, and that their faults are never the caller's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from softswitch import flows
from softswitch.call.flow import Dial, EnterQueue, Gather, Hangup, Language, Play, Present
from softswitch.call.plugin import MAX_RUSH, Plugin
from softswitch.effects import SendMail, SendText
from softswitch.events import CustomerIdentified, FlowProblem, SurveyAnswered
from tests.unit.call.test_tree import KNOWN, NOW, Known, Ride, clips

DOCS = Path(__file__).resolve().parents[3] / "docs"


def ride(function: Any, *, fallback: str = "", known: Known | None = None, **caller: Any) -> Ride:
    made = Ride('[main]\nsteps = [{ play = "the menu" }]', start="flow:it", known=known, **caller)
    made.site.flows = {"it": Plugin("it", function, fallback)}
    return made


def test_words_and_their_results() -> None:
    heard: list[Any] = []

    def flow(caller: flows.Caller) -> flows.Flow:
        heard.append((yield flows.Play("a", "b", interruptible=False)))
        heard.append((yield flows.Ask("number", digits=4, secret=True)))
        heard.append((yield flows.Say("number", 21)))
        yield flows.Language("en", prompts="brand")
        yield flows.Present(name="VIP", priority=7)
        heard.append((yield flows.Dial("extension:101", timeout=9)))
        yield flows.Sms("+48600", "hi")
        yield flows.Mail("a@x.test,b@x.test", "s", "t")
        yield flows.Survey("csat", 4)
        yield flows.Note("so far")
        yield flows.Queue("info", wait_credit=5, agent="anna")

    made = ride(flow)
    steps = made.go("", "1234", "3", "busy")
    assert steps == [
        Play(("a", "b"), False), Gather(("number",), 5.0, 4, 3.0, "#", secret=True), Play(("numbers/20", "numbers/1")),
        Language("en"), Present("VIP"), Dial("101", "account", "", 9.0), EnterQueue("info", 7, 5.0, "anna"),
    ]  # fmt: skip
    assert heard == ["", "1234", "3", "busy"]
    assert made.errands == [
        SendText("call/1", "call", "+48600", "hi"), SendMail("call/2", "call", ("a@x.test", "b@x.test"), "s", "t"),
    ]  # fmt: skip
    assert made.events == [SurveyAnswered("call", "csat", "", 4)]
    assert (made.visitor.prompts, made.visitor.priority) == ("brand", 7)
    assert made.marks[0] == "flow:it" and "note:so far" in made.marks


def test_what_is_known_of_the_caller() -> None:
    seen: list[Any] = []

    def flow(caller: flows.Caller) -> flows.Flow:
        seen.append((caller.number, caller.name, caller.dialled, caller.call, caller.language))
        assert caller.customer is not None
        seen.append(caller.customer["manager"])
        seen.append(caller.value("queue.info.waiting + 1"))
        seen.append((caller.identify("pesel", "nobody's"), caller.identify("pesel", "4455")))
        caller.variables["n"] = 5.0
        yield flows.Goto("menu:main")

    made = ride(flow, known=KNOWN, dialled="800")
    assert clips(made.go()) == ["the menu"], "on in a menu"
    assert seen == [("+48500100200", "Jan", "800", "call", "en"), "anna", 5.0, (False, True)]
    assert made.visitor.variables == {"n": 5.0}
    assert made.events == [CustomerIdentified("call", "7", "typed", "pesel")]
    assert NOW == 5_000.0


def test_a_caller_who_hides_their_number_hides_it_here_too() -> None:
    def flow(caller: flows.Caller) -> flows.Flow:
        assert caller.number == ""
        yield flows.Hangup("done")

    assert ride(flow, hidden=True).go() == [Hangup("done")]


def test_web_services() -> None:
    def flow(caller: flows.Caller) -> flows.Flow:
        reply = yield flows.Http("https://x.test/a", json={"n": 1}, headers={"X": "y"})
        assert (reply.status, bool(reply), reply.json()) == (200, True, {"ok": [1]})
        assert not flows.Reply("ok", 500) and not flows.Reply("timeout") and flows.Reply("ok", 200, b"<").json() is None
        yield flows.Hangup("done")

    (fetch, *rest) = ride(flow).go(answer=("ok", 200, b'{"ok": [1]}'))
    assert (fetch.method, fetch.headers) == ("POST", (("X", "y"), ("Content-Type", "application/json")))
    assert json.loads(fetch.body) == {"n": 1}
    assert rest == [Hangup("done")]


def test_choose() -> None:
    def flow(caller: flows.Caller) -> flows.Flow:
        answer = yield from flows.choose("menu", {"1": "one", "2": "two"})
        yield flows.Play(answer or "nothing")

    assert clips(ride(flow).go("7", "", "2")) == ["menu", "not-understood", "menu", "two"]
    assert clips(ride(flow).go("", "", "")) == ["menu", "menu", "menu", "nothing"]


def test_the_end_of_a_flow_hangs_up() -> None:
    def flow(caller: flows.Caller) -> flows.Flow:
        yield flows.Play("bye")

    assert ride(flow).go() == [Play(("bye",)), Hangup()]


# --- faults --------------------------------------------------------------------------------------------------------


def raises(caller: flows.Caller) -> flows.Flow:
    yield flows.Play("hello")
    raise KeyError("x")


def raises_at_once(caller: flows.Caller) -> Any:
    raise ValueError("no")


def says_nonsense(caller: flows.Caller) -> Any:
    yield "hello"


def says_it_wrong(caller: flows.Caller) -> Any:
    yield flows.Ask(5)  # type: ignore[arg-type]


def rushes(caller: flows.Caller) -> Any:
    while True:
        yield flows.Note("on")


def breaks_headers(caller: flows.Caller) -> Any:
    yield flows.Http("https://x.test", headers={"a": "b\r\nc: d"})


def blank_url(caller: flows.Caller) -> Any:
    yield flows.Http("https://x.test/a b")


@pytest.mark.parametrize(
    "flow", [raises, raises_at_once, says_nonsense, says_it_wrong, rushes, breaks_headers, blank_url]
)
def test_a_fault_leads_to_the_fallback_and_somebody_is_told(flow: Any) -> None:
    made = ride(flow, fallback="queue:info")
    assert made.go()[-1] == EnterQueue("info")
    (problem,) = made.events
    assert isinstance(problem, FlowProblem) and (problem.where, problem.what) == ("flow:it", "plugin")
    assert "flow_failed:it" in made.marks
    assert sum(mark == "note:on" for mark in made.marks) in (0, MAX_RUSH)
    steps = ride(flow).go()
    assert steps[-2:] == [Play(("unavailable",), False), Hangup()], "without a fallback they are told"


def test_a_caller_who_hangs_up_closes_the_flow_whatever_it_does_then() -> None:
    closed = []

    def flow(caller: flows.Caller) -> flows.Flow:
        try:
            yield flows.Play("hello")
            yield flows.Play("again")
        finally:
            closed.append(True)
            yield flows.Play("I will not go")

    from softswitch.call.menu import flow_for

    made = ride(flow)
    walk = flow_for(made.start, made.site, made.visitor)
    for step in walk:
        if isinstance(step, Play):
            break
    walk.close()
    assert closed == [True]


# --- the page ------------------------------------------------------------------------------------------------------


def page() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / "flows.md").read_text(encoding="utf-8"), re.DOTALL)


def example(index: int) -> Any:
    space: dict[str, Any] = {"__name__": "example"}
    exec(compile(page()[index], f"flows.md {index}", "exec"), space)
    return next(one for one in space.values() if hasattr(one, flows.MARK))


def play(index: int, *results: str, answer: Any = None, known: Known | None = None) -> tuple[Ride, Any]:
    made = ride(example(index), fallback="queue:info", known=known)
    steps = made.go(*results, answer=answer)
    assert not [one for one in made.events if isinstance(one, FlowProblem)], made.events
    return made, steps


def test_the_first_example_says_when_an_order_comes() -> None:
    _, steps = play(0, "12345678", answer=("ok", 200, b'{"delivery": "2026-11-24"}'))
    assert clips(steps) == ["enter-number", "tomorrow", "goodbye"]
    _, steps = play(0, "1", "", "2", "", "3", answer=("ok", 404, b""), known=KNOWN)
    assert clips(steps).count("enter-number") == 3 and steps[-1] == EnterQueue("infolinia", 10)
    _, steps = play(0, "")
    assert steps[-1] == EnterQueue("infolinia", 0)


def test_the_second_example_leads_to_the_right_person() -> None:
    _, steps = play(1, known=KNOWN)
    assert steps == [Present("Kowalski (7)"), EnterQueue("infolinia", 5, 0.0, "anna")]
    _, steps = play(1, "1")
    assert steps[-1] == EnterQueue("infolinia")
    made, steps = play(1, "2", "busy")
    assert Dial("101", "account", "", 15.0) in steps and clips(steps)[-1] == "number-busy"
    assert made.marks[-1] == "destination:voicemail:office"


def test_the_third_example_asks_why() -> None:
    made, steps = play(2, "5", "x", "2")
    assert [one.score for one in made.events] == [5, 2]
    assert made.errands == [
        SendMail("call/1", "call", ("quality@example.com",), "+48500100200 is not content", "Call call, marks [5, 2]")
    ]
    assert clips(steps)[-1] == "goodbye"


def test_the_page_shows_how_to_try_one_out() -> None:
    space: dict[str, Any] = {}
    exec(compile(page()[3], "flows.md", "exec"), space)
    said = space["listen"](example(0), space["anybody"], "", "")
    assert said == [flows.Ask("enter-number", digits=8), flows.Queue("infolinia", priority=0)]


def test_every_word_is_on_the_page() -> None:
    text = (DOCS / "flows.md").read_text(encoding="utf-8")
    words = [one for one in vars(flows).values() if isinstance(one, type) and one.__module__ == flows.__name__]
    assert len(words) > 12
    assert [one.__name__ for one in words if f"`{one.__name__}" not in text and one is not flows.Caller] == []
    assert SimpleNamespace is not None
