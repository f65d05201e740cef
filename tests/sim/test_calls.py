"""Calls between phones, on clean links: every step of the common ways a call can go."""

from __future__ import annotations

from tests.sim.world import World, site


def world(**more: object) -> World:
    return World(site("anna", "bob", "carl", **more.pop("site", {})), **more)  # type: ignore[arg-type]


def test_a_call_is_put_through_and_hung_up() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=2.0)
    w.run(1)
    line = anna.call("bob")
    w.run(1)
    assert line.state == "ringing"
    w.run(2)
    assert (line.state, bob.lines[0].state) == ("up", "up")
    assert w.hears(line) == "bridge:bob"
    assert w.hears(bob.lines[0]) == "bridge:anna"
    anna.hang_up(line)
    w.run(1)
    assert bob.lines[0].state == "ended"
    ended = w.switch.named("call.ended")[0]
    assert (ended.outcome, ended.status, ended.dialled, ended.account) == ("answered", 200, "bob", "anna")
    w.run(40)
    w.assert_idle()


def test_the_called_side_hangs_up() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2, hang_up_after=3.0)
    w.run(1)
    line = anna.call("bob")
    w.run(5)
    assert (line.state, line.ended_by) == ("ended", "remote")
    assert bob.lines[0].ended_by == "local"
    w.run(40)
    w.assert_idle()


def test_records_carry_times_parties_and_statistics() -> None:
    w = world()
    anna, _ = w.phone("anna"), w.phone("bob", ring_after=0.1, answer_after=2.0)
    w.run(1)
    line = anna.call("bob")
    w.run(10)
    anna.hang_up(line)
    w.run(2)
    names = [event.name for event in w.switch.events if event.name.startswith(("call", "leg"))]
    assert names == [
        "call.created", "leg.created", "leg.created", "leg.ringing", "leg.ringing", "leg.answered", "leg.answered",
        "call.bridged", "leg.ended", "leg.ended", "call.ended",
    ]  # fmt: skip
    legs = {event.role: event for event in w.switch.named("leg.ended")}
    assert (legs["caller"].by, legs["callee"].by) == ("remote", "local")
    assert 1.8 < legs["callee"].ring_seconds < 2.0
    assert 7.5 < legs["callee"].talk_seconds < 8.5
    assert legs["caller"].codec == "PCMA"
    assert legs["caller"].media["packets_received"] == 1
    assert (legs["caller"].media["codec"], legs["caller"].media["security"]) == ("PCMA", "")
    record = w.switch.named("call.ended")[0]
    assert (record.caller, record.caller_name, record.cause) == ("anna", "Anna", "normal")
    assert 1.9 < record.setup_seconds < 2.2
    assert 7.5 < record.talk_seconds < 8.5


def test_who_calls_is_the_account_not_what_the_phone_claims() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    anna.call(
        "bob", headers={"P-Asserted-Identity": "<sip:boss@pbx.test>", "Subject": "Lunch", "Alert-Info": "<x>;auto"}
    )
    w.run(1)
    invite = bob.lines[0].invite
    assert invite is not None
    assert invite.get("From").startswith('"Anna" <sip:anna@pbx.test>;tag=')
    assert invite.get("P-Asserted-Identity") == "" and invite.get("Alert-Info") == ""
    assert invite.get("Subject") == "Lunch"
    assert invite.get("Max-Forwards") == "69"
    assert invite.get("Call-ID") != anna.lines[0].call_id, "topology is hidden"
    assert "198.51.100.1" not in "".join(value for _, value in invite.lines) + invite.body.decode()


def test_a_hidden_caller_is_anonymous() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    anna.call("bob", headers={"Privacy": "id"})
    w.run(1)
    assert bob.lines[0].invite.get("From").startswith('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=')


def test_a_busy_phone_makes_the_caller_hear_busy() -> None:
    w = world()
    anna, _ = w.phone("anna"), w.phone("bob", ring_after=None, reject=486, reject_after=0.05)
    w.run(1)
    line = anna.call("bob")
    w.run(1)
    assert line.status == 486
    assert w.switch.named("call.ended")[0].outcome == "busy"
    w.run(40)
    w.assert_idle()


def test_nobody_answers_in_time() -> None:
    w = world(no_answer_timeout=15.0)
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    line = anna.call("bob")
    w.run(20)
    assert line.status == 480
    assert bob.lines[0].status == 487
    assert w.switch.named("call.ended")[0].outcome == "no_answer"
    w.run(40)
    w.assert_idle()


def test_the_caller_gives_up() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    anna.cancel(line)
    w.run(1)
    assert line.status == 487
    assert bob.lines[0].status == 487
    assert w.switch.named("call.ended")[0].outcome == "cancelled"
    w.run(40)
    w.assert_idle()


def test_an_invitation_that_expires() -> None:
    """RFC 3261 section 13.3.1: who calls may say for how long; an answer that comes in time is not touched by it."""
    w = world()
    anna, bob, carl = w.phone("anna"), w.phone("bob", answer_after=None), w.phone("carl", answer_after=2.0)
    w.run(1)
    lost, kept = anna.call("bob", headers={"Expires": "5"}), anna.call("carl", headers={"Expires": "5"})
    w.run(4)
    assert (lost.state, kept.state) == ("ringing", "up")
    w.run(2)
    assert (lost.status, bob.lines[0].status) == (487, 487)
    assert [(e.outcome, e.cause) for e in w.switch.named("call.ended")] == [("cancelled", "expired")]
    w.run(20)
    assert (kept.state, carl.lines[0].state) == ("up", "up")
    anna.hang_up(kept)
    w.run(40)
    w.assert_idle()


def test_the_first_of_several_phones_to_answer_wins() -> None:
    w = world()
    anna, slow, quick = w.phone("anna"), w.phone("bob", answer_after=3.0), w.phone("bob", answer_after=1.0)
    w.run(1)
    line = anna.call("bob")
    w.run(4)
    assert (line.state, quick.lines[0].state, slow.lines[0].state) == ("up", "up", "ended")
    assert slow.lines[0].reason == 'SIP;cause=200;text="Call completed elsewhere"'
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_two_answers_at_once_leave_one_conversation() -> None:
    w = world()
    anna, one, two = w.phone("anna"), w.phone("bob", answer_after=1.0), w.phone("bob", answer_after=1.0)
    w.run(1)
    line = anna.call("bob")
    w.run(3)
    states = sorted([one.lines[0].state, two.lines[0].state])
    assert (line.state, states) == ("up", ["ended", "up"])
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_contacts_with_a_lower_q_ring_later() -> None:
    w = world()
    anna, first, second = w.phone("anna"), w.phone("bob", answer_after=None), w.phone("bob")
    w.run(1)
    second.register(q="0.5")
    w.run(1)
    line = anna.call("bob")
    w.run(10)
    assert first.lines and not second.lines
    w.run(15)
    assert second.lines[0].state == "up" and line.state == "up"
    assert first.lines[0].state == "ended"


def test_a_dead_contact_does_not_keep_the_caller_waiting() -> None:
    w = world()
    anna, dead, live = w.phone("anna"), w.phone("bob"), w.phone("bob", reject=486, reject_after=2.0)
    w.run(1)
    dead.down = True
    line = anna.call("bob")
    w.run(6)
    assert line.status == 486
    assert live.lines[0].status == 486
    w.run(64)
    w.assert_idle()


def test_every_contact_is_dead() -> None:
    w = world()
    anna, dead = w.phone("anna"), w.phone("bob")
    w.run(1)
    dead.down = True
    line = anna.call("bob")
    w.run(40)
    assert line.status == 480
    assert w.switch.named("call.ended")[0].cause == "unreachable"
    w.run(40)
    w.assert_idle()


def test_a_redirection_is_not_followed_to_the_outside() -> None:
    w = world()
    anna, _ = w.phone("anna"), w.phone("bob", reject=302, redirect="sip:premium@elsewhere.example")
    w.run(1)
    line = anna.call("bob")
    w.run(3)
    assert line.status == 480
    assert all(target[0].startswith("198.51.100.") for target in w.phones)


def test_where_a_call_cannot_go() -> None:
    w = world(site={"extensions": {"loop1": "extension:loop2", "loop2": "extension:loop1"}})
    anna = w.phone("anna")
    w.run(1)
    expected = {"nobody": 404, "bob": 480, "anna": 482, "loop1": 482}
    lines = {dialled: anna.call(dialled) for dialled in expected}
    foreign = anna.call("bob", uri="sip:bob@elsewhere.example")
    w.run(2)
    assert {dialled: line.status for dialled, line in lines.items()} == expected
    assert foreign.status == 403
    w.run(40)
    w.assert_idle()
    assert {event.cause for event in w.switch.named("call.ended")} >= {"not_found", "foreign_domain", "loop"}


def test_an_account_has_a_limit_of_calls() -> None:
    w = world()
    anna, _ = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    lines = [anna.call("bob") for _ in range(5)]
    w.run(2)
    assert sorted(line.state for line in lines) == ["ended", "ringing", "ringing", "ringing", "ringing"]
    assert [line.status for line in lines if line.state == "ended"] == [403]


def test_ports_run_out() -> None:
    w = world(legs=2)
    anna, carl, _ = w.phone("anna"), w.phone("carl"), w.phone("bob", answer_after=None)
    w.run(1)
    first, second = anna.call("bob"), carl.call("bob")
    w.run(2)
    assert (first.state, second.status) == ("ringing", 503)
    assert [event.what for event in w.switch.named("media.alarm")] == ["ports_exhausted"]
    anna.cancel(first)
    w.run(40)
    w.assert_idle()


# --- media -------------------------------------------------------------------------------------------------------------


def test_hold_gives_the_other_side_music_and_resume_ends_it() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    other = bob.lines[0]
    anna.reinvite(line, "sendonly")
    w.run(1)
    assert line.sdp.direction == "recvonly"
    assert (w.hears(other), w.hears(line)) == ("music:default", "stop")
    bob.reinvite(other, "inactive")
    w.run(1)
    assert other.sdp.direction == "inactive"
    assert (w.hears(other), w.hears(line)) == ("stop", "stop")
    anna.reinvite(line, "sendrecv")
    w.run(1)
    assert (w.hears(other), w.hears(line)) == ("stop", "music:default")
    bob.reinvite(other, "sendrecv")
    w.run(1)
    assert (w.hears(other), w.hears(line)) == ("bridge:anna", "bridge:bob")
    assert line.sdp.direction == other.sdp.direction == "sendrecv"
    assert [event.name for event in w.switch.events if event.name in ("call.held", "call.resumed")] == [
        "call.held", "call.held", "call.resumed", "call.resumed",
    ]  # fmt: skip
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_late_offer_through_to_the_other_side() -> None:
    w = world()
    anna, _ = w.phone("anna"), w.phone("bob", answer_after=0.5)
    w.run(1)
    line = anna.call("bob", sdp=False)
    w.run(3)
    assert line.state == "up"
    assert w.hears(line) == "bridge:bob"
    anna.reinvite(line, sdp=False)
    w.run(1)
    assert "re-INVITE 200" in line.log and w.hears(line) == "bridge:bob"
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_early_media_is_let_through() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=3.0, early_media=True)
    w.run(1)
    line = anna.call("bob")
    w.run(1)
    assert "183" in line.log
    assert w.hears(line) == "bridge:bob"
    w.run(4)
    assert line.state == "up" and w.hears(line) == "bridge:bob"
    assert line.sdp.version == 1, "the 200 repeats the answer of the 183"
    bob.hang_up(bob.lines[0])
    w.run(40)
    w.assert_idle()


def test_codecs_that_match_are_preferred() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    anna.codecs, bob.codecs = ["PCMU", "PCMA"], ["PCMA"]
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert line.sdp.codecs == ["PCMA", "telephone-event"]
    offered = bob.lines[0].sdp
    assert offered.codecs == ["PCMU", "PCMA", "telephone-event"], "the caller's order"


def test_no_common_codec_is_transcoded() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    anna.codecs, bob.codecs = ["PCMU"], ["PCMA"]
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert line.sdp.codecs == ["PCMU", "telephone-event"] and bob.lines[0].state == "up"
    assert w.hears(line) == "bridge:bob"


def test_the_other_side_follows_a_change_of_codec() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    bob.lines[0].log.clear()
    anna.codecs = ["PCMU"]
    anna.reinvite(line)
    w.run(2)
    assert line.sdp.codecs[0] == "PCMU"
    assert "re-INVITED" in bob.lines[0].log
    assert bob.lines[0].sdp.codecs[0] == "PCMU"
    ports = w.worker.ports.values()
    assert {port.opened.codec for port in ports} == {"PCMU"}


def test_glare_is_survived() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    anna.codecs = ["PCMU"]
    anna.reinvite(line)
    w.after(0.006, lambda: bob.reinvite(bob.lines[0], "sendonly"))  # crosses the re-INVITE that follows anna's change
    w.run(12)
    assert "glare" in bob.lines[0].log or "re-INVITE 491" in bob.lines[0].log
    assert bob.lines[0].sdp.codecs[0] == "PCMU"
    assert w.hears(line) == "music:default", "bob's hold came through in the end"
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_digits_by_info_reach_the_other_side() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    anna.in_dialog(line, "INFO", b"Signal=5\r\nDuration=200\r\n", "application/dtmf-relay")
    w.run(1)
    assert "INFO 200" in line.log
    assert [digits for _, digits in w.worker.digits] == ["5"]
    assert [(event.digit, event.method) for event in w.switch.named("dtmf")] == [("5", "info")]
    w.press(line, "5")
    w.run(0.5)
    assert len(w.switch.named("dtmf")) == 1, "a phone that sends INFO and events as well is heard once"
    w.press(line, "7")
    w.run(1)
    assert [event.digit for event in w.switch.named("dtmf")] == ["5", "7"]
    bob.hang_up(bob.lines[0])
    w.run(40)
    w.assert_idle()


def test_events_reach_a_phone_without_telephone_event_as_info() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    bob.dtmf_type = 0
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    w.press(line, "9")
    w.run(1)
    assert "INFO Signal=9" in bob.lines[0].log


def test_phones_without_power_are_noticed() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    anna.down = bob.down = True
    w.worker.starve(w.worker.leg_of(*(anna.address[0], line.rtp)))  # type: ignore[arg-type]
    w.run(1)
    assert w.switch.named("call.ended")[0].cause == "rtp_timeout"
    w.run(64)
    w.assert_idle()


def test_a_hold_that_nobody_ends() -> None:
    w = world(rtp_timeout_hold=120.0)
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    anna.reinvite(line, "inactive")
    w.run(100)
    assert line.state == "up"
    w.run(30)
    assert line.state == bob.lines[0].state == "ended"
    assert w.switch.named("call.ended")[0].cause == "rtp_timeout_hold"


def test_an_answer_without_a_description_is_no_answer() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2, answer_without_sdp=True)
    w.run(1)
    line = anna.call("bob")
    w.run(3)
    assert line.status == 488
    assert bob.lines[0].state == "ended"
    w.run(40)
    w.assert_idle()


def test_a_caller_that_never_acknowledges_is_hung_up_on() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob")
    w.run(0.1)
    anna.request = lambda method, *args, **more: (
        "" if method == "ACK" else type(anna).request(anna, method, *args, **more)
    )  # type: ignore[assignment, method-assign]
    w.run(40)
    assert w.switch.named("call.ended")[0].cause == "ack_missing"
    assert line.state == bob.lines[0].state == "ended"
    w.run(64)
    w.assert_idle()
