"""The pages of campaigns in a real browser: made, filled from a file, started; and an agent who works the list off."""

from __future__ import annotations

import json

from ..lab import Lab
from .conftest import LogIn
from .surfer import Surfer
from .test_customers import looks_right

LAB = {"accounts": 2, "agents": 1, "tiers": 1, "options": ("--trunk", "127.0.0.1:9")}
CSV = "sep=;\r\nNr tel.;Kto;Produkt\r\n601000111;<b>Jan</b> Łącki;=1+1\r\n12a;Ola;B\r\n601000113;Ewa Żak;C\r\n"
SCRIPT = """[script.talk]
title = "Rozmowa"
steps = [{ name = "greet", title = "Powitanie", text = "Dzień dobry" }]
[disposition.sale]
"""


def give(surfer: Surfer, text: str) -> None:
    """A file as Excel writes it in Poland: Windows-1250."""
    octets = list(text.encode("cp1250"))
    surfer.see("#campaigns-file")
    surfer.evaluate(
        "(() => { const held = new DataTransfer();"
        f" held.items.add(new File([new Uint8Array({json.dumps(octets)})], 'list.csv', {{ type: 'text/csv' }}));"
        " const one = document.getElementById('campaigns-file'); one.files = held.files;"
        " one.dispatchEvent(new Event('change', { bubbles: true })); })()"
    )


def test_a_campaign_from_nothing_to_the_agent(lab: Lab, page: LogIn) -> None:
    lab.add(SCRIPT)
    chief = page("administrator", "/campaigns", language="pl")
    chief.read("Nie ma jeszcze kampanii")
    chief.click("button", "Nowa kampania")
    chief.click("button", "Zapisz")
    chief.read("Kampania potrzebuje nazwy", "dialog")
    chief.type("field", "Nazwa", "Wiosna Łódź")
    chief.choose("Kolejka", "queue")
    chief.choose("Skrypt z krokami", "talk")
    chief.type("field", "Godziny", "Mon-Sun 00:00-24:00")
    chief.type("field", "Tekst dla agenta", "# Dzień dobry, {name}\n- {Produkt} <img src=x onerror=tell(1)>")
    looks_right(chief, "edit")
    chief.click("button", "Zapisz")
    chief.see("heading", "Wiosna Łódź")
    chief.click("button", "Wczytaj listę")
    give(chief, CSV)
    chief.read("one column must be the telephone number|Nr tel", ".page")
    chief.choose("Nr tel.", "number")
    chief.choose("Kto", "name")
    chief.read(r"line 4: '12a' is no telephone number", ".campaigns-problems")
    looks_right(chief, "import")
    assert lab.command("campaign", "contacts", "wiosna-lodz") == [], "a look changes nothing"
    give(chief, CSV.replace("12a", "601000112"))
    chief.choose("Nr tel.", "number")
    chief.choose("Kto", "name")
    chief.click("button", "Wczytaj 3 klientów")
    chief.read("<b>Jan</b> Łącki", ".table")
    chief.click("button", "Start")
    chief.click("button", "Tak")
    chief.read("Dzwoni", ".page-head")
    chief.type("field", "Szukaj", "601 000 113")
    chief.until("document.querySelectorAll('.table tbody tr').length === 1")
    chief.read("Ewa Żak", ".table")
    chief.type("field", "Szukaj", "")
    chief.until("document.querySelectorAll('.table tbody tr').length === 3")
    looks_right(chief, "campaign")
    text = chief.evaluate("fetch('/api/campaigns/wiosna-lodz/export').then((one) => one.text())")
    assert "+48601000111,<b>Jan</b> Łącki,waiting,0" in text and "'=1+1" in text, "no cell is a formula"

    agent = page("agent", "/panel", agent="agent-2000", language="pl")
    agent.click(".panel-choice", "Ta przeglądarka")
    agent.click(
        "button", "Rozpocznij" if agent.evaluate("Boolean(surfer.find('button', 'Rozpocznij'))") else "Zacznij pracę"
    )
    agent.see("heading", "Czekasz na połączenia")
    agent.see("button", "Wyłącz telefon")  # nothing moves any more
    agent.click("button", "Pokaż następnego")
    agent.read("<b>Jan</b> Łącki", ".campaigns-preview")
    agent.read("Dzień dobry, <b>Jan</b> Łącki", ".campaigns-script")
    assert agent.evaluate("document.querySelectorAll('.campaigns-preview img, .campaigns-preview b').length") == 0
    looks_right(agent, "preview")
    agent.type("field", "Powód, notatka", "prosi jutro")
    agent.choose("Kiedy znowu", "86400")
    agent.click("button", "Nie teraz")
    agent.read("Ola", ".campaigns-preview")
    agent.type("field", "Powód, notatka", "zły numer")
    agent.click("button", "Pomiń na stałe")
    agent.read("Ewa Żak", ".campaigns-preview")
    chief.read("Pominięty", ".table")
    found = {one["name"]: one for one in lab.command("campaign", "contacts", "wiosna-lodz")}
    assert (found["Ola"]["status"], found["Ola"]["note"], found["Ewa Żak"]["status"]) == (
        "skipped",
        "zły numer",
        "shown",
    )
    jan = found["<b>Jan</b> Łącki"]
    assert jan["status"] == "waiting" and jan["note"] == "prosi jutro"

    agent.click(".campaigns-preview button", "Zadzwoń")  # the agent's own phone is rung first
    agent.see("button", "Odbierz")
    agent.read("Wiosna Łódź", ".panel-ringing")
    agent.read("Dzień dobry, Ewa Żak", ".panel-ringing")
    agent.read("Rozmowa", ".panel-ringing .customers-script")
    agent.shots("ringing")
    agent.click("button", "Odrzuć")
    agent.click("button", "Umów oddzwonienie")
    agent.type("field", "", "601 000 777", selector="dialog input[inputmode=tel]")
    agent.click("button", "Zapisz")
    agent.read("Umówione")
    agreed = next(one for one in lab.command("callback", "list") if one["number"] == "+48601000777")
    assert agreed["owner"] == "agent-2000" and 3_000 < agreed["due_in"] < 3_700
    chief.click("button", "Wstrzymaj")
    chief.read("Wstrzymana", ".page-head")
    chief.open("/campaigns")
    chief.read("Wiosna Łódź", ".table")
    looks_right(chief, "list")
    chief.click("button", "Zatrzymaj")
    chief.click("button", "Tak")
    chief.read("Wyłączona", ".table")


def test_text_messages_without_a_provider(lab: Lab, page: LogIn) -> None:
    surfer = page("administrator", "/sms", language="pl")
    surfer.read("Nie ma operatora SMS")
    surfer.type("field", "Telefon", "601000111")
    assert surfer.evaluate("surfer.find('button', 'Wyślij').disabled"), "there is nobody to send it"
    looks_right(surfer, "sms")
