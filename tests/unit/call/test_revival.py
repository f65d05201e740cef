"""What can go wrong when calls are taken back. That it goes right is shown in tests/sim/test_takeover.py."""

from __future__ import annotations

from typing import Any

import pytest

from media.control import Close, Finish, Music, Open, Record
from softswitch.call.keeping import keep
from softswitch.call.revival import Kept
from softswitch.effects import Flow, MediaCommand
from softswitch.packing import PackingError
from softswitch.sip.binding import Binding
from tests.sim.test_takeover import two_party
from tests.sim.world import World, site


def one_call() -> tuple[World, dict[str, Any]]:
    w, _, _, _ = two_party()
    (kept,) = w.storage.calls.values()
    return w, kept


def taken_back(w: World, *calls: dict[str, Any], standing: Any = None) -> tuple[World, Any]:
    """A new world without phones, and what it makes of the calls."""
    fresh = World(w.switch.switch.directory)
    taken = fresh.switch.switch.take_back([], [Kept(one) for one in calls], (), standing or {}, fresh.now)
    return fresh, taken


def damage(kept: dict[str, Any], path: str, value: Any) -> None:
    *way, last = path.split(".")
    for step in way:
        kept = next(iter(kept.values())) if step == "*" else kept[step]
    if value is KeyError:
        del kept[last]
    else:
        kept[last] = value


@pytest.mark.parametrize(
    "path, value",
    [
        ("version", 99), ("version", KeyError), ("legs", KeyError), ("legs", []), ("caller", "nobody"), ("account", KeyError),
        ("legs.*.dialog.flow", "x"), ("legs.*.dialog.flow.listener", 77), ("legs.*.dialog.flow.transport", "tcp"),
        ("legs.*.dialog.call_id", KeyError), ("legs.*.media", [5, 1]), ("legs.*.media", [0, 100_000]), ("legs.*.media", None),
        ("legs.*.negotiation", 3), ("legs.*.state", "asleep"), ("legs.*.dialog.local_tag", "another"),
        ("legs.*.negotiation.remote", {"$": "os:system"}),
    ],
)  # fmt: skip
def test_a_damaged_record_costs_that_call_only(path: str, value: Any) -> None:
    w, kept = one_call()
    _, other = one_call()
    other["id"] = "other"
    for number, (tag, leg) in enumerate(list(other["legs"].items())):
        leg["media"] = [0, number]
        other["legs"][f"x{tag}"] = leg
        leg["dialog"]["local_tag"] = f"x{tag}"
        del other["legs"][tag]
    other["caller"], other["peer"] = f"x{other['caller']}", f"x{other['peer']}"
    damage(kept, path, value)
    fresh, taken = taken_back(w, kept, other)
    assert taken.calls == {"other"}
    assert taken.broken == [kept["id"]]
    assert len(fresh.switch.calls.board.legs) == len(fresh.switch.calls.board.pool.legs) == 2
    assert (kept["id"], None) in list(fresh.switch.switch.changes(fresh.now)), "it is forgotten"


def test_what_workers_do_for_nobody_is_ended() -> None:
    w, kept = one_call()
    index = next(iter(kept["legs"].values()))["media"][1]
    stray = next(leg for leg in range(200) if leg not in [one["media"][1] for one in kept["legs"].values()])
    opened = [w.worker.ports[index].opened, Open(stray, "192.0.2.9", 4000, "PCMA", 8), Music(stray, "default")]
    fresh, taken = taken_back(w, kept, standing={0: [*opened, Record(3, "/x.wav", index, -1)]})
    assert taken.calls
    commands = [item.command for item in fresh.switch.calls.board.out if isinstance(item, MediaCommand)]
    assert Close(stray) in commands and Finish(3) in commands
    assert Close(index) not in commands


def test_an_account_that_is_gone_keeps_its_call() -> None:
    w, kept = one_call()
    w.switch.switch.directory = site("bob")
    fresh, taken = taken_back(w, kept)
    assert taken.calls == {kept["id"]}
    assert fresh.switch.calls.calls[kept["id"]].account.user == "anna"


def test_a_call_that_cannot_be_kept_is_counted_and_goes_on() -> None:
    w, anna, _, line = two_party()
    (call,) = w.switch.calls.calls.values()
    call.recipe = (object(),)  # type: ignore[assignment]
    call.caller.negotiation.types = {"x": object()}  # type: ignore[dict-item]
    with pytest.raises(PackingError):
        keep(call)
    w.switch.calls.board.touch(call)
    list(w.switch.switch.changes(w.now))
    assert w.switch.calls.restart.unkept == 1
    anna.hang_up(line)
    w.storage._armed = True  # what is stored of it is of no interest here
    w.run(40)
    w.assert_idle()


def test_a_call_that_has_just_begun_waits_for_the_next_time() -> None:
    w = World(site("anna", "bob"))
    anna, _ = w.phone("anna"), w.phone("bob", answer_after=5.0)
    w.run(1)
    anna.call("bob")
    w.run(0.1)
    assert not w.storage.calls and w.switch.switch.has_changes
    w.run(0.4)
    assert len(w.storage.calls) == 1
    w.run(6)
    anna.hang_up(anna.lines[0])
    w.run(1)
    assert not w.storage.calls and not w.switch.switch.has_changes


def test_a_phone_on_a_stream_is_reached_by_its_new_connection() -> None:
    w, _, _, _ = two_party()
    (call,) = w.switch.calls.calls.values()
    board, leg = w.switch.calls.board, call.caller
    old = Flow("tcp", "198.51.100.1", 40_000, 0, 0)
    elsewhere = Binding("anna", "sip:a@x", Flow("tcp", "198.51.100.9", 41_000, 0, 6), 9e9, "c", 1)
    dialled = Binding("anna", "sip:a@x", Flow("tcp", "198.51.100.1", 5_060, 0, 0), 9e9, "c", 1)
    fresh = Binding("anna", "sip:a@x", Flow("tcp", "198.51.100.1", 41_000, 0, 7), 9e9, "c", 1)
    for bindings, flow in (
        ([], old),
        ([elsewhere], old),
        ([elsewhere, dialled], dialled.flow),
        ([elsewhere, dialled, fresh], fresh.flow),
    ):
        board.bindings = lambda user, now, found=bindings: found
        leg.dialog.flow = old
        leg.reach(w.now)
        assert leg.dialog.flow == flow
    board.bindings = lambda user, now: [fresh]
    for same in (Flow("udp", "198.51.100.1", 40_000), old._replace(connection=3)):
        leg.dialog.flow = same
        leg.reach(w.now)
        assert leg.dialog.flow == same
