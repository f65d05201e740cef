"""The basic rules: numbers, quotes, lists, parameters, control characters."""

from __future__ import annotations

import pytest

from softswitch.errors import ParseError
from softswitch.sip import grammar


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("70", 70), ("0068", 68), ("4294967295", 2**32 - 1)])
def test_numbers(text: str, value: int) -> None:
    assert grammar.number(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "+1",
        "-1",
        "1_000",
        "0x1",
        "1.0",
        "²",
        "٣",
        "1\n",
        "4294967296",
        "00000000001",
        "9" * 5000,
        "nan",
    ],
)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ParseError):
        grammar.number(text)


def test_a_number_has_the_range_it_is_asked_for() -> None:
    assert grammar.number("255", 255) == 255
    with pytest.raises(ParseError):
        grammar.number("256", 255)


def test_only_ascii_digits_are_decimal_in_message_text() -> None:
    # The readers rely on it: among the 256 characters that message text can hold, `isdecimal` knows ten.
    assert [c for c in map(chr, range(256)) if c.isdecimal()] == list("0123456789")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ('"a,b" <sip:x>, <sip:y,z>', ['"a,b" <sip:x>', "<sip:y,z>"]),
        ('"a\\",b",c', ['"a\\",b"', "c"]),
        ("a,,b", ["a", "", "b"]),
        ('"\\\\",b', ['"\\\\"', "b"]),
        ('a\\,b,"c"', ["a\\", "b", '"c"']),  # a backslash escapes inside quotes only
        ('<sip:"x>,y', ['<sip:"x>', "y"]),
    ],
)
def test_lists_split_outside_quotes_and_brackets(text: str, parts: list[str]) -> None:
    assert grammar.split_outside(text, ",") == parts


@pytest.mark.parametrize("text", ['"a', '"a\\"', "<sip:x", 'a,"b', '"' + "\\" * 3])
def test_open_quotes_and_brackets_are_errors(text: str) -> None:
    with pytest.raises(ParseError):
        grammar.split_outside(text, ",")


def test_a_list_has_an_end() -> None:
    assert len(grammar.split_outside(",".join("a" * 256), ",")) == 256
    for text in (",".join("a" * 257), '"",' * 256 + "a"):
        with pytest.raises(ParseError, match="too many"):
            grammar.split_outside(text, ",")


@pytest.mark.parametrize("text", ["", 'a"b', "back\\slash", 'x\\"y', "plain"])
def test_quoting_is_undone_by_unquoting(text: str) -> None:
    quoted = grammar.quote(text)
    assert grammar.end_of_quoted(quoted, 0) == len(quoted)
    assert grammar.unquote(quoted) == text


def test_quoting_lets_no_line_end_through() -> None:
    assert grammar.quote("a\r\nVia: x\0") == '"a Via: x "'


def test_text_of_people_travels_as_utf8() -> None:
    assert grammar.to_wire("Łódź") == "Łódź".encode().decode("latin-1")
    assert grammar.from_wire(grammar.to_wire("Łódź")) == "Łódź"
    assert grammar.from_wire("caf\xe9") == "café"


def test_parameters() -> None:
    found = grammar.parameters(';Tag = 98 ; lr;q=0.5;x="a;b\\"c";e=""')
    assert found == {"tag": "98", "lr": "", "q": "0.5", "x": '"a;b\\"c"', "e": '""'}
    assert grammar.parameters("") == {}
    assert grammar.parameters(";a=1;A=2") == {"a": "1"}


@pytest.mark.parametrize("name", ["tag", "branch"])
@pytest.mark.parametrize("strict", [True, False])
def test_what_identifies_stands_once(name: str, strict: bool) -> None:
    with pytest.raises(ParseError, match=f"more than one {name}"):
        grammar.parameters(f";{name}=1;x;{name.upper()}=1", strict=strict)


@pytest.mark.parametrize("text", [";;", ";a=1;", ";=1", ";a b", ';a="x"y', ";a=b c", ';a="x'])
def test_malformed_parameters(text: str) -> None:
    with pytest.raises(ParseError):
        grammar.parameters(text)


def test_lenient_parameters_skip_what_is_malformed() -> None:
    assert grammar.parameters(";;tag=1;=x;a b;c", strict=False) == {"tag": "1", "c": ""}


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("a: b\tc", False),
        ('t: "BEL:\\\x07 NUL:\\\0 DEL:\\\x7f" <sip:x>', False),
        ('t: "\x07"', True),
        ('t: "\\\n"', True),  # a quoted-pair escapes neither CR nor LF
        ('t: "\\\r"', True),
        ("t: \\\0", True),
        ("t: \x0b", True),
        ('t: "a" \0 "b"', True),
        ('t: "a\\\0', True),
        ("t: \x85\xa0", False),
    ],
)
def test_control_characters(line: str, bare: bool) -> None:
    assert grammar.has_bare_control(line) is bare
