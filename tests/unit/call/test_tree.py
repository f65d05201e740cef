"""Menus as trees: driven with a list of what the caller does, no clock, no media."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from softswitch.call.facts import Card, Facts
from softswitch.call.flow import (
    AskCallback,
    Dial,
    Do,
    EnterQueue,
    Fetch,
    Flow,
    Gather,
    Hangup,
    Here,
    Language,
    Mark,
    Music,
    Play,
    Present,
    Step,
)
from softswitch.call.menu import Site, flow_for, resumed
from softswitch.call.plugin import Plugin
from softswitch.call.routing import Destination
from softswitch.call.tree import MAX_JUMPS, MAX_STEPS, MAX_WAY, Place
from softswitch.call.visitor import Somebody, Visitor
from softswitch.decode import Problems
from softswitch.directory import Account, Agent, Directory, Menu, Queue
from softswitch.effects import SendMail, SendText
from softswitch.events import CustomerIdentified, FlowProblem, SurveyAnswered
from softswitch.store.menu_objects import read_branches, read_steps

NOW = 5_000.0
EPOCH = datetime(2026, 11, 23, 8, 30).timestamp() - NOW  # a Monday


@dataclass
class Known:
    """Everybody who has answers, from tables."""

    queues: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    agents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    cards: list[Card] = field(default_factory=list)
    lists: dict[str, set[str]] = field(default_factory=dict)
    today: int = 0

    def queue(self, name: str, now: float) -> Any:
        assert now == NOW
        return self.queues.get(name)

    def agent(self, name: str, now: float) -> Any:
        return self.agents.get(name)

    def by_number(self, number: str) -> Card | None:
        return next((one for one in self.cards if one.get("number") == number), None)

    def by_value(self, name: str, value: str) -> Card | None:
        return next((one for one in self.cards if one.get(name) == value), None)

    def holds(self, name: str, number: str, at: datetime) -> bool:
        return number in self.lists.get(name, ())

    def names(self) -> frozenset[str]:
        return frozenset(self.lists)

    def calls_today(self, number: str, at: datetime) -> int:
        return self.today


class Ride:
    """One caller on their way through the menus of a small site."""

    def __init__(self, menus: str, *, start: str = "menu:main", known: Known | None = None, **caller: Any) -> None:
        import tomllib

        known = known or Known()
        tables = tomllib.loads(menus)
        problems = Problems("test")
        found = {
            name: Menu(
                name, read_steps(body["steps"], problems, name), body.get("language", ""), body.get("prompts", ""),
                read_branches(body.get("branches", {}), problems, name),
            )
            for name, body in tables.items()
        }  # fmt: skip
        problems.check()
        self.open = True
        directory = Directory(
            "pbx.test", accounts={"101": Account("101"), "102": Account("102")}, menus=found,
            extensions={"100": "menu:main", "105": "extension:101", "200": "queue:info", "900": "outside:+48900"},
            queues={"info": Queue("info")}, agents={"anna": Agent("anna", "101")},
        )  # fmt: skip
        facts = Facts(known, known, known, history=known, wall=lambda now: EPOCH + now)
        facts.zone = lambda: datetime.now().astimezone().tzinfo  # type: ignore[assignment,return-value]
        self.site = Site(directory, lambda name: self.open, facts)
        self.events: list[Any] = []
        self.errands: list[Any] = []
        self.start = Destination(*start.split(":", 1))
        self.visitor = Visitor(
            Somebody("call", "+48500100200", "Jan", started=NOW - 60.0, **caller),
            self.events.append,
            self.errands.append,
        )
        self.marks: list[str] = []
        self.kept: tuple[str, ...] = ()

    def go(self, *results: str, flow: Flow | None = None, answer: Any = None) -> list[Step]:
        """The steps that a caller notices, when those that wait end with these results ("" when they run out)."""
        flow = flow or flow_for(self.start, self.site, self.visitor)
        pending: Iterable[str] = iter(results)
        steps: list[Step] = []
        result: str | None = None
        for _ in range(3_000):
            try:
                step = next(flow) if result is None else flow.send(result)
            except StopIteration:
                return steps
            result = ""
            if isinstance(step, Do):
                result = step.act(NOW)
            elif isinstance(step, Mark):
                self.marks.append(f"{step.step}:{step.detail}" if step.detail else step.step)
                if step.step == "menu":
                    self.kept = ("menu", step.detail, *step.way)
            elif isinstance(step, Here):
                self.kept = ("menu", step.place, *step.way)
            elif isinstance(step, Fetch):
                steps.append(replace(step))
                result, step.status, step.answer = answer or ("ok", 200, b"{}")
            else:
                steps.append(step)
                if isinstance(step, EnterQueue | AskCallback | Hangup | Music):
                    return steps
                result = next(pending, "") if isinstance(step, Play | Gather | Dial) else ""  # type: ignore[call-overload]
        raise AssertionError("the caller never comes out")


def clips(steps: list[Step]) -> list[str]:
    return [clip for step in steps if isinstance(step, Play | Gather) for clip in step.clips]


SEED = """
[main]
steps = [{ hours = "office", closed = "branch:3" }, { goto = "branch:2" }]
[main.branches]
2 = [
    { play = "2-c1" },
    { play = "2-c2" },
    { choice = { "1" = "queue:info" }, prompt = "3-c3", otherwise = "branch:2" },
]
3 = [{ play = "closed" }]
"""


def test_the_tree_of_the_seed() -> None:
    ride = Ride(SEED)
    assert clips(ride.go("", "", "1")) == ["2-c1", "2-c2", "3-c3"], "one after the other, without a key"
    assert ride.marks == ["menu:main", "menu:main:2", "choice:1", "destination:queue:info"]
    ride = Ride(SEED)
    ride.open = False
    assert ride.go() == [Play(("closed",)), Hangup()]
    assert ride.marks == ["menu:main", "menu:main:3", "destination:hangup"]


SHARED = """
[main]
steps = [
    { call = "menu:shared:greet" },
    { choice = { "1" = "branch:one", "9" = "next" }, prompt = "top" },
    { play = "behind" },
]
[main.branches]
one = [{ call = "menu:shared" }, { choice = { "2" = "branch:two" }, prompt = "one" }]
two = [{ choice = { "3" = "back", "4" = "repeat", "5" = "return" }, prompt = "two" }]
[shared]
steps = [{ choice = { "7" = "return", "8" = "queue:info" }, prompt = "shared" }]
[shared.branches]
greet = [{ play = "hello" }, { if = "typed == 9", then = "return" }, { play = "there" }]
"""


def test_shared_branches_come_back_behind_the_step_that_called_them() -> None:
    ride = Ride(SHARED)
    steps = ride.go("", "", "1", "7", "2", "3", "7", "*", "", "", "9")
    assert clips(steps) == [
        "hello", "there", "top",
        "shared", "one", "two",
        "shared", "one",  # back, to the beginning of the branch
        "hello", "there", "top", "behind",  # *, and the key that means the next step
    ]  # fmt: skip
    assert steps[-1] == Hangup()


def test_return_without_a_caller_ends_the_call() -> None:
    assert Ride(SHARED, start="menu:main:two").go("5")[-1] == Hangup()


def test_hash_and_repeat_say_it_again() -> None:
    ride = Ride(SHARED, start="menu:main:two")
    assert clips(ride.go("#", "4", "5")) == ["two", "two", "two"]


def test_choices_of_several_digits_and_by_extension() -> None:
    menu = '[main]\nsteps = [{ choice = { "1" = "queue:info", "12" = "branch:twelve" }, extensions = true, prompt = "who" }]\n'
    menu += '[main.branches]\ntwelve = [{ play = "twelve" }]'
    assert clips(Ride(menu).go("1", "2")) == ["who", "twelve"]
    steps = Ride(menu).go("1", "")
    assert steps == [Gather(("who",), 5.0), Gather((), 2.0), EnterQueue("info")], "a pause ends the number"
    assert Dial("102") in Ride(menu).go("1", "0", "2"), "an account"
    assert Dial("101") in Ride(menu).go("1", "0", "5"), "an extension that means one"
    assert clips(Ride(menu).go("9", "0", "0", "", "", "")).count("not-understood") == 1, "nobody is led outside by it"
    assert clips(Ride(menu).go("1", "9")) == ["who", "not-understood", "who", "who"]


def test_ways_after_the_last_attempt() -> None:
    menu = """[main]
steps = [{ choice = { "1" = "next" }, attempts = 1, invalid = "branch:wrong", silent = "branch:mute", otherwise = "hangup" }]
[main.branches]
wrong = [{ play = "wrong" }]
mute = [{ play = "mute" }]
"""
    assert clips(Ride(menu).go("5")) == ["wrong"]
    assert clips(Ride(menu).go("")) == ["mute"]


CONDITIONS = """
[main]
steps = [
    { if = "CONDITION", then = "branch:yes" },
    { play = "no" },
]
[main.branches]
yes = [{ play = "yes" }]
"""
KNOWN = Known(
    {"info": {"free": 0.0, "ready": 2.0, "waiting": 4.0, "ewt": None, "longest_wait": 95.0}},
    {"anna": {"logged_in": True, "ready": True, "free": True}},
    [
        {
            "id": "7",
            "name": "Kowalski",
            "vip": True,
            "manager": "anna",
            "number": "+48500100200",
            "debt": 12.5,
            "pesel": "4455",
        }
    ],
    {"blocked": {"+48500100200"}},
    2,
)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("queue.info.free == 0 and queue.info.waiting > 3", True), ("queue.info.ewt < 60", False), ("queue.gone.free > 0", False),
        ("queue.info.longest_wait > 1m", True), ("agent.anna.free", True), ("manager.free and manager.name == 'anna'", True),
        ("customer.known and customer.vip", True), ("customer.debt > 12", True), ("customer.nothing", False),
        ("list.blocked", True), ("list.gone", False), ("caller.repeat and caller.calls_today == 2", True),
        ("starts_with(caller.number, '+48')", True), ("caller.anonymous", False), ("caller.inside", False),
        ("caller.name == 'Jan'", True), ("call.dialled == '800'", True), ("call.seconds == 60", True), ("hours.office", True),
        ("weekday == 1 and time == '08:30' and date == '2026-11-23'", True), ("hour == 8 and minute == 30 and day == 23", True),
        ("month == 11", True), ("never == none", True), ("typed == none", True), ("http.status > 0", False),
        ("call.trunk", False),
    ],
)  # fmt: skip
def test_conditions(condition: str, holds: bool) -> None:
    ride = Ride(CONDITIONS.replace("CONDITION", condition), known=KNOWN, dialled="800")
    assert clips(ride.go()) == ["yes" if holds else "no"]
    assert not [one for one in ride.events if isinstance(one, FlowProblem)]


def test_a_caller_who_hides_their_number() -> None:
    for condition, expected in (
        ("caller.anonymous", "yes"),
        ("customer.known", "no"),
        ("list.blocked", "no"),
        ("caller.number", "no"),
    ):
        assert clips(Ride(CONDITIONS.replace("CONDITION", condition), known=KNOWN, hidden=True).go()) == [expected]


def test_an_expression_without_sense_is_false_and_somebody_is_told() -> None:
    ride = Ride(CONDITIONS.replace("CONDITION", "caller.name > 5"))
    assert clips(ride.go()) == ["no"]
    (problem,) = ride.events
    assert (problem.where, problem.what) == ("main[0]", "expression")
    assert "column 13" in problem.detail


def test_variables_switch_language_and_how_the_caller_is_shown() -> None:
    ride = Ride(
        """[main]
steps = [
    { set = { a = "1 + 1", b = "text(a) + 'x'" } },
    { language = "{customer.language}" },
    { language = "{choose(true, 'en', 'pl')}", prompts = "brand" },
    { caller = { name = "VIP {customer.name}", priority = "choose(customer.vip, 10, 0)" } },
    { record = "on" },
    { switch = "b", cases = { 1x = "hangup", 2x = "branch:two" } },
]
[main.branches]
two = [{ queue = "info", wait_credit = "call.seconds", agent = "{customer.manager}" }]
""",
        known=KNOWN,
    )
    assert ride.go() == [
        Language("en"), Present("VIP Kowalski"), EnterQueue("info", 10, 60.0, "anna"),
    ]  # fmt: skip
    assert ride.visitor.variables == {"a": 2.0, "b": "2x"}
    assert (ride.visitor.prompts, ride.visitor.record) == ("brand", "on")


COLLECT = """[main]
steps = [
    { collect = "pin", prompt = "pin", min = 4, max = 4, secret = true, attempts = 2, otherwise = "branch:none" },
    { set = { copy = "pin + ''", length = "length(typed)" } },
    { play = "thanks" },
]
[main.branches]
none = [{ play = "none" }]
"""


def test_digits_are_collected_and_secrets_leave_no_trace() -> None:
    ride = Ride(COLLECT)
    steps = ride.go("12", "", "1234")
    assert steps[0] == Gather(("pin",), 5.0, 4, 3.0, "#", secret=True)
    assert clips(steps) == ["pin", "not-understood", "pin", "thanks"]
    assert ride.visitor.variables["pin"] == "1234"
    assert ride.visitor.secrets == {"pin", "copy"}, "what a secret went into is one, too"
    assert "1234" not in json.dumps(ride.visitor.keep()) + repr(ride.marks) + repr(ride.events)
    assert clips(Ride(COLLECT).go("12", "", "12")) == ["pin", "not-understood", "pin", "none"]


def test_customers_are_found_by_what_they_type() -> None:
    menu = """[main]
steps = [{ identify = "pesel", prompt = "number", found = "branch:known", otherwise = "branch:unknown" }]
[main.branches]
known = [{ queue = "info", agent = "{customer.manager}" }]
unknown = [{ queue = "info" }]
"""
    ride = Ride(menu, known=KNOWN)
    assert ride.go("1", "", "4455")[-1] == EnterQueue("info", 0, 0.0, "anna")
    assert ride.events == [CustomerIdentified("call", "7", "typed", "pesel")]
    assert "4455" not in repr(ride.marks)
    ride = Ride(menu, known=KNOWN)
    steps = ride.go("1", "", "2", "", "3")
    assert clips(steps).count("number") == 3 and steps[-1] == EnterQueue("info"), "three attempts, no more"


HTTP = """[main]
steps = [
    { http = "https://crm.test/{caller.number}", timeout = 3, headers = { X-Key = "k{1 + 1}" }, fields = { n = "caller.name", x = "7" }, save = { id = "items.0.id", vip = "vip", gone = "a.b" }, results = { "404" = "branch:none", "5xx" = "branch:broken" }, failed = "branch:failed" },
    { if = "vip and id == 'A1' and http.status == 200 and gone == none", then = "queue:info" },
    { play = "plain" },
]
[main.branches]
none = [{ play = "none" }]
broken = [{ play = "broken" }]
failed = [{ if = "http.result == 'timeout'", then = "queue:info" }, { play = "failed" }]
"""  # noqa: E501


def test_a_web_service_is_asked() -> None:
    ride = Ride(HTTP)
    (fetch, *_, last) = ride.go(answer=("ok", 200, b'{"items": [{"id": "A1"}], "vip": true}'))
    assert isinstance(fetch, Fetch)
    assert (fetch.method, fetch.url, fetch.timeout) == ("POST", "https://crm.test/%2B48500100200", 3.0)
    assert fetch.headers == (("X-Key", "k2"), ("Content-Type", "application/json"))
    assert fetch.body == b'{"n": "Jan", "x": 7}'
    assert last == EnterQueue("info")
    assert "http:ok 200" in ride.marks


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (("ok", 200, b"not json"), "plain"), (("ok", 200, b"[" * 2_000), "plain"), (("ok", 404, b""), "none"),
        (("ok", 503, b""), "broken"),
        (("ok", 403, b""), "failed"), (("refused", 0, b""), "failed"), (("failed", 0, b""), "failed"),
    ],
)  # fmt: skip
def test_ways_of_a_web_service(answer: tuple[str, int, bytes], expected: str) -> None:
    assert clips(Ride(HTTP).go(answer=answer)) == [expected]


def test_a_web_service_that_is_silent() -> None:
    ride = Ride(HTTP)
    assert ride.go(answer=("timeout", 0, b""))[-1] == EnterQueue("info")
    assert [one.what for one in ride.events] == ["http"]


def test_messages_are_sent_and_callbacks_promised() -> None:
    menu = """[main]
steps = [
    { sms = "Hello {customer.name}" },
    { email = "a@x.test, b@x.test", subject = "Call\\nof {caller.number}", text = "Line\\nLine" },
    { callback = "info" },
]
"""
    ride = Ride(menu, known=KNOWN)
    assert ride.go() == [AskCallback("info")]
    assert ride.errands == [
        SendText("call/1", "call", "+48500100200", "Hello Kowalski"),
        SendMail("call/2", "call", ("a@x.test", "b@x.test"), "Call of +48500100200", "Line\nLine"),
    ]
    ride = Ride(menu, hidden=True)
    ride.go()
    assert [type(one) for one in ride.errands] == [SendMail]


def test_somebody_is_rung_and_does_not_answer() -> None:
    menu = """[main]
steps = [{ dial = "extension:101", timeout = 15, busy = "branch:busy" }, { play = "else" }, { dial = "group:team" }]
[main.branches]
busy = [{ play = "busy" }]
"""
    assert Ride(menu).go("busy")[0] == Dial("101", "account", "", 15.0)
    assert clips(Ride(menu).go("busy")) == ["busy"]
    steps = Ride(menu).go("no_answer", "", "unreachable")
    assert clips(steps) == ["else", "unavailable"], "on with the next step, and told at the end"
    assert steps[-1] == Hangup("unreachable")


def test_surveys() -> None:
    menu = '[main]\nsteps = [{ survey = "csat", question = "q", prompt = "rate" }, { play = "thanks" }]'
    ride = Ride(menu)
    ride.visitor.talked_to = lambda: ("info", "anna")
    assert clips(ride.go("7", "", "5")) == ["rate", "not-understood", "rate", "thanks"]
    assert ride.events == [SurveyAnswered("call", "csat", "q", 5, "info", "anna", "")]
    assert clips(Ride(menu).go("", "")) == ["rate", "rate", "thanks"], "nobody has to"


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        ('say = "number", value = "21"', ["numbers/20", "numbers/1"]),
        ('say = "digits", value = "\'4a2\'"', ["numbers/4", "numbers/2"]),
        ('say = "time"', ["hours/8", "numbers/30", "hours/am"]), ('say = "time", value = "\'17:00\'"', ["hours/5", "hours/pm"]),
        ('say = "date", value = "\'2026-11-24\'"', ["tomorrow"]), ('say = "date", value = "\'2026-11-22\'"', ["vm-yesterday"]),
        ('say = "wait", value = "200"', ["wait-intro", "minutes/4"]), ('say = "wait", value = "20"', ["wait-less-than-minute"]),
        ('say = "waiting", value = "3"', ["people-waiting-intro", "numbers/3"]), ('say = "number", value = "nothing"', []),
        ('say = "number", value = "-3"', []), ('say = "date", value = "\'yesterday\'"', []),
    ],
)  # fmt: skip
def test_values_are_said(say: str, expected: list[str]) -> None:
    assert clips(Ride(f"[main]\nsteps = [{{ {say} }}]").go()) == expected


# --- ends ----------------------------------------------------------------------------------------------------------


def test_circles_without_a_key_end() -> None:
    ride = Ride('[main]\nsteps = [{ play = "again" }, { goto = "repeat" }]')
    steps = ride.go()
    assert clips(steps) == ["again"] * MAX_JUMPS + ["goodbye"] and steps[-1] == Hangup("menu_loop")
    assert [one.what for one in ride.events] == ["loop"]
    ride = Ride(
        '[main]\nsteps = [{ call = "branch:b" }, { goto = "repeat" }]\n[main.branches]\nb = [{ set = { a = "1" } }]'
    )
    assert ride.go()[-1] == Hangup("menu_loop")


def test_long_branches_end_too() -> None:
    steps = ",".join(['{ set = { a = "1" } }'] * (MAX_STEPS + 5))
    assert Ride(f"[main]\nsteps = [{steps}]").go()[-1] == Hangup("menu_loop")


def test_a_key_is_as_good_as_a_breath() -> None:
    menu = '[main]\nsteps = [{ choice = { "1" = "menu:main" }, attempts = 1, prompt = "on" }]'
    assert clips(Ride(menu).go(*["1"] * 500)).count("on") == 501


def test_the_way_back_is_bounded() -> None:
    menu = '[main]\nsteps = [{ choice = { "1" = "menu:main" }, attempts = 1, prompt = "on" }]'
    ride = Ride(menu)
    ride.go(*["1"] * 200)
    assert len(ride.kept) == MAX_WAY + 2


def test_what_is_not_there() -> None:
    ride = Ride('[main]\nsteps = [{ goto = "menu:gone" }]')
    assert ride.go() == [Play(("unavailable",), False), Hangup("unknown_menu")]
    assert Ride('[main]\nsteps = [{ goto = "flow:gone" }]').go()[-1] == Hangup()


def test_menus_and_flows_that_lead_to_each_other_end() -> None:
    from softswitch.flows import Goto

    def back(caller: Any) -> Any:
        yield Goto("menu:main")

    ride = Ride('[main]\nsteps = [{ goto = "flow:back" }]')
    ride.site.flows = {"back": Plugin("back", back)}
    assert ride.go()[-1] == Hangup("menu_loop")


# --- versions and restarts -----------------------------------------------------------------------------------------


def test_a_caller_keeps_the_version_that_they_began_with() -> None:
    ride = Ride('[main]\nsteps = [{ play = "one" }, { goto = "branch:b" }]\n[main.branches]\nb = [{ play = "old" }]')
    flow = flow_for(ride.start, ride.site, ride.visitor)
    assert isinstance(next(flow), Mark)
    assert next(flow) == Play(("one",))
    new = Menu("main", ())
    ride.site.directory = replace(ride.site.directory, menus={"main": new})
    assert clips(ride.go(flow=flow)) == ["old"]


def test_what_was_done_is_not_done_again_after_a_restart() -> None:
    menu = """[main]
steps = [{ play = "hello" }, { collect = "n", prompt = "number" }, { sms = "x" }, { choice = { "1" = "branch:b" }, prompt = "q" }]
[main.branches]
b = [{ choice = { "2" = "hangup" }, prompt = "b" }]
"""
    ride = Ride(menu)
    flow = flow_for(ride.start, ride.site, ride.visitor)
    ride.go("", "12", flow=flow)
    assert ride.kept == ("menu", "::3:main")
    kept = ride.visitor.keep()
    later = Ride(menu)
    later.visitor.restore(json.loads(json.dumps(kept)))
    steps = later.go("1", "*", flow=resumed(ride.kept, later.site, later.visitor))
    assert clips(steps)[:3] == ["q", "b", "hello"], (
        "it goes on at the question; * leads back to the beginning of the branch"
    )
    assert later.visitor.variables == {"n": "12"}
    assert not later.errands[1:], "the message of the beginning, heard again by choice, and no other"


def test_places_are_written_and_read() -> None:
    for place in (Place("a"), Place("a", "b"), Place("a", "b", 3), Place("a", "", 12)):
        assert Place.read(str(place)) == place
    assert Place.read("::x:a:b") == Place("a", "b")


def test_a_restart_with_other_menus() -> None:
    menu = '[main]\nsteps = [{ play = "hello" }]\n[main.branches]\nb = [{ play = "b" }, { play = "c" }]'
    assert clips(Ride(menu, start="menu:::1:main:b").go()) == ["c"]
    assert clips(Ride(menu, start="menu:::7:main:b").go()) == ["b", "c"], "the branch is shorter now"
    assert clips(Ride(menu, start="menu:::2:main:gone").go()) == ["hello"]
    assert Ride(menu, start="menu:::2:gone").go()[-1] == Hangup("unknown_menu")


def test_what_a_flow_has_put_into_the_variables_is_kept_as_text() -> None:
    ride = Ride("[main]\nsteps = [{ play = 'x' }]")
    ride.visitor.variables["odd"] = object()  # type: ignore[assignment]
    assert json.dumps(ride.visitor.keep()).startswith('{"variables": {"odd": "<object')
