"""Linphone gives its GRUU as its Contact: whatever is sent to a GRUU that was handed out must be routed (RFC 5627)."""

from __future__ import annotations

import pytest

from .conftest import StartBaresip, StartLinphone
from .lab import Lab

LAB = {"accounts": 6, "agents": 1, "tiers": 1}


@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_a_phone_that_gives_its_gruu_as_its_contact(
    lab: Lab, linphone: StartLinphone, baresip: StartBaresip, transport: str
) -> None:
    """Called by its GRUU it rings; ACK and BYE of calls both ways reach it under the contact that it has registered."""
    number = {"udp": 0, "tls": 2}[transport]
    phone = linphone(lab.account(number, transport=transport), auto_answer=True, seed=1)
    other = baresip(lab.account(number + 1), auto_answer=True, seed=2)
    user = phone.account.user
    (row,) = [row for row in lab.command("registrations") if row["aor"] == user]
    gruu = f"sip:{user}@{lab.domain};gr={row['instance'].strip('<>')}"

    other.call(gruu)
    other.wait("established", timeout=20)
    other.hangup()
    phone.wait("closed", timeout=20)  # our BYE has reached it

    sent = [one["text"] for one in lab.command("trace", other.account.user)]
    assert any(text.startswith("SIP/2.0 200") and f"<{gruu}>" in text for text in sent), "Linphone has given no GRUU"
    to_phone = [text.partition(" SIP/2.0")[0] for text in sent]
    assert f"ACK {row['contact']}" in to_phone and f"BYE {row['contact']}" in to_phone

    phone.call(other.account.user)
    phone.wait("established", timeout=20)
    other.hangup()
    phone.wait("closed", timeout=20)
