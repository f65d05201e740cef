"""Administration by clicks: a hotline from nothing, with accounts, agents, a queue, hours and its flow from blocks."""

from __future__ import annotations

import pytest

from ..lab import Lab
from .conftest import LogIn
from .surfer import NARROW, Surfer

LAB = {"accounts": 2, "agents": 1, "tiers": 1}


def add(surfer: Surfer, kind: str, name: str) -> None:
    surfer.open(f"/admin/{kind}/+")
    surfer.type("field", "Name or number", name)


def save(surfer: Surfer, name: str) -> None:
    """Once it is saved, its page is that of the object."""
    surfer.click("button", "Save")
    surfer.see("heading", name)


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


def test_the_hotline_of_a_newcomer(lab: Lab, page: LogIn) -> None:
    """Greeting, then 1 for the queue; opening hours with what is said outside of them; two agents in two tiers."""
    surfer = page("administrator", "/admin")
    surfer.read("Ring groups")
    surfer.shots("overview")

    for user, person in (("8201", "Anna Nowak"), ("8202", "Jan Kowalski")):
        add(surfer, "account", user)
        surfer.type("field", "Name", person)
        surfer.click("button", "Save")
        surfer.read("shown only now")
        surfer.read(r"account\.1|Register Name")
        if user == "8201":
            surfer.shots("secret")
        surfer.click("button", "I have it")
        surfer.see("heading", user)
        surfer.read("QR code for Linphone")
        add(surfer, "agent", f"agent-{user}")
        surfer.choose("Phone (account)", user)
        surfer.type("field", "Title", person)
        save(surfer, f"agent-{user}")

    add(surfer, "queue", "biuro")
    surfer.choose("Add to tier 1", "agent-8201")
    surfer.choose("Add to tier 1", "agent-8202")
    # Jan into the second tier, by the keyboard.
    jan = "[...document.querySelectorAll('.admin-member')].find((one) => one.innerText.includes('Jan'))"
    surfer.until(f"(() => {{ const one = {jan}; one?.focus(); return Boolean(one); }})()")
    surfer.key("ArrowRight")
    surfer.read("(?s)Tier 2.*Jan Kowalski")
    drag(surfer, "Jan", 3)
    surfer.read("(?s)Tier 3.*Jan Kowalski.*Tier 4")
    drag(surfer, "Jan", 2)
    surfer.read("(?s)Tier 2.*Jan Kowalski.*Tier 3")
    surfer.gone("h3", "Tier 4")
    readable(surfer)
    surfer.shots("queue-new")
    save(surfer, "biuro")

    add(surfer, "hours", "biurowe")
    surfer.type("field", "Hours of the week", "Mon-Fri 08:00-20:00")
    save(surfer, "biurowe")

    surfer.open("/admin/menu/+")
    surfer.type("field", "Name", "biuro")
    surfer.type("field", "Numbers that lead here", "8850")
    surfer.read("Add the first block")
    surfer.click("button", "Opening hours")
    surfer.choose("Opening hours", "biurowe")
    surfer.click("button", "Done")
    surfer.click(".admin-branch[data-branch=''] .admin-palette button:nth-of-type(1)")
    surfer.type("field", "Prompts", "welcome")
    surfer.key("Enter")
    surfer.click("button", "Done")
    surfer.click(".admin-branch[data-branch=''] .admin-palette button:nth-of-type(2)")
    surfer.type("field", "Prompt", "press-one")
    surfer.key("Enter")
    surfer.choose("Leads to", "queue")
    surfer.choose("Which: Queue", "biuro")
    surfer.click("button", "Done")
    surfer.read(r"1 mistake")
    surfer.read(r"a clip that exists")  # said by the switch, at the block
    surfer.shots("flow-mistake")
    surfer.click(".admin-block.wrong .admin-block-open")
    surfer.click("button", "Remove press-one")
    surfer.type("field", "Prompt", "menu-main")
    surfer.key("Enter")
    surfer.shots("flow-block")
    surfer.click("button", "Done")
    surfer.click(".admin-branch[data-branch='closed'] .admin-block-open")
    surfer.type("field", "Prompts", "closed")
    surfer.key("Enter")
    surfer.click("button", "Done")
    surfer.read("Checked: in order")
    readable(surfer)
    surfer.shots("flow")
    save(surfer, "biuro")
    surfer.click("[role=tab]", "Text")
    surfer.until("document.querySelector('.admin-text textarea')?.value.includes('[menu.biuro]')")
    surfer.shots("flow-text")

    site = lab.command("export")["site"]
    assert '8850 = "menu:biuro"' in site and '{ agent = "agent-8202", tier = 1 }' in site
    menu = site.partition("[menu.biuro]")[2].partition("\n[")[0]
    assert '{ hours = "biurowe", closed = "branch:closed" }' in menu and '{ play = ["welcome"] }' in menu
    assert '"1" = "queue:biuro"' in menu or '1 = "queue:biuro"' in menu
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
