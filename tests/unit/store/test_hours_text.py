"""Opening hours in words and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.directory import Span
from softswitch.store.hours_text import read_span, read_spans, read_special, read_times, write_spans, write_special


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("Mon-Fri 08:00-20:00", Span((0, 1, 2, 3, 4), 480, 1200)),
        ("Sat 9:00-13:30", Span((5,), 540, 810)),
        ("sat-mon 00:00-24:00", Span((0, 5, 6), 0, 1440)),
        ("Mon,Wed,Fri 08:00-09:00", Span((0, 2, 4), 480, 540)),
        ("Monday-Friday 22:00-02:00", Span((0, 1, 2, 3, 4), 1320, 120)),
        ("Sun 20:00-00:00", Span((6,), 1200, 1440)),
    ],
)
def test_spans(text: str, span: Span) -> None:
    assert read_span(text) == span


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "Mon",
            "Mon 8-20",
            "Mon 08:00",
            "Mon 25:00-26:00",
            "Mon 08:60-09:00",
            "Mo-Xx 08:00-09:00",
            "Mon 24:00-01:00",
            "Mon 08:00-08:00",
        ),
        *(5, None, "Mon ８:00-09:00"),
    ],
)
def test_what_is_no_span(text: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_span(text)


@pytest.mark.parametrize(
    "value", [{"2026-2-1": []}, {"20261224": []}, {"2026-02-30": []}, {"2026-12-24": "closed"}, {"2026-12-24": ["x"]}]
)
def test_what_is_no_special_day(value: Any) -> None:
    with pytest.raises(ValueError):
        read_special(value)


minutes = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda pair: pair[0] != pair[1])
spans = st.builds(
    lambda days, times: Span(tuple(sorted(days)), *times), st.sets(st.integers(0, 6), min_size=1), minutes
)


@given(st.lists(spans).map(tuple))
def test_spans_round_trip(value: tuple[Span, ...]) -> None:
    assert read_spans(write_spans(value)) == value


@given(st.dictionaries(st.dates().map(str), st.lists(minutes, max_size=3).map(tuple), max_size=3))
def test_special_days_round_trip(value: dict[str, tuple[tuple[int, int], ...]]) -> None:
    assert read_special(write_special(value)) == value


def test_times() -> None:
    assert read_times("08:00-20:00") == (480, 1200)
