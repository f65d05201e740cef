from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from softswitch.links import PATH, Link

KEY, OTHER = bytes(32), bytes([1]) * 32
LINK = Link(7, 2_000, "token:crm & co")


def test_a_link_is_good_until_it_expires() -> None:
    signature = LINK.signature(KEY)
    assert LINK.is_good(signature, KEY, 1_999.9)
    assert not LINK.is_good(signature, KEY, 2_000.0)


def test_nothing_of_it_can_be_changed() -> None:
    signature = LINK.signature(KEY)
    for other in (replace(LINK, recording=8), replace(LINK, until=3_000), replace(LINK, by="token:crm")):
        assert not other.is_good(signature, KEY, 0.0)
    for wrong in ("", signature[:-1], signature.upper() + "x", "ż\ud800"):
        assert not LINK.is_good(wrong, KEY, 0.0)
    assert not LINK.is_good(signature, OTHER, 0.0), "another key makes it worthless"


def test_its_path_says_it_all() -> None:
    parts = urlsplit(LINK.path(KEY))
    assert parts.path == f"{PATH}7"
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert Link(7, int(query["until"]), query["by"]).is_good(query["signature"], KEY, 0.0)
