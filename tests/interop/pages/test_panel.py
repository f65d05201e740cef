"""An agent at work in the browser: logs in with clicks, takes a caller of the queue, talks, and writes down what it was about."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import secrets
import socket
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


HOSTILE = "<img src=x onerror=tell(1)> Kowalska"


def with_business(lab: Lab) -> None:
    """A queue that asks what calls were about."""
    lab.add('[disposition.sale]\ntitle = { pl = "Sprzedaż", en = "Sale" }\n')
    lab.add('[disposition.complaint]\ntitle = { pl = "Reklamacja", en = "Complaint" }\nnote = true\n')
    chosen = '[queue.queue]\ndispositions = ["sale", "complaint"]\n'
    lab._edit(lambda site: site if chosen in site else site.replace("[queue.queue]\n", chosen, 1))


def at_work(page: LogIn, agent: str, **options: str) -> Surfer:
    """An agent who has chosen this browser as their phone, and is ready."""
    surfer = page("agent", "/panel", agent=agent, **options)
    surfer.click(".panel-choice", "This browser")
    surfer.click("button", "Start work")
    surfer.see("heading", "You are waiting for calls")
    return surfer


def test_a_call_of_the_queue_in_the_browser(lab: Lab, page: LogIn, baresip: StartBaresip) -> None:
    with_business(lab)
    lab.command("customers", "set", "K-1", "--name", HOSTILE, "--number", lab.account(0).user, "--field", "city=Kraków")
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
    surfer.read("onerror=tell", ".panel-ringing")  # the customer's name, as text
    assert surfer.evaluate("document.querySelectorAll('.panel-ringing').length") == 1
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
    surfer.click("button", "Complaint")  # not without a note: the field is there for it
    surfer.perform("Input.insertText", text="pękła szyba")
    surfer.click("button", "Complaint")
    surfer.read("Kept: Complaint")
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
    told = lab.command("disposition", "list")[0]
    assert (told["disposition"], told["note"], told["agent"]) == ("complaint", "pękła szyba", "agent-2000")
    surfer.click("button", "Log out")
    surfer.see("button", "Log in")
    deadline = time.monotonic() + 30
    while any(one["aor"].startswith(("2000", "sip:2000")) for one in lab.command("registrations")):
        assert time.monotonic() < deadline, "the browser's registration ends with the session"


def test_a_desk_phone_and_a_transfer_after_asking(lab: Lab, page: LogIn, baresip: StartBaresip) -> None:
    """Whoever works at a desk phone has the page beside it: it shows the call, holds it, and leads it on."""
    desk, caller = baresip(lab.agent(1), seed=3), baresip(lab.account(1), seed=2)
    colleague = baresip(lab.account(2), seed=4, auto_answer=True)
    surfer = page("agent", "/panel", agent="agent-2001")
    surfer.see("heading", "You are waiting for calls")
    caller.call(lab.extensions["queue"])
    desk.wait("incoming")
    surfer.read("Answer on your phone", ".panel-ringing")
    desk.answer()
    caller.wait("established")
    hear((audio.babble(30, seed=2), desk.heard), (audio.babble(30, seed=3), caller.heard))
    surfer.click("button", "Transfer")
    surfer.type("field", "Name, queue or number", lab.account(2).user)
    surfer.click("option", lab.account(2).user)
    surfer.shots("transfer")
    surfer.click("button", "Ask first")
    colleague.wait("established")
    surfer.see("button", "Hand over")
    hear((audio.babble(30, seed=4), desk.heard))
    surfer.shots("consulting")
    surfer.click("button", "Hand over")
    hear((audio.babble(30, seed=2), colleague.heard), (audio.babble(30, seed=4), caller.heard))
    surfer.see("button", "Done")
    caller.hangup()
    colleague.wait("closed")


def test_a_logged_out_browser_is_no_phone(lab: Lab, page: LogIn) -> None:
    """The pass ends with the session, whatever the page does with it."""
    surfer = page("agent", "/panel", agent="agent-2002")
    surfer.see("button", "Start work")
    given = surfer.evaluate(
        "fetch('/api/session').then((r) => r.json()).then(({ csrf }) => fetch('/api/session/phone', "
        "{ method: 'POST', headers: { 'X-CSRF-Token': csrf } })).then((r) => r.json())"
    )
    assert registers(lab, given) == 200
    assert registers(lab, {**given, "password": "another"}) == 401
    assert registers(lab, {**given, "aor": f"sip:{lab.account(0).user}@{lab.domain}"}) == 403, (
        "for its own account only"
    )
    surfer.click("button", "Log out")
    surfer.see("button", "Log in")
    assert registers(lab, given) == 401


def registers(lab: Lab, given: dict[str, str]) -> int:
    """The status of a REGISTER over UDP with these credentials (RFC 3261 section 10, RFC 7616)."""

    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as wire:
        wire.bind(("127.0.0.1", 0))
        wire.settimeout(20)
        here, uri, call = f"127.0.0.1:{wire.getsockname()[1]}", f"sip:{lab.domain}", secrets.token_hex(8)

        def ask(number: int, authorization: str = "") -> tuple[int, str]:
            wire.sendto(
                (
                    f"REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{secrets.token_hex(8)}\r\n"
                    f"From: <{given['aor']}>;tag=1\r\nTo: <{given['aor']}>\r\nCall-ID: {call}\r\nCSeq: {number} REGISTER\r\n"
                    f"Contact: <sip:me@{here}>\r\nExpires: 60\r\nMax-Forwards: 70\r\n{authorization}Content-Length: 0\r\n\r\n"
                ).encode(),
                lab.server,
            )
            answer = wire.recv(65_535).decode()
            return int(answer.split(" ", 2)[1]), answer

        _, answer = ask(1)
        challenge = next(line for line in answer.split("\r\n") if "algorithm=MD5" in line)
        realm, nonce = (re.search(rf'{name}="([^"]*)"', challenge)[1] for name in ("realm", "nonce"))  # type: ignore[index]
        proof = md5(
            md5(given["user"], realm, given["password"]), nonce, "00000001", "c0ffee", "auth", md5("REGISTER", uri)
        )
        return ask(
            2,
            f'Authorization: Digest username="{given["user"]}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5, '
            f'response="{proof}", qop=auth, nc=00000001, cnonce="c0ffee"\r\n',
        )[0]
