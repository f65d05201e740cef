"""Phones of many makers, each in its own words: they register, call, are called, hold, type, transfer, and watch lamps."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from softswitch.directory import Mailbox
from tests.sim.dialects import DIALECTS, HOLD_2543, Coding, Dialect, DialectPhone, events
from tests.sim.phone import Behaviour, Line, VirtualPhone
from tests.sim.test_lamps import NAMESPACE
from tests.sim.world import World, account, site

MAKERS = pytest.mark.parametrize("maker", DIALECTS)


class Office:
    """anna has a phone of some make, bob and carl have others."""

    def __init__(self, dialect: Dialect, **more: Any) -> None:
        accounts = {"anna": account("anna", name="Anna")}
        self.world = w = World(
            site("bob", "carl", accounts=accounts, extensions={"echo": "echo"}, **more),
            codecs=("opus", "G722", "PCMA", "PCMU"),
        )
        self.anna = DialectPhone(w, "anna", dialect, Behaviour(answer_after=0.5))
        self.anna.register()
        self.bob, self.carl = w.phone("bob", answer_after=0.5), w.phone("carl", answer_after=0.5)
        w.run(1)

    def answer(self, line: Line) -> str:
        """The description that the switch has given to a line of anna's."""
        bodies = [raw.body.decode() for raw in self.anna.received if raw.get("Call-ID") == line.call_id and raw.body]
        return bodies[-1]

    def talking(self, one: Line, other: VirtualPhone) -> bool:
        w = self.world
        return w.hears(one) == f"bridge:{other.user}" and w.hears(other.lines[-1]) == f"bridge:{one.phone.user}"

    def over(self) -> None:
        """All are hung up, and nothing is left."""
        for phone in (self.anna, self.bob, self.carl):
            for line in phone.lines:
                phone.hang_up(line)
        self.world.run(45)
        self.world.assert_idle()


@MAKERS
def test_it_registers_and_is_bound_to_what_it_said(maker: str) -> None:
    office = Office(DIALECTS[maker])
    assert office.anna.registered
    line = office.bob.call("anna")
    office.world.run(2)
    assert line.state == "up"
    invite = office.anna.lines[-1].invite
    assert invite is not None
    assert invite.start == f"INVITE {office.anna.contact} SIP/2.0", "the contact as it was given, with its parameters"
    office.anna.register(0)
    office.over()
    office.anna.register(0)
    office.world.run(1)
    gone = office.bob.call("anna")
    office.world.run(1)
    assert gone.status == 480


@MAKERS
def test_it_calls(maker: str) -> None:
    """The answer names one codec of its own, by its own number, with telephone-event at the clock of that codec."""
    office = Office(DIALECTS[maker])
    line = office.anna.call("bob")
    office.world.run(2)
    assert line.state == "up" and office.talking(line, office.bob)
    said = office.answer(line)
    offered = {each.number: each for each in DIALECTS[maker].codings}
    chosen, beside = (int(number) for number in re.findall(r"m=audio \d+ RTP/AVP (\d+) (\d+)\r\n", said)[0])
    assert offered[chosen].name in ("PCMA", "PCMU", "G722", "opus") and offered[beside].name == "events"
    clock = 48_000 if offered[chosen].name == "opus" else 8_000
    assert f"a=rtpmap:{beside} telephone-event/{clock}\r\n" in said
    assert "crypto" not in said and "a=sendrecv" in said
    assert len(re.findall("^m=", said, re.M)) == 1 + DIALECTS[maker].other_media.count("m=")
    assert "m=text 0 " in said or not DIALECTS[maker].other_media
    office.over()


@MAKERS
def test_it_is_called(maker: str) -> None:
    office = Office(DIALECTS[maker])
    line = office.bob.call("anna")
    office.world.run(2)
    assert line.state == "up" and office.talking(office.anna.lines[-1], office.bob)
    office.anna.hang_up(office.anna.lines[-1])
    office.world.run(1)
    assert line.state == "ended"
    office.over()


@MAKERS
@pytest.mark.parametrize("incoming", [False, True])
def test_it_holds_and_resumes(maker: str, incoming: bool) -> None:
    """As often as it likes, by whatever way of saying so; the other one hears music, and anna not the other one."""
    office = Office(DIALECTS[maker])
    w, anna, bob = office.world, office.anna, office.bob
    line = bob.call("anna") if incoming else anna.call("bob")
    w.run(2)
    line = anna.lines[-1]
    for _ in range(2):
        anna.put_on_hold(line)
        w.run(1)
        assert w.hears(bob.lines[-1]) == "music:default"
        assert w.hears(line) != "bridge:bob"
        assert "a=recvonly" in office.answer(line) or "a=inactive" in office.answer(line)
        anna.reinvite(line)
        w.run(1)
        assert office.talking(line, bob) and "a=sendrecv" in office.answer(line)
    assert [entry for entry in line.log if entry.startswith("re-INVITE")] == ["re-INVITE 200"] * 4
    office.over()


@MAKERS
def test_it_is_held(maker: str) -> None:
    office = Office(DIALECTS[maker])
    w, line = office.world, office.anna.call("bob")
    w.run(2)
    held = office.bob.lines[-1]
    office.bob.reinvite(held, "sendonly")
    w.run(1)
    assert w.hears(line) == "music:default"
    office.bob.reinvite(held)
    w.run(1)
    assert office.talking(line, office.bob)
    office.over()


@MAKERS
@pytest.mark.parametrize("incoming", [False, True])
def test_it_transfers_blind(maker: str, incoming: bool) -> None:
    office = Office(DIALECTS[maker])
    w, anna, bob = office.world, office.anna, office.bob
    anna.behaviour.leaves = "done"
    line = bob.call("anna") if incoming else anna.call("bob")
    w.run(2)
    line = anna.lines[-1]
    anna.put_on_hold(line)
    anna.refer(line, "carl")  # at once, while the hold is under way
    w.run(4)
    assert "REFER 202" in line.log and line.notified[-1] == (200, "terminated")
    assert line.state == "ended" and office.talking(bob.lines[-1], office.carl)
    office.over()


@MAKERS
def test_it_transfers_after_a_consultation(maker: str) -> None:
    office = Office(DIALECTS[maker])
    w, anna, bob = office.world, office.anna, office.bob
    anna.behaviour.leaves = "done"
    first = anna.call("bob")
    w.run(2)
    anna.put_on_hold(first)
    w.run(1)
    second = anna.call("carl")
    w.run(2)
    assert office.talking(second, office.carl) and w.hears(bob.lines[-1]) == "music:default"
    anna.put_on_hold(second)
    w.run(1)
    anna.refer(first, "carl", consulted=second)
    w.run(2)
    assert "REFER 202" in first.log
    assert office.talking(bob.lines[-1], office.carl)
    assert (first.state, second.state) == ("ended", "ended")
    office.over()


@MAKERS
def test_it_has_keys_with_lamps(maker: str) -> None:
    office = Office(DIALECTS[maker])
    w = office.world
    key = office.anna.watch("bob", expires=1800)
    w.run(1)
    assert key.statuses == [200] and key.lamp() == "idle"
    line = office.carl.call("bob")
    w.run(0.3)
    assert key.lamp() == "early recipient carl"
    w.run(1)
    assert key.lamp() == "confirmed recipient carl"
    office.carl.hang_up(line)
    w.run(1)
    assert key.lamp() == "idle"
    key.subscribe(0)
    w.run(1)
    assert key.state.startswith("terminated")
    office.over()


@MAKERS
@pytest.mark.parametrize("asks", [True, False])
def test_its_lamp_for_messages(maker: str, asks: bool) -> None:
    """Of phones that subscribe to their mailbox, and of those that expect to be told."""
    office = Office(DIALECTS[maker], mailboxes={"anna": Mailbox("anna")})
    w, anna = office.world, office.anna
    accept = {"Event": "message-summary", "Accept": "application/simple-message-summary"}
    key = anna.watch("anna", 1800, **accept) if asks else None
    w.run(5)
    assert key is None or key.statuses == [200]
    heard = key.heard if key is not None else anna.told
    assert heard[-1].get("Event") == "message-summary" and b"Messages-Waiting: no\r\n" in heard[-1].body
    if key is not None:
        key.subscribe(0)
        w.run(1)
    office.over()


@MAKERS
@pytest.mark.parametrize("way", ["**bob", "*8", "Replaces"])
def test_it_answers_what_rings_elsewhere(maker: str, way: str) -> None:
    """By the code that is set for its keys, or with what the lamp has told it of the dialog."""
    office = Office(DIALECTS[maker])
    w, anna = office.world, office.anna
    office.bob.behaviour.answer_after = None
    key = anna.watch("bob")
    caller = office.carl.call("bob")
    w.run(1)
    if way == "Replaces":
        (dialog,) = ET.fromstring(key.heard[-1].body).iter(f"{NAMESPACE}dialog")
        value = f"{dialog.get('call-id')};to-tag={dialog.get('local-tag')};from-tag={dialog.get('remote-tag')}"
        mine = anna.call("bob", headers={"Replaces": f"{value};early-only", "Require": "replaces"})
    else:
        mine = anna.call(way)
    w.run(1)
    assert mine.state == "up" and office.talking(caller, anna)
    assert office.bob.lines[-1].state == "ended" and key.lamp() == "idle"
    office.over()


@MAKERS
@pytest.mark.parametrize("dialled", ["sip:%23002@pbx.test", "sip:%23002@pbx.test;user=phone", "sip:#002@pbx.test"])
def test_codes_with_a_hash(maker: str, dialled: str) -> None:
    """Escaped as it must be in a URI, and as it is where somebody forgot."""
    office = Office(DIALECTS[maker])
    line = office.anna.call("#002", uri=dialled)
    office.world.run(0.5)
    assert line.status == 200
    office.world.run(5)
    assert line.state == "ended"
    office.over()


@MAKERS
@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"), ("application/dtmf-relay", "Signal= 5\nDuration= 160"),
     ("application/dtmf", "5")],
)  # fmt: skip
def test_its_keys_as_info(maker: str, kind: str, body: str) -> None:
    """As each writes it; to a far end that speaks telephone-event they become that."""
    office = Office(DIALECTS[maker])
    w, line = office.world, office.anna.call("bob")
    w.run(2)
    office.anna.in_dialog(line, "INFO", body.encode(), kind)
    w.run(1)
    assert "INFO 200" in line.log
    assert [digits for _, digits in w.worker.digits] == ["5"]
    office.over()


# --- quirks one by one ------------------------------------------------------------------------------------------------

PLAIN = Dialect("Plain", {}, (Coding(8, "PCMA", "PCMA/8000"), events(101)))


def changed(**values: Any) -> Dialect:
    return Dialect(**{**{name: getattr(PLAIN, name) for name in PLAIN.__dataclass_fields__}, **values})


def opened(office: Office, line: Line) -> Any:
    worker, leg = office.world.place(line)
    assert leg is not None
    return worker.ports[leg].opened


@pytest.mark.parametrize(
    ("below", "ptime"),
    [("a=ptime:20\r\n", 20), ("a=ptime:30\r\n", 30), ("a=ptime:10\r\n", 10), ("a=maxptime:20\r\n", 20), ("a=ptime:0\r\n", 20),
     ("a=ptime:twenty\r\n", 20), ("a=ptime:20.0\r\n", 20), ("a=ptime: 20\r\n", 20), ("a=ptime:999999\r\n", 20), ("", 20)],
)  # fmt: skip
def test_packet_times(below: str, ptime: int) -> None:
    office = Office(changed(below=below))
    line = office.anna.call("echo")
    office.world.run(1)
    assert (line.state, line.status) == ("up", 200) and opened(office, line).ptime == ptime
    office.over()


@pytest.mark.parametrize(
    "codings",
    [
        (Coding(8, "PCMA"), events(101)),
        (Coding(8, "PCMA", "PCMA"), events(101)),
        (Coding(8, "PCMA", "PCMA/8000/1"), events(101)),
        (Coding(8, "PCMA", "pcma/8000"), events(101, name="TELEPHONE-EVENT")),
        (Coding(13, "CN"), Coding(8, "PCMA"), events(96, fmtp="0-11,16")),
        (Coding(18, "G729"), Coding(8, "PCMA", "PCMA/8000"), events(101, fmtp="")),
        (events(101), Coding(8, "PCMA", "PCMA/8000")),
    ],
    ids=["static type", "no clock", "one channel", "letters", "noise first", "unknown first", "events first"],
)
def test_ways_to_describe_a_codec(codings: tuple[Coding, ...]) -> None:
    office = Office(changed(codings=codings))
    line = office.anna.call("echo")
    office.world.run(1)
    assert line.state == "up"
    leg = opened(office, line)
    keys = next(each.number for each in codings if each.name == "events")
    assert (leg.codec, leg.payload_type, leg.dtmf_type) == ("PCMA", 8, keys)
    office.over()


def test_events_at_two_clocks_are_those_of_the_codec() -> None:
    both = (events(97, 48_000), events(101))
    for codings, expected in (
        ((Coding(96, "opus", "opus/48000/2"), *both), 97), ((Coding(8, "PCMA", "PCMA/8000"), *both), 101),
        ((Coding(8, "PCMA", "PCMA/8000"), both[1], both[0]), 101), ((Coding(96, "opus", "opus/48000/2"), both[1]), 101),
    ):  # fmt: skip
        office = Office(changed(codings=codings))
        line = office.anna.call("echo")
        office.world.run(1)
        assert line.state == "up" and opened(office, line).dtmf_type == expected
        office.over()


@pytest.mark.parametrize("direction", ["a=sendonly\r\n", "a=inactive\r\n", ""])
def test_old_and_new_ways_to_hold_at_once(direction: str) -> None:
    """The address 0.0.0.0, whatever the direction says beside it: nothing is sent there, and the other one has music."""
    office = Office(changed(hold=HOLD_2543, below=direction))
    w = office.world
    line = office.bob.call("anna")
    w.run(2)
    office.anna.put_on_hold(office.anna.lines[-1])
    w.run(1)
    assert w.hears(line) == "music:default"
    assert not any(port.opened.host == HOLD_2543 for port in w.worker.ports.values())
    office.over()


@pytest.mark.parametrize("where", ["before", "after"])
def test_media_that_we_do_not_speak_are_refused_in_their_place(where: str) -> None:
    video = "m=video 4010 RTP/AVP 96 97\r\na=rtpmap:96 H264/90000\r\na=rtpmap:97 VP8/90000\r\na=sendrecv\r\n"
    text = "m=text 4002 RTP/AVP 98\r\na=rtpmap:98 t140/1000\r\n"
    image = "m=image 4020 udptl t38\r\na=T38FaxVersion:0\r\n"
    dialect = changed(other_media=text + video + image) if where == "after" else changed(first_media=video)
    office = Office(dialect)
    line = office.anna.call("bob")
    office.world.run(2)
    kinds = [kind for kind, port in re.findall(r"^m=(\w+) (\d+)", office.answer(line), re.M) if port == "0"]
    assert kinds == (["text", "video", "image"] if where == "after" else ["video"])
    assert line.state == "up" and office.talking(line, office.bob)
    for _ in range(2):  # and so in every answer that follows
        office.anna.put_on_hold(line)
        office.world.run(1)
        office.anna.reinvite(line)
        office.world.run(1)
    assert [kind for kind, port in re.findall(r"^m=(\w+) (\d+)", office.answer(line), re.M) if port == "0"] == kinds
    office.over()
