"""The Replaces header: what is one, and what is none."""

from __future__ import annotations

import pytest

from softswitch.call.replaces import MAX_LENGTH, Replaces
from softswitch.errors import ParseError


@pytest.mark.parametrize(
    "value, expected",
    [
        ("a@b;to-tag=1;from-tag=2", Replaces("a@b", "1", "2")),
        ("a@b ; from-tag=2 ; to-tag=1", Replaces("a@b", "1", "2")),
        ("a;to-tag=1;from-tag=0;early-only", Replaces("a", "1", "0", early_only=True)),
        ("a;to-tag=1;from-tag=2;other=3", Replaces("a", "1", "2")),
    ],
)
def test_a_dialog_is_named(value: str, expected: Replaces) -> None:
    assert Replaces.parse(value) == expected


@pytest.mark.parametrize(
    "value", ["", "a", "a;to-tag=1", "a;from-tag=1", ";to-tag=1;from-tag=2", "a;to-tag=;from-tag=2",
              "x" * MAX_LENGTH + ";to-tag=1;from-tag=2"],
)  # fmt: skip
def test_anything_else_names_none(value: str) -> None:
    with pytest.raises(ParseError):
        Replaces.parse(value)
