"""JsSIP in Chromium, the usual telephone in a page, with baresip and Linphone at the other end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .conftest import HEARD, StartBaresip, StartLinphone
from .lab import Lab
from .sipharness import audio
from .sipharness.chromium import Chromium
from .sipharness.jssip import JsSip, Site
from .sipharness.listening import cease, hear
from .sipharness.tap import RtpTap

LAB = {"accounts": 40, "agents": 1, "tiers": 1}
FIRST = 5000  # samples: of a handshake, and of a jitter buffer that finds its size
SEED = 7
BROWSER, OTHER = audio.babble(30, seed=SEED), audio.babble(30, seed=2)

StartJsSip = Callable[..., JsSip]


@pytest.fixture(scope="module")
def chromium(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Chromium, Site]]:
    """One browser for all tests: its microphone speaks babble, and it trusts the lab's certificate."""
    microphone = tmp_path_factory.mktemp("chromium") / "microphone.wav"
    audio.write_wav(microphone, audio.resample(BROWSER, 8000, 48_000), 48_000)
    with contextlib.closing(Site()) as site, Chromium(microphone, lab.facts["certificate"]) as browser:
        yield browser, site


@pytest.fixture
def jssip(chromium: tuple[Chromium, Site]) -> Iterator[StartJsSip]:
    """`jssip(account)`: a page that is registered. No script of a page may fail."""
    with contextlib.ExitStack() as stack:
        phones: list[JsSip] = []

        def start(account: Any, **options: Any) -> JsSip:
            phone = stack.enter_context(JsSip(account, *chromium, **options))
            phones.append(phone)
            phone.wait_registered()
            return phone

        yield start
        assert [str(error) for phone in phones for error in phone.saw("page_error")] == []


def test_it_calls(lab: Lab, jssip: StartJsSip, baresip: StartBaresip, music: audio.Signal) -> None:
    """Over WS. Talks, types, holds, resumes, and hangs up."""
    browser, phone = jssip(lab.account(0, transport="ws")), baresip(lab.account(1), seed=2)
    with RtpTap(phone.rtp_ports) as tap:
        call = browser.call(phone.account.user)
        phone.wait("incoming")
        browser.wait("ringing")
        phone.answer()
        browser.wait("established")
        hear((OTHER, lambda: browser.heard_in(call, FIRST)), (BROWSER, phone.heard))
        found = browser.statistics()
        browser.dtmf("15#")
        phone.wait("dtmf", where=lambda event: event.data["digit"] == "#")

        browser.hold()
        browser.wait("paused")
        held = time.time()
        hear((music, lambda: tap.heard_by(phone.rtp_ports, held)))
        cease(BROWSER, lambda: tap.heard_by(phone.rtp_ports, held))
        cease(OTHER, lambda: browser.heard_in(call))
        browser.resume()
        browser.wait("unpaused")
        resumed, again = time.time(), len(browser.heard_in(call))
        hear((OTHER, lambda: browser.heard_in(call, again)), (BROWSER, lambda: tap.heard_by(phone.rtp_ports, resumed)))
        browser.hangup()
        phone.wait("closed")
    assert found["dtls"] == "connected" and found["lost"] == 0
    assert phone.digits() == "15#"


def test_it_is_called(lab: Lab, jssip: StartJsSip, baresip: StartBaresip, music: audio.Signal) -> None:
    """Over WSS, by a phone that types, holds, resumes, and hangs up.

    JsSIP shows digits only that come as INFO: its account says so.
    """
    lab.set_account(lab.account(4).user, dtmf="info")
    browser, phone = jssip(lab.account(4, transport="wss")), baresip(lab.account(5), seed=2)
    with RtpTap(phone.rtp_ports) as tap:
        phone.call(browser.account.user)
        browser.wait("incoming")
        phone.wait("ringing", "early")
        browser.answer()
        phone.wait("established")
        browser.wait("established")
        began = time.time()
        hear((OTHER, lambda: browser.heard_in(1, FIRST)), (BROWSER, lambda: tap.heard_by(phone.rtp_ports, began)))
        phone.dtmf("42")
        browser.wait("dtmf", where=lambda event: event.data["digit"] == "2")
        phone.hold()
        held = len(browser.heard_in(1))
        hear((music, lambda: browser.heard_in(1, held)))
        cease(OTHER, lambda: browser.heard_in(1))
        phone.resume()
        resumed = len(browser.heard_in(1))
        hear((OTHER, lambda: browser.heard_in(1, resumed)))
        phone.hangup()
        browser.wait("closed")
    assert browser.digits() == "42"


def test_two_pages(lab: Lab, jssip: StartJsSip) -> None:
    """Opus all the way, each side by its own handshake; the callee hangs up."""
    one, other = jssip(lab.account(8, transport="ws")), jssip(lab.account(9, transport="wss"), auto_answer=True)
    call = one.call(other.account.user)
    one.wait("established")
    other.wait("established")
    hear((BROWSER, lambda: one.heard_in(call, FIRST)), (BROWSER, lambda: other.heard_in(1, FIRST)))
    codecs = {phone.statistics()["codec"] for phone in (one, other)}
    other.hangup()
    one.wait("closed")
    assert codecs == {"audio/opus/48000"}


def test_linphone_calls_by_its_own_srtp(lab: Lab, jssip: StartJsSip, linphone: StartLinphone) -> None:
    """Keys in the SDP over TLS on one side, WebRTC on the other."""
    browser = jssip(lab.account(10, transport="wss"), auto_answer=True)
    phone = linphone(lab.account(11, transport="tls"), mediaenc="srtp-mand", seed=2)
    phone.call(browser.account.user)
    phone.wait("established")
    browser.wait("established")
    hear((OTHER, lambda: browser.heard_in(1, FIRST)))
    assert phone.encryption() == "srtp"
    phone.hangup()
    browser.wait("closed")
    phone.wait("released")  # its recording is complete
    assert audio.stretch(BROWSER, phone.heard()) >= HEARD


def test_refusals_and_messages(lab: Lab, jssip: StartJsSip, baresip: StartBaresip, linphone: StartLinphone) -> None:
    browser, phone = jssip(lab.account(12, transport="wss")), baresip(lab.account(13))
    call = browser.call(phone.account.user)
    phone.wait("incoming")
    phone.hangup()
    assert browser.wait("closed", where=lambda event: event.data["call"] == call).data["reason"] == "486"

    mark = phone.mark()
    call = browser.call(phone.account.user)
    phone.wait("incoming", since=mark)
    browser.wait("ringing", where=lambda event: event.data["call"] == call)
    browser.hangup(call)
    phone.wait("closed", since=mark)

    mark = phone.mark()
    phone.call(browser.account.user)
    incoming = browser.wait("incoming").data["call"]
    browser.hangup(incoming, 486)
    assert "486" in phone.wait("closed", since=mark).data["reason"]

    call = browser.call("no-such-number")
    assert browser.wait("closed", where=lambda event: event.data["call"] == call).data["reason"] == "404"

    writer = linphone(lab.account(14))
    browser.message(writer.account.user, "Dzień dobry")
    assert writer.wait("message").data == {"text": "Dzień dobry", "peer": browser.account.aor}
    writer.message(browser.account.user, "Proszę oddzwonić")
    assert browser.wait("message").data == {"text": "Proszę oddzwonić", "peer": writer.account.aor}


@pytest.mark.parametrize("consults", [False, True], ids=["blind", "attended"])
def test_it_transfers(lab: Lab, jssip: StartJsSip, baresip: StartBaresip, consults: bool) -> None:
    """By REFER, with Replaces after a consultation; the two others talk, and the browser is out of it."""
    number = 18 if consults else 15
    browser = jssip(lab.account(number, transport="wss"))
    one, other = (baresip(lab.account(number + seed - 1), seed=seed, auto_answer=True) for seed in (2, 3))
    with RtpTap([*one.rtp_ports, *other.rtp_ports]) as tap:
        calls = [browser.call(one.account.user)]
        one.wait("established")
        browser.wait("established")
        if consults:
            browser.hold()
            browser.wait("paused")
            calls.append(browser.call(other.account.user))
            other.wait("established")
            browser.wait("established", where=lambda event: event.data["call"] == calls[1])
            browser.attended_transfer(*calls)
        else:
            browser.transfer(other.account.user)
        browser.wait("transferred", fail_on=("transfer_failed",))
        other.wait("established")
        for call in calls:
            browser.wait("closed", where=lambda event, call=call: event.data["call"] == call)
        began = time.time()
        hear(
            (audio.babble(30, seed=3), lambda: tap.heard_by(one.rtp_ports, began)),
            (audio.babble(30, seed=2), lambda: tap.heard_by(other.rtp_ports, began)),
        )
        one.hangup()
        other.wait("closed")
