"""A key that comes by two ways is one key."""

from __future__ import annotations

import pytest

from softswitch.call.keys import WINDOW, Keys


@pytest.mark.parametrize("first, second", [("rfc4733", "info"), ("info", "rfc4733"), ("inband", "info")])
def test_a_press_that_comes_twice_counts_once(first: str, second: str) -> None:
    keys = Keys()
    assert keys.press("5", first, 1.0)
    assert not keys.press("5", second, 1.2)


def test_two_presses_that_come_twice_count_twice() -> None:
    keys = Keys()
    told = [
        keys.press("5", method, at) for at, method in ((1.0, "rfc4733"), (1.1, "info"), (1.3, "rfc4733"), (1.4, "info"))
    ]
    assert told == [True, False, True, False]


def test_copies_may_come_late_and_together() -> None:
    keys = Keys()
    assert [keys.press("5", "rfc4733", at) for at in (1.0, 1.2)] == [True, True]
    assert [keys.press("5", "info", at) for at in (1.3, 1.4, 1.5)] == [False, False, True]


def test_other_keys_and_later_presses_are_presses() -> None:
    keys = Keys()
    assert keys.press("5", "rfc4733", 1.0)
    assert keys.press("6", "info", 1.1)
    assert keys.press("5", "info", 1.0 + WINDOW + 0.1)


def test_only_so_much_is_remembered() -> None:
    keys = Keys()
    assert all(keys.press("5", "rfc4733", 1.0) for _ in range(1_000))
    assert len(keys._recent) < 100
