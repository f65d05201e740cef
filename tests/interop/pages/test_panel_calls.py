"""What agents do with a call in the page: hold, ask, bring together, lead on; and no microphone, no switch, two tabs."""

from __future__ import annotations

from ..conftest import StartBaresip
from ..lab import Lab
from ..sipharness import audio
from ..sipharness.listening import cease, hear
from .conftest import VOICE_SEED, LogIn
from .test_panel import at_work, listening

LAB = {"accounts": 6, "agents": 4, "tiers": 1, "options": ("--wrap-up", "60")}
SAID = {seed: audio.babble(30, seed=seed) for seed in (2, 3, 4, VOICE_SEED)}


def test_hold_ask_and_bring_together_at_a_desk_phone(lab: Lab, page: LogIn, baresip: StartBaresip) -> None:
    """The phone on the desk need not know any of it, and the page may be loaded again in the middle."""
    desk, caller = baresip(lab.agent(0), seed=3), baresip(lab.account(1), seed=2)
    colleague = baresip(lab.account(2), seed=4)
    surfer = page("agent", "/panel", agent="agent-2000")
    surfer.see("heading", "You are waiting for calls")
    caller.call(lab.extensions["queue"])
    desk.wait("incoming", timeout=30)
    desk.answer()
    caller.wait("established", timeout=30)
    hear((SAID[2], desk.heard), (SAID[3], caller.heard))
    surfer.click("button", "Hold")
    surfer.see("button", "Resume")
    surfer.read("On hold", ".panel-stage")
    cease(SAID[3], caller.heard)
    surfer.click("button", "Resume")
    hear((SAID[3], caller.heard))

    def ask() -> None:
        before = len(colleague.events)
        surfer.see("button", "Hold")
        surfer.click("button", "Transfer")
        surfer.type("field", "Name, queue or number", lab.account(2).user)
        surfer.click("option", lab.account(2).user)
        surfer.click("button", "Ask first")
        colleague.wait("incoming", since=before, timeout=30)

    ask()
    surfer.read("Calling", ".panel-consult")
    colleague.hangup()  # has no time
    surfer.read("is not there any more")
    hear((SAID[2], desk.heard), (SAID[3], caller.heard))
    ask()
    colleague.answer()
    surfer.read("You are asking", ".panel-consult")
    hear((SAID[4], desk.heard))
    surfer.reload()
    surfer.read("You are asking", ".panel-consult")
    surfer.shots("asking")
    surfer.click("button", "Swap")
    surfer.read("waits", ".panel-consult")
    hear((SAID[3], caller.heard))
    surfer.click("button", "All three")
    surfer.read("Conference", ".panel-stage")
    hear((SAID[2], colleague.heard), (SAID[4], caller.heard), (SAID[3], caller.heard))
    desk.hangup()
    surfer.see("button", "Done")
    hear((SAID[2], colleague.heard), (SAID[4], caller.heard))
    caller.hangup()
    colleague.wait("closed")


def test_a_call_is_led_on_and_is_not_theirs_any_more(lab: Lab, page: LogIn, baresip: StartBaresip) -> None:
    desk, caller = baresip(lab.agent(1), seed=3), baresip(lab.account(3), seed=2)
    colleague = baresip(lab.account(4), seed=4, auto_answer=True)
    surfer = page("agent", "/panel", agent="agent-2001")
    surfer.see("heading", "You are waiting for calls")
    caller.call(lab.extensions["queue"])
    desk.wait("incoming", timeout=30)
    desk.answer()
    caller.wait("established", timeout=30)
    surfer.click("button", "Transfer")
    surfer.type("field", "Name, queue or number", lab.account(4).user)
    surfer.read("Free", "dialog")
    surfer.click("option", lab.account(4).user)
    surfer.click("button", "Transfer now")
    hear((SAID[2], colleague.heard), (SAID[4], caller.heard))
    surfer.see("button", "Done")
    surfer.gone("button", "Hang up")
    caller.hangup()
    colleague.wait("closed")


def test_without_a_microphone_there_is_the_desk_phone(lab: Lab, page: LogIn) -> None:
    surfer = page("agent", "/panel", agent="agent-2003")
    surfer.forbid_microphone()
    surfer.click(".panel-choice", "This browser")
    surfer.click("button", "Start work")
    surfer.read("The browser does not allow the microphone", "[role=alert]")
    surfer.shots("no-microphone")
    surfer.click("button", "Use a phone")
    surfer.click("button", "Start work")
    surfer.see("heading", "Your phone does not answer")  # nobody has plugged it in, but the agent is at work


def test_one_tab_is_the_phone_and_a_switch_that_is_gone_comes_back(
    lab: Lab, page: LogIn, baresip: StartBaresip
) -> None:
    surfer = at_work(page, "agent-2002")
    second = surfer.tab()
    second.open("/panel")
    second.read("Phone in another tab")
    surfer.read("Browser phone")  # nothing was taken from it
    second.click("button", "Move it here")
    second.read("Browser phone")
    surfer.read("Phone in another tab")
    second.evaluate("Object.defineProperty(document, 'hidden', { value: true })")

    lab.kill()
    second.read("No connection to the switch")
    second.read("Phone is reconnecting")
    lab.start()
    second.gone("any", "No connection to the switch")
    second.read("Browser phone", limit=60)
    caller = baresip(lab.account(5), seed=2)
    caller.call(lab.extensions["queue"])
    second.see("button", "Answer")
    second.until("document.title.startsWith('☎')")
    second.click("button", "Answer")
    caller.wait("established", timeout=30)
    second.until("document.querySelector('audio[data-call]')?.srcObject")
    hear((SAID[2], lambda: listening(second)), (SAID[VOICE_SEED], caller.heard))
    assert "☎" not in second.evaluate("document.title")
    caller.hangup()
    second.see("button", "Done")
