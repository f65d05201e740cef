"""Callers in trees of menus: what they hear, who is asked, and what stands in the record, with the real switch."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest

from softswitch import flows
from softswitch.call.customers import Customer
from softswitch.call.plugin import Plugin
from softswitch.decode import Problems
from softswitch.directory import Agent, Group, Member, Membership, Menu, Number, Queue
from softswitch.effects import EnterQueue, ErrandDone
from softswitch.store.menu_objects import read_branches, read_steps
from tests.sim.test_queues import ready
from tests.sim.world import World, account, site

MENUS = """
[main]
steps = [{ hours = "office", closed = "branch:3" }, { goto = "branch:2" }]
[main.branches]
2 = [{ play = "c1" }, { play = "c2" }, { choice = { "1" = "queue:info" }, prompt = "c3", otherwise = "queue:info" }]
3 = [{ play = "closed" }]

[web]
steps = [
    { collect = "code", prompt = "enter-pin", max = 4, secret = true },
    { sms = "one moment" },
    { http = "https://crm.test/{caller.number}/{code}", timeout = 3, save = { name = "name" }, failed = "branch:failed" },
    { switch = "name", cases = { Kowalski = "branch:known" }, else = "queue:info" },
]
[web.branches]
known = [{ play = "welcome" }, { play = "goodbye" }]
failed = [{ play = "call-failed" }]

[ring]
steps = [{ dial = "extension:bob", timeout = 10 }, { dial = "group:team", busy = "branch:busy", otherwise = "branch:nobody" }]
[ring.branches]
busy = [{ play = "number-busy" }]
nobody = [{ play = "no-answer" }, { choice = { "1" = "queue:info" }, prompt = "menu-help", otherwise = "hangup" }]

[load]
steps = [
    { if = "queue.info.ready == 0", then = "branch:nobody" },
    { if = "queue.info.free == 0 and queue.info.waiting >= 1", then = "branch:crowded" },
    { queue = "info", priority = "choose(customer.vip, 9, 1)", agent = "{customer.manager}" },
]
[load.branches]
nobody = [{ play = "queue-no-agents" }]
crowded = [{ say = "waiting", value = "queue.info.waiting" }, { queue = "info" }]

[who]
steps = [
    { identify = "id", prompt = "enter-number", max = 2, otherwise = "hangup" },
    { queue = "info", agent = "{customer.manager}" },
]

[shown]
steps = [
    { caller = { name = "VIP {caller.name}", number = "+48221234567", priority = "3" } },
    { record = "on" },
    { queue = "info" },
]

[survey]
steps = [{ survey = "csat", prompt = "menu-help" }, { play = "goodbye" }]
"""
EXTENSIONS = {
    "800": "menu:main", "801": "menu:web", "802": "menu:ring", "803": "menu:load", "804": "menu:who", "805": "flow:py",
    "806": "menu:main:3", "807": "menu:shown", "200": "queue:info",
}  # fmt: skip


def menus() -> dict[str, Menu]:
    problems = Problems("test")
    found = {}
    for name, body in tomllib.loads(MENUS).items():
        branches = read_branches(body.get("branches", {}), problems, name)
        found[name] = Menu(name, read_steps(body["steps"], problems, name), branches=branches)
    problems.check()
    return found  # type: ignore[return-value]


def hall(policy: dict[str, Any] | None = None, **more: Any) -> World:
    names = ("a0", "a1")
    queue = Queue("info", members=tuple(map(Membership, names)), wrap_up=30.0, after="menu:survey")
    more = {"queues": {"info": queue}, **more}
    directory = site(
        accounts={user: account(user, name=user.capitalize()) for user in ("anna", "bob", *names)},
        agents={name: Agent(name, name) for name in names}, menus=menus(), extensions=EXTENSIONS,
        groups={"team": Group("team", members=(Member("a0"),), timeout=8.0)}, **more,
    )  # fmt: skip
    return World(directory, **(policy or {}))


def dial(w: World, number: str) -> Any:
    anna = next((phone for phone in w.phones.values() if getattr(phone, "user", "") == "anna"), None) or w.phone("anna")
    w.run(1)
    line = anna.call(number)
    w.run(0.1)
    return line


def path(w: World) -> tuple[str, ...]:
    (record,) = w.switch.named("call.ended")
    return record.path


def done(w: World) -> None:
    w.run(60)
    w.assert_idle()


def test_the_seed_s_hotline_plays_its_three_announcements_and_leads_on() -> None:
    w = hall()
    line = dial(w, "800")
    heard = []
    for _ in range(3):
        heard.append(w.hears(line))
        w.run(1.02)
    assert heard == ["play:pl/c1", "play:pl/c2", "play:pl/c3"]
    w.press(line, "1")
    w.run(2)
    assert w.hears(line) == "music:default"
    line.phone.hang_up(line)
    done(w)
    (record,) = w.switch.named("call.ended")
    assert record.path == ("menu:main", "menu:main:2", "choice:1", "destination:queue:info", "queue:info")
    assert len(record.path_seconds) == len(record.path)
    assert list(record.path_seconds) == sorted(record.path_seconds)
    assert record.path_seconds[2] == pytest.approx(3.1, abs=0.3), "the key"


def test_outside_hours_and_a_branch_that_is_dialled() -> None:
    w = hall()
    w.opening["office"] = False
    for number in ("800", "806"):
        line = dial(w, number)
        assert w.hears(line) == "play:pl/closed"
        w.run(2)
        assert line.state == "ended"
    done(w)


# --- web services --------------------------------------------------------------------------------------------------


def typed(w: World, line: Any, keys: str) -> None:
    for key in keys:
        w.press(line, key)
        w.run(0.1)


def test_a_web_service_decides_and_nobody_waits_in_silence() -> None:
    w = hall()
    line = dial(w, "801")
    typed(w, line, "4321")
    assert w.hears(line) == "music:default"
    sms, request = w.switch.errands
    assert (sms.to, sms.text) == ("anna", "one moment")
    assert request.url == "https://crm.test/anna/4321"
    w.run(1)
    w.switch.answer(ErrandDone(request.errand, status=200, body=b'{"name": "Kowalski"}'))
    w.run(0.1)
    assert w.hears(line) == "play:pl/welcome"
    w.run(3)
    assert line.state == "ended"
    done(w)
    assert "4321" not in repr(w.switch.events), "a secret stands in no event"
    assert "http:ok 200" in path(w)


@pytest.mark.parametrize("result", ["failed", "timeout", "refused", "silence"])
def test_a_web_service_that_does_not_answer(result: str) -> None:
    w = hall()
    line = dial(w, "801")
    typed(w, line, "4321")
    errand = w.switch.errands[-1].errand
    if result == "silence":
        w.run(4.2)
    else:
        w.switch.answer(ErrandDone(errand, result))
        w.run(0.1)
    assert w.hears(line) == "play:pl/call-failed"
    w.switch.answer(ErrandDone(errand, status=200, body=b"{}"))  # Too late, or twice: nobody listens.
    w.run(3)
    assert line.state == "ended"
    done(w)
    assert {one.what for one in w.switch.named("ivr.problem")} == {"http"}


def test_who_hangs_up_while_a_service_is_asked() -> None:
    w = hall()
    line = dial(w, "801")
    typed(w, line, "4321")
    errand = w.switch.errands[-1].errand
    line.phone.hang_up(line)
    w.run(0.5)
    w.switch.answer(ErrandDone(errand, status=200, body=b"{}"))
    done(w)


def test_a_message_that_could_not_be_sent_is_told() -> None:
    w = hall()
    line = dial(w, "801")
    typed(w, line, "4321")
    w.switch.answer(ErrandDone(w.switch.errands[0].errand, "failed", detail="no provider"))
    (problem,) = w.switch.named("ivr.problem")
    assert (problem.what, problem.detail, problem.where) == ("errand", "failed no provider", "menu:web")
    assert w.hears(line) == "music:default", "the call does not wait for it"
    line.phone.hang_up(line)
    done(w)


# --- somebody is rung ----------------------------------------------------------------------------------------------


def test_dialling_goes_on_where_nobody_answers() -> None:
    w = hall()
    bob, a0 = w.phone("bob", answer_after=60.0), w.phone("a0", answer_after=60.0)
    line = dial(w, "802")
    assert w.hears(line) == "tone:ringback" and bob.lines[0].state == "ringing"
    w.run(10.2)
    assert bob.lines[0].state == "ended", "its time is over"
    assert a0.lines[0].state == "ringing"
    w.run(8.5)
    assert w.hears(line) == "play:pl/no-answer"
    w.run(1.1)
    assert w.hears(line) == "play:pl/menu-help"
    line.phone.hang_up(line)
    done(w)
    assert "not_reached:no_answer" in path(w)


def test_a_restart_while_somebody_is_rung() -> None:
    w = hall()
    bob, a0 = w.phone("bob", reject=486, reject_after=5.0), w.phone("a0", answer_after=60.0)
    line = dial(w, "802")
    w.run(2)
    w.kill()
    w.run(0.5)
    w.restart()
    w.run(0.5)
    assert bob.lines[0].state == "ringing" and w.hears(line) == "tone:ringback"
    w.run(3)
    assert a0.lines[0].state == "ringing", "the menu goes on behind the step"
    line.phone.hang_up(line)
    done(w)


# --- queues, agents, customers -------------------------------------------------------------------------------------


def entered(w: World) -> EnterQueue:
    return next(one for one in reversed(w.switch.items) if isinstance(one, EnterQueue))


def test_branches_by_what_the_queue_is_like() -> None:
    w = hall()
    line = dial(w, "803")
    assert w.hears(line) == "play:pl/queue-no-agents"
    w.run(2)
    ready(w, "a0", answer_after=60.0)
    first = dial(w, "803")
    assert w.hears(first) == "music:default" and entered(w).priority == 1
    second = dial(w, "803")
    assert w.hears(second).startswith("play:pl/people-waiting-intro")
    first.phone.hang_up(first)
    second.phone.hang_up(second)
    w.run(1)
    assert line.state == "ended"
    done(w)


def test_the_customer_s_card_gives_priority_and_the_preferred_agent() -> None:
    w = hall()
    w.switch.calls.board.desk.cards.put(Customer("42", "Jan Kowalski", manager="a1", vip=True))
    ready(w, "a0", "a1")
    line = dial(w, "804")
    typed(w, line, "41")
    w.run(1.2)
    assert w.hears(line) == "play:pl/enter-number", "nobody has that one"
    typed(w, line, "42")
    assert entered(w).preferred == "a1"
    (event,) = w.switch.named("customer.identified")
    assert (event.customer, event.by, event.field) == ("42", "typed", "id")
    line.phone.hang_up(line)
    done(w)
    assert w.switch.named("call.ended")[0].customer == "42"


@pytest.mark.parametrize("restart", [False, True])
def test_how_the_caller_is_shown_and_recorded_is_the_menu_s_word(restart: bool) -> None:
    w = hall({"recordings": "/srv/recordings"})
    line = dial(w, "807")
    assert entered(w).priority == 3
    if restart:
        w.run(1)
        w.kill()
        w.run(0.5)
        w.restart()
    (agent,) = ready(w, "a0", answer_after=1.0)
    w.run(3)
    assert w.hears(line) == "bridge:a0"
    assert '"VIP Anna" <sip:+48221234567@' in agent.lines[0].invite.get("From")
    assert w.switch.named("recording.started"), "though the queue does not say so"
    line.phone.hang_up(line)
    done(w)
    (record,) = w.switch.named("call.ended")
    assert (record.caller, record.caller_name) == ("anna", "Anna"), "the record keeps who it was"


# --- surveys -------------------------------------------------------------------------------------------------------


def talking(w: World) -> tuple[Any, Any]:
    (agent,) = ready(w, "a0", answer_after=1.0)
    line = dial(w, "200")
    w.run(3)
    assert w.hears(line) == "bridge:a0"
    w.run(10)
    return line, agent


def test_the_caller_stays_for_the_survey_when_the_agent_has_hung_up() -> None:
    w = hall()
    line, agent = talking(w)
    agent.hang_up(agent.lines[0])
    w.run(0.2)
    assert line.state == "up" and w.hears(line) == "play:pl/menu-help"
    assert str(w.switch.queues.roster.agents["a0"].activity) == "wrapup", "at once"
    w.press(line, "4")
    w.run(0.2)
    assert w.hears(line) == "play:pl/goodbye"
    w.run(2)
    assert line.state == "ended"
    done(w)
    (answered,) = w.switch.named("survey.answered")
    assert (answered.survey, answered.score, answered.queue, answered.agent) == ("csat", 4, "info", "a0")
    (record,) = w.switch.named("call.ended")
    assert (record.outcome, record.agent, record.queue) == ("answered", "a0", "info")
    assert record.talk_seconds == pytest.approx(11.0, abs=2.0), "the survey is no talk"
    assert record.path[-4:] == ("after:info", "menu:survey", "survey:csat 4", "destination:hangup")


def test_who_hangs_up_first_is_asked_nothing() -> None:
    w = hall()
    line, agent = talking(w)
    line.phone.hang_up(line)
    w.run(1)
    assert agent.lines[0].state == "ended"
    done(w)
    assert not w.switch.named("survey.answered")


def test_a_restart_in_the_survey() -> None:
    w = hall()
    line, agent = talking(w)
    agent.hang_up(agent.lines[0])
    w.run(0.3)
    w.kill()
    w.run(0.5)
    w.restart()
    w.run(0.5)
    assert w.hears(line) == "play:pl/menu-help"
    w.press(line, "5")
    w.run(3)
    (answered,) = w.switch.named("survey.answered")
    assert (answered.score, answered.queue, answered.agent) == (5, "info", "a0")
    done(w)


# --- numbers, languages, prompts -----------------------------------------------------------------------------------


def test_a_number_has_its_language_and_prompts_and_what_is_missing_is_told_once() -> None:
    w = hall(numbers={"806": Number("806", language="en", prompts="brand")})
    w.switch.switch.set_clips({"en/brand/closed", "en/closed", "pl/closed", "pl/c1", "en/c2"})
    line = dial(w, "806")
    assert w.hears(line) == "play:en/brand/closed"
    w.run(2)
    for _ in range(2):
        line = dial(w, "800")
        heard = [w.hears(line)]
        w.run(1.02)
        heard.append(w.hears(line))
        w.run(1.02)
        heard.append(w.hears(line))
        assert heard == ["play:pl/c1", "play:en/c2", "play:pl/c3"]
        line.phone.hang_up(line)
        w.run(1)
    missing = [(one.clip, one.language, one.played) for one in w.switch.named("prompt.missing")]
    assert missing == [("c2", "pl", "en/c2"), ("c3", "pl", "")]
    done(w)


# --- versions and restarts -----------------------------------------------------------------------------------------


def test_calls_keep_the_menu_that_they_began_with() -> None:
    w = hall()
    line = dial(w, "800")
    new = replace(w.switch.switch.directory, menus={"main": Menu("main", ()), "survey": menus()["survey"]})
    w.switch.switch.configure(new, w.now)
    w.switch.settle(w.now)
    w.run(2.2)
    assert w.hears(line) == "play:pl/c3"
    line.phone.hang_up(line)
    w.run(1)
    line = dial(w, "800")
    w.run(0.2)
    assert line.state == "ended", "the new one has nothing to say"
    done(w)


def test_a_restart_in_a_menu_does_nothing_twice() -> None:
    w = hall()
    line = dial(w, "801")
    typed(w, line, "4321")
    first = w.switch.errands[-1].errand
    w.kill()
    w.run(0.5)
    w.restart()
    w.run(0.5)
    (request,) = w.switch.errands
    assert request.url == "https://crm.test/anna/", "no second message, and the secret is forgotten"
    w.switch.answer(
        ErrandDone(first if first != request.errand else request.errand, status=200, body=b'{"name": "Kowalski"}')
    )
    w.run(0.2)
    if first == request.errand:
        assert w.hears(line) == "play:pl/welcome"
    line.phone.hang_up(line)
    done(w)


# --- flows in Python -----------------------------------------------------------------------------------------------


def test_a_flow_in_python_and_its_fallback() -> None:
    def py(caller: flows.Caller) -> flows.Flow:
        key = yield flows.Ask("menu-main")
        if key == "1":
            raise RuntimeError("broken")
        caller.variables["asked"] = True
        yield flows.Queue("info", priority=3)

    w = hall()
    w.switch.switch.set_flows({"py": Plugin("py", py, "menu:main:3")})
    line = dial(w, "805")
    assert w.hears(line) == "play:pl/menu-main"
    w.press(line, "2")
    w.run(0.2)
    assert entered(w).priority == 3
    line.phone.hang_up(line)
    w.run(1)
    line = dial(w, "805")
    w.press(line, "1")
    w.run(0.2)
    assert w.hears(line) == "play:pl/closed"
    w.run(2)
    done(w)
    (problem,) = w.switch.named("ivr.problem")
    assert (problem.where, problem.what) == ("flow:py", "plugin") and "broken" in problem.detail
