"""How callers come to a mailbox and leave messages there; in virtual time."""

from __future__ import annotations

import pytest

from media.control import Record, Recorded
from softswitch.call.headers import Diversion
from softswitch.call.menu import flow_for
from softswitch.call.routing import parse
from softswitch.directory import Agent, Mailbox, Membership, Queue
from tests.sim.voicemail import FOLDER, boxes, dial, hall, keys, listen, said, take
from tests.sim.world import account


def test_a_message_is_left() -> None:
    world = hall()
    phone, line = dial(world, "bob", "*99anna")
    heard = listen(world, line, 3.0)
    assert said(heard) == ["unavailable", "vm-leave-message"]
    assert heard[-1] == "tone:beep"
    (begun,) = world.switch.named("voicemail.begun")
    (record,) = [one for one in world.worker.commands if type(one) is Record]
    assert (record.path, record.form, record.right) == (f"{FOLDER}/{begun.path}", "mono", -1)
    assert begun.path.startswith("anna/20231114-2213") and begun.path.endswith(f"-{begun.message}.wav")
    assert boxes(world).counts("anna") == (0, 0)
    world.run(5)
    phone.hang_up(line)
    world.run(1)
    (left,) = world.switch.named("voicemail.left")
    assert (left.message, left.mailbox, left.caller, left.caller_name) == (begun.message, "anna", "bob", "Bob")
    assert left.seconds == pytest.approx(6.0, abs=0.7) and not left.mail and not left.interrupted
    assert boxes(world).counts("anna") == (1, 0)
    world.run(40)
    world.assert_idle()


def test_a_number_is_spoken_digit_by_digit() -> None:
    world = hall(Mailbox("101"))
    _, line = dial(world, "bob", "*99101")
    assert said(listen(world, line, 6.0)) == [
        "vm-number", "numbers/1", "numbers/0", "numbers/1", "vm-is-unavailable", "vm-leave-message",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("destination", "clips"), [("voicemail:100:busy", "vm-is-busy"), ("voicemail:100", "vm-is-unavailable")]
)
def test_menus_and_extensions_lead_to_it(destination: str, clips: str) -> None:
    world = hall(Mailbox("100"), extensions={"500": destination})
    _, line = dial(world, "bob", "500")
    assert clips in said(listen(world, line, 4.0))


@pytest.mark.parametrize("end", ["hang up", "silence", "#"])
def test_however_it_ends_it_is_kept(end: str) -> None:
    world = hall()
    line = take(world, end=end)
    world.run(3)
    (left,) = world.switch.named("voicemail.left")
    assert left.seconds == pytest.approx(6.3, abs=0.5)
    world.run(40)
    assert line.state == "ended"
    world.assert_idle()


def test_a_message_has_an_end() -> None:
    world = hall(Mailbox("anna", max_seconds=30.0, review=False))
    _, line = dial(world, "bob", "*99anna")
    heard = listen(world, line, 40.0)
    assert said(heard)[-1] == "vm-sent"
    (left,) = world.switch.named("voicemail.left")
    assert left.seconds == pytest.approx(30.0, abs=0.3)
    world.run(40)
    assert line.state == "ended"
    world.assert_idle()


def test_what_is_too_short_is_not_kept() -> None:
    world = hall()
    take(world, spoken=0.5)
    (gone,) = world.switch.named("voicemail.discarded")
    assert gone.cause == "short" and not world.switch.named("voicemail.left")
    world.run(40)
    world.assert_idle()


def test_who_says_nothing_is_asked_once_more() -> None:
    world = hall()
    _, line = dial(world, "bob", "*99anna")
    world.press(line, "#")
    world.run(0.7)
    world.worker.hush(0.0)
    heard = listen(world, line, 13.0)
    assert said(heard) == ["vm-too-short", "vm-leave-message"]
    world.worker.hush(0.0)
    heard = listen(world, line, 12.0)
    assert said(heard) == ["goodbye"]
    assert [one.cause for one in world.switch.named("voicemail.discarded")] == ["short", "short"]
    world.run(40)
    world.assert_idle()


def test_a_full_mailbox_says_so() -> None:
    world = hall(Mailbox("anna", max_messages=1, review=False))
    take(world)
    _, line = dial(world, "carl", "*99anna")
    assert said(listen(world, line, 2.0)) == ["vm-full"]
    world.run(40)
    assert len(world.switch.named("voicemail.left")) == 1
    assert world.switch.named("call.ended")[-1].cause == "voicemail_full"
    world.assert_idle()


@pytest.mark.parametrize("why", ["no room", "no folder"])
def test_without_room_the_caller_is_told(why: str) -> None:
    world = hall()
    if why == "no room":
        boxes(world).room = False
    else:
        boxes(world).folder = ""
    _, line = dial(world, "bob", "*99anna")
    assert said(listen(world, line, 2.0)) == ["vm-unusable"]


def test_a_disk_that_fails_in_the_midst() -> None:
    world = hall()
    _, line = dial(world, "bob", "*99anna")
    world.press(line, "#")
    world.run(3.0)
    (record,) = world.worker.recordings.values()
    world.worker.recordings.clear()
    world.worker.report(0.0, Recorded(record.record, record.path, 0.0, 0, error="No space left on device"))
    assert said(listen(world, line, 2.0)) == ["vm-unusable"]
    assert world.switch.named("voicemail.discarded")[0].cause == "failed"
    world.run(40)
    world.assert_idle()


def test_the_speaker_may_listen_and_speak_again() -> None:
    world = hall(Mailbox("anna"))
    line = take(world, end="#")
    (first,) = world.switch.named("voicemail.begun")
    assert world.hears(line) == "play:pl/vm-review"
    keys(world, line, "2")
    assert world.hears(line) == f"file:{FOLDER}/{first.path}"
    world.run(11)
    keys(world, line, "3")
    world.run(5)
    world.press(line, "#")
    world.run(2)
    keys(world, line, "1")
    assert said(listen(world, line, 1.0)) == ["vm-sent"]
    (left,) = world.switch.named("voicemail.left")
    (gone,) = world.switch.named("voicemail.discarded")
    assert (gone.message, gone.cause) == (first.message, "again") and left.message != first.message
    world.run(40)
    world.assert_idle()


def test_who_hangs_up_in_the_review_has_left_a_message() -> None:
    world = hall(Mailbox("anna"))
    line = take(world, end="#")
    line.phone.hang_up(line)
    world.run(40)
    assert len(world.switch.named("voicemail.left")) == 1
    world.assert_idle()


def test_nought_calls_the_operator() -> None:
    world = hall(Mailbox("anna", operator="extension:carl"))
    world.phone("carl", answer_after=1.0)
    _, line = dial(world, "bob", "*99anna")
    keys(world, line, "0")
    world.run(3)
    assert world.hears(line) == "bridge:carl"


def test_the_star_opens_the_mailbox_with_its_pin() -> None:
    world = hall()
    take(world)
    _, line = dial(world, "carl", "*99anna")
    keys(world, line, "*")
    assert world.hears(line) == "play:pl/enter-pin"
    keys(world, line, "4711#")
    assert said(listen(world, line, 4.0)) == ["vm-you-have", "numbers/feminine/1", "units/new-message-one", "vm-menu"]


# --- a queue's mailbox -----------------------------------------------------------------------------------------------


def test_a_queues_message_is_somebody_to_call_back() -> None:
    queue = Queue("sales", members=(Membership("eve"),), on_timeout="voicemail:sales", max_wait=5.0)
    box = Mailbox("sales", queue="sales", email=("team@example.com",))
    world = hall(box, queues={"sales": queue}, agents={"eve": Agent("eve", "carl")}, extensions={"800": "queue:sales"})
    phone, line = dial(world, "bob", "800")
    heard = listen(world, line, 8.0)
    assert said(heard)[:2] == ["vm-nobody", "vm-leave-message"]
    world.run(4)
    phone.hang_up(line)
    world.run(2)
    (left,) = world.switch.named("voicemail.left")
    assert left.queue == "sales" and left.mail
    (wanted,) = world.switch.named("callback.requested")
    assert (wanted.queue, wanted.number, wanted.message, wanted.cause) == ("sales", "bob", left.message, "voicemail")
    world.run(40)
    world.assert_idle()


# --- calls that nobody takes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "state"), [("away", "vm-is-unavailable"), ("busy", "vm-is-busy"), ("no answer", "vm-is-unavailable")]
)
def test_what_nobody_takes_goes_to_the_mailbox(case: str, state: str) -> None:
    world = hall(Mailbox("100"), accounts={"anna": account("anna", mailbox="100", forward_after=10.0)})
    if case != "away":
        world.phone("anna", **({"reject": 486} if case == "busy" else {"answer_after": 60.0}))
    phone = world.phone("bob")
    world.run(1)
    line = phone.call("anna")
    world.run(12)
    assert line.state == "up"
    assert [one.destination for one in world.switch.named("call.diverted")] == [
        "voicemail:100:busy" if case == "busy" else "voicemail:100"
    ]
    assert world.hears(line).split()[-2:] == [f"pl/{state}", "pl/vm-leave-message"] or world.worker.recordings
    world.run(10)
    phone.hang_up(line)
    world.run(60)
    (left,) = world.switch.named("voicemail.left")
    assert (left.mailbox, left.caller) == ("100", "bob")
    world.assert_idle()


def test_who_does_not_want_that_has_none() -> None:
    world = hall(Mailbox("anna"), accounts={"anna": account("anna", to_mailbox=False)})
    phone = world.phone("bob")
    world.run(1)
    line = phone.call("anna")
    world.run(5)
    assert line.state != "up" and not world.switch.named("voicemail.begun")


def test_who_was_led_further_from_a_busy_phone_is_told_so() -> None:
    world = hall(Mailbox("100"))
    phone, line = dial(world, "bob", "*43")
    (call,) = world.switch.calls.board.calls.values()
    call.diversions = (Diversion("anna", "user-busy"),)
    call.run(flow_for(parse("voicemail:100"), world.switch.calls.board.site), world.now)
    world.switch.settle(world.now)
    assert "vm-is-busy" in said(listen(world, line, 2.0))
    phone.hang_up(line)
    world.run(60)
    world.assert_idle()
