"""Campaigns with real telephones: an agent, a customer behind a trunk, a switch that dies while the customer's phone rings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from .conftest import StartBaresip
from .lab import Lab
from .sipharness import Account, audio
from .sipharness.baresip import Baresip
from .sipharness.listening import hear
from .sipharness.tap import RtpTap
from .test_trunks import OUTSIDE, wait_for

CAMPAIGN = """[campaign.spring]
queue = "queue"
mode = "progressive"
hours = ["Mon-Sun 00:00-12:00"]
deny = ["optouts"]
attempts = 2
gap = 0.05
[list.optouts]
numbers = ["+48501000002"]
"""


def zone_at(hour: int) -> str:
    """A time zone in which it is about this hour now."""
    ahead = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


@pytest.fixture
def customer(tmp_path: Path) -> Iterator[Callable[..., Baresip]]:
    """`customer(auto_answer=True)`: whoever is called by the trunk."""
    phones: list[Baresip] = []

    def start(**options: Any) -> Baresip:
        play = audio.babble_wav(tmp_path / "customer.wav", seed=9)
        phones.append(Baresip(Account(OUTSIDE, server=None), play=play, **options))
        phones[-1].start()
        return phones[-1]

    yield start
    for phone in phones:
        phone.stop()


@pytest.fixture
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Baresip], Lab]]:
    """`switch(phone)`: a lab with a campaign, whose trunk leads to a phone."""
    labs: list[Lab] = []

    def start(phone: Baresip) -> Lab:
        options = ("--trunk", f"127.0.0.1:{phone.sip_port}", "--wrap-up", "1")
        lab = Lab(tmp_path_factory.mktemp("campaign"), accounts=2, agents=1, tiers=1, media_ports=400, options=options)
        lab.start()
        labs.append(lab)
        idle = "[queue.queue]\ncallbacks = { idle = 0.5 }\n"
        lab._edit(lambda site: site.replace("[queue.queue]\n", idle, 1))
        lab.add(CAMPAIGN)
        wait_for(lambda: lab.command("trunks")[0]["state"] == "up")
        return lab

    try:
        yield start
        for lab in labs:
            lab.stop()
    finally:
        for lab in labs:
            lab.kill()


def contacts(lab: Lab) -> dict[str, dict[str, Any]]:
    return {one["number"]: one for one in lab.command("campaign", "contacts", "spring")}


def fill(lab: Lab, *rows: str) -> None:
    """A list as a Polish spreadsheet writes it, and off it goes."""
    text = "Nr telefonu;Imię i nazwisko;Strefa czasowa;Miejscowość\r\n" + "".join(f"{row}\r\n" for row in rows)
    file = lab.directory / "list.csv"
    file.write_bytes(text.encode("cp1250"))
    assert lab.command("campaign", "import", "spring", str(file))["changed"]
    lab.command("campaign", "start", "spring")


@pytest.mark.timeout(240)
def test_only_who_may_be_called_is_and_both_hear_each_other(
    customer: Callable[..., Baresip], switch: Callable[[Baresip], Lab], baresip: StartBaresip
) -> None:
    there = customer(auto_answer=True)
    lab = switch(there)
    lab.command("customers", "set", "K-3", "--number", "+48501000003", "--do-not-call")
    agent = baresip(lab.agent(0), seed=3, auto_answer=True)
    here, elsewhere = zone_at(6), zone_at(18)
    fill(
        lab, f"501000002;Nie Chce;{here};Łódź", f"501000003;Też Nie;{here};Żory", f"501000004;Śpi;{elsewhere};Paź",
        f"501 234 567;Jan Żółć;{here};Łódź",
    )  # fmt: skip
    with RtpTap([*agent.rtp_ports, *there.rtp_ports]) as tap:
        agent.wait("established", timeout=60)
        there.wait("established", timeout=60)
        began = time.time()
        hear(
            (audio.babble(30, seed=9), lambda: tap.heard_by(agent.rtp_ports, began)),
            (audio.babble(30, seed=3), lambda: tap.heard_by(there.rtp_ports, began)),
        )
        found = contacts(lab)[OUTSIDE]
        assert (found["status"], found["attempts"], found["name"]) == ("reached", 1, "Jan Żółć")
        assert found["fields"] == {"Miejscowość": "Łódź"}
        there.hangup()
        agent.wait("closed", timeout=30)
    lab.command("campaign", "stop", "spring")
    others = {number: (one["status"], one["attempts"]) for number, one in contacts(lab).items() if number != OUTSIDE}
    assert others == {"+48501000002": ("denied", 0), "+48501000003": ("denied", 0), "+48501000004": ("waiting", 0)}
    report = lab.command("campaign", "report", "spring")
    assert (report["attempts"], report["called"], report["hit_rate"]) == (1, 1, 100.0)


@pytest.mark.timeout(240)
def test_who_was_dialled_before_a_kill_is_not_dialled_again(
    customer: Callable[..., Baresip], switch: Callable[[Baresip], Lab], baresip: StartBaresip
) -> None:
    there = customer()
    lab = switch(there)
    baresip(lab.agent(0), seed=3, auto_answer=True)
    fill(lab, f"501234567;Jan;{zone_at(6)};")
    there.wait("incoming", timeout=60)
    lab.kill()
    lab.start()
    wait_for(lambda: lab.command("campaign", "list"), 30)
    found = contacts(lab)[OUTSIDE]
    assert found["attempts"] == 1, (found, lab.command("callback", "list"), lab.command("calls"))
    if found["status"] == "calling":  # the call outlived the switch: the phone rings on
        there.answer()
        there.wait("established", timeout=30)
        wait_for(lambda: contacts(lab)[OUTSIDE]["status"] == "reached", 30)
        there.hangup()
    else:
        assert found["due"] - found["last"] > 100.0, "the next attempt has its gap"
    found = contacts(lab)[OUTSIDE]
    assert found["attempts"] == 1 and [one.kind for one in there.events].count("incoming") == 1
    lab.command("campaign", "stop", "spring")
