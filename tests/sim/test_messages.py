"""Text between accounts: to every phone of the one that it is for, under the sender's own name."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.call import messages
from tests.sim.phone import Raw, VirtualPhone, md5_challenge
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

    def _request(self, raw: Raw) -> None:
        if not raw.start.startswith("MESSAGE "):
            super()._request(raw)
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
    [("bob", 480), ("501", 480), ("nobody", 404), ("500", 404), ("sip:bob@elsewhere.example", 403)],
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
