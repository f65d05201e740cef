"""Message waiting (RFC 3842): phones that subscribe, and phones that are told all the same; in virtual time."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.call.summary import summary
from softswitch.directory import Mailbox
from tests.sim.test_lamps import Watcher
from tests.sim.text import Raw
from tests.sim.voicemail import boxes, hall, take
from tests.sim.world import World, account

PACKAGE = {"Event": "message-summary", "Accept": "application/simple-message-summary"}


class Told(Watcher):
    """A phone that notes what it is told without having asked. `answer`: what it says to that."""

    answer = 200

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.keys: list[Any] = []
        self.told: list[tuple[float, Raw]] = []

    def requested(self, raw: Raw, method: str) -> None:
        if raw.start.startswith("NOTIFY ") and not any(key.call_id == raw.get("Call-ID") for key in self.keys):
            if raw.get("Event") == "message-summary":
                self.told.append((self.world.now, raw))
            if self.answer:
                self.respond(raw, self.answer, tag=self.fresh("t"))
            return
        super().requested(raw, method)


def phone(world: World, user: str = "anna", answer: int = 200) -> Told:
    index = len(world.phones) + 1
    found = Told(world, user, f"secret-{user}", f"198.51.100.{index}", 5060 + index)
    found.answer = answer
    found.register()
    return found


def counts(raw: Raw) -> str:
    found = re.search(rb"Voice-Message: (\S+ \S+)", raw.body)
    assert found is not None
    return found[1].decode()


# --- subscriptions ---------------------------------------------------------------------------------------------------


def test_a_subscriber_is_told_of_every_change() -> None:
    world = hall(Mailbox("anna", review=False))
    anna = phone(world)
    world.run(0.5)
    key = anna.watch("anna", 600, **PACKAGE)
    world.run(5)
    assert key.statuses == [200] and len(key.heard) == 1
    assert key.heard[0].body == (
        b"Messages-Waiting: no\r\nMessage-Account: sip:*97@pbx.test\r\nVoice-Message: 0/0 (0/0)\r\n"
    )
    assert key.heard[0].get("Content-Type") == "application/simple-message-summary"
    assert key.answers[0].get("Allow-Events") == "dialog, presence, message-summary"
    take(world)
    assert counts(key.heard[-1]) == "1/0 (0/0)" and b"Messages-Waiting: yes" in key.heard[-1].body
    (message,) = boxes(world).inbox("anna")
    for what, wanted in (("hear", "0/1 (0/0)"), ("delete", "0/0 (0/0)"), ("restore", "0/1 (0/0)")):
        arguments = (message, "anna", world.now) if what == "delete" else (message, "anna")
        getattr(boxes(world), what)(*arguments)
        world.switch.settle(world.now)
        world.run(0.5)
        assert counts(key.heard[-1]) == wanted
    assert anna.told == []  # It has subscribed: nothing comes twice.
    key.subscribe(0)
    world.run(60)
    world.switch.assert_idle()


@pytest.mark.parametrize(
    ("who", "user", "status"),
    [
        ("anna", "anna", 200), ("anna", "*97", 200), ("bob", "bob", 404), ("bob", "anna", 404), ("bob", "team", 200),
        ("carl", "team", 200), ("carl", "carl", 200), ("anna", "team", 404), ("anna", "nobody", 404),
    ],
)  # fmt: skip
def test_who_may_ask_for_which_mailbox(who: str, user: str, status: int) -> None:
    accounts = {"bob": account("bob", mailboxes=("team",)), "carl": account("carl", mailbox="team")}
    world = hall(Mailbox("anna"), Mailbox("team"), accounts=accounts)
    watcher = phone(world, who)
    world.run(0.5)
    key = watcher.watch(user, 600, **PACKAGE)
    world.run(1)
    assert key.statuses == [status]
    if (who, user) == ("bob", "team"):
        assert b"Message-Account: sip:*98team@pbx.test\r\n" in key.heard[0].body


# --- unsolicited -----------------------------------------------------------------------------------------------------


def test_a_phone_that_does_not_ask_is_told_a_moment_after_it_registered() -> None:
    world = hall(Mailbox("anna", review=False))
    anna, began = phone(world), world.now
    world.run(5)
    ((at, raw),) = anna.told
    assert at - began >= 1.0 and counts(raw) == "0/0 (0/0)"
    assert raw.get("Subscription-State") == "active" and raw.get("To").startswith("<sip:anna@pbx.test>")
    take(world)
    assert [counts(one) for _, one in anna.told] == ["0/0 (0/0)", "1/0 (0/0)"]
    anna.register()
    world.run(5)
    assert len(anna.told) == 2  # A refresh is no news.
    world.run(60)
    world.switch.assert_idle()


@pytest.mark.parametrize("mwi", ["subscribe", "off"])
def test_who_wants_none_gets_none(mwi: str) -> None:
    world = hall(Mailbox("anna", review=False), accounts={"anna": account("anna", mwi=mwi)})
    anna = phone(world)
    world.run(5)
    take(world)
    assert anna.told == []


def test_without_a_mailbox_there_is_nothing_to_tell() -> None:
    world = hall()
    bob = phone(world, "bob")
    world.run(5)
    assert bob.told == []


@pytest.mark.parametrize("answer", [489, 481, 405])
def test_a_phone_that_does_not_take_it_is_left_alone(answer: int) -> None:
    world = hall(Mailbox("anna", review=False))
    anna = phone(world, answer=answer)
    world.run(5)
    assert len(anna.told) == 1
    take(world)
    assert len(anna.told) == 1


def test_what_changes_while_it_is_told_is_told_then() -> None:
    world = hall(Mailbox("anna", review=False))
    anna = phone(world)
    world.run(5)
    anna.answer = 0
    take(world)
    assert counts(anna.told[-1][1]) == "1/0 (0/0)"
    (message,) = boxes(world).inbox("anna")
    boxes(world).hear(message, "anna")
    world.switch.settle(world.now)
    anna.answer = 200
    world.run(10)
    assert counts(anna.told[-1][1]) == "0/1 (0/0)"
    world.run(60)
    world.switch.assert_idle()


def test_after_a_restart_everybody_is_told() -> None:
    world = hall(Mailbox("anna", review=False))
    anna = phone(world)
    world.run(5)
    world.kill()
    world.run(1)
    world.restart()
    world.run(40)
    assert len(anna.told) == 2


def test_a_site_that_changes() -> None:
    world = hall(Mailbox("anna", review=False))
    anna = phone(world)
    world.run(5)
    switch = world.switch.switch
    switch.configure(replace(switch.directory, mailboxes={}), world.now)
    boxes(world).purge([], "erased")
    anna.register()
    world.run(5)
    assert len(anna.told) == 1


# --- the body --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.from_regex(r"sip:[a-z0-9*]{1,20}@[a-z.]{1,30}", fullmatch=True))
def test_the_body_is_what_the_standard_draws(new: int, old: int, uri: str) -> None:
    body = summary(new, old, uri).decode("ascii")
    lines = body.split("\r\n")
    assert lines[-1] == "" and len(lines) == 4
    assert lines[0] == f"Messages-Waiting: {'yes' if new else 'no'}"
    assert lines[1] == f"Message-Account: {uri}"
    # RFC 3842 section 5.2: msg-summary-line = message-context-class HCOLON newmsgs SLASH oldmsgs [LPAREN ... RPAREN]
    found = re.fullmatch(r"Voice-Message: ([0-9]+)/([0-9]+) \(([0-9]+)/([0-9]+)\)", lines[2])
    assert found is not None and [int(one) for one in found.groups()] == [new, old, 0, 0]
