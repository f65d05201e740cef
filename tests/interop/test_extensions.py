"""PRACK, UPDATE, session timers, late offers and races, against SIPp: it sends exactly this and takes nothing else."""

from __future__ import annotations

import pytest

from .flows import ALLOW, BODY, KNOWS, OLD, RELIABLE, check, phones, play, rseq
from .lab import Lab
from .sipharness.sipp import send

LAB = {"accounts": 40, "agents": 1, "tiers": 1}


def test_prack_of_a_caller_who_requires_it(lab: Lab) -> None:
    caller, called = phones(lab, 0)
    caller.invite(RELIABLE).gets("180", check("Require", "100rel", "tag"), rseq()).pracks(3, "rseq")
    caller.gets("200").sends("ACK", 2).waits(0.3).sends("BYE", 4).gets("200")
    called.invited().answers("180 Ringing").waits(0.6).answers("200 OK", body=BODY, repeat=True)
    called.gets("ACK").gets("BYE").replies()
    play(lab, 0, caller, called)


def test_prack_to_a_phone_that_answers_before_it_answers(lab: Lab) -> None:
    """Two reliable responses, the first with the answer to our offer; the 200 has none."""
    caller, called = phones(lab, 2)
    caller.invite().gets("183").gets("200").sends("ACK", 2).waits(0.3).sends("BYE", 3).gets("200")
    called.invited(check("Supported", "100rel", "tag"))
    called.answers("183 Progress", RELIABLE, "RSeq: 4711", body=BODY)
    called.gets("PRACK", check("RAck", "4711 [0-9]+ INVITE", "rack")).replies()
    called.answers("180 Ringing", RELIABLE, "RSeq: 4712")
    called.gets("PRACK", check("RAck", "4712 [0-9]+ INVITE", "rack2")).replies()
    called.answers("200 OK", repeat=True).gets("ACK").gets("BYE").replies()
    play(lab, 2, caller, called)


def test_the_answer_waits_for_prack_and_update_changes_early_media(lab: Lab) -> None:
    caller, called = phones(lab, 4)
    caller.invite(KNOWS).gets("183", rseq())
    caller.waits(0.8)  # The called phone has answered long since, and the 183 is repeated after 0.5 s.
    caller.pracks(3, "rseq").gets("200").sends("ACK", 2).waits(0.2).sends("BYE", 4).gets("200")
    called.invited().answers("183 Progress", body=BODY).waits(0.2).answers("200 OK", body=BODY, repeat=True)
    called.gets("ACK").gets("BYE").replies()
    play(lab, 4, caller, called)


def test_update_before_the_answer_from_both_sides(lab: Lab) -> None:
    caller, called = phones(lab, 6)
    caller.invite(KNOWS, ALLOW).gets("183", rseq()).pracks(3, "rseq")
    caller.sends("UPDATE", 4, body=BODY).gets("200", check("Content-Type", "application/sdp", "kind"))
    caller.gets("200").sends("ACK", 2).waits(0.2).sends("BYE", 5).gets("200")
    called.invited().answers("183 Progress", body=BODY)
    called.asks("UPDATE", 1, body=BODY).gets("200", check("Content-Type", "application/sdp", "kind"))
    called.waits(0.7).answers("200 OK", body=BODY, repeat=True).gets("ACK").gets("BYE").replies()
    play(lab, 6, caller, called)


def test_update_that_meets_an_offer_without_an_answer(lab: Lab) -> None:
    """RFC 3311 section 5.2: 491 to the called phone, which has our offer; 500 to the caller, whose offer we have."""
    caller, called = phones(lab, 8)
    caller.invite(ALLOW).gets("180").sends("UPDATE", 3, body=BODY).gets("500", check("Retry-After", "[0-9]+", "after"))
    caller.gets("200").sends("ACK", 2).waits(0.2).sends("BYE", 4).gets("200")
    called.invited().answers("180 Ringing").asks("UPDATE", 1, body=BODY).gets("491")
    called.waits(0.5).answers("200 OK", body=BODY, repeat=True).gets("ACK").gets("BYE").replies()
    play(lab, 8, caller, called)


@pytest.mark.parametrize("number, allow, method", [(10, ALLOW, "UPDATE"), (12, OLD, "INVITE")])
def test_the_switch_refreshes_the_session_of_a_called_phone(lab: Lab, number: int, allow: str, method: str) -> None:
    caller, called = phones(lab, number)
    caller.invite().gets("180").gets("200").sends("ACK", 2).gets("BYE").replies()
    called.invited(check("Session-Expires", "1800", "expires")).answers("180 Ringing")
    called.answers("200 OK", allow, KNOWS, "Session-Expires: 30;refresher=uac", body=BODY, repeat=True).gets("ACK")
    called.gets(method, check("Session-Expires", "30;refresher=uac", "refresh"))  # After 15 s.
    contact = f"Contact: <sip:{called.user}@[local_ip]:[local_port];transport=[transport]>"
    if method == "INVITE":
        called.replies("200 OK", contact, allow, KNOWS, "Session-Expires: 1800;refresher=uac", body=BODY).gets("ACK")
    else:
        called.replies("200 OK", contact, allow, KNOWS, "Session-Expires: 1800;refresher=uac")
    called.asks("BYE", 1).gets("200")
    play(lab, number, caller, called)


def test_the_caller_refreshes_and_is_told_what_is_too_short(lab: Lab) -> None:
    caller, called = phones(lab, 14)
    to = f"sip:[field2]@{lab.domain}"
    caller.invite(KNOWS, "Session-Expires: 60").gets("422", check("Min-SE", "90", "shortest"))
    caller.steps.append(
        send(f"ACK {to} SIP/2.0", caller._headers("ACK", 2, to, to_tag="[peer_tag_param]"), retransmit=False)
    )
    caller.invite(KNOWS, "Session-Expires: 90;refresher=uac", "Min-SE: 90", sequence=4).gets("180")
    caller.gets("200", check("Session-Expires", "90;refresher=uac", "agreed"), check("Require", "timer", "tag"))
    caller.sends("ACK", 4)
    caller.sends("UPDATE", 5, KNOWS, "Session-Expires: 90;refresher=uac")
    caller.gets("200", check("Session-Expires", "90;refresher=uac", "again"))
    caller.sends("INVITE", 6, KNOWS, "Session-Expires: 120;refresher=uac", body=BODY)
    caller.gets("200", check("Session-Expires", "120;refresher=uac", "longer")).sends("ACK", 6)
    caller.sends("UPDATE", 7, KNOWS, "Session-Expires: 30").gets("422", check("Min-SE", "90", "still"))
    caller.sends("BYE", 8).gets("200")
    called.invited().answers("180 Ringing").answers("200 OK", body=BODY, repeat=True).gets("ACK").gets("BYE").replies()
    play(lab, 14, caller, called)


def test_a_called_phone_wants_more_time(lab: Lab) -> None:
    """422 to our INVITE: it comes again, with the next number, and the call is made."""
    caller, called = phones(lab, 16)
    caller.invite().gets("180").gets("200").sends("ACK", 2).waits(0.3).sends("BYE", 3).gets("200")
    called.invited().answers("422 Too Short", "Min-SE: 3600", repeat=True, tag="no").gets("ACK")
    called.invited(check("Session-Expires", "3600", "expires"), check("Min-SE", "3600", "shortest"))
    called.answers("180 Ringing").answers("200 OK", body=BODY, repeat=True).gets("ACK").gets("BYE").replies()
    play(lab, 16, caller, called)


@pytest.mark.parametrize("number, headers", [(18, ()), (20, (RELIABLE,))])
def test_late_offers(lab: Lab, number: int, headers: tuple[str, ...]) -> None:
    """Our offer comes in the 200 and is answered in ACK; or, where it can, in the 180, and is answered in PRACK."""
    caller, called = phones(lab, number)
    ours = check("Content-Type", "application/sdp", "kind")
    caller.invite(*headers, body="")
    if headers:
        caller.gets("180", rseq(), ours).pracks(3, "rseq", body=BODY).gets("200").sends("ACK", 2)
    else:
        caller.gets("180").gets("200", ours).sends("ACK", 2, body=BODY)
    # A re-INVITE that asks for our offer, and takes the call from hold or to it.
    caller.sends("INVITE", 5).gets("200", check("Content-Type", "application/sdp", "kind2"))
    caller.sends("ACK", 5, body=BODY.replace("sendrecv", "sendonly"))
    caller.waits(0.3).sends("BYE", 6).gets("200")
    called.invited().answers("180 Ringing").waits(0.5).answers("200 OK", body=BODY, repeat=True)
    called.gets("ACK").gets("BYE").replies()
    play(lab, number, caller, called)


def test_two_answers(lab: Lab) -> None:
    """A proxy behind the contact has forked: each answer gets its ACK, and the second one a BYE.

    SIPp waits for each ACK in turn; two answers in the same moment are in tests/sim/test_early.py.
    """
    caller, called = phones(lab, 22)
    caller.invite().gets("180").gets("200").sends("ACK", 2).gets("BYE").replies()
    called.invited().answers("180 Ringing", tag="one").answers("180 Ringing", tag="two")
    called.answers("200 OK", body=BODY, tag="one").gets("ACK", check("To", "tag=[0-9]+one", "first"))
    called.answers("200 OK", body=BODY, tag="two").gets("ACK", check("To", "tag=[0-9]+two", "second"))
    called.gets("BYE", check("To", "tag=[0-9]+two", "loser")).replies()
    called.asks("BYE", 1, tag="one").gets("200")
    play(lab, 22, caller, called)
