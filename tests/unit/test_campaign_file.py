"""Lists of campaigns as spreadsheets write them."""

from __future__ import annotations

import pytest

from softswitch.campaign_file import read
from softswitch.codepages import decoded, delimiter_of, table

EXCEL = "Nr telefonu;Imię i nazwisko;Miejscowość\r\n600 100 200;Jan Żółć;Łódź\r\n\r\n;;\r\n+48600100201;Ola;\r\n"


@pytest.mark.parametrize(
    "data",
    [
        EXCEL.encode("cp1250"), EXCEL.encode(), EXCEL.encode("utf-8-sig"), EXCEL.encode("utf-16"),
        EXCEL.replace(";", "\t").encode("utf-16"), EXCEL.replace(";", ",").encode("iso8859-2"),
        ("sep=;\r\n" + EXCEL).encode("cp1250"),
    ],
)  # fmt: skip
def test_whatever_a_polish_spreadsheet_writes(data: bytes) -> None:
    found = read(decoded(data))
    assert found.problems == []
    assert found.headings == {"Nr telefonu": "number", "Imię i nazwisko": "name", "Miejscowość": "Miejscowość"}
    first = 3 if data.startswith(b"sep") else 2
    assert found.rows == [
        (first, {"number": "600 100 200", "name": "Jan Żółć", "Miejscowość": "Łódź"}),
        (first + 3, {"number": "+48600100201", "name": "Ola", "Miejscowość": ""}),
    ]


def test_columns_are_named_and_left_out() -> None:
    found = read("A,B,C\n600100200,x,y\n", {"A": "number", "B": "", "C": "produkt"})
    assert found.rows == [(2, {"number": "600100200", "produkt": "y"})] and found.problems == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: one column must be the telephone number; there are none"),
        ("name\nx\n", "line 1: one column must be the telephone number; there are name"),
        ("number,telefon\n1,2\n", "line 1: number stands for two columns"),
        ("number,a,a\n1,2,3\n", "line 1: a stands for two columns"),
        ("number\n600100200,more\n", "line 2: 2 cells, where the headings are 1"),
    ],
)
def test_what_is_wrong_says_where(text: str, problem: str) -> None:
    assert problem in read(text).problems


def test_what_stands_before_a_table() -> None:
    assert table("\ufeffsep=;\r\na;b\n") == ("a;b\n", 1) and table("separate;x\n") == ("separate;x\n", 0)
    assert (delimiter_of("a;b,c;d"), delimiter_of("a\tb"), delimiter_of("a")) == (";", "\t", ",")
