"""The pages of customers in a real browser: found, written about, merged, imported; and the script of a call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from ..lab import Lab
from .conftest import LogIn
from .surfer import NARROW, Surfer

LAB = {"accounts": 2, "agents": 2, "tiers": 1}
CSV = "Nr;Kto;Tel;Uwagi\nK-1;Łukasz Żak;601000111;x\nK-2;Anna Nowak;12a;y\n"


def told(lab: Lab, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "softswitch", *arguments, "--json"], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "SOFTSWITCH_CONFIG": str(lab.directory)},
    )  # fmt: skip
    return json.loads(done.stdout)


def looks_right(surfer: Surfer, name: str) -> None:
    """In both themes and widths: readable, nothing sticks out; with pictures for whoever wants to look."""
    surfer.settle()
    surfer.shots(name)
    for theme in ("light", "dark"):
        surfer.theme(theme)
        surfer.settle()
        assert surfer.faint() == [], theme
    surfer.resize(*NARROW)
    surfer.settle()
    assert surfer.fits()
    surfer.resize(1440, 900)


def test_the_book_of_customers(lab: Lab, page: LogIn) -> None:
    surfer = page("administrator", "/customers", language="pl")
    surfer.read("Nie ma jeszcze klientów")
    surfer.click("button", "Nowy klient")
    surfer.type("field", "Nazwa", "Jan <b>Łącki</b>")
    surfer.type("field", "Telefony", "22 123 45 67")
    surfer.type("field", "Listy", "newsletter, 2026", selector="dialog .field:nth-of-type(6) input")
    surfer.click("button", "Zapisz")
    surfer.see("heading", "Jan <b>Łącki</b>")
    surfer.type("field", "Nowa notatka", "Prosi o fakturę mailem")
    surfer.click("button", "Dodaj notatkę")
    surfer.read("Prosi o fakturę mailem", ".customers-list")
    told(lab, "customers", "set", "K-90", "--name", "Jan Lacki", "--number", "601000999", "--company", "Acme", "--vip")

    surfer.click("button", "Scal duplikat")
    surfer.type("field", "Szukaj", "601 000 999")
    surfer.read("K-90", "dialog")
    surfer.click("button", "Scal")
    surfer.read("przestanie istnieć")
    surfer.click("button", "Tak")
    surfer.read(r"\+48601000999", ".customers-facts")
    surfer.read("Acme")
    looks_right(surfer, "card")

    surfer.open("/customers")
    surfer.type("field", "Szukaj", "lacki")
    surfer.read("Jan <b>Łącki</b>", ".table")
    surfer.type("field", "Szukaj", "nobody at all")
    surfer.read("Nikogo nie znaleziono")
    surfer.type("field", "Szukaj", "")
    surfer.read("Łącki", ".table")
    looks_right(surfer, "list")


def test_an_import_names_every_mistake_first(lab: Lab, page: LogIn) -> None:
    surfer = page("administrator", "/customers/import", language="pl")
    surfer.see("#customers-file")

    def give(text: str) -> None:
        surfer.evaluate(
            "(() => { const held = new DataTransfer();"
            f" held.items.add(new File([{json.dumps(text)}], 'list.csv', {{ type: 'text/csv' }}));"
            " const one = document.getElementById('customers-file'); one.files = held.files;"
            " one.dispatchEvent(new Event('change', { bubbles: true })); })()"
        )

    give(CSV)
    surfer.read("headings, customer among them", ".customers-problems")
    for heading, meaning in (("Nr", "customer"), ("Kto", "name"), ("Tel", "numbers"), ("Uwagi", "")):
        surfer.choose(heading, meaning)
    surfer.read("line 3, column numbers: '12a'", ".customers-problems")
    looks_right(surfer, "import")
    assert told(lab, "customers", "find", "Żak") == []
    give(CSV.replace("12a", "601000112"))
    for heading, meaning in (("Nr", "customer"), ("Kto", "name"), ("Tel", "numbers"), ("Uwagi", "")):
        surfer.choose(heading, meaning)
    surfer.click("button", "Importuj 2 klientów")
    surfer.read("Łukasz Żak", ".table")
    assert [one["numbers"] for one in told(lab, "customers", "find", "Nowak")] == [["+48601000112"]]


@pytest.mark.parametrize("role", ["supervisor", "auditor"])
def test_who_may_what(lab: Lab, page: LogIn, role: str) -> None:
    surfer = page(role, "/customers", **({"queue": "queue"} if role == "supervisor" else {}))
    surfer.see("heading", "Customers")
    surfer.gone("button", "Import")
    told(lab, "customers", "set", "R-1", "--name", "Rafał")
    surfer.open("/customers/R-1")
    surfer.see("heading", "Rafał")
    surfer.gone("button", "Delete")
    assert surfer.evaluate("Boolean(surfer.find('button', 'Edit'))") is (role == "supervisor")
    assert surfer.evaluate("Boolean(surfer.find('field', 'New note'))") is (role == "supervisor")
