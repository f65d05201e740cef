"""Calls that come in by a trunk: which number of ours is meant, who calls, and that nothing else can be reached."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.directory import Queue
from softswitch.outside import Trunk
from tests.sim.provider import Provider, outside, trunk
from tests.sim.world import World, site

DIDS = {"+48221234567": "extension:bob", "+48221234568": "queue:sales", "22 123 45 69": "echo"}


def world(config: Trunk | None = None, **more: Any) -> tuple[World, Provider]:
    config = config or trunk(dids=DIDS)
    w = World(site("anna", "bob", "carl", queues={"sales": Queue("sales")}, **outside(config, **more)))
    return w, Provider(w)


@pytest.mark.parametrize("spelling", ["+48221234567", "48221234567", "0048221234567", "221234567", "22-123-45-67"])
def test_a_number_of_ours_rings_whatever_its_spelling(spelling: str) -> None:
    w, provider = world()
    bob = w.phone("bob")
    w.run(1)
    line = provider.dial_in(spelling)
    w.run(2)
    assert line.state == "up"
    assert bob.lines[0].invite is not None
    assert bob.lines[0].invite.get("From").startswith("<sip:+48601000111@pbx.test>")
    started = w.switch.named("call.created")[0]
    assert (started.trunk, started.account, started.caller) == ("provider", "", "+48601000111")
    assert started.dialled == "+48221234567"
    provider.hang_up(line)
    w.run(40)
    ended = w.switch.named("call.ended")[0]
    assert (ended.outcome, ended.trunk) == ("answered", "provider")
    w.assert_idle()


def test_a_queue_and_a_flow_take_calls_from_outside() -> None:
    w, provider = world()
    w.run(1)
    waiting, echo = provider.dial_in("+48221234568"), provider.dial_in("+48221234569")
    w.run(3)
    assert (w.hears(waiting), w.hears(echo)) == ("music:default", "echo")
    assert w.switch.queues.snapshot(w.now)["queues"]["sales"]["callers"][0]["number"] == "+48601000111"


def test_the_number_may_stand_in_other_headers() -> None:
    w, provider = world(trunk(dids=DIDS, user="acct77"))
    w.phone("bob")
    w.run(1)
    here = "sip:acct77@192.0.2.1:5060"
    by_to = provider.dial_in("+48221234567", uri=here)
    by_header = provider.dial_in("acct77", uri=here, headers={"P-Called-Party-ID": "<sip:+48221234569@ims>"})
    w.run(3)
    assert (by_to.state, by_header.state) == ("up", "up")
    assert w.hears(by_header) == "echo"


def test_the_place_of_the_number_can_be_told() -> None:
    w, provider = world(trunk(dids=DIDS, did_from="to"))
    w.run(1)
    line = provider.dial_in("+48221234569", uri="sip:+48221234567@192.0.2.1:5060")
    w.run(2)
    assert w.hears(line) == "echo"


def test_what_is_no_number_of_ours_has_its_own_destination_or_none() -> None:
    w, provider = world()
    line = provider.dial_in("+48229999999")
    w.run(1)
    assert (line.state, line.status) == ("ended", 404)
    w, provider = world(trunk(dids=DIDS, default="echo"))
    w.run(1)
    line = provider.dial_in("+48229999999")
    w.run(2)
    assert w.hears(line) == "echo"


@pytest.mark.parametrize(
    "target",
    ["anna", "bob", "112", "+48501000222", "0048501000222", "*30", "810", "outside:+48501000222", "extension:bob", "queue:sales",
     "+882123456", "bob%40other.example", "+48501000222;phone-context=x", "..", "%2B48501000222"],
)  # fmt: skip
@pytest.mark.parametrize("host", ["192.0.2.1:5060", "pbx.test", "203.0.113.10", "evil.example"])
def test_nothing_else_can_be_reached_by_it(target: str, host: str) -> None:
    """S5: a trunk is no way to the outside, to accounts or to feature codes."""
    w, provider = world()
    phones = [w.phone("anna"), w.phone("bob")]
    w.run(1)
    line = provider.dial_in("x", uri=f"sip:{target}@{host}")
    w.run(3)
    assert line.state == "ended" and line.status in (400, 403, 404, 416)
    assert not provider.invites and not any(phone.lines for phone in phones)


@pytest.mark.parametrize("headers", [
    {"Route": "<sip:198.51.100.99;lr>"}, {"To": "<sip:+48501000222@203.0.113.10>;tag=made-up"},
    {"Refer-To": "<sip:+48501000222@pbx.test>"}, {"Replaces": "a;to-tag=b;from-tag=c"},
])  # fmt: skip
def test_a_stranger_reaches_nothing_at_all(headers: dict[str, str]) -> None:
    w, provider = world()
    stranger = Provider(w, "198.51.100.77")
    w.phone("bob")
    w.run(1)
    for number in ("+48221234567", "+48501000222", "bob"):
        line = stranger.dial_in(number, headers=headers)
        w.run(2)
        assert line.state == "ended" and line.status in (401, 481)
    assert not provider.invites


def test_further_addresses_of_a_provider_are_named() -> None:
    w, _ = world(trunk(dids=DIDS, accept=("198.51.100.64/28", "2001:db8:77::5")))
    w.phone("bob", 5061)
    inside, outside_ = Provider(w, "198.51.100.77"), Provider(w, "198.51.100.81")
    w.run(1)
    good, bad = inside.dial_in("+48221234567"), outside_.dial_in("+48221234567", "+48601000222")
    w.run(2)
    assert good.state == "up"
    assert bad.status == 401


def test_a_phone_at_the_address_of_a_trunk_is_known_by_its_password() -> None:
    w, provider = world()
    anna = w.phone("anna")
    anna.address = (provider.address[0], 5099)
    w.attach(anna)
    w.phone("bob")
    anna.register()
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert line.state == "up"
    assert w.switch.named("call.created")[0].account == "anna"


def test_who_calls_is_what_a_trusted_provider_asserts() -> None:
    w, provider = world()
    bob = w.phone("bob")
    w.run(1)
    provider.dial_in("+48221234567", headers={"P-Asserted-Identity": '"Jan Kowalski" <sip:0601222333@ims.example>'})
    w.run(2)
    assert bob.lines[0].invite.get("From").startswith('"Jan Kowalski" <sip:+48601222333@pbx.test>')  # type: ignore[union-attr]
    assert bob.lines[0].invite.get("P-Asserted-Identity") == ""  # type: ignore[union-attr]


def test_what_an_untrusted_one_asserts_is_nothing() -> None:
    w, provider = world(trunk(dids=DIDS, trusted=False))
    bob = w.phone("bob")
    w.run(1)
    provider.dial_in(
        "+48221234567",
        headers={
            "P-Asserted-Identity": "<sip:+48800100200@x>", "Remote-Party-ID": "<sip:+48800100200@x>",
            "Diversion": "<sip:+48221234567@x>;reason=no-answer",
        },
    )  # fmt: skip
    w.run(2)
    assert bob.lines[0].invite.get("From").startswith("<sip:+48601000111@pbx.test>")  # type: ignore[union-attr]
    assert bob.lines[0].invite.get("Diversion") == ""  # type: ignore[union-attr]


@pytest.mark.parametrize("headers", [
    {"P-Asserted-Identity": "<sip:+48601222333@x>", "Privacy": "id"},
    {"Remote-Party-ID": "<sip:+48601222333@x>;privacy=full"},
    {"P-Asserted-Identity": "<sip:anonymous@anonymous.invalid>"},
])  # fmt: skip
def test_a_caller_who_hides_is_hidden(headers: dict[str, str]) -> None:
    w, provider = world()
    bob = w.phone("bob")
    w.run(1)
    provider.dial_in("+48221234567", headers=headers)
    w.run(2)
    invite = bob.lines[0].invite
    assert invite is not None and invite.get("From").startswith('"Anonymous" <sip:anonymous@anonymous.invalid>')
    assert not any("601" in value for name, value in invite.lines)
    told = w.switch.named("call.created") + w.switch.named("leg.created")
    assert not any("601" in str({**event.as_dict(), "sip_call_id": ""}) for event in told)


def test_by_whom_a_call_was_led_on_is_told_to_the_phone() -> None:
    w, provider = world()
    bob = w.phone("bob")
    w.run(1)
    provider.dial_in("+48221234567", headers={"Diversion": "<sip:+48221110000@x>;reason=user-busy;counter=1"})
    provider.dial_in(
        "+48221234567",
        headers={
            "History-Info": "<sip:+48221110001@x>;index=1, <sip:+48221234567@x?Reason=SIP%3Bcause%3D408>;index=1.1"
        },
    )
    w.run(2)
    told = [line.invite.get("Diversion") for line in bob.lines if line.invite is not None]
    assert told == [
        "<sip:+48221110000@pbx.test>;reason=user-busy;counter=1",
        "<sip:+48221110001@pbx.test>;reason=no-answer;counter=1",
    ]


def test_a_call_that_was_led_in_a_circle_is_refused() -> None:
    w, provider = world()
    w.run(1)
    ours = "<sip:+48221234567@x>;reason=unconditional"
    line = provider.dial_in(
        "+48221234568", headers={"Diversion": f"{ours}, <sip:+48221110000@x>;reason=no-answer, {ours}"}
    )
    w.run(1)
    assert (line.state, line.status) == ("ended", 482)


def test_a_trunk_carries_no_more_than_it_may() -> None:
    w, provider = world(trunk(dids=DIDS, max_calls=2))
    w.run(1)
    lines = [provider.dial_in("+48221234569") for _ in range(3)]
    w.run(2)
    assert [line.status for line in lines] == [200, 200, 503]
    provider.hang_up(lines[0])
    w.run(1)
    again = provider.dial_in("+48221234569")
    w.run(1)
    assert again.status == 200


def test_calls_from_outside_are_no_accounts() -> None:
    w, provider = world()
    w.run(1)
    provider.dial_in("+48221234569")
    w.run(1)
    assert not w.switch.calls.board.by_account


def test_a_provider_is_never_banned() -> None:
    w, provider = world()
    w.phone("bob")
    w.run(1)
    guess = 'Digest username="bob", realm="pbx.test", nonce="x", uri="sip:x", response="00"'
    for _ in range(60):
        provider.call("bob", headers={"Authorization": guess})
    w.run(5)
    assert not w.switch.switch.bans.in_force(w.now)
    line = provider.dial_in("+48221234569")
    w.run(1)
    assert line.status == 200


def test_two_trunks_at_one_address_are_told_apart() -> None:
    one = trunk("one", user="acct1", dids={"+48221110000": "echo"})
    two = trunk("two", user="acct2", dids={"+48221110001": "music:default"})
    w = World(site("anna", **outside(one, two)))
    provider = Provider(w)
    w.run(1)
    by_name = provider.dial_in("+48221110001", uri="sip:acct2@192.0.2.1:5060")
    w.run(2)
    assert by_name.status == 200
    assert w.switch.named("call.created")[0].trunk == "two"


def test_our_own_number_dialled_inside_does_not_go_by_the_provider() -> None:
    w, provider = world()
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    line = anna.call("221234567")
    w.run(2)
    assert line.state == "up" and bob.lines
    assert not provider.invites


def test_a_call_from_outside_survives_a_restart() -> None:
    w, provider = world(trunk(dids=DIDS, max_calls=5))
    bob = w.phone("bob")
    w.run(1)
    line = provider.dial_in("+48221234567")
    w.run(3)
    w.kill()
    w.run(1)
    w.restart()
    w.run(6)
    assert w.hears(line) == "bridge:bob"
    assert w.switch.calls.board.legs_on("provider") == 1
    bob.hang_up(bob.lines[0])
    w.run(2)
    assert line.ended_by == "remote"
    assert w.switch.named("call.ended")[0].trunk == "provider"
    w.run(60)
    w.assert_idle()
