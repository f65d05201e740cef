"""INVITE with Replaces (RFC 3891), against SIPp: a phone of the same account takes an established call over."""

from __future__ import annotations

import re
import time
from pathlib import Path

from .flows import BODY, Called, Caller, check, phones, registered
from .lab import Lab
from .sipharness import Account
from .sipharness.sipp import Sipp, send

LAB = {"accounts": 10, "agents": 1, "tiers": 1}
WITHIN = 20.0  # seconds until a call is established


class Taker(Caller):
    """A caller who means another dialog than its own. Before the answer there is no contact: ACK goes where INVITE went."""

    def refused(self, status: str) -> Taker:
        to = f"sip:[field2]@{self.domain}"
        self.gets(status)
        self.steps.append(
            send(f"ACK {to} SIP/2.0", self._headers("ACK", 2, to, to_tag="[peer_tag_param]"), retransmit=False)
        )
        return self


def dialog(log: Path) -> str:
    """The value of Replaces that names the dialog which a called phone has logged at its ACK."""
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        seen = log.read_text() if log.exists() else ""
        if (to := re.search(r"^To: .*;tag=(\S+)$", seen, re.MULTILINE)) is not None:
            call_id, ours = (
                re.search(pattern, seen, re.MULTILINE) for pattern in (r"^Call-ID: *(\S+)$", r"^From: .*;tag=([^;\s]+)")
            )
            assert call_id and ours, seen
            return f"{call_id[1]};to-tag={ours[1]};from-tag={to[1]}"
        time.sleep(0.05)  # there is nothing to await: the file is another process's
    raise AssertionError(f"the call was not answered within {WITHIN} s")


def taking(lab: Lab, value: str) -> Taker:
    return Taker("taker", lab.domain).invite("Require: replaces", f"Replaces: {value}")


def begin(lab: Lab, one: Sipp, other: Sipp, caller: Caller, called: Called, there: Account) -> str:
    """The call is established; the name of the called phone's dialog."""
    log = other.dir / "dialog.log"
    other.launch(called, timeout=60, options=["-trace_logs", "-log_file", log])
    one.launch(caller, [(one.account.user, one.account.password, there.user)], timeout=60)
    return dialog(log)


def seen() -> tuple[str, ...]:
    """What a called phone logs of its dialog; the order matters to `dialog`."""
    return check("Call-ID", "[^ ].*", "logid"), check("From", "[^ ].*", "logfrom"), check("To", "[^ ].*", "logto")


def test_another_phone_of_the_account_takes_the_call_over(lab: Lab) -> None:
    """The first phone is told BYE and the caller nothing; whoever has the call now ends it."""
    caller, called = phones(lab, 0)
    here, there = lab.account(0), lab.account(1)
    caller.invite().gets("180").gets("200").sends("ACK", 2).gets("BYE").replies()
    called.invited().answers("180 Ringing").answers("200 OK", body=BODY, repeat=True).gets("ACK", *seen())
    called.gets("BYE").replies()
    with Sipp(here) as one, registered(lab, there) as other, Sipp(there) as second:
        taker = taking(lab, begin(lab, one, other, caller, called, there))
        taker.gets("200", check("Content-Type", "application/sdp", "kind")).sends("ACK", 2)
        taker.waits(0.5).sends("BYE", 3).gets("200")
        second.run(taker, [(there.user, there.password, "anything")])
        one.finish()
        other.finish()
        assert one.complaints() == other.complaints() == second.complaints() == []


def test_a_dialog_that_is_not_there_and_one_of_somebody_else(lab: Lab) -> None:
    """481 and 403; the call that was named goes on."""
    caller, called = phones(lab, 2)
    here, there, stranger = lab.account(2), lab.account(3), lab.account(4)
    caller.invite().gets("180").gets("200").sends("ACK", 2).waits(4.0).sends("BYE", 3).gets("200")
    called.invited().answers("180 Ringing").answers("200 OK", body=BODY, repeat=True).gets("ACK", *seen())
    called.gets("BYE").replies()
    with Sipp(here) as one, registered(lab, there) as other:
        value = begin(lab, one, other, caller, called, there)
        unknown = value.replace(";to-tag=", ";to-tag=x")
        for account, named, status in ((there, unknown, "481"), (stranger, value, "403")):
            with Sipp(account) as second:
                second.run(taking(lab, named).refused(status), [(account.user, account.password, "anything")])
                assert second.complaints() == []
        one.finish()
        other.finish()
        assert one.complaints() == other.complaints() == []
