"""Callbacks without a place in line: who gave up, agreed times, conversations that broke off, messages; and restarts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from softswitch.callbacks import CallbackRules
from tests.sim.callbacks import CUSTOMER, Hotline

OTHER = "+48602000222"


# --- who gave up (OUT-02) ------------------------------------------------------------------------------------------------


def test_who_waits_and_gives_up_is_called_when_an_agent_has_been_idle() -> None:
    hotline = Hotline(abandoned_after=20.0, idle=10.0)
    w = hotline.world
    line = hotline.caller()
    w.run(30)
    hotline.provider.hang_up(line)
    w.run(1)
    (task,) = hotline.book.tasks.values()
    assert (task.kind, task.number, task.placed) == ("abandoned", CUSTOMER, False)
    hotline.login()
    w.run(9)
    assert not hotline.phones["a0"].lines, "an agent has some rest"
    w.run(1.5)
    assert hotline.agent_line().state == "ringing"
    w.run(16)
    (customer,) = hotline.called()
    assert w.hears(customer) == "bridge:a0"
    hotline.provider.hang_up(customer)
    w.run(40)
    assert w.switch.named("callback.done")[0].outcome == "reached"
    w.assert_idle()


@pytest.mark.parametrize(("seconds", "rule"), [(4.0, 1.0), (15.0, 20.0), (30.0, 0.0)])
def test_short_waits_are_no_callbacks(seconds: float, rule: float) -> None:
    hotline = Hotline(abandoned_after=rule)
    line = hotline.caller()
    hotline.world.run(seconds - 1)
    hotline.provider.hang_up(line)
    hotline.world.run(1)
    assert not hotline.book.tasks


def test_a_number_is_called_back_once_however_often_it_gave_up() -> None:
    hotline = Hotline(abandoned_after=5.0)
    w = hotline.world
    for _ in range(3):
        line = hotline.caller()
        w.run(10)
        hotline.provider.hang_up(line)
        w.run(1)
    assert len(hotline.book.tasks) == 1


def test_who_gave_up_and_was_served_later_is_not_called() -> None:
    hotline = Hotline(abandoned_after=5.0)
    w = hotline.world
    line = hotline.caller()
    w.run(10)
    hotline.provider.hang_up(line)
    w.run(1)
    assert hotline.book.tasks
    again = hotline.caller()
    assert hotline.book.tasks, "waiting is not being served"
    hotline.login()
    w.run(3)
    assert w.hears(again) == "bridge:a0"
    assert w.switch.named("callback.done")[0].outcome == "called_again"
    assert not hotline.book.tasks


def test_who_asks_after_giving_up_has_one_callback_with_a_place() -> None:
    hotline = Hotline(abandoned_after=5.0)
    w = hotline.world
    line = hotline.caller()
    w.run(10)
    hotline.provider.hang_up(line)
    w.run(1)
    hotline.ask()
    (task,) = hotline.book.tasks.values()
    assert task.kind == "requested"
    assert w.switch.named("callback.cancelled")[0].outcome == "superseded"


def test_inbound_calls_go_first() -> None:
    hotline = Hotline(abandoned_after=5.0, idle=5.0)
    w = hotline.world
    line = hotline.caller()
    w.run(10)
    hotline.provider.hang_up(line)
    w.run(1)
    waiting = [hotline.caller(f"+4860100000{index}") for index in range(2)]
    hotline.login()
    for one in waiting:
        w.run(5)
        assert w.hears(one) == "bridge:a0"
        assert not hotline.called()
        hotline.provider.hang_up(one)
        w.run(0.5)
    w.run(2 + 5 + 14)
    assert len(hotline.called()) == 1


# --- agreed times (OUT-03) -----------------------------------------------------------------------------------------------


def order(hotline: Hotline, name: str, *arguments: object, **more: object) -> object:
    w = hotline.world
    result = getattr(w.switch.switch, name)(*arguments, w.now, **more)
    w.switch.settle(w.now)
    return result


def test_an_agreed_time_for_an_agent_reminds_and_rings_only_them() -> None:
    hotline = Hotline(agents=2)
    w = hotline.world
    hotline.login()
    id, refusal = order(hotline, "add_callback", "info", "601 000 111", due=w.now + 600, owner="a1", note="umowa")  # type: ignore[misc]
    assert (bool(id), refusal) == (True, "")
    w.run(590)
    assert not w.switch.named("callback.due")
    w.run(10.5)
    (due,) = w.switch.named("callback.due")
    assert (due.owner, due.number, due.note) == ("a1", CUSTOMER, "umowa")
    assert not hotline.phones["a0"].lines
    w.run(16)
    assert w.hears(hotline.agent_line("a1")) == "bridge:provider"


def test_an_agent_who_does_not_take_their_callback_gets_it_again_and_nobody_else_does() -> None:
    hotline = Hotline(agents=2, queue={"ring_timeout": 5.0, "no_answer_delay": 1.0}, gap=60.0)
    w = hotline.world
    hotline.phones["a1"].behaviour.answer_after = None
    hotline.login()
    order(hotline, "add_callback", "info", CUSTOMER, owner="a1")
    w.run(30)
    assert (len(hotline.phones["a1"].lines), len(hotline.phones["a0"].lines)) == (1, 0)
    hotline.phones["a1"].behaviour.answer_after = 1.0
    w.run(60)
    assert w.hears(hotline.agent_line("a1")) == "bridge:provider"


def test_orders_that_cannot_be() -> None:
    hotline = Hotline()
    refusals = [
        order(hotline, "add_callback", "info", number, owner=owner)[1]  # type: ignore[index]
        for number, owner in (("112", ""), ("+48700123456", ""), ("+1900555000", ""), ("x", ""), (CUSTOMER, "nobody"))
    ]
    assert all(refusals) and not hotline.book.tasks
    assert order(hotline, "add_callback", "nowhere", CUSTOMER) == ("", "there is no such queue")
    assert order(hotline, "cancel_callback", "nothing", "boss") == "there is no such callback"
    assert order(hotline, "settle_callback", "nothing", "boss") == "there is no such callback"
    assert order(hotline, "assign_callback", "nothing", "boss") == "there is no such callback"
    order(hotline, "add_callback", "info", CUSTOMER)
    assert order(hotline, "add_callback", "info", CUSTOMER)[1] == f"{CUSTOMER} is on the list already"  # type: ignore[index]


def test_a_callback_with_a_place_can_be_given_to_an_agent_and_back() -> None:
    hotline = Hotline(agents=2)
    w = hotline.world
    hotline.ask()
    (task,) = hotline.book.tasks
    assert order(hotline, "assign_callback", task, "boss", owner="a1") == ""
    hotline.login("a0")
    w.run(20)
    assert not hotline.phones["a0"].lines
    assert order(hotline, "assign_callback", task, "boss", owner="") == ""
    w.run(1)
    assert hotline.phones["a0"].lines
    assert [one.owner for one in w.switch.named("callback.assigned")] == ["a1", ""]


def test_done_by_hand() -> None:
    hotline = Hotline()
    w = hotline.world
    hotline.ask()
    (task,) = hotline.book.tasks
    assert order(hotline, "settle_callback", task, "boss") == ""
    assert w.switch.named("callback.done")[0].outcome == "by_hand"
    assert not w.switch.queues.visits.callers


# --- a conversation that breaks off (OUT-04) -----------------------------------------------------------------------------


def test_a_conversation_without_media_is_resumed_by_the_same_agent() -> None:
    hotline = Hotline(agents=2, reconnect=300.0)
    w = hotline.world
    hotline.login("a0")
    line = hotline.caller()
    w.run(2)
    assert w.hears(line) == "bridge:a0"
    hotline.login("a1")
    worker, leg = w.place(line)
    assert leg is not None
    worker.starve(leg)
    w.run(1)
    (task,) = hotline.book.tasks.values()
    assert (task.kind, task.owner, task.number) == ("dropped", "a0", CUSTOMER)
    w.run(2 + 16)
    assert not hotline.phones["a1"].lines
    assert w.hears(hotline.agent_line("a0")) == "bridge:provider"
    hotline.provider.hang_up(hotline.called()[-1])
    w.run(1)
    assert w.switch.named("callback.done")[0].outcome == "reached"


def test_who_hangs_up_is_not_called_again() -> None:
    hotline = Hotline(reconnect=300.0)
    hotline.login()
    line = hotline.caller()
    hotline.world.run(2)
    hotline.provider.hang_up(line)
    hotline.world.run(2)
    assert not hotline.book.tasks


def test_a_customer_who_calls_after_it_broke_off_is_not_called_as_well() -> None:
    hotline = Hotline(reconnect=300.0, queue={"wrap_up": 30.0})
    w = hotline.world
    hotline.login()
    line = hotline.caller()
    w.run(2)
    worker, leg = w.place(line)
    assert leg is not None
    worker.starve(leg)
    w.run(5)
    again = hotline.caller()
    w.run(40)
    assert w.hears(again) == "bridge:a0"
    assert not hotline.book.tasks and not hotline.called()


def test_a_reconnection_expires() -> None:
    hotline = Hotline(reconnect=60.0)
    w = hotline.world
    hotline.login()
    line = hotline.caller()
    w.run(2)
    worker, leg = w.place(line)
    assert leg is not None
    hotline.logout()
    worker.starve(leg)
    w.run(70)
    assert w.switch.named("callback.expired")[0].outcome == "expired"


# --- restarts ------------------------------------------------------------------------------------------------------------


def test_a_restart_keeps_every_place() -> None:
    hotline = Hotline(agents=1)
    w = hotline.world
    numbers = [f"+4860100000{index}" for index in range(6)]
    for index, number in enumerate(numbers):
        if index % 2:
            hotline.caller(number)
        else:
            hotline.ask(number)
        w.run(5)
    before = [(caller.number, round(caller.joined, 1)) for caller in w.switch.queues.queues["info"].in_order()]
    w.run(2)
    w.kill()
    w.run(0.5)
    w.restart()
    w.run(1)
    after = [(caller.number, round(caller.joined, 1)) for caller in w.switch.queues.queues["info"].in_order()]
    assert after == before
    assert len(hotline.book.tasks) == 3
    hotline.login()
    w.run(16)
    assert w.hears(hotline.agent_line()) == "bridge:provider"


@pytest.mark.parametrize("seconds", [0.5, 3.0, 12.5, 15.0, 20.0])
@pytest.mark.parametrize("mode", ["agent", "customer"])
def test_a_kill_at_any_moment_of_an_attempt_loses_nobody(seconds: float, mode: str) -> None:
    hotline = Hotline(agents=1, mode=mode)
    w = hotline.world
    hotline.ask()
    hotline.login()
    w.run(seconds)
    w.kill()
    w.run(0.5)
    w.restart()
    w.run(60)
    done = w.switch.named("callback.done")
    assert len(done) + len(hotline.book.tasks) == 1
    if not done:
        w.run(400)
        done = w.switch.named("callback.done")
    assert [one.outcome for one in done] == ["reached"]


def test_a_queue_that_is_gone_calls_nobody() -> None:
    hotline = Hotline()
    w = hotline.world
    hotline.ask()
    directory = w.switch.switch.directory
    w.switch.switch.configure(replace(directory, queues={}), w.now)
    w.switch.settle(w.now)
    assert w.switch.named("callback.cancelled")[0].by == "configuration"
    assert not w.switch.queues.visits.callers


def test_new_rules_hold_for_callbacks_that_wait() -> None:
    hotline = Hotline(attempts=5, gap=60.0)
    w = hotline.world
    hotline.provider.behaviour.reject = 603
    hotline.ask()
    hotline.login()
    w.run(20)
    directory = w.switch.switch.directory
    queue = replace(directory.queues["info"], callbacks=CallbackRules(attempts=1))
    w.switch.switch.configure(replace(directory, queues={"info": queue}), w.now)
    w.switch.settle(w.now)
    w.run(100)
    assert w.switch.named("callback.expired")[0].attempts == 2
