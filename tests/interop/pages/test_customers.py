"""The pages of customers in a real browser: found, written about, merged, imported; and the script of a call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.unit.daemon.running import Phone, Running
from tests.unit.daemon.test_customers import answer

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
    # What is known by another name is taken for it; "Nr" might be anything's.
    surfer.read("line 3, column customer: ''", ".customers-problems")
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


def test_a_person_is_forgotten_with_all_their_cards(lab: Lab, page: LogIn) -> None:
    told(lab, "customers", "set", "F-1", "--name", "Felicja Żuk", "--number", "601000501")
    told(lab, "customers", "set", "F-2", "--name", "Felicja Zuk", "--number", "601000502", "--do-not-call")
    surfer = page("administrator", "/customers/F-2", language="pl")
    surfer.read("Nie dzwonić", ".page-head")
    surfer.open("/customers/F-1")
    surfer.click("button", "Zapomnij osobę")
    surfer.read("F-2", "dialog")
    surfer.click("dialog li input[type=checkbox]")
    surfer.read(r"\+48601000501, \+48601000502", "dialog")
    looks_right(surfer, "forget")
    surfer.click("button", "Zapomnij na zawsze")
    surfer.read("Nie da się tego cofnąć")
    surfer.click("button", "Tak")
    surfer.see("heading", "Klienci")
    assert told(lab, "customers", "find", "Felicja") == []


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


SCRIPT = '''
[script.talk]
title = "Rozmowa"
queues = ["queue"]
steps = [
    { name = "greet", title = "Powitanie", text = """
Dzień dobry, **Acme** <img src=x onerror=alert(1)>

- [cennik](https://example.com/)
- [zły](javascript:alert(1))""" },
    { name = "ask", title = "Potrzeby", text = "Dla ilu osób?", fields = [{ name = "people", title = "Osób", kind = "number" }] },
]
'''


def test_the_script_stands_beside_the_call(lab: Lab, page: LogIn) -> None:
    site = lab.directory / "script.toml"
    text = told(lab, "export")["site"]
    site.write_text(text + SCRIPT)
    told(lab, "apply", str(site))
    number = next(line.split(" = ")[0] for line in text.splitlines() if line.endswith('"queue:queue"'))
    facts = {**lab.facts, "accounts": [lab.facts["agents"][0], *lab.facts["accounts"]]}
    there = cast(Running, SimpleNamespace(facts=facts, port=lab.port))
    desk, caller = Phone(there, 0), Phone(there, 1)
    assert desk.register() == 200
    caller.send_authenticated("INVITE", number, **caller.offer())
    answer(desk)
    agent = next(one["agent"] for one in told(lab, "agent", "list") if one["activity"] == "talking")
    surfer = page("agent", "/", agent=agent, language="pl")
    surfer.read(r"0 / 2", ".customers-script")
    assert surfer.evaluate("document.querySelectorAll('.customers-markdown img').length") == 0
    links = surfer.evaluate("[...document.querySelectorAll('.customers-markdown a')].map((one) => one.href)")
    assert links == ["https://example.com/"], "what leads nowhere good stays text"
    surfer.click(".customers-script input[type=checkbox]")
    surfer.read(r"1 / 2", ".customers-script")
    surfer.type("field", "Osób", "12")
    surfer.key("Tab")
    call = told(lab, "calls")[0]["call"]
    surfer.until("document.querySelector('.customers-script li.done') !== null")
    looks_right(surfer, "script")
    shown = surfer.evaluate(f"fetch('/api/calls/{call}/script').then((one) => one.text())")
    steps = {one["step"]: one for one in json.loads(shown)["steps"]}
    assert steps["greet"]["done"] and steps["ask"]["fields"] == {"people": "12"}
    told(lab, "calls", "hangup", "--all")
