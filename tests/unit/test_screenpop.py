"""Addresses of pages about callers: what a caller brings along cannot lead anywhere else (API-10)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.errors import ConfigError
from softswitch.integrations.screenpop import address, check_template
from softswitch.store.site import parse_site

TEMPLATE = "https://crm.example.com/open/{customer}?phone={number}&who={name}"


def test_values_are_encoded() -> None:
    url = address(TEMPLATE, {"number": "+48600100200", "customer": "K/1?x", "name": 'Żółć & "co"'})
    assert url == (
        "https://crm.example.com/open/K%2F1%3Fx?phone=%2B48600100200&who=%C5%BB%C3%B3%C5%82%C4%87%20%26%20%22co%22"
    )
    assert address("", {}) == "" and address("https://x.pl/{call}", {}) == "https://x.pl/"


@given(st.text(), st.text())
def test_nothing_gets_out_of_its_place(name: str, number: str) -> None:
    name, number = (one.encode("utf-8", "replace").decode() for one in (name, number))
    parts = urlsplit(address(TEMPLATE, {"name": name, "number": number, "customer": name}))
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "crm.example.com", "")
    assert parse_qs(parts.query, keep_blank_values=True) == {"phone": [number], "who": [name]}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("javascript:alert({number})", "http or https"),
        ("https://{number}/x", "a host without braces"),
        ("https://eva:secret@crm.example.com/", "a host without braces and passwords"),
        ("https://crm.example.com/{nubmer}", "no braces but"),
        ("https://crm.example.com/{", "no braces but"),
        ("crm.example.com/{number}", "http or https"),
        ("https://crm.example.com/a b", "without spaces"),
        ("https:///x", "http or https"),
    ],
)
def test_what_is_no_template_is_said(template: str, said: str) -> None:
    assert said in check_template(template)
    for where in ("", "[queue.sales]\n"):
        with pytest.raises(ConfigError) as raised:
            parse_site(f'domain = "pbx.example.com"\n{where}screen_pop = "{template}"\n')
        assert said in str(raised.value)
