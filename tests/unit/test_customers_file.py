"""Lists of customers as CSV: what is read, and what is said about mistakes."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.call.customers import Customer
from softswitch.codepages import decoded
from softswitch.customers_file import ProblemList, headings, read, write

BARE: dict[str, object] = {"company": "", "email": "", "link": "", "tags": [], "do_not_call": False}


def good(text: str) -> list[dict[str, object]]:
    problems = ProblemList()
    rows = read(text, "pl", problems)
    assert problems.found == []
    return rows


def wrong(text: str, **more: object) -> list[str]:
    problems = ProblemList()
    read(text, "pl", problems, **more)  # type: ignore[arg-type]
    return problems.found


def test_a_list() -> None:
    text = (
        "customer,name,numbers,language,vip,segment,manager,nip\r\n"
        'K1,"Kowalski, Jan",601 000 111|+48 22 123 45 67,PL,yes,b2b,anna,526-000\r\n\r\nK2,,,,,,,\r\n'
    )
    assert good(text) == [
        {"customer": "K1", "name": "Kowalski, Jan", "numbers": ["+48601000111", "+48221234567"], "language": "pl",
         "vip": True, "segment": "b2b", "manager": "anna", "fields": {"nip": "526-000"}, **BARE},
        {"customer": "K2", "name": "", "numbers": [], "language": "", "vip": False, "segment": "", "manager": "", "fields": {},
         **BARE},
    ]  # fmt: skip


def test_what_a_polish_spreadsheet_writes() -> None:
    data = "Klient;Nazwa;Telefon;VIP;Opiekun\nK1;Żółć;601000111;tak;anna\n".encode("cp1250")
    assert good(decoded(data))[0] | {"name": "Żółć", "vip": True, "manager": "anna"} == good(decoded(data))[0]
    older = "Klient;Nazwa\nK1;Józef Śląski-Żak\n"
    for encoding in ("utf-8", "cp1250", "iso8859-2"):
        assert good(decoded(older.encode(encoding)))[0]["name"] == "Józef Śląski-Żak", encoding
    assert good(decoded("\ufeffcustomer\nK1\n".encode()))[0]["customer"] == "K1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\nx\n", ["line 1, column 1: 'name'; expected headings, customer or numbers among them"]),
        ("", ["line 1, column 1: ''; expected headings"]),
        ("customer,customer\n", ["line 1, column customer: 'customer'; expected each heading once"]),
        ("customer,\nK1,\n", ["line 1, column 2: ''; expected a heading"]),
        ("customer,numbers\nK1,12a\n", ["line 2, column numbers: '12a'; expected telephone numbers such as"]),
        ("customer,numbers\n\nK1,1\nK2,+48601000111\nK3,601000111\n", [
            "line 3, column numbers: '1'",
            "line 5, column numbers: '+48601000111'; expected a number of one customer: it is that of K2",
        ]),
        ("customer\nK1\nK1\n", ["line 3, column customer: 'K1'; expected each customer once: it is in line 2"]),
        ("customer,name\n,x\n", ["line 2, column customer: ''; expected a customer number"]),
        ("customer,vip\nK1,perhaps\n", ["line 2, column vip: 'perhaps'; expected yes or no"]),
        ("customer,language\nK1,polski\n", ["line 2, column language: 'polski'; expected a language code"]),
        ("customer\nK1,x\n", ["line 2, column 2: 'x'; expected 1 columns"]),
        (f"customer\n{'K' * 65}\n", ["line 2, column customer: "]),
        ('customer,name\nK1,"a\nb"\n', ["line 3, column name: 'a\\nb'; expected at most 128 characters on one line"]),
    ],
)  # fmt: skip
def test_mistakes_name_their_place_and_what_was_expected(text: str, said: list[str]) -> None:
    found = wrong(text)
    assert len(found) == len(said), found
    for one, begins in zip(found, said, strict=True):
        assert one.startswith(begins)


def test_a_manager_must_be_an_agent() -> None:
    assert wrong("customer,manager\nK1,anna\nK2,ola\n", agents={"anna"}) == [
        "line 3, column manager: 'ola'; expected the name of an agent of the site"
    ]


def test_only_the_first_mistakes_are_kept() -> None:
    problems = ProblemList()
    read("customer,vip\n" + "".join(f"K{one},?\n" for one in range(200)), "pl", problems)
    assert problems.count == 200 and len(problems.found) == 50


@given(st.lists(
    st.fixed_dictionaries({
        "name": st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=10),
        "vip": st.booleans(), "segment": st.sampled_from(["", "b2b", 'a"b', "x;y,z"]),
        "numbers": st.sampled_from([["+48601000111"], []]),
        "fields": st.dictionaries(st.sampled_from(["nip", "city"]), st.sampled_from(["1", "a,b", 'q"']), max_size=2),
    }), max_size=1,
))  # fmt: skip
@settings(max_examples=100)
def test_what_is_written_is_read(rows: list[dict[str, object]]) -> None:
    rows = [{"customer": f"K{index}", "language": "pl", "manager": "", **BARE} | row for index, row in enumerate(rows)]
    assert good(write(rows)) == rows  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["=1+1", "+cmd|'/C calc'!A0", "-2+3", "@SUM(A1)", "'=1", "''+x", "'", "-5", "O'Hara"])
def test_no_name_is_a_formula(name: str) -> None:
    row = {
        "customer": "K1",
        "language": "",
        "manager": "",
        **BARE,
        "name": name,
        "vip": False,
        "segment": "",
        "fields": {},
        "numbers": [],
    }
    text = write([row])
    cell = list(csv.reader(io.StringIO(text)))[1][1]
    assert cell == "-5" or cell[:1] not in ("=", "+", "-", "@")
    assert good(text) == [row]


@given(st.text(max_size=200))
def test_no_text_harms(text: str) -> None:
    problems = ProblemList()
    assert isinstance(read("customer,numbers\n" + text, "pl", problems), list)
    read(text, "pl", problems)


def test_company_address_link_and_lists() -> None:
    text = "klient,firma,e-mail,url,etykiety\nK1,Acme,jan@acme.pl,https://crm.example.com/17,vip 2026|śpiący\n"
    (row,) = good(text)
    assert (row["company"], row["email"], row["link"]) == ("Acme", "jan@acme.pl", "https://crm.example.com/17")
    assert row["tags"] == ["vip 2026", "śpiący"] and good(write([row])) == [row]
    said = wrong("customer,email,link,tags\nK1,jan,javascript:alert(1)," + "x" * 50)
    assert [one.split(";")[0].split(":")[0] for one in said] == [
        "line 2, column email", "line 2, column link", "line 2, column tags",
    ]  # fmt: skip


def test_columns_under_other_headings() -> None:
    text = "Nr,Kto,Tel,Uwagi\n17,Jan,601000111,dlugo\n"
    assert headings(text) == {"Nr": "nr", "Kto": "kto", "Tel": "numbers", "Uwagi": "uwagi"}
    problems = ProblemList()
    mapping = {"Nr": "customer", "Kto": "name", "Tel": "numbers", "Uwagi": ""}
    (row,) = read(text, "pl", problems, mapping=mapping)
    assert problems.found == []
    assert (row["customer"], row["name"], row["numbers"], row["fields"]) == ("17", "Jan", ["+48601000111"], {})


KNOWN = Customer(
    "K-1", "Jan Kowalski", ("+48601000111", "+48221234567"), manager="anna", fields={"nip": "526", "city": "Kraków"}
)


def by_number(text: str) -> tuple[list[dict[str, Any]], list[str]]:
    """With one customer who is known already."""
    problems = ProblemList()
    owners = {"+48601000111": "K-1", "+48221234567": "K-1", "+48700000000": "K-2"}
    rows = read(
        text, "pl", problems, owner=lambda number: owners.get(number, ""),
        known=lambda customer: {"K-1": KNOWN}.get(customer),
    )  # fmt: skip
    return rows, problems.found


def test_without_a_customer_number_the_telephone_says_who_it_is() -> None:
    rows, problems = by_number(
        "Telefon;Nazwa;city;Nie dzwonić\n601 000 111|602 000 222;Jan Nowy;;tak\n603000333;Ola;Łódź;\n"
    )
    assert problems == []
    jan, ola = rows
    assert (jan["customer"], jan["name"], jan["manager"], jan["do_not_call"]) == ("K-1", "Jan Nowy", "anna", True)
    assert jan["numbers"] == ["+48601000111", "+48221234567", "+48602000222"], "what is known stays"
    assert jan["fields"] == {"nip": "526", "city": "Kraków"}, "a cell that says nothing changes nothing"
    assert ola["customer"].startswith("c-") and ola["fields"] == {"city": "Łódź"}
    assert by_number("Telefon;Nazwa\n603000333;Ola\n")[0][0]["customer"] == ola["customer"], (
        "a second look finds the same"
    )


def test_a_row_of_nobody_or_of_two_is_a_mistake() -> None:
    _, problems = by_number("numbers,name\n,Nobody\n601000111|700000000,Two\n601000111,A\n22 123 45 67,B\n")
    assert problems[0] == "line 2, column customer: ''; expected a customer number, or a telephone number by which the" \
        " customer is found"  # fmt: skip
    assert any(one.startswith("line 3, column numbers") and "K-1, K-2" in one for one in problems)
    assert any(one.startswith("line 5, column customer: 'K-1'; expected each customer once") for one in problems)
