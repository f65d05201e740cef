"""The ordered line behaves like a sorted list, whatever is done to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.acd.line import COMPACT_AT, Line


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1_000_000)), unique=True), st.data())
def test_a_line_is_a_sorted_list(entries: list[tuple[int, int]], data: st.DataObject) -> None:
    line: Line[tuple[int, int]] = Line()
    model: list[tuple[int, int]] = []
    for entry in entries:
        line.add(entry)
        model = sorted([*model, entry])
        if data.draw(st.booleans()):
            gone = model.pop(data.draw(st.integers(0, len(model) - 1)))
            line.remove(gone)
        assert list(line) == model
        assert len(line) == len(model)
        assert bool(line.entries) is bool(model)
        assert [line.ahead_of(each) for each in model] == list(range(len(model)))
        assert line.head(3) == model[:3]
        if model:
            assert line.first == model[0] == line.at(0)


def test_serving_the_head_and_joining_at_the_tail_for_ever_keeps_the_list_short() -> None:
    line: Line[tuple[int]] = Line()
    queue = [(n,) for n in range(10)]
    for entry in queue:
        line.add(entry)
    for n in range(10, 10_000):
        queue.append((n,))
        line.add(queue[-1])
        line.remove(queue.pop(0))
    assert list(line) == queue
    assert len(line.entries) <= 2 * COMPACT_AT + 10


def test_what_was_taken_from_the_head_may_come_back_to_it() -> None:
    line: Line[tuple[int]] = Line()
    entries = [(n,) for n in range(5)]
    for entry in entries:
        line.add(entry)
    line.remove(entries[0])
    line.remove(entries[1])
    line.add(entries[1])
    line.add(entries[0])
    assert list(line) == entries


def test_only_the_very_entry_can_be_removed() -> None:
    line: Line[tuple[int, int]] = Line()
    line.add((1, 1))
    for absent in ((0, 0), (1, 2), (int("1"), 1)):
        with pytest.raises(AssertionError):
            line.remove(absent)


def test_after_goes_round() -> None:
    line: Line[tuple[float, int, str]] = Line()
    for entry in ((0.0, 1, "a"), (0.0, 1, "b"), (0.0, 3, "c")):
        line.add(entry)
    assert line.after((0.0, 1, "a"))[2] == "b"
    assert line.after((0.0, 1, "b"))[2] == "c"
    assert line.after((0.0, 2, "gone"))[2] == "c"
    assert line.after((0.0, 3, "c"))[2] == "a"
