"""Trunks against real programs: baresip and SIPp as the provider, and another switch as registrar with digest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import StartBaresip
from .lab import Lab
from .sipharness import Account, audio, free_port
from .sipharness.baresip import Baresip
from .sipharness.listening import hear
from .sipharness.sipp import Scenario, Sipp, receive, send
from .sipharness.tap import RtpTap

StartLab = Callable[..., Lab]
OUTSIDE = "+48501234567"


@pytest.fixture
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartLab]:
    """`switch(*options)`: a running lab with these options; each must end without a traceback."""
    labs: list[Lab] = []

    def start(*options: str) -> Lab:
        lab = Lab(tmp_path_factory.mktemp("trunks"), accounts=4, agents=1, media_ports=400, options=options)
        lab.start()
        labs.append(lab)
        return lab

    try:
        yield start
        for lab in labs:
            lab.stop()
    finally:
        for lab in labs:
            lab.kill()


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Baresip]:
    """A baresip that registers nowhere: what calls it is answered."""
    play = audio.babble_wav(tmp_path / "provider.wav", seed=9)
    with Baresip(Account(OUTSIDE, server=None), play=play, auto_answer=True) as phone:
        yield phone


def edit_trunk(lab: Lab, **values: str) -> None:
    """Change the first trunk, as an operator does. Values are TOML."""
    environment = {**os.environ, "SOFTSWITCH_CONFIG": str(lab.directory)}
    command = [sys.executable, "-m", "softswitch"]
    site = subprocess.run([*command, "export"], capture_output=True, text=True, check=True, env=environment).stdout
    head = "[trunk.trunk1]\n"
    assert head in site
    for name in values:
        site = re.sub(rf"(?ms)(\[trunk\.trunk1\]\n(?:(?!^\[).)*?)^{name} = [^\n]*\n", r"\1", site)
    lines = "".join(f"{name} = {value}\n" for name, value in values.items())
    site = site.replace(head, head + lines)
    subprocess.run([*command, "apply", "-"], input=site, capture_output=True, text=True, check=True, env=environment)


def wait_for(what: Callable[[], Any], seconds: float = 15.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, what
        time.sleep(0.1)
    return found


def test_a_number_outside_and_a_did_with_baresip_as_the_provider(
    switch: StartLab, baresip: StartBaresip, provider: Baresip
) -> None:
    lab = switch("--trunk", f"127.0.0.1:{provider.sip_port}")
    assert lab.facts["emergency"] == ["112", "997", "998", "999"]
    phone = baresip(lab.account(0), seed=1)
    wait_for(lambda: lab.command("trunks")[0]["state"] == "up")
    with RtpTap([*phone.rtp_ports, *provider.rtp_ports]) as tap:
        phone.call("501234567")
        phone.wait("established")
        provider.wait("established")
        began = time.time()
        hear(
            (audio.babble(30, seed=9), lambda: tap.heard_by(phone.rtp_ports, began)),
            (audio.babble(30, seed=1), lambda: tap.heard_by(provider.rtp_ports, began)),
        )
        phone.hangup()
        provider.wait("closed")
    echo = next(number for number, to in lab.facts["numbers"].items() if to == "extension:echo")
    provider.call(f"sip:{echo}@127.0.0.1:{lab.port}")
    provider.wait("established")
    calls = lab.command("calls")
    assert [(one["dialled"], one["account"]) for one in calls] == [(echo, "")]
    provider.hangup()
    provider.wait("closed")
    # Nothing else is to be reached from there.
    for number in ("1000", "501234567", "112", "%2B48501234567"):
        provider.call(f"sip:{number}@127.0.0.1:{lab.port}")
        provider.wait("closed")
    assert lab.command("calls") == []


def test_the_second_trunk_is_used_while_the_first_is_dead(
    switch: StartLab, baresip: StartBaresip, provider: Baresip
) -> None:
    lab = switch("--trunk", f"127.0.0.1:{free_port()}", "--trunk", f"127.0.0.1:{provider.sip_port}")
    phone = baresip(lab.account(0))
    began = time.monotonic()
    phone.call("501234567")
    provider.wait("established")
    assert time.monotonic() - began < 8  # 3 s are the first one's, unless a ping has told before
    phone.hangup()
    provider.wait("closed")
    states = wait_for(lambda: (found := [one["state"] for one in lab.command("trunks")])[0] == "down" and found, 30)
    assert states == ["down", "up"]
    began = time.monotonic()
    phone.call("501234567")
    provider.wait("established")
    assert time.monotonic() - began < 2
    phone.hangup()
    provider.wait("closed")


def test_another_switch_registers_us_and_calls_pass_both_ways(switch: StartLab, baresip: StartBaresip) -> None:
    far = switch()
    login = far.facts["accounts"][0]
    near = switch(
        "--trunk", f"127.0.0.1:{far.port}", "--trunk-user", login["user"], "--trunk-password", login["password"]
    )
    edit_trunk(near, rewrite='[{ match = "\\\\+4822777([0-9]+)", to = "\\\\1" }]', default='"echo"')
    wait_for(lambda: near.command("trunks")[0]["registered_for"])
    assert [one["aor"] for one in far.command("registrations")] == [login["user"]]
    here, there = baresip(near.account(1), seed=1), baresip(far.account(2), seed=2, auto_answer=True)
    with RtpTap([*here.rtp_ports, *there.rtp_ports]) as tap:
        here.call(f"22777{there.account.user}")
        there.wait("established")
        began = time.time()
        hear(
            (audio.babble(30, seed=2), lambda: tap.heard_by(here.rtp_ports, began)),
            (audio.babble(30, seed=1), lambda: tap.heard_by(there.rtp_ports, began)),
        )
        here.hangup()
        there.wait("closed")
    there.call(login["user"])
    there.wait("established")
    assert [one["account"] for one in near.command("calls")] == [""]
    there.hangup()
    there.wait("closed")


def test_sipp_asks_for_credentials_and_verifies_them(switch: StartLab, baresip: StartBaresip) -> None:
    sipp = Sipp(Account("provider"))
    with sipp:
        lab = switch("--trunk", f"127.0.0.1:{sipp.sip_port}")
        edit_trunk(lab, user='"acct77"', password='"pw-of-acct77"', realm='"sipp.example"', ping="0")
        phone = baresip(lab.account(0))
        scenario = Scenario("challenge", "sipp.example")
        tagged = [
            "[last_Via:]", "[last_From:]", "[last_To:];tag=[pid]C[call_number]", "[last_Call-ID:]", "[last_CSeq:]",
        ]  # fmt: skip
        asked = 'Proxy-Authenticate: Digest realm="sipp.example", nonce="47ebe028cda119c35d4877b383027d28da013815", algorithm=MD5'
        proven = (
            '<recv request="INVITE" rrs="true"><action><verifyauth assign_to="proven" username="acct77" password="pw-of-acct77"/>'
            '</action></recv>\n<nop condexec="proven" next="ok"/>\n'
        )
        refused = (
            send("SIP/2.0 403 Wrong", tagged, retransmit=False)
            + receive("ACK")
            + '<nop next="end"/>\n<label id="ok"/>\n'
        )
        contact = "Contact: <sip:provider@[local_ip]:[local_port];transport=[transport]>"
        body = "v=0\no=- 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 8\n"
        scenario.steps += [
            receive("INVITE"),
            send("SIP/2.0 407 Proxy Authentication Required", [*tagged, asked], retransmit=False),
            receive("ACK"),
            proven,
            refused,
            send("SIP/2.0 180 Ringing", [*tagged, contact], retransmit=False),
            send("SIP/2.0 200 OK", [*tagged, contact], body),
            receive("ACK"),
            receive("BYE"),
            send(
                "SIP/2.0 200 OK",
                ["[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]", "[last_CSeq:]"],
                retransmit=False,
            ),
            '<label id="end"/>\n',
        ]
        sipp.launch(scenario, calls=1, timeout=30, options=("-aa",))
        phone.call("501234567")
        phone.wait("established")
        phone.hangup()
        sipp.finish()
