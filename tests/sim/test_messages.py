"""Text between accounts: to every phone of the one that it is for, under the sender's own name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from softswitch.call import messages
from tests.sim.phone import VirtualPhone
from tests.sim.text import Raw, md5_challenge
from tests.sim.world import World, site


class Writer(VirtualPhone):
    """A phone that writes and reads. `takes`: what it answers; 0: nothing."""

    takes = 200

    def write(self, to: str, text: str = "Hello", **headers: str) -> list[int]:
        """Send a message; the answers are added to what is returned."""
        answers: list[int] = []
        call_id, uri = self.fresh("m"), to if to.startswith("sip:") else f"sip:{to}@{World.domain}"

        def attempt(cseq: int, credentials: str) -> None:
            lines = {
                "From": f'"Somebody Else" <sip:boss@{World.domain}>;tag={call_id}', "To": f"<{uri}>", "Call-ID": call_id,
                "CSeq": f"{cseq} MESSAGE", "Content-Type": "text/plain",
            } | headers  # fmt: skip
            if credentials:
                lines["Authorization"] = credentials
            self.request("MESSAGE", uri, lines, text.encode(), done=lambda raw: answered(cseq, raw))

        def answered(cseq: int, raw: Raw | None) -> None:
            if raw is not None and raw.status == 401 and cseq == 1:
                attempt(2, self.credentials(md5_challenge(raw), "MESSAGE", uri))
            elif raw is not None:
                answers.append(raw.status)

        attempt(1, "")
        return answers

    @property
    def read(self) -> list[Raw]:
        return self.__dict__.setdefault("_read", [])

    def requested(self, raw: Raw, method: str) -> None:
        if not raw.start.startswith("MESSAGE "):
            super().requested(raw, method)
            return
        if not any(one.branch == raw.branch for one in self.read):
            self.read.append(raw)
        if self.takes:
            self.respond(raw, self.takes, tag=self.fresh("t"))


def writer(w: World, user: str) -> Writer:
    index = len(w.phones) + 1
    phone = Writer(w, user, f"secret-{user}", f"198.51.100.{index}", 5060 + index)
    phone.register()
    w.run(1)
    return phone


def world() -> World:
    return World(site("anna", "bob", extensions={"500": "echo", "501": "extension:bob"}))


def test_every_phone_of_the_account_gets_it_under_the_senders_own_name() -> None:
    w = world()
    anna, first, second = writer(w, "anna"), writer(w, "bob"), writer(w, "bob")
    answers = anna.write("bob", "Zażółć", Subject="x" * 30, Route="<sip:evil.example;lr>")
    w.run(1)
    assert answers == [200]
    for phone in (first, second):
        (raw,) = phone.read
        assert raw.body.decode() == "Zażółć"
        assert raw.get("From").startswith('"Anna" <sip:anna@pbx.test>') or "<sip:anna@pbx.test>" in raw.get("From")
        assert "boss" not in "".join(raw.all("From")) and raw.get("Route") == ""
        assert (raw.get("Content-Type"), raw.get("Subject")) == ("text/plain", "x" * 30)
    w.run(40)
    w.switch.assert_idle()


@pytest.mark.parametrize(
    ("takes", "status"), [((486, 200), 200), ((486, 415), 415), ((0, 200), 200), ((407, 302), 480)]
)
def test_one_phone_is_enough(takes: tuple[int, int], status: int) -> None:
    w = world()
    anna = writer(w, "anna")
    for answer in takes:
        writer(w, "bob").takes = answer
    answers = anna.write("bob")
    w.run(40)
    assert answers == [status]
    w.run(40)
    w.switch.assert_idle()


@pytest.mark.parametrize(
    ("to", "status"),
    [("bob", 202), ("501", 202), ("nobody", 404), ("500", 404), ("sip:bob@elsewhere.example", 403)],
)
def test_who_cannot_be_reached(to: str, status: int) -> None:
    w = world()
    anna = writer(w, "anna")
    answers = anna.write(to)
    w.run(1)
    assert answers == [status]


def test_strangers_write_nothing() -> None:
    w = world()
    bob = writer(w, "bob")
    stranger = Writer(w, "anna", "wrong", "198.51.100.99", 5060)
    answers = stranger.write("bob")
    w.run(1)
    assert answers == [401] and bob.read == []


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "BURST", 3)
    w = world()
    anna, bob = writer(w, "anna"), writer(w, "bob")
    many = [anna.write("bob") for _ in range(5)]
    w.run(1)
    assert sorted(many) == [[200], [200], [200], [503], [503]]
    w.run(10)
    long = anna.write("bob", "x" * (messages.MAX_BODY + 1))
    fits = anna.write("bob", "x" * messages.MAX_BODY)
    w.run(1)
    assert (long, fits) == ([513], [200])
    assert len(bob.read) == 4


def test_who_is_away_while_it_is_sent() -> None:
    w = world()
    anna, bob = writer(w, "anna"), writer(w, "bob")
    state: Any = w.switch.switch
    anna.write("bob")
    w.run(1)
    assert (state.postman.delivered, state.postman.failed, len(bob.read)) == (1, 0, 1)


# --- for who is not there --------------------------------------------------------------------------------------------


def test_a_text_waits_for_a_phone() -> None:
    w = world()
    anna = writer(w, "anna")
    assert anna.write("bob", "one") == anna.write("bob", "two", Date="Sat, 21 Nov 2026 10:00:00 GMT") == []
    w.run(1)
    assert [one.target for one in w.switch.named("text.stored")] == ["bob", "bob"]
    w.run(3_600)
    bob = writer(w, "bob")
    w.run(5)
    assert [raw.body.decode() for raw in bob.read] == ["one", "two"]
    assert bob.read[0].get("Date").endswith("GMT") and bob.read[1].get("Date") == "Sat, 21 Nov 2026 10:00:00 GMT"
    assert "<sip:anna@pbx.test>" in bob.read[0].get("From")
    assert len(w.switch.named("text.delivered")) == 2 and len(depot(w)) == 0
    w.run(40)
    w.switch.assert_idle()


def depot(w: World) -> Any:
    return w.switch.switch.postman.depot


def test_a_text_that_a_phone_cannot_take_now_is_tried_again() -> None:
    w = world()
    anna = writer(w, "anna")
    anna.write("bob", "one")
    w.run(1)
    bob = writer(w, "bob")
    bob.takes = 480
    w.run(5)
    assert len(depot(w)) == 1
    bob.takes = 200
    other = writer(w, "bob")
    w.run(5)
    assert len(depot(w)) == 0 and other.read[-1].body == b"one"


def test_a_text_that_is_refused_for_good_is_dropped() -> None:
    w = world()
    anna = writer(w, "anna")
    anna.write("bob", "one")
    w.run(1)
    bob = writer(w, "bob")
    bob.takes = 415
    w.run(5)
    assert [one.cause for one in w.switch.named("text.dropped")] == ["415"] and len(depot(w)) == 0


def test_a_text_has_an_end() -> None:
    w = world()
    anna = writer(w, "anna")
    soon, never = anna.write("bob", "one", Expires="60"), anna.write("bob", "two", Expires="0")
    w.run(1)
    assert (soon, never) == ([202], [480])
    w.run(70)
    assert [one.cause for one in w.switch.named("text.dropped")] == ["expired"]
    bob = writer(w, "bob")
    w.run(5)
    assert bob.read == [] and depot(w).next_deadline() is None


def test_there_is_room_for_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softswitch.call.depot.PER_ACCOUNT", 2)
    w = world()
    anna = writer(w, "anna")
    answers = [anna.write("bob") for _ in range(3)]
    w.run(1)
    assert sorted(answers) == [[202], [202], [480]]
    monkeypatch.setattr("softswitch.call.depot.OCTETS", 10)
    assert not depot(w).put("anna", "", "carl", "", b"x" * 10, 60.0, w.now)


def test_texts_outlive_a_restart() -> None:
    w = world()
    anna = writer(w, "anna")
    anna.write("bob", "one")
    w.run(1)
    kept = json.loads(json.dumps(depot(w).export()))
    other = world()
    bob = writer(other, "bob")
    depot(other).load(kept, other.now)
    other.run(5)
    assert [raw.body for raw in bob.read] == [b"one"]
    depot(other).put("anna", "", "carl", "", b"x", 60.0, other.now)
    assert depot(other).export()[0][0] == kept[0][0] + 1
