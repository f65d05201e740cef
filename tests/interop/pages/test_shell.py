"""The frame of the pages: logging in and out, languages, light and dark, every width."""

from __future__ import annotations

import pytest

from ..lab import Lab
from .conftest import LogIn
from .surfer import NARROW

LAB = {"accounts": 2, "agents": 2, "tiers": 1}
ROLES = {"agent": {"agent": "agent-2000"}, "supervisor": {"queue": "queue"}, "auditor": {}, "administrator": {}}


def test_who_logs_in_gets_in_and_out_again(lab: Lab, page: LogIn) -> None:
    surfer = page()
    surfer.see("heading", "softswitch")
    surfer.shots("login")
    surfer.type("field", "User", "nobody")
    surfer.type("field", "Password", "wrong")
    surfer.key("Enter")
    surfer.read("User or password is wrong")
    assert surfer.faint() == []
    inside = page("agent", agent="agent-2000")
    inside.read("Live")
    inside.reload()
    inside.see(".frame")
    inside.click("button", "Log out")
    inside.see("button", "Log in")


@pytest.mark.parametrize("role", ROLES)
def test_every_page_of_a_role_works_in_both_languages_and_themes(lab: Lab, page: LogIn, role: str) -> None:
    """Each entry of the navigation opens; nothing sticks out at 390 pixels; texts can be read; no text is missing."""
    surfer = page(role, **ROLES[role])
    links = surfer.evaluate(
        "[...document.querySelectorAll('.side li a')].map((one) => one.getAttribute('href').slice(1))"
    )
    for address in links:
        for language in ("en", "pl"):
            surfer.open(address)
            surfer.language(language)
            surfer.until("!document.querySelector('.skeleton')")
            surfer.settle()
            text = surfer.text()
            assert not surfer.troubles, (address, surfer.troubles)
            missing = surfer.evaluate(
                r"(document.body.innerText.match(/\b(ui|shell|panel|supervisor|reports|records|admin|phone)\.[a-z_.]+\b/g) || [])"
            )
            assert missing == [], f"{address} in {language}: {missing}\n{text[:500]}"
        name = address.strip("/").replace("/", "-") or "home"
        surfer.shots(f"{role}-{name}")
        for theme in ("light", "dark"):
            surfer.theme(theme)
            surfer.settle()
            assert surfer.faint() == [], f"{address}, {theme}"
        surfer.resize(*NARROW)
        surfer.settle()
        assert surfer.fits(), f"{address} is wider than 390 pixels"
        surfer.resize(1440, 900)
