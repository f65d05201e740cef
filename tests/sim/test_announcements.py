"""What waiting callers hear, in virtual time: place, wait, comfort; cut when an agent picks up; the same after a restart."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from media.control import Play
from softswitch.directory import Agent, Announce, Membership, Queue, Surge
from softswitch.effects import AgentCommand
from tests.sim.world import World, account, site

CALLERS = tuple(f"c{number}" for number in range(8))
MUSIC = "music:jazz"
PEOPLE = "pl/people-waiting-intro"


def world(announce: Announce, clips: frozenset[str] | None = None, **queue: Any) -> World:
    policy: dict[str, Any] = {"wrap_up": 0.0, "music": "jazz", "announce": announce, **queue}
    directory = site(
        accounts={user: account(user) for user in (*CALLERS, "a0", "a1")},
        agents={name: Agent(name, name) for name in ("a0", "a1")},
        queues={"info": Queue("info", members=(Membership("a0"), Membership("a1")), **policy)},
        extensions={"200": "queue:info"}, music={"default": (), "jazz": ()},
    )  # fmt: skip
    w = World(directory)
    if clips is not None:
        w.switch.switch.set_clips(clips)
    return w


def ready(w: World, name: str, **behaviour: Any) -> Any:
    phone = w.phone(name, **behaviour)
    w.run(1)
    log_in(w, name)
    return phone


def log_in(w: World, name: str, verb: str = "login") -> None:
    w.switch.queues.handle(AgentCommand(name, verb, actor="test"), w.now)
    w.switch.settle(w.now)
    w.run(0.01)


def callers(w: World, count: int, apart: float = 0.5) -> list[tuple[Any, Any]]:
    phones = [w.phone(name) for name in CALLERS[:count]]
    w.run(1)
    lines = []
    for phone in phones:
        lines.append((phone, phone.call("200")))
        w.run(apart)
    return lines


def said(w: World, caller: str = "") -> list[tuple[str, tuple[str, ...]]]:
    return [(one.kind, one.clips) for one in w.switch.named("queue.announced") if not caller or one.caller == caller]


def test_the_place_is_told_on_entry_and_then_again_measured_from_the_end() -> None:
    w = world(Announce(position="own", every=20.0, improved=False))
    _, (_, line) = callers(w, 2)
    second = w.switch.named("queue.announced")[-1]
    assert (second.kind, second.clips) == ("entry", ("position/2",))
    assert w.hears(line) == "play:pl/position/2"
    w.run(1)
    assert w.hears(line) == MUSIC
    w.run(19.0)
    assert w.hears(line) == MUSIC, "20 s count from the end of the last one"
    w.run(0.6)
    assert w.hears(line) == "play:pl/position/2"
    assert [one.place for one in w.switch.named("queue.position") if one.caller == second.caller] == [2, 2]


def test_the_greeting_comes_first() -> None:
    w = world(Announce(position="both", every=0.0), greeting=("queue-welcome",))
    _, (_, line) = callers(w, 2, apart=0.2)
    assert w.hears(line) == "play:pl/queue-welcome"
    w.run(1)
    assert w.hears(line) == f"play:pl/position/2 {PEOPLE} pl/numbers/2"
    w.run(4)
    assert w.hears(line) == MUSIC
    w.run(200)
    assert len([one for one in said(w) if one[0] == "periodic"]) == 0


def test_a_better_place_is_told_at_once_but_not_more_often_than_the_gap() -> None:
    w = world(Announce(position="own", every=0.0, gap=15.0))
    lines = callers(w, 4)
    last = w.switch.named("queue.announced")[-1].caller
    w.run(20)
    lines[0][0].hang_up(lines[0][1])
    w.run(0.1)
    assert said(w, last)[-1] == ("improved", ("position/3",))
    lines[1][0].hang_up(lines[1][1])
    w.run(14.5)
    assert said(w, last)[-1] == ("improved", ("position/3",)), "within the gap"
    w.run(2)
    assert said(w, last)[-1] == ("improved", ("position/2",)), "told when the gap is over"
    w.run(40)
    assert len(said(w, last)) == 3
    lines[2][0].hang_up(lines[2][1])
    w.run(0.1)
    assert said(w, last)[-1] == ("improved", ("you-are-next",))
    assert w.switch.queues.visits.places._watched.get(w.switch.queues.queues["info"], {}) == {}


def test_a_place_never_grows_for_who_was_told_one() -> None:
    w = world(Announce(position="own", every=10.0))
    callers(w, 3)
    first = w.switch.named("queue.announced")[2].caller
    w.switch.queues.set_priority(w.switch.named("queue.announced")[1].caller, 5, w.now)
    w.run(60)
    places = [one.place for one in w.switch.named("queue.position") if one.caller == first]
    assert places and places == sorted(places, reverse=True)


def test_beyond_the_limit_only_more_than_is_told_and_no_improvement() -> None:
    w = world(Announce(position="own", every=0.0, gap=1.0, limit=3))
    lines = callers(w, 6)
    last = w.switch.named("queue.announced")[-1].caller
    assert said(w, last) == [("entry", ("people-waiting-intro", "more-than", "numbers/3"))]
    w.run(10)
    for phone, line in lines[:2]:
        phone.hang_up(line)
        w.run(3)
    assert len(said(w, last)) == 1, "5 and 4 are still more than 3"
    phone, line = lines[2]
    phone.hang_up(line)
    w.run(1)
    assert said(w, last)[1:] == [("improved", ("position/3",))]


def test_comfort_is_said_in_order_after_a_while_and_again_from_the_end() -> None:
    w = world(Announce(comfort=("still-waiting", "thank-you-for-waiting"), comfort_after=10.0, comfort_every=20.0))
    ((_, line),) = callers(w, 1, apart=9.0)
    assert w.hears(line) == MUSIC
    w.run(2)
    assert said(w) == [("comfort", ("still-waiting",))]
    w.run(60)
    assert [clips[0] for _, clips in said(w)] == ["still-waiting", "thank-you-for-waiting", "still-waiting"]


def test_comfort_at_random_never_repeats_itself() -> None:
    clips = ("still-waiting", "thank-you-for-waiting", "comfort-place-kept")
    w = world(Announce(comfort=clips, comfort_after=5.0, comfort_every=5.0, comfort_order="random"))
    callers(w, 1, apart=400.0)
    heard = [clip for _, (clip,) in said(w)]
    assert set(heard) == set(clips) and len(heard) > 50
    assert all(one != other for one, other in pairwise(heard))


@pytest.mark.parametrize("after", [0.2, 0.9])
def test_what_is_being_said_is_cut_the_moment_an_agent_picks_up(after: float) -> None:
    w = world(Announce(position="both", wait=True, every=10.0))
    ((_, line),) = callers(w, 1, apart=after)
    assert w.hears(line).startswith("play:")
    agent = ready(w, "a0", ring_after=0.0, answer_after=0.0)
    w.run(0.1)
    assert w.hears(line) == "bridge:a0" and agent.lines[0].state == "up"
    w.run(60)
    assert w.hears(line) == "bridge:a0"
    assert len([one for one in said(w) if one[0] == "periodic"]) == 0
    assert w.switch.calls.board.deadlines.names() == [] or all(
        kind != "announce" for _, kind in w.switch.calls.board.deadlines.names()
    )


def test_a_caller_for_whom_a_phone_rings_on_entry_is_not_told_to_wait() -> None:
    w = world(Announce(position="own", wait=True))
    ready(w, "a0", answer_after=5.0)
    ((_, line),) = callers(w, 1, apart=1.0)
    assert said(w) == [] and w.hears(line) == MUSIC


def test_the_wait_is_told_once_calls_have_taught_how_long_they_last() -> None:
    w = world(Announce(wait=True, every=30.0, handle_time=0.0))
    ready(w, "a0", answer_after=0.1, hang_up_after=120.0)
    lines = callers(w, 1, apart=1.0)
    log_in(w, "a0", "not_ready")
    w.run(125)
    assert lines[0][1].state == "ended"
    log_in(w, "a0", "ready")
    callers(w, 2)  # One talks to the agent, the other waits and hears about two minutes.
    told = w.switch.named("queue.ewt_told")
    assert [one.minutes for one in told] == [3] and told[0].people == 1
    assert told[0].mean == pytest.approx(120.0, abs=3.0) and told[0].seconds > told[0].mean
    assert said(w)[-1] == ("entry", ("wait-intro", "minutes/3"))


def test_nobody_there_means_no_estimate() -> None:
    silent = world(Announce(wait=True))
    callers(silent, 1, apart=100.0)
    assert said(silent) == []
    frank = world(Announce(wait=True, unknown=("wait-unknown",), every=0.0))
    callers(frank, 1, apart=100.0)
    assert said(frank) == [("entry", ("wait-unknown",))]
    assert frank.switch.named("queue.ewt_told") == []


def test_an_estimate_beyond_the_longest_is_not_told() -> None:
    w = world(Announce(wait=True, handle_time=3000.0, longest=1800.0))
    ready(w, "a0", answer_after=0.1)
    callers(w, 3)
    assert said(w) == []


def test_what_was_told_never_grows_unless_agents_leave() -> None:
    w = world(Announce(wait=True, every=10.0, handle_time=150.0))
    ready(w, "a0", answer_after=0.1)
    ready(w, "a1", answer_after=0.1)
    callers(w, 3)
    w.run(30)
    (before,) = {one.minutes for one in w.switch.named("queue.ewt_told")}
    assert before == 2
    log_in(w, "a1", "not_ready")
    w.run(15)
    assert w.switch.named("queue.ewt_told")[-1].minutes == 3, "one agent serves now"
    log_in(w, "a1", "ready")


def test_a_sentence_is_said_whole_in_another_language_if_a_clip_is_missing() -> None:
    clips = frozenset({"pl/position/1", "pl/people-waiting-intro", "en/people-waiting-intro", "en/numbers/2"})
    w = world(Announce(position="waiting", every=0.0), clips)
    (_, first), (_, line) = callers(w, 2)
    assert w.hears(line) == "play:en/people-waiting-intro en/numbers/2"
    missed = [(one.clip, one.language, one.played) for one in w.switch.named("prompt.missing")]
    assert missed == [("you-are-next", "pl", ""), ("numbers/2", "pl", "en/numbers/2")]
    del first


def test_the_cadence_goes_on_after_a_restart() -> None:
    w = world(
        Announce(
            position="own", every=30.0, gap=5.0, comfort=("still-waiting",), comfort_after=12.0, comfort_every=60.0
        )
    )
    lines = callers(w, 2)
    second = w.switch.named("queue.announced")[1].caller
    w.run(8)
    w.kill()
    w.run(1.0)
    w.restart()
    w.run(0.5)
    assert said(w, second) == [("entry", ("position/2",))], "nothing is said again because of a restart"
    w.run(5)
    assert said(w, second)[1:] == [("comfort", ("still-waiting",))]
    lines[0][0].hang_up(lines[0][1])
    w.run(0.5)
    assert said(w, second)[-1] == ("improved", ("you-are-next",))
    w.run(31.5)
    assert said(w, second)[-1] == ("periodic", ("you-are-next",))


def test_an_announcement_that_a_restart_interrupts_is_heard_to_its_end() -> None:
    w = world(Announce(position="own", every=30.0))
    _, (_, line) = callers(w, 2, apart=0.4)
    assert w.hears(line) == "play:pl/position/2"
    w.kill()
    w.run(0.2)
    w.restart()
    assert w.hears(line) == "play:pl/position/2"
    w.run(0.6)
    assert w.hears(line) == MUSIC
    w.run(29.0)
    assert w.hears(line) == MUSIC
    w.run(1.2)
    assert w.hears(line) == "play:pl/position/2"


def test_nothing_is_left_behind() -> None:
    w = world(Announce(position="both", wait=True, comfort=("still-waiting",)), max_wait=20.0)
    callers(w, 3)
    w.run(120)
    w.assert_idle()


def test_the_caller_hears_that_they_are_being_connected_while_the_agent_is_spoken_to() -> None:
    w = world(Announce(position="own"), agent_greeting=("agent-whisper-intro", "and"), connecting=("connecting",))
    ((_, line),) = callers(w, 1, apart=5.0)
    ready(w, "a0", ring_after=0.0, answer_after=0.0)
    assert w.hears(line) == "play:pl/connecting"
    w.run(1.2)
    assert w.hears(line) == MUSIC
    w.run(1.0)
    assert w.hears(line) == "bridge:a0"


def test_a_hundred_callers_hear_their_places_and_the_commands_are_few() -> None:
    """A departure at the head costs one announcement for each who hears a better place, and none for the others."""
    w = world(Announce(position="own", every=0.0, limit=3, gap=1.0))
    lines = callers(w, 8, apart=0.1)
    w.run(5)
    before = sum(isinstance(one, Play) for one in w.worker.commands)
    lines[0][0].hang_up(lines[0][1])
    w.run(1)
    assert sum(isinstance(one, Play) for one in w.worker.commands) - before == 3


def test_a_surge_tells_fewer_places_and_is_said_before_them() -> None:
    surge = Surge(length=3, positions=1, greeting=("surge",))
    w = world(Announce(position="own", every=0.0, limit=10), surge=surge)
    lines = callers(w, 4, apart=2.5)
    last = lines[-1][1]
    caller = w.switch.named("queue.announced")[-1].caller
    assert said(w, caller) == [("entry", ("people-waiting-intro", "more-than", "numbers/1"))]
    assert w.hears(last).startswith("play:pl/people") or w.hears(last) == MUSIC
    played = [one.clips for one in w.worker.commands if isinstance(one, Play)]
    assert played[-2:] == [("pl/surge",), ("pl/people-waiting-intro", "pl/more-than", "pl/numbers/1")], (
        "one after the other"
    )
