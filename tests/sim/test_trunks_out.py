"""Calls to numbers outside, through simulated providers."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.call.view import calls
from softswitch.directory import Group, Member
from softswitch.outside import Rewrite, Route, Trunk
from tests.sim.provider import Provider, outside, trunk
from tests.sim.world import World, account, site


def world(*trunks: Any, **more: Any) -> World:
    return World(site("anna", "bob", **outside(*trunks or (trunk(),), **more)))


def test_a_number_outside_is_called_by_the_trunk() -> None:
    w = world()
    provider = Provider(w, answer_after=2.0)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(1)
    assert line.state == "ringing"
    w.run(2)
    assert (line.state, provider.lines[0].state) == ("up", "up")
    assert w.hears(line) == "bridge:provider"
    invite = provider.lines[0].invite
    assert invite is not None
    assert invite.start == "INVITE sip:+48221234567@203.0.113.10 SIP/2.0"
    anna.hang_up(line)
    w.run(1)
    assert provider.lines[0].ended_by == "remote"
    ended = w.switch.named("call.ended")[0]
    assert (ended.outcome, ended.path, ended.trunk) == ("answered", ("trunk:provider",), "provider")
    w.run(40)
    w.assert_idle()


def test_the_record_names_the_trunk_that_answered_or_was_tried_last() -> None:
    w = world(trunk(answer_within=3.0), trunk("backup", "203.0.113.20"))
    Provider(w, silent=True)
    backup = Provider(w, "203.0.113.20", answer_after=0.5)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(1)
    assert calls(w.switch.calls.board, w.now)[0]["trunk"] == "provider"
    w.run(6)
    assert calls(w.switch.calls.board, w.now)[0]["trunk"] == "backup"
    anna.hang_up(line)
    w.run(1)
    backup.behaviour.reject = 486
    line = anna.call("221234567")
    w.run(6)
    assert line.state == "ended"
    records = [(one.outcome == "answered", one.trunk) for one in w.switch.named("call.ended")]
    assert records == [(True, "backup"), (False, "backup")]


def test_a_call_that_is_answered_in_the_house_names_no_trunk() -> None:
    """Somebody outside was rung with the group as well, and picked up without a word."""
    group = Group("team", members=(Member("bob"), Member("601234567", confirm=True)))
    w = world(groups={"team": group}, extensions={"600": "group:team"})
    provider = Provider(w, answer_after=0.5)
    anna = w.phone("anna")
    w.phone("bob", answer_after=2.0)
    w.run(1)
    line = anna.call("600")
    w.run(4)
    assert (w.hears(line), len(provider.lines)) == ("bridge:bob", 1)
    anna.hang_up(line)
    w.run(1)
    ended = w.switch.named("call.ended")[0]
    assert ("trunk:provider" in ended.path, ended.trunk) == (True, "")


def test_a_call_that_comes_in_and_goes_out_again_names_the_trunk_it_came_by() -> None:
    accounts = {"bob": account("bob", forward_always="601234567")}
    first = trunk(dids={"+48221234567": "extension:bob"})
    fields = outside(first, trunk("second", "203.0.113.20"), routes={"all": Route("all", ("+",), ("second",))})
    w = World(site(accounts=accounts, **fields))
    provider, second = Provider(w), Provider(w, "203.0.113.20", answer_after=0.5)
    w.run(1)
    line = provider.dial_in("+48221234567")
    w.run(3)
    assert (line.state, len(second.lines)) == ("up", 1)
    provider.hang_up(line)
    w.run(1)
    ended = w.switch.named("call.ended")[0]
    assert ("trunk:second" in ended.path, ended.trunk) == (True, "provider")


def test_without_a_route_there_is_no_way_out() -> None:
    w = world(prefixes=("+48",))
    provider = Provider(w)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("+491755512345")
    w.run(2)
    assert (line.state, line.status) == ("ended", 404)
    assert not provider.invites


def test_early_media_of_the_provider_are_heard() -> None:
    w = world()
    Provider(w, answer_after=5.0, early_media=True)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(1)
    assert (line.state, "183" in line.log) == ("ringing", True)
    assert w.hears(line) == "bridge:provider"
    anna.cancel(line)
    w.run(40)
    w.assert_idle()


def test_the_next_trunk_is_tried_where_the_first_is_dead() -> None:
    w = world(trunk(answer_within=3.0), trunk("backup", "203.0.113.20"))
    Provider(w, silent=True)
    backup = Provider(w, "203.0.113.20")
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(6)
    assert line.state == "up"
    assert len(backup.lines) == 1
    anna.hang_up(line)
    w.run(80)
    w.assert_idle()


def test_what_the_callee_says_counts_not_what_another_trunk_could_not_do() -> None:
    w = world(trunk(answer_within=3.0), trunk("backup", "203.0.113.20"))
    Provider(w, silent=True)
    Provider(w, "203.0.113.20", reject=486)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(6)
    assert (line.state, line.status) == ("ended", 486)
    assert w.switch.named("call.ended")[0].outcome == "rejected"  # It rang before.


def test_a_busy_callee_is_no_reason_for_another_trunk() -> None:
    w = world(trunk(), trunk("backup", "203.0.113.20"))
    Provider(w, reject=486)
    backup = Provider(w, "203.0.113.20")
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(2)
    assert (line.state, line.status) == ("ended", 486)
    assert not backup.invites
    w.run(40)
    w.assert_idle()


# --- which trunk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "rings", "goes_on"), [
    (503, False, True), (500, False, True), (408, False, True), (402, False, True), (486, False, False), (404, False, False),
    (603, False, False), (480, False, False), (403, False, False), (484, False, False), (503, True, False), (408, True, False),
])  # fmt: skip
def test_when_the_next_trunk_is_tried(status: int, rings: bool, goes_on: bool) -> None:
    w = world(trunk(), trunk("backup", "203.0.113.20"))
    Provider(w, reject=status, ring_after=0.05 if rings else None, reject_after=0.3)
    backup = Provider(w, "203.0.113.20", answer_after=0.3)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(3)
    assert len(backup.invites) == goes_on
    assert (line.state == "up") is goes_on
    if not goes_on:
        assert line.status == (status if status not in (503, 408) else 480)


def test_two_servers_of_one_trunk_are_tried_before_the_next() -> None:
    w = world(Trunk("provider", ("203.0.113.10", "203.0.113.11"), answer_within=2.0), trunk("backup", "203.0.113.20"))
    Provider(w, silent=True)
    second, backup = Provider(w, "203.0.113.11", answer_after=0.1), Provider(w, "203.0.113.20")
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(4)
    assert line.state == "up"
    assert (len(second.invites), len(backup.invites)) == (1, 0)


def test_a_full_trunk_and_a_hurried_one_are_passed_over() -> None:
    w = world(trunk(max_calls=1), trunk("backup", "203.0.113.20", calls_per_second=1.0))
    first, second = Provider(w, answer_after=0.1), Provider(w, "203.0.113.20", answer_after=0.1)
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    lines = [anna.call("221234567"), anna.call("221234568"), bob.call("221234569")]
    w.run(1)
    assert [line.status for line in lines] == [200, 200, 480]
    assert (len(first.invites), len(second.invites)) == (1, 1)
    w.run(1)
    again = bob.call("221234569")
    w.run(1)
    assert again.status == 200


def test_the_longest_prefix_decides() -> None:
    fields = outside(trunk(), trunk("mobile", "203.0.113.20"))
    fields["routes"]["mobile"] = type(fields["routes"]["all"])("mobile", ("+486",), ("mobile",))
    w = World(site("anna", **fields))
    fixed, mobile = Provider(w), Provider(w, "203.0.113.20")
    anna = w.phone("anna")
    w.run(1)
    anna.call("221234567"), anna.call("601234567")
    w.run(1)
    assert (len(fixed.invites), len(mobile.invites)) == (1, 1)
    assert mobile.invites[0].start.startswith("INVITE sip:+48601234567@")


@pytest.mark.parametrize(("config", "called"), [
    ({"format": "plain"}, "48221234567"), ({"format": "international"}, "0048221234567"), ({"format": "national"}, "221234567"),
    ({"format": "plain", "strip": 2, "add": "99"}, "99221234567"),
    ({"rewrite": (Rewrite(r"\+4822(.*)", r"022\1"), Rewrite(".*", "x"))}, "0221234567"),
])  # fmt: skip
def test_numbers_are_written_as_the_provider_wants_them(config: dict[str, Any], called: str) -> None:
    w = world(trunk(**config))
    provider = Provider(w)
    anna = w.phone("anna")
    w.run(1)
    anna.call("221234567")
    w.run(1)
    assert provider.invites[0].start == f"INVITE sip:{called}@203.0.113.10 SIP/2.0"


# --- credentials ---------------------------------------------------------------------------------------------------------

LOGIN: dict[str, Any] = {"user": "48221234567", "password": "s3cret-of-trunk"}


def asking(w: World, **desk: Any) -> Provider:
    provider = Provider(w, answer_after=0.2)
    provider.desk.user, provider.desk.password = LOGIN["user"], LOGIN["password"]
    for name, value in desk.items():
        setattr(provider.desk, name, value)
    return provider


@pytest.mark.parametrize("desk", [{}, {"status": 401}, {"algorithm": "SHA-256"}, {"qop": False}])
def test_a_provider_that_asks_is_answered(desk: dict[str, Any]) -> None:
    w = world(trunk(**LOGIN, realm="provider.example", ping=0.0))
    provider = asking(w, **desk)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(2)
    assert line.state == "up"
    assert provider.refused == 0
    first, second = provider.received[0], provider.lines[0].invite
    assert second is not None
    assert (first.get("Call-ID"), first.cseq + 1) == (second.get("Call-ID"), second.cseq)
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_a_wrong_password_is_given_once() -> None:
    w = world(trunk(**LOGIN, realm="provider.example"))
    provider = asking(w, password="another")
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(2)
    assert (line.state, line.status) == ("ended", 480)
    assert provider.refused == 1
    assert "password" in w.switch.switch.trunks.view(w.now)[0]["error"]


@pytest.mark.parametrize("realm", ["", "another.example"])
def test_credentials_are_for_the_realm_of_the_trunk_only(realm: str) -> None:
    w = world(trunk(**LOGIN, realm=realm))
    provider = asking(w)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(2)
    assert line.state == "ended"
    assert not any(raw.get("Proxy-Authorization") for raw in provider.received)


def test_the_realm_of_the_registrar_is_the_trunks() -> None:
    w = world(trunk(**LOGIN, register=True))
    provider = asking(w)
    anna = w.phone("anna")
    w.run(3)
    line = anna.call("221234567")
    w.run(2)
    assert line.state == "up" and provider.refused == 0


def test_a_challenge_of_the_callee_is_not_answered() -> None:
    """SEC-03: who has rung is behind the provider, and has made the challenge up."""
    w = world(trunk(**LOGIN, realm="provider.example"))
    provider = Provider(w, answer_after=None)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(1)
    assert line.state == "ringing"
    invite = provider.lines[0].invite
    assert invite is not None
    provider.respond(
        invite, 407, tag=provider.lines[0].local_tag,
        headers='Proxy-Authenticate: Digest realm="provider.example", nonce="evil", algorithm=MD5, qop="auth"\r\n',
    )  # fmt: skip
    w.run(2)
    assert line.state == "ended"
    assert not any(raw.get("Proxy-Authorization") for raw in provider.received)


def test_a_phones_challenge_is_not_answered() -> None:
    w = world(trunk(**LOGIN, realm="provider.example"))
    anna, bob = w.phone("anna"), w.phone("bob", reject=407, ring_after=None)
    w.run(1)
    anna.call("bob")
    w.run(3)
    assert not any("authorization" in name.lower() for raw in bob.received for name, _ in raw.lines)


# --- who calls -------------------------------------------------------------------------------------------------------------


def invite_of(w: World, provider: Provider, caller: Any, **more: Any) -> Any:
    caller.call("501234567", **more)
    w.run(1)
    return provider.invites[-1]


def test_a_caller_is_shown_with_the_number_of_the_account_or_of_the_trunk() -> None:
    accounts = {"anna": account("anna", name="Anna Nowak", number="22 123 45 01"), "bob": account("bob", name="Bob")}
    w = World(site(accounts=accounts, **outside(trunk(caller_number="+48221234500", user="acct"))))
    provider = Provider(w)
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    told = invite_of(w, provider, anna)
    assert told.get("From").startswith('"Anna Nowak" <sip:+48221234501@203.0.113.10>;tag=')
    assert told.get("P-Asserted-Identity") == '"Anna Nowak" <sip:+48221234501@203.0.113.10>'
    assert invite_of(w, provider, bob).get("From").startswith('"Bob" <sip:+48221234500@203.0.113.10>;tag=')


def test_a_number_that_the_account_has_may_be_asked_for_and_no_other() -> None:
    accounts = {"anna": account("anna", number="+48221234501", numbers=("+48221234777",))}
    w = World(site(accounts=accounts, **outside(trunk())))
    provider = Provider(w)
    anna = w.phone("anna")
    w.run(1)
    wanted = invite_of(w, provider, anna, headers={"P-Preferred-Identity": "<sip:221234777@pbx.test>"})
    assert "+48221234777" in wanted.get("From")
    stolen = invite_of(
        w, provider, anna,
        headers={
            "P-Preferred-Identity": "<sip:+48800800800@pbx.test>", "P-Asserted-Identity": "<sip:+48800800800@pbx.test>",
            "Remote-Party-ID": "<sip:+48800800800@pbx.test>", "Diversion": "<sip:+48800800800@pbx.test>",
            "History-Info": "<sip:+48800800800@pbx.test>;index=1", "P-Charging-Vector": "x", "Identity": "x",
        },
    )  # fmt: skip
    assert "+48221234501" in stolen.get("From")
    assert not any("800800800" in value for _, value in stolen.lines)


def test_a_hidden_caller_is_known_to_the_provider_only() -> None:
    w = World(
        site(accounts={"anna": account("anna", name="Anna", number="+48221234501")}, **outside(trunk(identity="both")))
    )
    provider = Provider(w)
    anna = w.phone("anna")
    w.run(1)
    told = invite_of(w, provider, anna, headers={"Privacy": "id"})
    assert told.get("From").startswith('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=')
    assert told.get("Privacy") == "id"
    assert "+48221234501" in told.get("P-Asserted-Identity")
    assert "privacy=full" in told.get("Remote-Party-ID")


@pytest.mark.parametrize(("screening", "shown"), [(True, "+48601000111"), (False, "+48221234501")])
def test_a_caller_who_is_put_through_to_outside(screening: bool, shown: str) -> None:
    """The number of whoever led the call on, unless the trunk takes others'; and by whom it was led, either way."""
    config = trunk(
        dids={"+48221234501": "outside:+48501234567"},
        caller_number="+48221234501",
        clip_no_screening=screening,
        diversion="both",
    )
    w = World(site("anna", **outside(config)))
    provider = Provider(w, answer_after=None)
    w.run(1)
    provider.dial_in("+48221234501")
    w.run(1)
    call = next(iter(w.switch.calls.calls.values()))
    assert f"<sip:{shown}@" in provider.invites[0].get("From")
    call.end("test", w.now)


def test_diversions_are_told_to_the_provider() -> None:
    w = World(site("anna", **outside(trunk(diversion="both", dids={"+48221234501": "outside:+48501234567"}))))
    provider = Provider(w, answer_after=None)
    w.run(1)
    provider.dial_in(
        "+48221234501",
        headers={"Diversion": "<sip:221110002@x>;reason=no-answer, <sip:+48221110001@x>;reason=user-busy"},
    )
    w.run(1)
    told = provider.invites[0]
    assert told.all("Diversion") == [
        "<sip:+48221110002@203.0.113.10>;reason=no-answer;counter=1",
        "<sip:+48221110001@203.0.113.10>;reason=user-busy;counter=1",
    ]
    assert told.get("History-Info") == (
        "<sip:+48221110001@203.0.113.10>;index=1, "
        "<sip:+48221110002@203.0.113.10?Reason=SIP%3Bcause%3D486>;index=1.1;mp=1, "
        "<sip:+48501234567@203.0.113.10?Reason=SIP%3Bcause%3D408>;index=1.1.1;mp=1.1"
    )


# --- media, restarts ---------------------------------------------------------------------------------------------------------


def test_a_trunk_has_codecs_of_its_own() -> None:
    w = world(trunk(codecs=("PCMU",)))
    provider = Provider(w, answer_after=0.1)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(2)
    assert line.state == "up"
    assert provider.lines[0].sdp is not None and provider.lines[0].sdp.codecs[0] == "PCMU"


def test_a_call_on_a_trunk_survives_a_restart() -> None:
    w = world(trunk(max_calls=3))
    provider = Provider(w, answer_after=0.5)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(3)
    w.kill()
    w.run(1)
    w.restart()
    w.run(6)
    assert w.hears(line) == "bridge:provider"
    board = w.switch.calls.board
    assert (board.legs_on("provider"), board.guard._now["anna"]) == (1, 1)
    anna.hang_up(line)
    w.run(2)
    assert provider.lines[0].ended_by == "remote"
    assert (board.legs_on("provider"), board.guard._now["anna"]) == (0, 0)


def test_a_call_that_rings_outside_survives_one_and_tries_the_next_trunk() -> None:
    w = world(trunk(answer_within=8.0), trunk("backup", "203.0.113.20"))
    Provider(w, ring_after=None, reject=503, reject_after=6.0)
    backup = Provider(w, "203.0.113.20", answer_after=0.5)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("221234567")
    w.run(2)
    w.kill()
    w.run(1)
    w.restart()
    w.run(6)
    assert len(backup.invites) == 1
    assert line.state == "up"


def test_a_provider_cannot_lead_a_call_of_ours_by_refer() -> None:
    """XFR-11: REFER of the far end is not for our lines."""
    w = world()
    provider = Provider(w, answer_after=0.2)
    anna = w.phone("anna")
    w.run(1)
    anna.call("221234567")
    w.run(2)
    statuses: list[int] = []
    line = provider.lines[0]
    line.cseq += 1
    headers = provider.dialog_headers(line, "REFER", line.cseq) | {"Refer-To": "<sip:+48501234567@pbx.test>"}
    provider.request("REFER", line.target, headers, done=lambda raw: statuses.append(raw.status if raw else 0))
    w.run(3)
    assert statuses and statuses[0] >= 400
    assert len(provider.invites) == 1
