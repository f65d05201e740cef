"""The language of conditions: what it computes, and how it says what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.expression import (
    MAX_LENGTH,
    ExpressionError,
    Value,
    as_number,
    evaluate,
    fill,
    like,
    names,
    parse,
    shown,
    template,
)

KNOWN: dict[tuple[str, ...], Value] = {
    ("queue", "sales", "free"): 3.0, ("queue", "my queue", "free"): 1.0, ("typed",): "12", ("customer", "vip"): True,
    ("customer", "name"): "Jan", ("zero",): 0.0, ("empty",): "",
}  # fmt: skip


def value(source: str) -> Value:
    return evaluate(parse(source), KNOWN.get)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3", 7.0), ("(1 + 2) * 3", 9.0), ("7 % 4 - -2", 5.0), ("2h + 30m + 15s", 9_015.0), ("1.5 / 3", 0.5),
        ("10 - 3 - 2", 5.0), ("-typed", -12.0), ("unknown + 1", None), ('"a" + 1', "a1"), ('"a" + unknown', None),
        ("queue.sales.free > 2", True), ('queue["my queue"].free == 1', True), ("typed == 12", True), ('typed == "12"', True),
        ("typed > 9", True), ('"b" > "a"', True), ("customer.vip", True), ("customer.vip == true", True),
        ("customer.vip == 1", False), ("unknown > 3", False), ("unknown <= 3", False), ("unknown == none", True),
        ("unknown != none", False), ("not unknown", True), ("unknown or 2 > 1", True), ("zero or empty", False),
        ("true and not false", True), ("not true or true", True), ("not typed == 12", False), ("1 < 2 and 2 < 1", False),
        ('typed in ["11", 12]', True), ('typed not in ["11", "12"]', False), ("unknown in []", False),
        ('starts_with(typed, "1")', True), ('starts_with(unknown, "1")', False), ('ends_with(typed, "2", "3")', True),
        ('contains(customer.name, "an")', True), ('like("+48225551234", "+48*5?23*")', True), ("length(typed)", 2.0),
        ("lower(customer.name) + upper(customer.name)", "janJAN"), ('digits("+48 22")', "4822"), ("first(typed, 1)", "1"),
        ("last(typed, 1)", "2"), ("last(typed, 0)", ""), ("number(typed) + 1", 13.0), ('number("x")', None), ("round(2.6)", 3.0),
        ("min(3, typed, unknown)", 3.0), ("max(3, typed)", 12.0), ("known(typed) and not known(unknown)", True),
        ("default(unknown, 5)", 5.0), ("default(empty, 5)", 5.0), ("choose(customer.vip, 10, 0)", 10.0), ("text(3)", "3"),
        ("'it is ' + \"so\"", "it is so"), ("żółw", None),
    ],
)  # fmt: skip
def test_values(source: str, expected: Value) -> None:
    assert value(source) == expected
    assert type(value(source)) is type(expected)


@pytest.mark.parametrize(
    ("source", "reason", "column"),
    [
        ("", "a value is missing", 1), ("1 +", "a value is missing", 4), ("(1", "')' is missing", 3), ("1)", "operator", 2),
        ("a b", "operator", 3), ("a.", "behind the dot", 3), ("a[b]", "name in quotes", 3), ("1 < 2 < 3", "chained", 7),
        ("nothing(1)", "no function", 1), ("length()", "takes 1 values", 1), ("choose(1, 2)", "takes 3 values", 1),
        ("1 $ 2", "'$' means nothing", 3), ("and", "a value is missing", 1), ('"open', "means nothing", 1), ("1 in 2", "'['", 6),
        ("a = 1", "means nothing", 3), ("__import__('os')", "no function", 1), ("(" * 60, "too many brackets", 41),
        ("1" * (MAX_LENGTH + 1), "longer", MAX_LENGTH + 1), ("1+" * 300 + "1", "more than 300 words", 301),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_column(source: str, reason: str, column: int) -> None:
    with pytest.raises(ExpressionError, match=r".") as caught:
        parse(source)
    assert reason in caught.value.reason
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("source", "column"), [('"a" * 2', 5), ('1 > "a"', 3), ("1 / zero", 3), ("1 % zero", 3), ("-customer.name", 1)]
)
def test_values_that_do_not_go_together(source: str, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(source)
    assert caught.value.column == column


def test_what_is_not_needed_is_not_computed() -> None:
    assert value("zero and 1 / zero") is False
    assert value("true or 1 / zero") is True


def test_texts_with_expressions_in_them() -> None:
    assert fill("{customer.name}: {queue.sales.free} {{free}}{unknown}", KNOWN.get) == "Jan: 3 {free}"
    assert fill("/{customer.name}", KNOWN.get, lambda one: one.upper()) == "/JAN"
    assert template("plain") == ("plain",)
    for wrong, column in (("a{", 3), ("a}", 2), ("{1 +}", 5), ("ab {x y}", 7)):
        with pytest.raises(ExpressionError) as caught:
            template(wrong)
        assert caught.value.column == column, wrong


def test_names_are_found_wherever_they_stand() -> None:
    found = names(parse('a.b in [c, -d] and not choose(e, f["g h"], 1)'))
    assert [str(one) for one in found] == ["a.b", "c", "d", "e", "f.g h"]


def test_numbers_as_text() -> None:
    assert [shown(one) for one in (3.0, 0.5, -2.0, True, None, "x")] == ["3", "0.5", "-2", "true", "", "x"]
    assert [as_number(one) for one in ("3", "-0.5", "1e5", "x", True, None)] == [3.0, -0.5, None, None, None, None]


@given(st.text(max_size=40))
def test_no_text_does_harm(source: str) -> None:
    """Whatever is written: a value, or an error with a column within it."""
    try:
        result = evaluate(parse(source), KNOWN.get)
    except ExpressionError as error:
        assert 1 <= error.column <= len(source) + 1
    else:
        assert result is None or isinstance(result, str | float | bool)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_patterns_are_those_of_file_names(pattern: str, text: str) -> None:
    from fnmatch import fnmatchcase

    assert like(text, pattern) == fnmatchcase(text, pattern)
