"""What all machines share: deadlines by name, and lists of what they put out."""

from __future__ import annotations

from softswitch.machine import Deadlines, OwnedDeadlines, take


def test_what_a_machine_has_put_out_is_taken_once_and_the_list_stays_its_own() -> None:
    out: list[object] = ["first", "second"]
    append = out.append
    assert take(out) == ["first", "second"] and take(out) == []
    append("third")
    assert take(out) == ["third"]


def test_an_owner_is_forgotten_with_what_it_waits_for_and_nobody_else() -> None:
    deadlines = OwnedDeadlines()
    anna, bob = object(), object()
    for owner, kind, at in ((anna, "hold", 1.0), (anna, "session", 2.0), (bob, "hold", 3.0)):
        deadlines.set((owner, kind), at)
    deadlines.forget(anna, ("hold", "reoffer"))
    assert deadlines.names() == [(anna, "session"), (bob, "hold")]
    deadlines.forget(anna, ("hold", "session"))
    assert deadlines.next() == 3.0 and deadlines.due(9.0) == [(bob, "hold")]


def test_a_deadline_that_is_set_again_has_moved() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("a", 1.0)
    deadlines.set("a", 5.0)
    assert deadlines.due(2.0) == [] and deadlines.at("a") == 5.0 and deadlines.due(5.0) == ["a"]
