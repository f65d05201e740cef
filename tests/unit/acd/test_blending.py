"""Blended work: callbacks without a place in line, beside callers who wait (ACD-43)."""

from __future__ import annotations

from softswitch.callbacks import CallbackRules, Kind
from tests.unit.acd.site import Site, queue


def site_of(**rules: int) -> Site:
    site = Site(queue("anna", callbacks=CallbackRules(idle=10.0, **rules)))
    for number in ("600100201", "600100202"):
        site.engine.callbacks.add("q", number, site.now, kind=Kind.SCHEDULED)
    site.engine.match(site.now)
    site._settle()
    return site


def served(site: Site) -> str:
    """Who is rung for; they talk for a while. "callback": who is to be called."""
    (caller,) = site.rung().values()
    if site.engine.visits.callers[caller].absent:
        site.engine.callbacks.cancel(caller, "supervisor", site.now)
        site._settle()
        return "callback"
    site.serve("anna", 1.0)
    return caller


def test_by_the_ratio_a_callback_has_its_turn_whoever_waits() -> None:
    site = site_of(ratio=2)
    site.enter(*(f"c{number}" for number in range(7)))
    assert [served(site) for _ in range(9)] == ["c0", "c1", "callback", "c2", "c3", "callback", "c4", "c5", "c6"]


def test_without_a_ratio_callers_go_first() -> None:
    site = site_of()
    site.enter("c0", "c1", "c2")
    assert [served(site) for _ in range(3)] == ["c0", "c1", "c2"]
    assert site.rung() == {}
    site.advance(10.0)
    assert served(site) == "callback", "anna has been idle for ten seconds, and nobody waits"
