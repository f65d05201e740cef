"""What owners of mailboxes do: they listen, choose PINs and speak greetings; in virtual time."""

from __future__ import annotations

import pytest

from media.control import PlayFile
from softswitch.directory import Mailbox
from tests.sim.voicemail import FOLDER, boxes, dial, hall, keys, listen, said, take
from tests.sim.world import account

# --- listening -------------------------------------------------------------------------------------------------------


def test_listening_to_messages() -> None:
    world = hall(Mailbox("anna", review=False))  # No PIN: it opens at its own phone only.
    for _ in range(2):
        take(world)
    phone, line = dial(world, "anna", "*97")
    heard = listen(world, line, 4.0)
    assert said(heard) == ["vm-you-have", "numbers/feminine/2", "units/new-message-few", "vm-menu"]
    keys(world, line, "1")
    envelope = world.hears(line).removeprefix("play:").split()
    assert [one.removeprefix("pl/") for one in envelope] == [
        "vm-message", "numbers/1", "vm-received", "vm-today", "hours/23", "numbers/13", "vm-from-unknown",
    ]  # fmt: skip
    world.run(8)
    first, _ = world.switch.named("voicemail.left")
    assert world.hears(line) == f"file:{FOLDER}/{first.path}"
    assert not world.switch.named("voicemail.heard")
    world.run(9.4)
    assert world.hears(line) == "play:pl/vm-actions"
    assert [one.message for one in world.switch.named("voicemail.heard")] == [first.message]
    keys(world, line, "5")
    assert "vm-message" in world.hears(line)
    keys(world, line, "6")
    assert "numbers/2" in world.hears(line)
    keys(world, line, "7")
    assert world.hears(line) == "play:pl/vm-deleted"
    assert boxes(world).counts("anna") == (0, 1)
    world.run(1.2)
    keys(world, line, "7")
    assert boxes(world).counts("anna") == (1, 1)
    world.run(1.2)
    keys(world, line, "9")
    world.run(0.1)
    assert world.hears(line) == "play:pl/vm-kept"
    assert boxes(world).counts("anna") == (0, 2)
    heard = listen(world, line, 4.0)
    assert said(heard)[:3] == ["vm-kept", "vm-no-more", "vm-menu"]
    keys(world, line, "2")
    assert "numbers/1" in world.hears(line)
    keys(world, line, "*")
    keys(world, line, "*")
    world.run(3)
    assert line.state == "ended" and phone.user == "anna"
    assert [one.name for one in world.switch.events if one.name.startswith("voicemail.")][-4:] == [
        "voicemail.heard", "voicemail.deleted", "voicemail.restored", "voicemail.heard",
    ]  # fmt: skip
    world.run(40)
    world.assert_idle()


def test_skipping_within_a_message() -> None:
    world = hall(Mailbox("anna", review=False))
    take(world, spoken=8.0)
    _, line = dial(world, "anna", "*97")
    world.run(4)
    keys(world, line, "1#")
    world.run(2)
    keys(world, line, "#")
    offsets = [one.offset for one in world.worker.commands if type(one) is PlayFile]
    assert offsets == [0.0, pytest.approx(7.2, abs=0.2)]
    keys(world, line, "00")
    offsets = [one.offset for one in world.worker.commands if type(one) is PlayFile]
    assert offsets[2:] == [pytest.approx(2.4, abs=0.2), 0.0]
    keys(world, line, "##")
    assert world.hears(line) == "play:pl/vm-actions"
    assert world.switch.named("voicemail.heard")


def test_forwarding_and_calling_back() -> None:
    world = hall(Mailbox("anna", review=False), Mailbox("600", max_messages=1), Mailbox("601"))
    take(world)
    world.phone("bob", number=6000, answer_after=1.0)
    _, line = dial(world, "anna", "*97")
    world.run(4)
    keys(world, line, "1")
    world.run(20)
    keys(world, line, "8600#")
    assert world.hears(line) == "play:pl/vm-forwarded"
    world.run(1.2)
    keys(world, line, "8600#")
    assert world.hears(line) == "play:pl/vm-full"
    world.run(1.2)
    keys(world, line, "8999#")
    assert world.hears(line) == "play:pl/vm-no-box"
    first, copy = world.switch.named("voicemail.left")
    assert (copy.mailbox, copy.forwarded_from, copy.path) == ("600", "anna", first.path)
    assert boxes(world).counts("600") == (1, 0)
    assert boxes(world).purge([first.message], "deleted") == []  # The copy needs the file.
    assert boxes(world).purge([copy.message], "deleted") == [first.path]
    world.run(1.2)
    keys(world, line, "3")
    world.run(3)
    assert world.hears(line) == "bridge:bob"


def test_a_phone_without_a_mailbox() -> None:
    world = hall()
    _, line = dial(world, "bob", "*97")
    assert said(listen(world, line, 2.0)) == ["vm-no-box"]


def test_several_share_a_mailbox() -> None:
    accounts = {"bob": account("bob", mailbox="team"), "carl": account("carl", mailbox="team")}
    world = hall(Mailbox("team", review=False), accounts=accounts)
    take(world, "anna", "*99bob")
    for user in ("bob", "carl"):
        _, line = dial(world, user, "*97")
        assert "units/new-message-one" in said(listen(world, line, 3.0))


# --- PINs ------------------------------------------------------------------------------------------------------------


def test_the_own_phone_asks_for_the_pin_too() -> None:
    world = hall()
    _, line = dial(world, "anna", "*97")
    assert world.hears(line) == "play:pl/enter-pin"
    keys(world, line, "4711#")
    assert said(listen(world, line, 2.0)) == ["vm-no-messages", "vm-menu"]
    assert all(one.digit not in "4711" for one in world.switch.named("dtmf"))


def test_wrong_pins_lock_the_mailbox_for_strangers_only() -> None:
    world = hall()
    for attempt in range(9):
        if attempt % 3 == 0:
            _, line = dial(world, "bob", "*98anna")
        assert world.hears(line) == "play:pl/enter-pin"
        keys(world, line, "0000#")
        world.run(1.2)
    assert said(listen(world, line, 1.0)) == ["vm-locked"] or line.state == "ended"
    (locked,) = world.switch.named("voicemail.mailbox")
    assert (locked.what, locked.by) == ("locked", "bob")
    world.run(5)
    _, line = dial(world, "bob", "*98anna")
    keys(world, line, "4711#")  # The right one does not help now.
    assert said(listen(world, line, 1.5)) == ["vm-locked"]
    _, own = dial(world, "anna", "*97")
    keys(world, own, "4711#")
    assert said(listen(world, own, 2.0)) == ["vm-no-messages", "vm-menu"]
    world.run(400)
    _, line = dial(world, "bob", "*98anna")
    keys(world, line, "4711#")
    assert "vm-menu" in said(listen(world, line, 2.0))


def test_a_stranger_learns_nothing_of_mailboxes() -> None:
    world = hall(Mailbox("anna", review=False), Mailbox("600", pin="1357"))
    for box in ("600", "777", "anna"):  # There with a PIN, not there, there without one.
        _, line = dial(world, "bob", "*98")
        keys(world, line, f"{box}#" if box.isdigit() else "#")
        heard = []
        for _ in range(3):
            heard += listen(world, line, 1.5)
            keys(world, line, "0000#")
        heard += listen(world, line, 2.0)
        assert [one for one in said(heard) if one in ("pin-wrong", "vm-no-box")] == ["pin-wrong"] * 3


def test_a_new_pin() -> None:
    world = hall()
    _, line = dial(world, "anna", "*97")
    keys(world, line, "4711#")
    world.run(3)
    keys(world, line, "04")
    for refused in ("123#", "1234#", "7777#"):
        keys(world, line, refused)
        world.run(0.5)
        assert world.hears(line) == "play:pl/vm-pin-refused"
        world.run(1.0)
        keys(world, line, "4")
    keys(world, line, "2580#2580#")
    assert world.hears(line) == "play:pl/done"
    pins = boxes(world).pins
    box = world.switch.switch.directory.mailboxes["anna"]
    assert pins.check(box, "4711", True, world.now) == "wrong"
    assert pins.check(box, "2580", True, world.now) == ""
    assert "2580" not in str(boxes(world).export())
    assert world.switch.named("voicemail.mailbox")[0].what == "pin"


# --- greetings -------------------------------------------------------------------------------------------------------


def test_a_greeting_of_ones_own() -> None:
    world = hall(Mailbox("anna", review=False))
    _, line = dial(world, "anna", "*97")
    world.run(3)
    keys(world, line, "01")
    world.run(2.0)
    world.run(3.0)
    world.press(line, "#")
    world.run(0.5)
    assert world.hears(line) == "play:pl/vm-keep-greeting"
    keys(world, line, "2")
    assert world.hears(line).startswith(f"file:{FOLDER}/anna/greetings/unavailable-")
    keys(world, line, "1")
    keys(world, line, "1")
    assert world.hears(line) == "play:pl/done"
    (changed,) = world.switch.named("voicemail.mailbox")
    assert changed.path and changed.what == "unavailable"
    phone, other = dial(world, "bob", "*99anna")
    assert world.hears(other) == f"file:{FOLDER}/{changed.path}"
    phone.hang_up(other)
    world.run(1)
    keys(world, line, "1")
    world.run(5.0)
    world.press(line, "#")
    world.run(0.5)
    keys(world, line, "4")
    (_, back) = world.switch.named("voicemail.mailbox")
    assert (back.path, back.former) == ("", changed.path)
    assert boxes(world).greeting("anna", "unavailable") == ""
    line.phone.hang_up(line)
    world.run(40)
    world.assert_idle()


def test_a_greeting_that_nobody_kept_is_none() -> None:
    world = hall(Mailbox("anna", review=False))
    phone, line = dial(world, "anna", "*97")
    world.run(3)
    keys(world, line, "03")
    world.run(4.0)
    phone.hang_up(line)
    world.run(40)
    assert boxes(world).greeting("anna", "name") == ""
    assert world.switch.named("voicemail.discarded")[0].cause == "hung_up"
    world.assert_idle()
