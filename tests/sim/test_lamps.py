"""Keys with lamps: phones subscribe to accounts, agents and queues, and are told what becomes of them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest

from softswitch.directory import Agent, Membership, Queue
from softswitch.effects import AgentCommand
from softswitch.sip import subscription
from tests.sim.phone import VirtualPhone
from tests.sim.text import Raw, md5_challenge, tag_of, uri_of
from tests.sim.world import World, site

NAMESPACE = "{urn:ietf:params:xml:ns:dialog-info}"


class Watcher(VirtualPhone):
    """A phone with keys. `takes`: what it answers to a NOTIFY; 0: nothing."""

    takes = 200

    def watch(self, user: str, expires: int | None = 600, **headers: str) -> Key:
        key = Key(self, user, headers)
        key.subscribe(expires)
        self.keys = [*getattr(self, "keys", []), key]
        return key

    def requested(self, raw: Raw, method: str) -> None:
        if not raw.start.startswith("NOTIFY "):
            super().requested(raw, method)
            return
        for key in self.keys:
            if key.call_id == raw.get("Call-ID") and f"tag={key.tag}" in raw.get("To"):
                key.notified(raw)
                return
        self.respond(raw, 481)


class Key:
    """One subscription of a watcher."""

    def __init__(self, phone: Watcher, user: str, headers: dict[str, str]) -> None:
        self.phone, self.user, self.headers = phone, user, headers
        self.call_id, self.tag, self.cseq = phone.fresh("s"), phone.fresh("t"), 0
        self.statuses: list[int] = []
        self.answers: list[Raw] = []
        self.heard: list[Raw] = []
        self.remote, self.target = f"<sip:{user}@{World.domain}>", f"sip:{user}@{World.domain}"

    def subscribe(self, expires: int | None, credentials: str = "", method: str = "SUBSCRIBE") -> None:
        self.cseq += 1
        headers = {
            "From": f"<sip:{self.phone.user}@{World.domain}>;tag={self.tag}", "To": self.remote, "Call-ID": self.call_id,
            "CSeq": f"{self.cseq} {method}", "Contact": f"<{self.phone.contact}>", "Event": "dialog",
        } | self.headers  # fmt: skip
        if expires is not None:
            headers["Expires"] = str(expires)
        if credentials:
            headers["Authorization"] = credentials

        def answered(raw: Raw | None) -> None:
            assert raw is not None
            if raw.status == 401:
                self.subscribe(expires, self.phone.credentials(md5_challenge(raw), "SUBSCRIBE", self.target))
                return
            self.statuses.append(raw.status)
            self.answers.append(raw)
            if raw.status == 200:
                self.remote, self.target = raw.get("To"), uri_of(raw.get("Contact"))

        self.phone.request(method, self.target, headers, done=answered)

    def notified(self, raw: Raw) -> None:
        if not self.heard or self.heard[-1].cseq != raw.cseq:
            self.heard.append(raw)
        if self.phone.takes:
            self.phone.respond(raw, self.phone.takes)

    @property
    def state(self) -> str:
        return self.heard[-1].get("Subscription-State")

    def lamp(self) -> str:
        """`idle`, or the states of all dialogs as `state direction other`."""
        root = ET.fromstring(self.heard[-1].body)
        assert root.tag == f"{NAMESPACE}dialog-info" and root.get("state") == "full"
        shown = []
        for dialog in root.iter(f"{NAMESPACE}dialog"):
            state = dialog.findtext(f"{NAMESPACE}state")
            other = dialog.findtext(f"{NAMESPACE}remote/{NAMESPACE}identity") or ""
            if state != "terminated":
                shown.append(
                    f"{state} {dialog.get('direction')} {other.removeprefix('sip:').partition('@')[0]}".strip()
                )
        return ", ".join(shown) or "idle"


def world(**more: Any) -> World:
    return World(site("anna", "bob", "carol", **more))


def watcher(w: World, user: str = "carol") -> Watcher:
    index = len(w.phones) + 1
    phone = Watcher(w, user, f"secret-{user}", f"198.51.100.{index}", 5060 + index)
    phone.register()
    w.run(1)
    return phone


def test_a_lamp_follows_a_call() -> None:
    w = world()
    anna, _ = w.phone("anna"), w.phone("bob", answer_after=2.0)
    carol = watcher(w)
    keys = {user: carol.watch(user) for user in ("anna", "bob")}
    w.run(1)
    assert [key.lamp() for key in keys.values()] == ["idle", "idle"]
    assert keys["anna"].statuses == [200] and keys["anna"].state == "active;expires=600"
    line = anna.call("bob")
    w.run(1)
    assert keys["bob"].lamp() == "early recipient anna"
    assert keys["anna"].lamp() in ("trying initiator bob", "early initiator bob")
    w.run(2)
    assert keys["bob"].lamp() == "confirmed recipient anna"
    assert keys["anna"].lamp() == "confirmed initiator bob"
    anna.hang_up(line)
    w.run(1)
    assert [key.lamp() for key in keys.values()] == ["idle", "idle"]
    for key in keys.values():
        versions = [int(ET.fromstring(raw.body).get("version") or -1) for raw in key.heard]
        assert versions == list(range(len(versions)))
        assert {raw.get("Event") for raw in key.heard} == {"dialog"}
        assert {raw.get("Content-Type") for raw in key.heard} == {"application/dialog-info+xml"}


def test_changes_wait_for_the_answer_to_the_last_notify() -> None:
    w = world()
    anna, _ = w.phone("anna"), w.phone("bob", answer_after=0.01)
    carol = watcher(w)
    key = carol.watch("bob")
    w.run(1)
    carol.takes = 0
    line = anna.call("bob")
    w.run(3)
    anna.hang_up(line)
    w.run(1)
    count = len(key.heard)
    carol.takes = 200
    w.run(10)
    assert len(key.heard) == count + 1 and key.lamp() == "idle"


def test_a_subscription_is_renewed_and_ended_by_the_phone() -> None:
    w = world()
    carol = watcher(w)
    key = carol.watch("anna", 300)
    w.run(200)
    key.subscribe(300)
    w.run(200)
    assert key.statuses == [200, 200] and len(w.switch.switch.notifier) == 1
    key.subscribe(0)
    w.run(1)
    assert key.state == "terminated;reason=timeout" and len(w.switch.switch.notifier) == 0
    key.subscribe(300)
    w.run(1)
    assert key.statuses[-1] == 481
    w.run(100)
    w.switch.assert_idle()


def test_it_ends_by_itself() -> None:
    w = world()
    key = watcher(w).watch("anna", 100)
    w.run(99)
    assert key.state.startswith("active")
    w.run(2)
    assert key.state == "terminated;reason=timeout"
    assert len(w.switch.switch.notifier) == 0


def test_a_fetch_is_one_notify() -> None:
    w = world()
    key = watcher(w).watch("anna", 0)
    w.run(1)
    assert key.statuses == [200] and len(key.heard) == 1 and key.lamp() == "idle"
    assert key.state == "terminated;reason=timeout"


@pytest.mark.parametrize("takes", [481, 500, 0])
def test_who_takes_no_notify_is_forgotten(takes: int) -> None:
    w = world()
    carol = watcher(w)
    carol.takes = takes
    carol.watch("anna")
    w.run(40)
    assert len(w.switch.switch.notifier) == 0
    w.run(100)
    w.switch.assert_idle()


@pytest.mark.parametrize(
    ("user", "expires", "headers", "status", "says"),
    [
        ("nobody", 600, {}, 404, ""),
        ("anna", 600, {"Event": "weather"}, 489, "Allow-Events: dialog, presence, message-summary"),
        ("anna", 600, {"Event": ""}, 400, ""),
        ("anna", 5, {}, 423, "Min-Expires: 60"),
        ("anna", 600, {"Accept": "text/plain"}, 406, "Accept: application/dialog-info+xml"),
        ("anna", 600, {"Accept": "text/plain, application/*"}, 200, "Expires: 600"),
        ("anna", 600, {"Event": "dialog;id=7;other=x"}, 200, ""),
        ("anna", None, {}, 200, "Expires: 3600"),
        ("anna", 99_999, {}, 200, "Expires: 7200"),
        ("anna", 600, {"Expires": "many"}, 400, ""),
    ],
)
def test_answers(user: str, expires: int | None, headers: dict[str, str], status: int, says: str) -> None:
    w = world()
    key = watcher(w).watch(user, None if "Expires" in headers else expires, **headers)
    w.run(1)
    assert key.statuses == [status]
    if says:
        name, _, value = says.partition(": ")
        assert key.answers[0].get(name) == value
    if "id=7" in headers.get("Event", ""):
        assert key.heard[0].get("Event") == "dialog;id=7"


def test_strangers_see_nothing() -> None:
    w = world()
    stranger = Watcher(w, "carol", "wrong", "198.51.100.99", 5060)
    key = stranger.watch("anna")
    w.run(1)
    assert 200 not in key.statuses and key.heard == [] and len(w.switch.switch.notifier) == 0


def test_one_account_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "PER_ACCOUNT", 3)
    w = world()
    carol = watcher(w)
    keys = [carol.watch("anna") for _ in range(4)]
    w.run(1)
    assert [key.statuses for key in keys] == [[200], [200], [200], [503]]
    keys[0].subscribe(0)
    w.run(1)
    again = carol.watch("anna")
    w.run(1)
    assert again.statuses == [200]


def test_an_account_that_is_removed_is_told_nothing_more() -> None:
    w = world()
    key = watcher(w).watch("anna")
    w.run(1)
    directory = w.switch.switch.directory
    accounts = {user: one for user, one in directory.accounts.items() if user != "carol"}
    w.switch.switch.configure(replace(directory, accounts=accounts), w.now)
    w.switch.settle(w.now)
    w.run(1)
    assert key.state == "terminated;reason=rejected"


def test_lamps_of_agents_and_queues() -> None:
    w = world(
        queues={"sales": Queue("sales", members=(Membership("robert"),))},
        agents={"robert": Agent("robert", device="bob")},
        extensions={"800": "queue:sales"},
    )
    anna, _ = w.phone("anna"), w.phone("bob", answer_after=2.0)
    carol = watcher(w)
    keys = {user: carol.watch(user) for user in ("sales", "800")}
    agent, phone = carol.watch("robert"), carol.watch("bob")
    w.run(1)
    assert [key.lamp() for key in keys.values()] == ["idle", "idle"]
    assert agent.lamp() == "confirmed recipient"  # not logged in: not to be had
    line = anna.call("800")
    w.run(1)
    assert [key.lamp() for key in keys.values()] == ["confirmed recipient sales"] * 2
    assert b"1 waiting" in keys["sales"].heard[-1].body
    w.switch.switch.agent_command(AgentCommand("robert", "login", device="bob", actor="test"), w.now)
    w.switch.settle(w.now)
    w.run(4)
    assert (phone.lamp(), agent.lamp()) == ("confirmed recipient anna", "confirmed recipient")
    assert [key.lamp() for key in keys.values()] == ["idle", "idle"]
    anna.hang_up(line)
    w.run(40)
    assert (phone.lamp(), agent.lamp()) == ("idle", "idle")


def test_garbage_in_the_dialog() -> None:
    w = world()
    carol = watcher(w)
    key = carol.watch("anna")
    w.run(1)
    key.subscribe(600, method="MESSAGE")
    w.run(1)
    assert key.statuses[-1] in (405, 481)
    key.headers = {"Event": "presence"}
    key.subscribe(600)
    w.run(1)
    assert key.statuses[-1] == 489
    assert tag_of(key.remote)
    assert len(w.switch.switch.notifier) == 1
