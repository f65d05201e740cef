"""What callers meet when the switch answers itself: echo, music, menus, feature codes."""

from __future__ import annotations

from typing import Any

from softswitch.directory import Agent, ChoiceStep, GotoStep, HoursStep, Menu, PlayStep
from tests.sim.world import World, account, site

MENUS = {
    "main": Menu(
        "main",
        (
            HoursStep("office", "menu:closed"),
            PlayStep(("welcome",)),
            ChoiceStep(("menu-main",), {"1": "extension:bob", "2": "menu:sub", "3": "echo"}, on_timeout=("no-choice",)),
        ),
    ),
    "sub": Menu("sub", (ChoiceStep(("menu-back",), {"1": "music:jazz"}),)),
    "closed": Menu("closed", (PlayStep(("closed",)), GotoStep("hangup"))),
    "circle": Menu("circle", (ChoiceStep(("menu-main",), {}, timeout=0.1, attempts=1, otherwise="menu:circle"),)),
    "english": Menu("english", (PlayStep(("welcome",)),), language="en"),
}
EXTENSIONS = {
    "100": "menu:main", "101": "echo", "102": "music:jazz", "103": "play:welcome", "104": "menu:circle", "105": "menu:english",
    "106": "menu:nowhere", "107": "queue:nowhere", "108": "extension:bob", "109": "extension:100",
}  # fmt: skip


def world(**more: Any) -> World:
    accounts = {"bob": account("bob", name="Bob", agent="robert"), "mute": account("mute", do_not_disturb=True)}
    directory = site(
        "anna", accounts=accounts, menus=MENUS, extensions=EXTENSIONS, music={"default": (), "jazz": ()},
        agents={"robert": Agent("robert", "bob")},
    )  # fmt: skip
    return World(directory, **more)


def dial(w: World, number: str) -> Any:
    anna = w.phone("anna") if not w.phones else next(iter(w.phones.values()))
    w.run(1)
    line = anna.call(number)
    w.run(0.1)
    return line


def test_echo_is_announced_and_then_echoes() -> None:
    w = world()
    line = dial(w, "101")
    assert line.state == "up" and w.hears(line) == "play:pl/echo-intro"
    w.run(2)
    assert w.hears(line) == "echo"
    line.phone.hang_up(line)
    w.run(40)
    w.assert_idle()
    assert w.switch.named("call.ended")[0].outcome == "completed"


def test_music_and_a_single_prompt() -> None:
    w = world()
    line = dial(w, "102")
    assert w.hears(line) == "music:jazz"
    line.phone.hang_up(line)
    line = dial(w, "103")
    assert w.hears(line) == "play:pl/welcome"
    w.run(2)
    assert (line.state, line.ended_by) == ("ended", "remote")
    w.run(40)
    w.assert_idle()


def test_a_menu_greets_asks_and_connects() -> None:
    w = world()
    bob = w.phone("bob", answer_after=1.0)
    line = dial(w, "100")
    assert line.phone is bob or line.state == "up"
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("100")
    w.run(0.2)
    assert w.hears(line) == "play:pl/welcome"
    w.run(1)
    assert w.hears(line) == "play:pl/menu-main"
    w.press(line, "1")
    w.run(0.2)
    assert w.hears(line) == "tone:ringback"
    w.run(2)
    assert w.hears(line) == "bridge:bob"
    path = [(event.step, event.detail) for event in w.switch.named("ivr.step") if event.call in _ids(w, "anna")]
    assert path == [("menu", "main"), ("choice", "1"), ("destination", "extension:bob"), ("dial", "bob")]
    anna.hang_up(line)
    w.run(2)
    record = next(event for event in w.switch.named("call.ended") if event.account == "anna")
    assert record.outcome == "answered"
    assert record.path == ("menu:main", "choice:1", "destination:extension:bob", "dial:bob")


def _ids(w: World, user: str) -> set[str]:
    return {event.call for event in w.switch.named("call.created") if event.account == user}


def test_digits_typed_ahead_skip_the_prompts() -> None:
    w = world()
    line = dial(w, "100")
    w.press(line, "2")  # during the greeting: taken by the menu after it
    w.run(0.1)
    assert w.hears(line) == "play:pl/menu-back"
    w.press(line, "*")
    w.run(0.1)
    assert w.hears(line) == "play:pl/welcome", "back in the main menu"


def test_silence_and_wrong_keys_are_answered_and_end_in_the_way_out() -> None:
    w = world()
    line = dial(w, "100")
    w.run(2.5)
    assert w.hears(line) == "music:default", "nobody waits in silence"
    w.run(5)
    assert w.hears(line) == "play:pl/no-choice"
    w.run(1)
    assert w.hears(line) == "play:pl/menu-main"
    w.press(line, "9")
    w.run(0.1)
    assert w.hears(line) == "play:pl/not-understood"
    w.press(line, "#")
    w.run(0.1)
    assert w.hears(line) == "play:pl/menu-main"
    w.press(line, "9")
    w.run(1)
    assert line.state == "ended"
    w.run(40)
    w.assert_idle()


def test_closed() -> None:
    w = world()
    w.opening["office"] = False
    line = dial(w, "100")
    assert w.hears(line) == "play:pl/closed"
    w.run(2)
    assert line.state == "ended"


def test_a_circle_of_menus_ends() -> None:
    w = world()
    line = dial(w, "104")
    w.run(60)
    assert line.state == "ended"
    assert w.switch.named("call.ended")[0].cause == "menu_loop"


def test_language_and_its_fallback() -> None:
    w = world()
    w.switch.calls.set_clips({"pl/welcome"})
    line = dial(w, "105")
    assert w.hears(line) == "play:pl/welcome"
    line.phone.hang_up(line)
    w.switch.calls.set_clips({"pl/welcome", "en/welcome"})
    line = dial(w, "105")
    assert w.hears(line) == "play:en/welcome"


def test_destinations_that_do_not_exist_are_explained() -> None:
    w = world()
    for number in ("106", "107"):
        line = dial(w, number)
        assert w.hears(line) == "play:pl/unavailable"
        w.run(2)
        assert line.state == "ended"


def test_a_failed_dial_from_a_menu_is_explained() -> None:
    w = world()
    line = dial(w, "100")
    w.press(line, "1")
    w.run(0.1)
    assert w.hears(line) == "play:pl/unavailable", "bob has no phone"
    w.run(2)
    assert line.state == "ended"
    w.run(40)
    w.assert_idle()


def test_an_alias_of_an_account_rings_without_being_answered() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    line = anna.call("108")
    w.run(1)
    assert line.state == "ringing" and bob.lines[0].state == "ringing"
    alias = anna.call("109")
    w.run(0.2)
    assert w.hears(alias) == "play:pl/welcome"


def test_do_not_disturb() -> None:
    w = world()
    line = dial(w, "mute")
    assert line.status == 486


def test_late_offer_to_a_menu() -> None:
    w = world()
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("100", sdp=False)
    w.run(0.5)
    assert line.state == "up" and w.hears(line) == "play:pl/welcome"
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_a_caller_on_hold_in_a_menu_comes_back_to_it() -> None:
    w = world()
    line = dial(w, "102")
    line.phone.reinvite(line, "inactive")
    w.run(1)
    line.phone.reinvite(line, "sendrecv")
    w.run(1)
    assert w.hears(line) == "music:jazz"
    port = next(iter(w.worker.ports.values()))
    assert port.opened.send and port.opened.receive


def test_feature_codes_change_the_agents_presence() -> None:
    w = world()
    bob = w.phone("bob")
    w.run(1)
    for code, clip, presence in (
        ("*30", "agent-logged-in", "ready"), ("*322", "agent-not-ready", "not_ready"), ("*33", "agent-ready", "ready"),
        ("*31", "agent-logged-out", "offline"),
    ):  # fmt: skip
        line = bob.call(code)
        w.run(0.2)
        assert w.hears(line) == f"play:pl/{clip}"
        assert w.switch.queues.roster.agents["robert"].presence == presence
        w.run(2)
        assert line.state == "ended"
    reasons = [event.reason for event in w.switch.named("agent.presence")]
    assert "lunch" in reasons
    w.run(40)
    w.assert_idle()


def test_a_phone_without_an_agent_is_told_so() -> None:
    w = world()
    line = dial(w, "*30")
    assert w.hears(line) == "play:pl/agent-unknown"


def test_wrong_feature_codes_are_not_found() -> None:
    w = world()
    assert dial(w, "*309").status == 404
    assert dial(w, "*3288").status == 404


def test_a_reason_that_there_is_not_is_said() -> None:
    w = world()
    bob = w.phone("bob")
    w.run(1)
    bob.call("*30")
    w.run(2)
    line = bob.call("*328")
    w.run(0.2)
    assert w.hears(line) == "play:pl/invalid-number"
    assert w.switch.queues.roster.agents["robert"].presence == "ready"
