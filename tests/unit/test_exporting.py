from __future__ import annotations

import csv
import io

import pytest

from softswitch.exporting import csv_lines, harmless, json_lines


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(1)", "'@SUM(1)"),
        ("  =1+1", "'  =1+1"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1+1", "'＝1+1"),
        ("＠SUM(1)", "'＠SUM(1)"),
        ("\u00a0\ufeff=1", "'\u00a0\ufeff=1"),
        ("+48600100200", "+48600100200"),
        (-1.5, "-1.5"),
        ("Jan", "Jan"),
        (None, ""),
        (True, "yes"),
        (("menu:a", "menu:b"), "menu:a > menu:b"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(value: object, cell: str) -> None:
    assert harmless(value) == cell


def test_csv_is_read_back() -> None:
    rows = [{"name": 'a "b", c\nd', "number": "+48600100200"}, {"number": "=1"}]
    text = csv_lines(("name", "number"), rows[:1]) + csv_lines(("name", "number"), rows[1:], head=False)
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["name", "number"], ['a "b", c\nd', "+48600100200"], ["", "'=1"],
    ]  # fmt: skip


def test_json_lines_stay_as_they_are() -> None:
    assert json_lines([{"name": "=Łucja"}, {}]) == '{"name": "=Łucja"}\n{}\n'
