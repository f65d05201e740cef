"""Callbacks that callers ask for: they keep their place, agents and customers are called, and every failure ends somewhere."""

from __future__ import annotations

import pytest

from softswitch.acd.facts import QueueFacts
from softswitch.directory import Rung, Surge
from tests.sim.callbacks import CUSTOMER, NUMBER, Hotline

OTHER = "+48602000222"


def test_a_caller_confirms_the_number_hangs_up_and_is_called_back() -> None:
    hotline = Hotline()
    w = hotline.world
    line = hotline.caller()
    w.run(30)
    hotline.release(line)
    assert w.hears(line).startswith("play:pl/callback-number-intro pl/numbers/6 pl/numbers/0 pl/numbers/1")
    assert w.hears(line).endswith("pl/callback-confirm")
    w.press(line, "1")
    w.run(0.5)
    assert w.hears(line) == "play:pl/callback-place-kept"
    w.run(2)
    assert line.state == "ended", "told goodbye"
    (task,) = hotline.book.tasks.values()
    assert (task.number, task.kind, w.now - task.joined > 30.0) == (CUSTOMER, "requested", True)
    board = w.switch.queues.snapshot(w.now)["queues"]["info"]
    assert (board["waiting"], board["callers"][0]["callback"]) == (1, "requested")
    hotline.login()
    w.run(0.5)
    agent = hotline.agent_line()
    assert agent.state == "ringing"
    assert "C:+48601000111" in agent.invite.get("From") and agent.invite.get("X-Queue") == "info"
    assert int(agent.invite.get("X-Wait")) >= 0
    w.run(1)
    assert w.hears(agent).startswith("play:pl/agent-callback-intro pl/numbers/6")
    w.run(10.5)
    (customer,) = hotline.called()
    assert w.hears(agent) == "tone:ringback"
    assert customer.invite.start.startswith(f"INVITE sip:{CUSTOMER}@")
    assert customer.invite.get("From").startswith(f'"Infolinia" <sip:{NUMBER}@'), customer.invite.get("From")
    assert not customer.invite.get("Diversion")
    w.run(2.5)
    assert (w.hears(customer), w.hears(agent)) == ("bridge:a0", "bridge:provider")
    hotline.provider.hang_up(customer)
    w.run(1)
    (done,) = w.switch.named("callback.done")
    assert (done.outcome, done.agent, done.attempts) == ("reached", "a0", 1)
    attempt = w.switch.named("callback.attempt")[0]
    record = next(one for one in w.switch.named("call.ended") if one.call == attempt.call)
    assert (record.outcome, record.queue, record.agent, record.account, record.dialled, record.trunk) == (
        "answered", "info", "a0", "callback", CUSTOMER, "provider",
    )  # fmt: skip
    counts = w.switch.queues.measure.queues["info"]
    assert (counts.callbacks, dict(counts.callback_results), counts.callbacks_in_time) == (1, {"reached": 1}, 1)
    assert (counts.entered, dict(counts.outcomes)) == (1, {"exit_key": 1}), "the books of callers are not touched"
    w.run(40)
    w.assert_idle()
    assert w.switch.queues.roster.agents["a0"].activity == "idle"


def test_customer_first_waits_at_the_head_with_music() -> None:
    hotline = Hotline(mode="customer")
    w = hotline.world
    hotline.ask()
    hotline.login()
    w.run(1)
    assert not hotline.phones["a0"].lines, "the agent is not rung yet"
    w.run(1.5)
    (customer,) = hotline.called()
    assert customer.state == "up"
    assert w.hears(customer) == "play:pl/callback-hello pl/callback-holding"
    w.run(1.5)
    assert (w.hears(customer), w.hears(hotline.agent_line())) == ("bridge:a0", "bridge:provider")
    hotline.provider.hang_up(customer)
    w.run(40)
    assert w.switch.named("callback.done")[0].outcome == "reached"
    w.assert_idle()


def test_customer_first_hears_music_while_the_agent_is_with_somebody_else() -> None:
    hotline = Hotline(mode="customer")
    w = hotline.world
    hotline.ask()
    hotline.provider.behaviour.answer_after = 5.0
    hotline.login()
    w.run(1)
    hotline.logout()
    w.run(8)
    (customer,) = hotline.called()
    assert w.hears(customer) == "music:jazz"
    assert w.switch.queues.position(hotline.book.rows(w.now)[0]["callback"]) == 1
    hotline.provider.hang_up(customer)
    w.run(1)
    (missed,) = w.switch.named("callback.missed")
    assert (missed.cause, missed.attempt, missed.due is not None) == ("hung_up", 1, True)
    w.run(40)
    assert hotline.book.rows(w.now)[0]["state"] == "later"


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [
        ({"reject": 486, "ring_after": None, "reject_after": 0.1}, "busy"),
        ({"answer_after": None}, "no_answer"),
        ({"reject": 603}, "rejected"),
        ({"reject": 503}, "unreachable"),
    ],
)
@pytest.mark.parametrize("mode", ["agent", "customer"])
def test_every_failure_is_tried_again_and_then_given_up(mode: str, behaviour: dict[str, object], cause: str) -> None:
    hotline = Hotline(mode=mode, attempts=2, gap=60.0, ring=20.0)
    w = hotline.world
    for name, value in behaviour.items():
        setattr(hotline.provider.behaviour, name, value)
    hotline.ask()
    hotline.login()
    w.run(55)
    (missed,) = w.switch.named("callback.missed")
    assert (missed.cause, missed.attempt, missed.due is not None) == (cause, 1, True)
    agent = w.switch.queues.roster.agents["a0"]
    assert (agent.activity, agent.missed, agent.presence) == ("idle", 0, "ready"), "nothing is held against the agent"
    w.run(150)
    assert [one.attempt for one in w.switch.named("callback.missed")] == [1, 2]
    (expired,) = w.switch.named("callback.expired")
    assert (expired.outcome, expired.cause, expired.attempts) == ("not_reached", cause, 2)
    assert not hotline.book.tasks and not hotline.book._numbers
    w.run(40)
    w.assert_idle()


def test_the_agent_is_told_that_the_customer_did_not_answer() -> None:
    hotline = Hotline(ring=10.0)
    w = hotline.world
    hotline.provider.behaviour.answer_after = None
    hotline.ask()
    hotline.login()
    w.run(21.5)
    assert w.hears(hotline.agent_line()) == "play:pl/agent-callback-failed"
    w.run(2)
    assert hotline.agent_line().state == "ended"


def test_an_agent_who_hangs_up_while_the_customer_rings_leaves_the_callback_in_its_place() -> None:
    hotline = Hotline(agents=2)
    w = hotline.world
    hotline.provider.behaviour.answer_after = 10.0
    hotline.ask()
    hotline.login("a0")
    w.run(14)
    (first,) = hotline.called()
    assert first.state == "ringing"
    hotline.phones["a0"].hang_up(hotline.agent_line("a0"))
    w.run(1)
    assert first.state == "ended"
    hotline.login("a1")
    w.run(25)
    second = hotline.called()[1]
    assert w.hears(second) == "bridge:a1"
    hotline.provider.hang_up(second)
    w.run(40)
    assert w.switch.named("callback.done")[0].agent == "a1"
    w.assert_idle()


def test_an_agent_who_does_not_answer_costs_the_customer_nothing() -> None:
    hotline = Hotline(agents=2, queue={"ring_timeout": 5.0})
    w = hotline.world
    hotline.phones["a0"].behaviour.answer_after = None
    hotline.ask()
    hotline.login("a0")
    w.run(0.1)
    hotline.login("a1")
    w.run(12)
    assert not w.switch.named("callback.missed")
    assert not [one for one in w.switch.named("call.ended") if one.account == "callback"], "no call was made yet"
    w.run(14)
    (customer,) = hotline.called()
    assert w.hears(customer) == "bridge:a1"


def test_who_calls_again_takes_over_the_place() -> None:
    hotline = Hotline()
    w = hotline.world
    hotline.ask()
    w.run(20)
    second = hotline.caller(OTHER)
    w.run(5)
    again = hotline.caller(CUSTOMER)
    (done,) = w.switch.named("callback.done")
    assert done.outcome == "called_again"
    queue = w.switch.queues.queues["info"]
    assert [caller.number for caller in queue.in_order()] == [CUSTOMER, OTHER], "the old place"
    hotline.login()
    w.run(3)
    assert w.hears(again) == "bridge:a0"
    assert w.hears(second) == "music:jazz"
    assert not hotline.called()


def test_who_calls_while_being_called_keeps_the_line() -> None:
    hotline = Hotline(ring=15.0)
    w = hotline.world
    hotline.provider.behaviour.answer_after = None
    hotline.ask()
    hotline.login()
    w.run(13)
    assert hotline.called()[0].state == "ringing"
    again = hotline.caller(CUSTOMER)
    w.run(20)
    (done,) = w.switch.named("callback.done")
    assert done.outcome == "called_again"
    assert w.hears(again) == "bridge:a0"


def test_another_number_is_typed_and_checked() -> None:
    hotline = Hotline()
    w = hotline.world
    line = hotline.caller()
    hotline.release(line)
    w.press(line, "2")
    w.run(0.2)
    assert w.hears(line) == "play:pl/callback-enter-number"
    for key in "0048700123456#":  # a premium number
        w.press(line, key)
        w.run(0.1)
    w.run(0.2)
    assert w.hears(line) == "play:pl/callback-number-wrong pl/callback-retry"
    w.run(3)
    for key in "602000222#":
        w.press(line, key)
        w.run(0.1)
    w.run(0.3)
    assert "pl/numbers/6 pl/numbers/0 pl/numbers/2" in w.hears(line)
    hotline.accept(line)
    (task,) = hotline.book.tasks.values()
    assert task.number == OTHER


@pytest.mark.parametrize(
    "typed", ["112#", "0048700123456#", "00882123456#", "+", "a0#", "221234567#", "0044207946000#"]
)
def test_nobody_makes_us_call_a_number_that_the_site_does_not_call(typed: str) -> None:
    hotline = Hotline()
    w = hotline.world
    line = hotline.caller()
    hotline.release(line)
    w.press(line, "2")
    for key in typed:
        if key in "0123456789#":
            w.press(line, key)
        w.run(0.1)
    w.run(30)
    assert not hotline.book.tasks
    for _ in range(8):
        w.press(line, "1")
        w.run(20)
    assert all(task.number == CUSTOMER for task in hotline.book.tasks.values())


def test_star_goes_back_to_the_old_place() -> None:
    hotline = Hotline()
    w = hotline.world
    first = hotline.caller()
    w.run(30)
    hotline.caller(OTHER)
    hotline.release(first)
    w.press(first, "*")
    w.run(0.5)
    assert w.hears(first) == "music:jazz"
    assert [caller.number for caller in w.switch.queues.queues["info"].in_order()] == [CUSTOMER, OTHER]
    assert not hotline.book.tasks


def test_a_hidden_number_is_asked_for() -> None:
    hotline = Hotline()
    w = hotline.world
    line = hotline.provider.dial_in("+48221234568", "anonymous")
    w.run(0.7)
    assert w.hears(line) == "play:pl/callback-enter-number"
    for key in "602000222#":
        w.press(line, key)
        w.run(0.1)
    w.run(0.3)
    hotline.accept(line)
    (task,) = hotline.book.tasks.values()
    assert (task.number, task.name) == (OTHER, "")


def test_a_number_is_on_the_list_once() -> None:
    hotline = Hotline()
    w = hotline.world
    hotline.ask()
    line = hotline.provider.dial_in("+48221234568", CUSTOMER)
    w.run(1.5)
    w.press(line, "1")
    w.run(0.5)
    assert w.hears(line) == "play:pl/callback-already"
    w.run(3)
    assert (line.state, len(hotline.book.tasks)) == ("ended", 1)


def test_the_list_is_full() -> None:
    hotline = Hotline(max_open=1)
    w = hotline.world
    hotline.ask()
    line = hotline.caller(OTHER)
    hotline.release(line)
    w.press(line, "1")
    w.run(0.5)
    assert w.hears(line) == "play:pl/callback-refused"
    w.run(2)
    assert w.hears(line) == "music:jazz", "back in line"
    assert len(hotline.book.tasks) == 1


def test_outside_of_the_hours_nobody_is_called_and_the_place_stays() -> None:
    hotline = Hotline(hours="Standardowe")
    w = hotline.world
    hotline.ask()
    w.opening["Standardowe"] = False
    w.run(31)
    assert hotline.book.rows(w.now)[0]["state"] == "closed"
    hotline.login()
    late = hotline.caller(OTHER)
    w.run(3)
    assert w.hears(late) == "bridge:a0"
    hotline.provider.hang_up(late)
    w.run(3_600)
    assert not hotline.called()
    hotline.logout()
    w.opening["Standardowe"] = True
    w.run(31)
    hotline.caller("+48603000333")
    rows = w.switch.queues.queues["info"].in_order()
    assert [caller.number for caller in rows] == [CUSTOMER, "+48603000333"]


def test_a_callback_expires() -> None:
    hotline = Hotline(expires=600.0)
    w = hotline.world
    hotline.ask()
    w.run(605)
    (expired,) = w.switch.named("callback.expired")
    assert (expired.outcome, expired.attempts) == ("expired", 0)
    assert not w.switch.queues.visits.callers


def test_cancelled_at_every_stage_leaves_nothing_behind() -> None:
    for seconds in (0.0, 0.5, 3.0, 13.0, 15.5):
        for mode in ("agent", "customer"):
            hotline = Hotline(mode=mode)
            w = hotline.world
            hotline.provider.behaviour.answer_after = 2.5
            hotline.ask()
            hotline.login()
            w.run(seconds)
            for task in list(hotline.book.tasks):
                assert hotline.book.cancel(task, "boss", w.now)
                w.switch.settle(w.now)
                assert w.switch.named("callback.cancelled")[0].by == "boss"
            w.run(20)
            for line in hotline.called():
                if line.state == "up":
                    hotline.provider.hang_up(line)
            w.run(60)
            w.assert_idle()
            assert w.switch.queues.roster.agents["a0"].activity == "idle"


def test_a_caller_inside_is_called_back_at_the_own_phone() -> None:
    hotline = Hotline()
    w = hotline.world
    anna = w.phone("anna", answer_after=1.0)
    w.run(1)
    line = anna.call("201")
    w.run(1)
    w.press(line, "1")
    w.run(0.5)
    anna.hang_up(line)
    w.run(1)
    hotline.login()
    w.run(8)
    assert w.hears(anna.lines[-1]) == "bridge:a0"


def test_callers_and_callbacks_are_served_in_the_order_in_which_they_came() -> None:
    hotline = Hotline()
    w = hotline.world
    hotline.caller("+48601000001")
    w.run(1)
    hotline.ask("+48601000002")
    w.run(1)
    hotline.caller("+48601000003")
    queue = w.switch.queues.queues["info"]
    assert [caller.number[-1] for caller in queue.in_order()] == ["1", "2", "3"]
    hotline.login()
    served = []
    for _ in range(3):
        w.run(20)
        (offer,) = w.switch.queues.dispatcher.offers.values()
        served.append(offer.caller.number[-1])
        line = next(
            one for one in reversed(hotline.provider.lines) if one.state == "up" and w.hears(one) == "bridge:a0"
        )
        hotline.provider.hang_up(line)
        w.run(0.5)
    assert served == ["1", "2", "3"]


def test_an_agent_who_has_to_accept_calls_accepts_callbacks_too() -> None:
    hotline = Hotline(queue={"confirm": "always"})
    w = hotline.world
    hotline.ask()
    hotline.login()
    w.run(3)
    assert not hotline.called()
    w.press(hotline.agent_line(), "1")
    w.run(15)
    (customer,) = hotline.called()
    assert w.hears(customer) == "bridge:a0"
    hotline.provider.hang_up(customer)
    w.run(40)
    w.assert_idle()


# --- the place is that which they had in the end ---------------------------------------------------------------------


def test_a_priority_that_was_raised_while_waiting_is_kept() -> None:
    hotline = Hotline(queue={"escalation": (Rung(wait=5.0, do="priority:+4"),)})
    line = hotline.caller()
    hotline.world.run(10)
    hotline.release(line)
    hotline.accept(line)
    (task,) = hotline.book.tasks.values()
    assert task.priority == 4


def test_who_calls_again_and_asks_again_has_the_first_place() -> None:
    hotline = Hotline()
    w = hotline.world
    hotline.ask()
    (first,) = hotline.book.tasks.values()
    came = first.joined
    w.run(100)
    line = hotline.caller()
    w.run(5)
    hotline.release(line)
    hotline.accept(line)
    (task,) = hotline.book.tasks.values()
    assert task.joined - task.credit == pytest.approx(came, abs=0.1)


# --- nobody in particular --------------------------------------------------------------------------------------------


def test_who_shows_no_number_is_not_called_back_for_giving_up() -> None:
    hotline = Hotline(abandoned_after=5.0)
    w = hotline.world
    line = hotline.caller("anonymous")
    w.run(20)
    hotline.provider.hang_up(line)
    w.run(1)
    assert not hotline.book.tasks
    hotline.login()
    w.run(60)
    assert not hotline.phones["a0"].lines, "nobody is rung for a number that there is not"


def test_callers_without_a_number_are_not_one_person() -> None:
    hotline = Hotline(agents=2, queue={"last_agent_hours": 2.0})
    w = hotline.world
    hotline.login()
    heard = []
    for _ in range(2):
        line = hotline.caller("anonymous")
        w.run(3)
        heard.append(w.hears(line))
        hotline.provider.hang_up(line)
        w.run(30)
    assert heard == ["bridge:a0", "bridge:a1"], "the one who has been idle longest, not the one of the last time"


# --- whoever is called back does not hold the telephone --------------------------------------------------------------


def test_a_callback_that_waits_makes_no_surge_and_no_bad_figures() -> None:
    hotline = Hotline(queue={"surge": Surge(wait=60.0), "escalation": (Rung(service_level=0.5, do="priority:+1"),)})
    w = hotline.world
    hotline.ask()
    w.run(3600)
    board = w.switch.queues.snapshot(w.now)["queues"]["info"]
    assert (board["waiting"], board["longest_wait"], board["surging"]) == (1, 0.0, False)
    assert board["figures"]["sl_live"]["d"] == 0
    assert QueueFacts(w.switch.queues).queue("info", w.now)["longest_wait"] == 0.0  # type: ignore[index]
    hotline.caller("+48602000222")
    w.run(2)
    assert not w.switch.named("queue.escalated"), "nobody has waited too long"
    assert w.switch.queues.snapshot(w.now)["queues"]["info"]["longest_wait"] == pytest.approx(3.0, abs=0.1)


def test_an_agent_is_told_how_long_the_customer_has_waited_since_they_asked() -> None:
    hotline = Hotline(queue={"confirm": "always", "agent_hears_wait": True})
    w = hotline.world
    hotline.ask()
    w.run(600)
    hotline.login()
    w.run(2)
    agent = hotline.agent_line()
    assert w.hears(agent) == "play:pl/agent-waited-intro pl/minutes/10 pl/agent-press-one"
    assert 590 <= int(agent.invite.get("X-Wait")) <= 610
