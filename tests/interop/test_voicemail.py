"""A real phone leaves a message; another hears it, sees its lamp, and gets it by mail. Also across a kill -9 in mid-word."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiosmtpd.controller import Controller

from .conftest import HEARD, StartBaresip
from .lab import Lab
from .sipharness import audio, free_port
from .sipharness.tap import RtpTap

SMTP = free_port()
LAB = {
    "accounts": 8, "agents": 1, "tiers": 1,
    "environment": {
        "SOFTSWITCH_MAIL_HOST": "127.0.0.1", "SOFTSWITCH_MAIL_PORT": str(SMTP), "SOFTSWITCH_MAIL_SECURITY": "off",
        "SOFTSWITCH_MAIL_SENDER": "pbx@example.com",
    },
}  # fmt: skip
PATIENCE = 20.0


class Mails:
    """An SMTP server of the test's own."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


@pytest.fixture(scope="module")
def mails() -> Iterator[Mails]:
    found = Mails()
    controller = Controller(found, hostname="127.0.0.1", port=SMTP)
    controller.start()
    yield found
    controller.stop()


def add_mailboxes(lab: Lab, *users: str) -> None:
    """As an operator does it: export the site, add, apply."""
    environment = {**os.environ, "SOFTSWITCH_CONFIG": str(lab.directory)}
    command = [sys.executable, "-m", "softswitch"]
    site = subprocess.run([*command, "export"], capture_output=True, text=True, check=True, env=environment).stdout
    for user in users:
        if f"[mailbox.{user}]" not in site:
            site += f'\n[mailbox.{user}]\nreview = false\nsilence = 4\nemail = ["{user}@example.com"]\n'
    done = subprocess.run([*command, "apply", "-"], input=site, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def wait_for(what: Any, seconds: float = PATIENCE) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found


def messages(lab: Lab, user: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.command("voicemail", "list", "--mailbox", user)
    return found


def speak(caller: Any, user: str, seconds: float) -> None:
    """Leave a message without listening to the greeting."""
    caller.call(f"*99{user}")
    caller.wait("established")
    time.sleep(0.5)
    caller.dtmf("#")
    time.sleep(0.7 + seconds)


def lamp(phone: Any, counts: str, since: int = 0) -> None:
    """Wait until the phone has been told of so many messages."""
    wanted = f"Voice-Message: {counts} "
    phone.wait("mwi", timeout=PATIENCE, since=since, where=lambda event: wanted in event.data["reason"])


def test_a_message_is_left_heard_mailed_and_lights_the_lamp(lab: Lab, baresip: StartBaresip, mails: Mails) -> None:
    owner, other = lab.account(0), lab.account(1)
    add_mailboxes(lab, owner.user)
    anna = baresip(owner, seed=3, mwi=True)
    lamp(anna, "0/0")
    bob = baresip(other, seed=4)
    speak(bob, owner.user, 5.0)
    bob.hangup()
    bob.wait("closed")
    lamp(anna, "1/0")
    (message,) = wait_for(lambda: messages(lab, owner.user))
    assert message["caller"] == other.user and 4.0 <= message["seconds"] <= 7.5
    said = audio.babble(30, seed=4)
    file = Path(message["file"])
    assert audio.stretch(said, audio.load(file)) >= HEARD
    assert file.stat().st_mode & 0o077 == 0

    (mail,) = wait_for(lambda: [one for one in mails.taken if one["To"] == f"{owner.user}@example.com"])
    (attached,) = mail.iter_attachments()
    assert attached.get_content() == file.read_bytes()

    with RtpTap([*anna.rtp_ports]) as tap:
        anna.call("*97")
        anna.wait("established")
        time.sleep(4.0)
        began = time.time()
        anna.dtmf("1")
        time.sleep(1.0)
        anna.dtmf("#")  # Not when and from whom.
        time.sleep(7.0)
        heard = tap.heard_by(anna.rtp_ports, began + 1.2)[: 6 * 8000]
        anna.dtmf("7")
        time.sleep(0.5)
        anna.hangup()
    assert audio.stretch(said, heard[: 4 * 8000]) >= HEARD
    lamp(anna, "0/1")
    heard_at = next(n for n, one in enumerate(anna.events) if "0/1 " in str(one.data))
    lamp(anna, "0/0", heard_at)
    assert messages(lab, owner.user) == []
    (gone,) = lab.command("voicemail", "list", "--mailbox", owner.user, "--deleted")
    lab.command("voicemail", "restore", str(gone["id"]))
    assert [one["heard"] for one in messages(lab, owner.user)] == [True]


def test_a_message_survives_the_death_of_the_switch(lab: Lab, baresip: StartBaresip, mails: Mails) -> None:
    owner, other = lab.account(2), lab.account(3)
    add_mailboxes(lab, owner.user)
    bob = baresip(other, seed=5)
    speak(bob, owner.user, 3.0)
    lab.kill()
    time.sleep(0.5)
    lab.start()
    time.sleep(3.0)
    bob.hangup()
    (message,) = wait_for(lambda: messages(lab, owner.user))
    assert message["seconds"] >= 5.0 and message["caller"] == other.user
    heard = audio.load(Path(message["file"]))
    assert audio.stretch(audio.babble(30, seed=5), heard) >= HEARD
    assert np.abs(heard[-16_000:-8_000]).max() > 0.05  # What was said after the restart is in it.
    wait_for(lambda: [one for one in mails.taken if one["To"] == f"{owner.user}@example.com"])
