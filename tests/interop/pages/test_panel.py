"""An agent at work in the browser: logs in with clicks, takes a caller of the queue, talks, and writes down what it was about."""

from __future__ import annotations

import base64
import time

import numpy as np

from ..conftest import StartBaresip
from ..lab import Lab
from ..sipharness import audio
from ..sipharness.listening import hear
from .conftest import VOICE_SEED, LogIn
from .surfer import Surfer

LAB = {"accounts": 6, "agents": 3, "tiers": 1, "options": ("--wrap-up", "60")}

# What the browser's phone plays, at 8000 hertz; a page that listens to itself, beside the pages.
EARS = """
(() => {
  const element = document.querySelector('audio[data-call]');
  if (!element?.srcObject || window.ears?.of === element.srcObject.id) return Boolean(window.ears);
  const context = new AudioContext({ sampleRate: 8000 });
  const node = context.createScriptProcessor(1024, 1, 1);
  const chunks = [];
  node.onaudioprocess = (event) => chunks.push(event.inputBuffer.getChannelData(0).slice());
  context.createMediaStreamSource(element.srcObject).connect(node).connect(context.destination);
  context.resume();
  window.ears = { of: element.srcObject.id, node, context, take() {
    const samples = new Int16Array(chunks.slice(-40).reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks.slice(-40)) for (const value of chunk) samples[at++] = Math.max(-1, Math.min(1, value)) * 32767;
    let text = '';
    for (const octet of new Uint8Array(samples.buffer)) text += String.fromCharCode(octet);
    return btoa(text);
  } };
  return true;
})()
"""


def listening(surfer: Surfer) -> audio.Signal:
    """What the agent has heard lately."""
    surfer.evaluate(EARS)
    octets = base64.b64decode(surfer.evaluate("window.ears?.take() ?? ''"))
    return np.frombuffer(octets, "<i2").astype(np.float64) / 32768


def at_work(page: LogIn, agent: str, **options: str) -> Surfer:
    """An agent who has chosen this browser as their phone, and is ready."""
    surfer = page("agent", "/panel", agent=agent, **options)
    surfer.click(".panel-choice", "This browser")
    surfer.click("button", "Start work")
    surfer.see("heading", "You are waiting for calls")
    return surfer


def test_a_call_of_the_queue_in_the_browser(lab: Lab, page: LogIn, baresip: StartBaresip) -> None:
    surfer = page("agent", "/panel", agent="agent-2000")
    surfer.shots("login")
    surfer.click(".panel-choice", "This browser")
    surfer.click("button", "Start work")
    surfer.see("heading", "You are waiting for calls")
    surfer.shots("ready")
    caller = baresip(lab.account(0), seed=2)
    caller.call(lab.extensions["queue"])
    surfer.see("button", "Answer")
    surfer.read(lab.account(0).user, ".panel-ringing")
    surfer.shots("ringing")
    surfer.click("button", "Answer")
    caller.wait("established")
    surfer.see("button", "Hang up")
    surfer.until("document.querySelector('audio[data-call]')?.srcObject")
    hear((audio.babble(30, seed=2), lambda: listening(surfer)), (audio.babble(30, seed=VOICE_SEED), caller.heard))
    surfer.see("button", "Transfer")
    surfer.shots("talking")
    surfer.click("button", "Keypad")
    surfer.click("button", "5")
    caller.wait("dtmf", where=lambda event: event.data["digit"] == "5")
    surfer.click("button", "Hold")
    surfer.see("button", "Resume")
    surfer.click("button", "Resume")
    surfer.see("button", "Hold")
    surfer.click("button", "Hang up")
    caller.wait("closed")
    surfer.see("button", "Done")
    surfer.shots("wrap-up")
    surfer.click("button", "More time")
    surfer.key("d", modifiers=1)  # Alt+D
    surfer.see("heading", "You are waiting for calls")
    surfer.click("tab", "Today")
    surfer.read(lab.account(0).user, ".panel-list")
    surfer.read(r"1\s*Answered", ".panel-side")
    surfer.shots("day")
    assert surfer.faint() == []
    for name, text in (("Lunch", "Lunch"), ("Ready", "Free")):
        surfer.click(".panel-state")
        surfer.click("[role=menuitemradio]", name)
        surfer.read(text if name == "Lunch" else "Ready", ".panel-state")
    surfer.click("button", "Log out")
    surfer.see("button", "Log in")
    deadline = time.monotonic() + 30
    while any(one["aor"].startswith(("2000", "sip:2000")) for one in lab.command("registrations")):
        assert time.monotonic() < deadline, "the browser's registration ends with the session"
