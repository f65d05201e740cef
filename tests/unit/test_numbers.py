"""One spelling for each number, and what it costs."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.numbers import digits_of, normalise, tariff, write

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize(("dialled", "country", "number"), [
    ("221234567", "pl", "+48221234567"), ("22 123-45-67", "PL", "+48221234567"), ("0048 22 123 45 67", "pl", "+48221234567"),
    ("+48221234567", "de", "+48221234567"), ("0221234567", "pl", "+48221234567"), ("030 123456", "de", "+4930123456"),
    ("011442079460000", "us", "+442079460000"), ("112", "pl", "112"), ("118912", "pl", "118912"), ("8000", "pl", "8000"),
    ("+1", "pl", ""), ("anna", "pl", ""), ("+999999999999999", "pl", ""), ("", "pl", ""), ("*30", "pl", ""),
    ("22123456\u0667", "pl", ""), ("22²1234567", "pl", ""),
])  # fmt: skip
def test_a_number_has_one_spelling(dialled: str, country: str, number: str) -> None:
    assert normalise(dialled, country) == number


@pytest.mark.parametrize(("number", "country", "kind"), [
    ("+48221234567", "pl", "fixed"), ("+48601234567", "pl", "mobile"), ("+48700123456", "pl", "premium"),
    ("+48801123456", "pl", "shared_cost"), ("+48800123456", "pl", "toll_free"), ("+18765550123", "jm", "mobile"),
    ("+881612345678", "", "satellite"), ("+870773111632", "", "satellite"), ("+80012345678", "", "toll_free"),
])  # fmt: skip
def test_what_it_costs(number: str, country: str, kind: str) -> None:
    found = tariff(number, "pl")
    assert (found.country, found.kind) == (country, kind)


@pytest.mark.parametrize(("form", "text"), [
    ("e164", "+48221234567"), ("plain", "48221234567"), ("international", "0048221234567"), ("national", "221234567"),
])  # fmt: skip
def test_it_is_written_as_a_provider_wants_it(form: str, text: str) -> None:
    assert write("+48221234567", form, "pl") == text


def test_a_foreign_number_has_no_national_form() -> None:
    assert write("+4930123456", "national", "pl") == "004930123456"
    assert write("+4930123456", "national", "de") == "030123456"
    assert write("112", "national", "pl") == write("112", "international", "pl") == "112"


@given(st.text(max_size=30), st.sampled_from(REGIONS))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_it(text: str, region: str) -> None:
    number = normalise(text, region.lower())
    assert number == "" or digits_of(number) == number
    if number:
        tariff(number, region.lower())


@given(st.sampled_from(REGIONS), st.sampled_from(["e164", "plain", "international", "national"]))
@settings(max_examples=200, deadline=None)
def test_what_is_written_means_the_same_number(region: str, form: str) -> None:
    example = phonenumbers.example_number(region)
    number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    country = region.lower()
    assert normalise(number, country) == number
    if form in ("e164", "national"):
        assert normalise(write(number, form, country), country) == number
    elif form == "plain":
        assert "+" + write(number, form, country) == number
