from __future__ import annotations

import pytest

from softswitch.sim.rules import FIGURES, Expectation, read, read_all


@pytest.mark.parametrize(
    "text, expected",
    [
        ("sl >= 80", Expectation("sl >= 80", "figure", "sl", ">=", 80.0)),
        ("asa < 1.5 min in sales", Expectation("asa < 1.5 min in sales", "figure", "asa", "<", 90.0, queue="sales")),
        (
            "abandon <= 5 % for vip",
            Expectation("abandon <= 5 % for vip", "figure", "abandon", "<=", 5.0, callers="vip"),
        ),
        (
            "p90 <= 60 s in sales for vip",
            Expectation("p90 <= 60 s in sales for vip", "figure", "p90", "<=", 60.0, queue="sales", callers="vip"),
        ),
        ("nobody waits > 10 min", Expectation("nobody waits > 10 min", "wait", value=600.0)),
        (
            "nobody waits > 5 min while an eligible agent is idle",
            Expectation("nobody waits > 5 min while an eligible agent is idle", "idle", value=300.0),
        ),
        (
            "second line only after 30 s in sales",
            Expectation("second line only after 30 s in sales", "tier", value=30.0, tier=1, nth=True, queue="sales"),
        ),
        ("tier 2 only after 1 min", Expectation("tier 2 only after 1 min", "tier", value=60.0, tier=2)),
        ("vip first", Expectation("vip first", "first", callers="vip")),
        ("invariants hold", Expectation("invariants hold", "invariants")),
    ],
)
def test_expectations_in_words(text: str, expected: Expectation) -> None:
    assert read(text) == expected


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_can_be_expected(name: str) -> None:
    assert read(f"{name} >= 1").figure == name


@pytest.mark.parametrize(
    "text", ["", "sl", "sl >=", "sla >= 80", "sl => 80", "eleventh line only after 3 s", "sl >= 8 ly", 5]
)
def test_what_is_no_expectation_is_refused(text: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        read(text)


def test_a_list_is_needed() -> None:
    assert [one.kind for one in read_all(["sl > 1", "vip first"])] == ["figure", "first"]
    with pytest.raises(TypeError):
        read_all("sl > 1")


def test_a_figure_without_a_base_breaks_nothing() -> None:
    one = read("sl >= 80")
    assert one.holds(None) and one.holds(80.0) and not one.holds(79.9)
