"""Two real phones through the switch: registration, audio both ways, hold with music, hang-up, refusals."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from .conftest import PROMPTS, StartBaresip
from .lab import Lab
from .sipharness import PhoneError, audio
from .sipharness.baresip import Baresip
from .sipharness.listening import hear
from .sipharness.tap import RtpTap

LAB = {"accounts": 20, "agents": 1, "tiers": 1}


def listen(seconds: float) -> float:
    """Let the phones talk; returns the moment of the wall clock at which the interval began."""
    began = time.time()
    time.sleep(seconds)
    return began


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("holder", ["caller", "callee"])
def test_two_phones_talk_hold_and_resume(
    lab: Lab, baresip: StartBaresip, music: audio.Signal, transport: str, holder: str
) -> None:
    number = {"udp": 0, "tcp": 2}[transport]
    caller = baresip(lab.account(number, transport=transport), seed=1)
    callee = baresip(lab.account(number + 1, transport=transport), seed=2, auto_answer=False)
    said = {caller: audio.babble(30, seed=1), callee: audio.babble(30, seed=2)}
    first, second = (caller, callee) if holder == "caller" else (callee, caller)

    with RtpTap([*caller.rtp_ports, *callee.rtp_ports]) as tap:
        caller.call(callee.account.user)
        callee.wait("incoming")
        caller.wait("ringing", "early")
        callee.answer()
        caller.wait("established")
        callee.wait("established")

        def since(moment: float, phone: Baresip) -> Callable[[], audio.Signal]:
            return lambda: tap.heard_by(phone.rtp_ports, moment)

        # Each hears what the other says, from the wire and in the phone's own recording.
        talk = time.time()
        hear((said[callee], since(talk, caller)), (said[caller], since(talk, callee)))
        hear((said[callee], caller.heard), (said[caller], callee.heard))

        first.hold()
        settled = listen(0.5) + 0.5
        hear((music, since(settled, second)))
        listen(1.5)
        resumed = time.time()
        first.resume()
        again = listen(0.5) + 0.5
        # All is as before.
        hear((said[callee], since(again, caller)), (said[caller], since(again, callee)))

        # Either side hangs up: the one that held.
        first.hangup()
        second.wait("closed")

    def heard(phone: Baresip, since: float, until: float) -> audio.Signal:
        return tap.heard_by(phone.rtp_ports, since)[: int((until - since) * 8000)]

    # While one held, neither heard the other.
    assert audio.contains(said[first], heard(second, settled, resumed)) < 0.2
    assert audio.contains(said[second], heard(first, settled, resumed)) < 0.2
    # One stream to each phone, from beginning to end, without a loss or a jump backwards.
    for phone in (caller, callee):
        (stream,) = tap.to(phone.rtp_ports)
        health = stream.health()
        assert health.lost == health.disordered == health.duplicates == 0


def test_the_caller_gives_up(lab: Lab, baresip: StartBaresip) -> None:
    caller, callee = baresip(lab.account(4)), baresip(lab.account(5))
    caller.call(callee.account.user)
    callee.wait("incoming")
    caller.wait("ringing", "early")  # baresip 1.1 forgets a hang-up that comes sooner
    caller.hangup()
    callee.wait("closed")
    assert not callee.saw("established")


def test_the_callee_refuses(lab: Lab, baresip: StartBaresip) -> None:
    caller, callee = baresip(lab.account(6)), baresip(lab.account(7))
    caller.call(callee.account.user)
    callee.wait("incoming")
    callee.hangup()
    assert "486" in caller.wait("closed").data["reason"]


def test_nobody_there_and_no_such_number(lab: Lab, baresip: StartBaresip) -> None:
    caller = baresip(lab.account(8))
    caller.call(lab.account(9).user)
    assert "480" in caller.wait("closed").data["reason"]
    mark = caller.mark()
    caller.call("no-such-number")
    assert "404" in caller.wait("closed", since=mark).data["reason"]


def test_a_wrong_password_is_refused(lab: Lab, baresip: StartBaresip) -> None:
    account = lab.account(10)
    stranger = type(account)(account.user, "wrong", account.server, account.port, account.domain)
    with pytest.raises(PhoneError, match="register_failed"):
        baresip(stranger)


def test_all_phones_of_an_account_ring_and_one_takes_it(lab: Lab, baresip: StartBaresip) -> None:
    caller = baresip(lab.account(11), seed=1)
    desk, softphone = baresip(lab.account(12), seed=2), baresip(lab.account(12, transport="tcp"), seed=3)
    caller.call(desk.account.user)
    desk.wait("incoming")
    softphone.wait("incoming")
    softphone.answer()
    caller.wait("established")
    desk.wait("closed")
    assert not desk.saw("established")
    hear((audio.babble(30, seed=3), caller.heard), (audio.babble(30, seed=1), softphone.heard))
    caller.hangup()
    softphone.wait("closed")


@pytest.mark.parametrize(("extension", "source"), [("music", "music"), ("prompt", "greeting")])
def test_extensions_that_speak(
    lab: Lab, baresip: StartBaresip, request: pytest.FixtureRequest, extension: str, source: str
) -> None:
    caller = baresip(lab.account(13))
    caller.call(lab.extensions[extension])
    caller.wait("established")
    if extension == "music":
        hear((request.getfixturevalue(source), caller.heard))
        caller.hangup()
    else:
        caller.wait("closed", timeout=30)
        assert audio.find(request.getfixturevalue(source), caller.heard())


def test_the_echo(lab: Lab, baresip: StartBaresip) -> None:
    introduction = audio.load(PROMPTS / "pl" / "echo-intro.wav")
    caller = baresip(lab.account(14), seed=5)
    caller.call(lab.extensions["echo"])
    caller.wait("established")
    listen(len(introduction) / 8000)
    hear((audio.babble(30, seed=5), caller.heard))
    caller.hangup()
    assert audio.find(introduction, caller.heard()[: len(introduction) + 8000])


def test_digits_go_through_a_call(lab: Lab, baresip: StartBaresip) -> None:
    caller, callee = baresip(lab.account(15)), baresip(lab.account(16), auto_answer=True)
    caller.call(callee.account.user)
    caller.wait("established")
    listen(0.5)
    caller.dtmf("1590*#")
    callee.wait("dtmf", where=lambda event: event.data["digit"] == "#")
    callee.dtmf("42")
    caller.wait("dtmf", where=lambda event: event.data["digit"] == "2")
    assert callee.digits() == "1590*#"
    assert caller.digits() == "42"
