"""Administration by clicks: a hotline from nothing, with accounts, agents, a queue, hours and its flow from blocks."""

from __future__ import annotations

import pytest

from ..lab import Lab
from .conftest import LogIn
from .surfer import NARROW, Surfer

LAB = {"accounts": 2, "agents": 1, "tiers": 1}


def drag(surfer: Surfer, member: str, tier: int) -> None:
    """With the mouse: the browser's own events, a frame apart."""
    surfer.evaluate(
        f"""(async () => {{
          const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          const from = [...document.querySelectorAll('.admin-member')].find((one) => one.innerText.includes('{member}'));
          const to = document.querySelectorAll('.admin-tier')[{tier - 1}];
          const dataTransfer = new DataTransfer();
          for (const [target, kind] of [[from, 'dragstart'], [to, 'dragover'], [to, 'drop']]) {{
            target.dispatchEvent(new DragEvent(kind, {{ bubbles: true, cancelable: true, dataTransfer }}));
            await frame();
          }}
        }})()"""
    )


def readable(surfer: Surfer) -> None:
    """In both themes, and at the width of a phone."""
    for theme in ("light", "dark"):
        surfer.theme(theme)
        surfer.settle()
        assert surfer.faint() == []
    surfer.theme("light")
    surfer.resize(*NARROW)
    surfer.settle()
    assert surfer.fits()
    surfer.resize(1440, 900)


def test_a_ready_made_hotline_and_back_again(lab: Lab, page: LogIn) -> None:
    """All blocks by one click; what came of it stands in the versions, and goes by them. Built by hand: test_newcomer.py."""
    surfer = page("administrator", "/admin")
    surfer.read("Ring groups")
    surfer.shots("overview")
    surfer.open("/admin/account/+")
    surfer.type("field", "Number", "8201")
    surfer.type("field", "Name", "Anna Nowak")
    surfer.click("button", "Save")
    surfer.read("shown only now")
    surfer.read(r"account\.1|Register Name")
    surfer.shots("secret")
    surfer.click("button", "I have it")
    surfer.see("heading", "8201")

    surfer.open("/admin/menu/+")
    surfer.read("Add the first block")
    assert not surfer.evaluate("document.querySelector('.admin-wrong')"), "nothing is wrong yet"
    surfer.type("field", "Name", "biuro")
    surfer.type("field", "Numbers that lead here", "8850")
    surfer.click("button", "A ready-made hotline")
    surfer.read("Checked: in order")
    surfer.click("button", "Save")
    surfer.see("h1", "biuro")
    site = lab.command("export")["site"]
    assert '8850 = "menu:biuro"' in site and '{ play = ["welcome"] }' in site.partition("[menu.biuro]")[2]
    newest = lab.command("history")["versions"][0]
    assert newest["actor"] == "administrator-all" and "+ menu biuro" in newest["changes"][0]

    surfer.open("/admin/versions")
    surfer.read("menu biuro")
    surfer.shots("versions")
    surfer.click("tbody tr:nth-child(2)")
    surfer.read("What has changed since")
    surfer.shots("version")
    surfer.click("button", "Back to version")
    surfer.read("is in force again")
    assert "[menu.biuro]" not in lab.command("export")["site"]


def test_a_phone_gets_its_settings_and_a_code(lab: Lab, page: LogIn) -> None:
    user = lab.facts["accounts"][0]["user"]
    surfer = page("administrator", f"/admin/account/{user}")
    surfer.read("SIP Server 1")
    surfer.click("[role=tab]", "MicroSIP")
    surfer.read("Media Encryption")
    surfer.shots("phone")
    surfer.click("button", "QR code for Linphone")
    surfer.until("document.querySelector('.admin-qr')?.naturalWidth > 100")
    surfer.read("Only this machine reaches that address")
    surfer.shots("qr")


def test_prompts_and_bans(lab: Lab, page: LogIn) -> None:
    surfer = page("administrator", "/admin/prompts")
    surfer.type("field", "Search", "welcome")
    surfer.click("button", "Play welcome")
    surfer.until("document.querySelector('audio')?.duration > 0.5")
    surfer.shots("prompts")
    surfer.open("/admin/bans")
    surfer.type("field", "Address", "192.0.2.77")
    surfer.click("button", "Ban")
    surfer.read("192.0.2.77 is not listened to")
    surfer.click("button", "Lift")
    surfer.read("Nobody is banned")


@pytest.mark.parametrize("language", ["en", "pl"])
def test_forms_fit_and_can_be_read_and_auditors_change_nothing(lab: Lab, page: LogIn, language: str) -> None:
    surfer = page("auditor", "/admin", language=language)
    user = lab.facts["accounts"][0]["user"]
    for address in (
        "/admin",
        "/admin/queue/queue",
        f"/admin/account/{user}",
        "/admin/menu",
        "/admin/site/settings",
        "/admin/hours",
    ):
        surfer.open(address)
        surfer.until("!document.querySelector('.skeleton') && document.querySelector('h1')")
        assert surfer.evaluate(
            "[...document.querySelectorAll('button, a')].every((b) => !/Save|Zapisz|Remove$|Usuń$/.test(b.innerText))"
        )
        assert surfer.faint() == []
        surfer.resize(*NARROW)
        surfer.settle()
        assert surfer.fits(), address
        surfer.resize(1440, 900)
