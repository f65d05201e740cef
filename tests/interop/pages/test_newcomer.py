"""A newcomer's five minutes: an empty site by one command, then only clicks, until somebody from outside has been answered.

The hotline is built in the pages, people get their logins there; a caller of the provider hears the greeting, presses 1, is told
their place, talks to an agent in the browser while a supervisor listens in another one, and all of it is in the records.
"""

from __future__ import annotations

import base64
import io
import os
import re
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ..conftest import PROMPTS
from ..sipharness import Account, audio, free_port
from ..sipharness.baresip import Baresip
from ..sipharness.chromium import Chromium
from ..sipharness.core import LOOPBACK, free_range
from ..sipharness.listening import hear, hear_out
from .conftest import VOICE_SEED
from .surfer import Surfer
from .test_administration import drag, readable
from .test_panel import listening

START = 120.0  # seconds to make a site and begin
CALLER_SEED = 2
OURS, THEIRS = "+48221234567", "+48501234567"


class Demo:
    """`softswitch demo --empty` as a process, and what it has told whoever typed it."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port(2)
        self._output = directory.parent / "output.txt"
        first, last = free_range(200)
        command = [sys.executable, "-m", "softswitch", "demo", "--empty", "--dir", str(directory)]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "--listen", f"{LOOPBACK}:{self.port}"], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, env={**os.environ, "SOFTSWITCH_MEDIA_PORTS": f"{first}-{last}"},
            )  # fmt: skip
        deadline = time.monotonic() + START
        while " serving " not in self.told():
            assert self._process.poll() is None and time.monotonic() < deadline, self.told()
            time.sleep(0.05)  # there is nothing to await: it is another process

    def told(self) -> str:
        return self._output.read_text(errors="replace")

    @property
    def pages(self) -> str:
        return self._read(r"Pages: (\S+)")

    @property
    def password(self) -> str:
        """The administrator's."""
        return self._read(r"admin\b.*?([A-Za-z0-9]{20,})")

    def _read(self, pattern: str) -> str:
        found = re.search(pattern, self.told())
        assert found, self.told()
        return found[1]

    def export(self) -> str:
        command = [sys.executable, "-m", "softswitch", "export"]
        environment = {**os.environ, "SOFTSWITCH_CONFIG": str(self.directory)}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(30) == 0 and "Traceback" not in self.told(), self.told()[-3000:]

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def demo(bundle: None, tmp_path: Path) -> Iterator[Demo]:
    switch = Demo(tmp_path / "site")
    try:
        yield switch
        switch.stop()
    finally:
        switch.kill()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    microphone = tmp_path / "microphone.wav"
    audio.write_wav(microphone, audio.resample(audio.babble(30, seed=VOICE_SEED), 8000, 48_000), 48_000)
    with Chromium(microphone) as chromium:
        yield chromium


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Baresip]:
    """Somebody outside: known to the switch by the address of the trunk alone."""
    # Again and again: baresip hangs up where its file ends, and a slow machine takes its time.
    play = audio.write_wav(tmp_path / "caller.wav", np.tile(audio.babble(30, seed=CALLER_SEED), 20))
    with Baresip(Account(THEIRS, server=None), play=play) as phone:
        yield phone


def person(surfer: Surfer, name: str, number: str, role: str) -> tuple[str, str]:
    """Add somebody by the form; how they log in."""
    surfer.open("/admin/people/+")
    surfer.type("field", "First and last name", name)
    surfer.choose("Who they are", role)
    surfer.type("field", "Internal number", number)
    surfer.click("button", "Add the person")
    user, password = (
        str(surfer.until(f"document.querySelector('dialog [data-secret={what}]')?.innerText"))
        for what in ("user", "password")
    )
    if number == "101":
        surfer.shots("person-made")
    surfer.click("button", "I have it")
    surfer.see("heading", "People")
    return user, password


def build(admin: Surfer, provider: str) -> dict[str, tuple[str, str]]:
    """The hotline, led by the first steps. How each person logs in."""
    admin.see("heading", "First steps")
    admin.read("0 of 6")
    admin.shots("first-steps")

    # What calls may be about, then the queue that asks for it.
    admin.open("/admin")
    admin.click("link", "Add: Disposition")
    admin.type("field", "Name or number", "order")
    admin.type("field", "English", "Order")
    admin.type("field", "Polski", "Zamówienie")
    admin.click("button", "Save")
    admin.see("heading", "order")
    admin.open("/")
    admin.click("link", "A queue")
    admin.until("[...document.querySelectorAll('input')].some((one) => one.value === 'hotline')")
    admin.choose("Recording", "always")
    admin.choose("Dispositions", "order")
    admin.type("field", "Wrap-up", "120")
    admin.click("button", "Save")
    admin.see("h1", "hotline")

    people = (("Anna Nowak", "101", "agent"), ("Jan Kowalski", "102", "agent"), ("Ewa Lis", "103", "supervisor"))
    logins = {name: person(admin, name, number, role) for name, number, role in people}
    assert [user for user, _ in logins.values()] == ["anna", "jan", "ewa"]
    admin.read(r"Anna Nowak[\s\S]*Jan Kowalski[\s\S]*hotline")
    admin.shots("people")

    # The second tier, by the keyboard and by the mouse.
    admin.open("/admin/queue/hotline")
    jan = "[...document.querySelectorAll('.admin-member')].find((one) => one.innerText.includes('Jan'))"
    admin.until(f"(() => {{ const one = {jan}; one?.focus(); return Boolean(one); }})()")
    admin.key("ArrowRight")
    admin.read("(?s)Tier 2.*Jan Kowalski")
    drag(admin, "Jan", 3)
    admin.read("(?s)Tier 3.*Jan Kowalski.*Tier 4")
    drag(admin, "Jan", 2)
    admin.read("(?s)Tier 2.*Jan Kowalski.*Tier 3")
    admin.gone("h3", "Tier 4")
    readable(admin)
    admin.shots("queue")
    admin.click("button", "Save")
    admin.read("Saved, and in force")

    # Open at any hour: the test does not choose when it runs.
    admin.open("/")
    admin.click("link", "Opening hours")
    admin.type("field", "Hours of the week", "Mon-Sun 00:00-24:00")
    admin.click("button", "Save")
    admin.see("h1", "standard")
    admin.open("/")
    admin.click("link", "A call flow")
    flow(admin)

    admin.open("/")
    admin.click("link", "A trunk")
    admin.type("field", "Servers", provider)
    admin.key("Enter")
    admin.click(".admin-part button", "Add")
    admin.type("field", "Number outside", OURS)
    admin.choose("Leads to", "menu")
    admin.choose("Which: Flow", "hotline")
    admin.shots("trunk")
    admin.click("button", "Save")
    admin.see("h1", "provider")
    return logins


def flow(admin: Surfer) -> None:
    """Block by block, with a mistake that the switch points out."""
    admin.until("[...document.querySelectorAll('input')].some((one) => one.value === '800')")
    admin.read("Add the first block")
    admin.shots("flow-empty")
    admin.click("button", "Opening hours")
    admin.choose("Opening hours", "standard")
    admin.click("button", "Done")
    admin.click(".admin-branch[data-branch=''] .admin-palette button:nth-of-type(1)")
    admin.see("button", "Remove welcome")  # what most begin with is there
    admin.click("button", "Done")
    admin.click(".admin-branch[data-branch=''] .admin-palette button:nth-of-type(2)")
    admin.see("button", "Remove menu-main")
    admin.type("field", "Prompt", "press-one")
    admin.key("Enter")
    admin.click("button", "Done")
    admin.read(r"1 mistake")
    admin.read(r"a clip that exists")  # said by the switch, at the block
    admin.shots("flow-mistake")
    admin.click(".admin-block.wrong .admin-block-open")
    admin.click("button", "Remove press-one")
    admin.shots("flow-block")
    admin.click("button", "Done")
    admin.read("Checked: in order")
    readable(admin)
    admin.shots("flow")
    admin.click("button", "Save")
    admin.see("h1", "hotline")
    admin.click("[role=tab]", "Text")
    admin.until("document.querySelector('.admin-text textarea')?.value.includes('[menu.hotline]')")
    admin.shots("flow-text")


def recorded(surfer: Surfer) -> tuple[audio.Signal, audio.Signal]:
    """Both sides of the recording whose player is shown, at 8000 hertz: the agent's, the caller's."""
    text = surfer.evaluate(
        """(async () => {
          const octets = new Uint8Array(await (await fetch(document.querySelector('audio').currentSrc)).arrayBuffer());
          let text = '';
          for (const octet of octets) text += String.fromCharCode(octet);
          return btoa(text);
        })()"""
    )
    with wave.open(io.BytesIO(base64.b64decode(text))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32_768
    return both[:, 0], both[:, 1]


def clip(name: str) -> audio.Signal:
    return audio.load(PROMPTS / "pl" / f"{name}.wav")


def test_a_newcomers_five_minutes(demo: Demo, browser: Chromium, provider: Baresip, shots: Path) -> None:
    surfers: list[Surfer] = []

    def logged_in(user: str, password: str, address: str = "/", language: str = "en") -> Surfer:
        surfer = Surfer(browser, demo.pages, shots)
        surfers.append(surfer)
        surfer.open()
        surfer.language(language)
        surfer.log_in(user, password, address)
        return surfer

    admin = logged_in("admin", demo.password)
    logins = build(admin, f"{LOOPBACK}:{provider.sip_port}")
    site = demo.export()
    menu = site.partition("[menu.hotline]")[2].partition("\n[")[0]
    assert '800 = "menu:hotline"' in site and '{ agent = "jan", tier = 1 }' in site
    assert '{ hours = "standard", closed = "branch:closed" }' in menu and '{ play = ["welcome"] }' in menu
    assert '1 = "queue:hotline"' in menu.replace('"1"', "1")

    # Somebody outside calls the number; nobody is at work yet, so that they wait.
    ewa = logged_in(*logins["Ewa Lis"])
    provider.call(f"sip:{OURS}@{LOOPBACK}:{demo.port}")
    provider.wait("established", timeout=30)
    hear_out(clip("welcome"), provider.heard, limit=60)
    provider.dtmf("1")
    ewa.read(r"hotline[\s\S]*\b1\s+waiting")
    ewa.shots("wallboard")
    hear_out(clip("you-are-next"), provider.heard, limit=60)

    # The agent begins, in Polish, with the browser as the telephone.
    anna = logged_in(*logins["Anna Nowak"], "/panel", "pl")
    anna.click(".panel-choice", "Ta przeglądarka")
    anna.click("button", "Zacznij pracę")
    anna.read(re.escape(THEIRS), ".panel-ringing")
    anna.shots("ringing")
    anna.click("button", "Odbierz")
    anna.until("document.querySelector('audio[data-call]')?.srcObject")
    caller, agent = audio.babble(30, seed=CALLER_SEED), audio.babble(30, seed=VOICE_SEED)
    hear((caller, lambda: listening(anna)), (agent, provider.heard), limit=60)
    anna.see("button", "Rozłącz")
    anna.shots("talking")

    # The supervisor listens in from another browser, and hears the two.
    ewa.open("/team")
    ewa.click("button", "Listen in this browser")
    ewa.see("button[aria-pressed=true]", "Listen in this browser")
    ewa.click("button", "Listen: Anna Nowak")
    ewa.read("103 listens")
    ewa.until("document.querySelector('audio[data-call]')?.srcObject")
    hear((caller, lambda: listening(ewa)), limit=60)
    ewa.shots("listening")
    ewa.click("button", "Stop listening")
    ewa.gone("button", "Stop listening")

    # The agent hangs up, and says what it was about.
    anna.click("button", "Rozłącz")
    provider.wait("closed", timeout=30)
    anna.click("button", "Zamówienie")
    anna.read("Zapisane: Zamówienie")
    anna.shots("wrap-up")
    anna.click("button", "Gotowe")
    anna.see("heading", "Czekasz na połączenia")
    anna.read(r"1\s+Odebrane", ".panel-side")  # the supervisor's call to listen is none of theirs
    anna.click("tab", "Dzisiaj")
    anna.read(re.escape(THEIRS), ".panel-list")
    assert "103" not in anna.text(".panel-list")

    # It is in the report, in the records, and its recording plays.
    ewa.open("/reports")
    ewa.read(r"hotline[\s\S]*100\s?%")
    ewa.shots("report")
    ewa.open("/calls")
    ewa.read(re.escape(THEIRS), "tbody")
    ewa.click("tbody tr")
    ewa.read(r"Pressed 1[\s\S]*Connected with (anna|Anna Nowak)")
    ewa.until("document.querySelector('canvas')?.dataset.drawn === 'true'")
    ewa.shots("story")
    ewa.until("document.querySelector('audio')?.duration > 2")
    ewa.click("button", "Play")
    ewa.until("document.querySelector('audio').currentTime > 0.3 && !document.querySelector('audio').paused")
    sides = recorded(ewa)
    assert audio.stretch(agent, sides[0]) >= 0.7 and audio.stretch(caller, sides[1]) >= 0.7
    assert abs(len(sides[0]) / 8000 - ewa.evaluate("document.querySelector('audio').duration")) < 0.5

    # All is done: the administrator is told so.
    admin.open("/")
    admin.read("The hotline works")
    admin.shots("first-steps-done")
    assert [trouble for surfer in surfers for trouble in surfer.troubles] == []
    for surfer in surfers:
        surfer.close()
