"""Registering at a provider: proofs, refreshes, failures, several servers, and what `softswitch trunks` says of it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

from softswitch.outside import Trunk
from tests.sim.provider import Provider, outside, trunk
from tests.sim.world import World, site

LOGIN: dict[str, Any] = {"register": True, "user": "48221234567", "password": "s3cret-of-trunk"}


def world(*trunks: Trunk, **more: Any) -> tuple[World, Provider]:
    w = World(site("anna", "bob", **outside(*trunks or (trunk(**LOGIN),))), **more)
    provider = Provider(w)
    provider.desk.user, provider.desk.password = LOGIN["user"], LOGIN["password"]
    return w, provider


def view(w: World, index: int = 0) -> dict[str, Any]:
    return w.switch.switch.trunks.view(w.now)[index]


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", [True, False])
def test_it_registers_and_refreshes(algorithm: str, qop: bool) -> None:
    w, provider = world()
    provider.desk.algorithm, provider.desk.qop, provider.desk.expires = algorithm, qop, 300
    w.run(5)
    assert len(provider.registrations) == 1
    contact = provider.registrations[0].get("Contact")
    assert contact.startswith("<sip:48221234567@192.0.2.1:5060>")
    assert view(w)["registration"] == "registered"
    assert 290 < view(w)["registered_for"] <= 300
    w.run(3_600)
    assert 12 <= len(provider.registrations) <= 17  # at 75 to 85 % of 300 s
    assert len({raw.get("Call-ID") for raw in provider.registrations}) == 1
    assert provider.refused == 0
    assert [event.name for event in w.switch.events if event.name == "trunk.registered"] == ["trunk.registered"]


def test_a_nonce_is_used_again_and_a_stale_one_replaced() -> None:
    w, provider = world()
    provider.desk.expires, provider.desk.stale_after = 120, 3
    w.run(1_000)
    counts = [re.search(r"nc=(\w+)", raw.get("Authorization"))[1] for raw in provider.registrations]  # type: ignore[index]
    assert counts[:5] == ["00000001", "00000002", "00000003", "00000001", "00000002"]
    assert provider.refused == 0


def test_a_longer_registration_is_asked_for_where_the_provider_wants_it() -> None:
    w, provider = world()
    provider.desk.minimum = provider.desk.expires = 1_800
    w.run(5)
    assert provider.registrations[0].get("Expires") == "1800"


def test_a_wrong_password_is_not_tried_again_and_again() -> None:
    w, provider = world()
    provider.desk.password = "another"
    w.run(60)
    assert provider.refused == 1
    assert "password" in view(w)["error"]
    assert view(w)["state"] == "down"
    w.run(24 * 3_600)
    assert provider.refused < 40
    refused = w.switch.named("trunk.refused")
    assert refused[0].status == 401 and refused[-1].retry_seconds > 1_000


def test_another_realm_gets_no_answer() -> None:
    w, provider = world(trunk(**LOGIN, realm="sip.example.com"))
    w.run(30)
    assert provider.refused == 0 and not provider.registrations
    assert all(not raw.get("Authorization") for raw in provider.received)
    assert 'realm "provider.example"' in view(w)["error"]


def test_the_name_for_the_password_may_be_another() -> None:
    w, provider = world(trunk(register=True, user="48221234567", auth_user="acct77", password="pw-of-acct77"))
    provider.desk.user, provider.desk.password = "acct77", "pw-of-acct77"
    w.run(5)
    assert len(provider.registrations) == 1
    assert "sip:48221234567@" in provider.registrations[0].get("To")


def test_a_dead_provider_is_asked_less_and_less_often_and_comes_back() -> None:
    w, provider = world(trunk(**LOGIN, ping=0.0))
    provider.down = True
    sent: list[float] = []
    transmit = w.transmit

    def watch(data: bytes, source: Any, target: Any) -> None:
        if data.startswith(b"REGISTER") and target == provider.address and b"CSeq: " in data:
            number = int(data.partition(b"CSeq: ")[2].split(b" ")[0])
            if number > len(sent):
                sent.append(w.now)
        transmit(data, source, target)

    w.transmit = watch  # type: ignore[method-assign]
    w.run(4 * 3_600)
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert gaps[0] < 40 < gaps[5] and max(gaps) < 700
    assert len({round(gap) for gap in gaps[-8:]}) > 3  # never in step
    provider.down = False
    w.run(700)
    assert view(w)["registration"] == "registered"
    assert [event.name for event in w.switch.events if event.name in ("trunk.up", "trunk.down")][-1] == "trunk.up"


def test_the_next_server_is_asked_at_once() -> None:
    both = Trunk("provider", ("203.0.113.10", "203.0.113.11"), **LOGIN)
    w, provider = world(both)
    provider.down = True
    second = Provider(w, "203.0.113.11")
    w.run(12)
    assert len(second.registrations) == 1
    assert view(w)["state"] == "up"


def test_a_registration_that_still_holds_counts_while_a_refresh_fails() -> None:
    w, provider = world(trunk(**LOGIN, ping=0.0))
    w.run(5)
    provider.desk.register_status = 500
    w.run(550)
    assert view(w)["state"] == "up"
    w.run(120)
    assert view(w)["state"] == "down"
    provider.desk.register_status = 0
    w.run(600)
    assert view(w)["state"] == "up"


def test_it_registers_again_after_a_restart_and_takes_leave_when_removed() -> None:
    w, provider = world()
    w.run(5)
    w.kill()
    w.run(2)
    w.restart()
    w.run(5)
    assert len(provider.registrations) == 2
    w.switch.switch.configure(site("anna"), w.now)
    w.switch.settle(w.now)
    w.run(5)
    assert provider.registrations[-1].get("Expires") == "0"
    w.run(3_600)
    assert len(provider.registrations) == 3


def test_a_trunk_that_did_not_change_goes_on() -> None:
    w, provider = world()
    w.run(5)
    w.switch.switch.configure(site("anna", "carl", **outside(trunk(**LOGIN))), w.now)
    w.switch.settle(w.now)
    w.run(5)
    assert len(provider.registrations) == 1


def test_pings_tell_whether_it_works() -> None:
    w = World(site("anna", **outside(trunk())))
    provider = Provider(w)
    w.run(200)
    assert 3 <= provider.pings <= 5
    assert [event.server for event in w.switch.named("trunk.up")] == ["203.0.113.10"]
    provider.down = True
    w.run(120)
    assert [event.cause for event in w.switch.named("trunk.down")] == ["it does not answer"]
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(1)
    assert (line.state, line.status) == ("ended", 480)  # at once: nobody waits for a dead line
    provider.down = False
    w.run(60)
    assert len(w.switch.named("trunk.up")) == 2
    assert view(w)["servers"][0]["milliseconds"] == pytest.approx(10, abs=1)


def test_an_answer_that_only_says_that_it_is_alive_is_enough() -> None:
    w = World(site("anna", **outside(trunk())))
    provider = Provider(w)
    provider.desk.options_status = 404
    w.run(10)
    assert view(w)["state"] == "up"
    provider.desk.options_status = 503
    w.run(120)
    assert view(w)["state"] == "down"
