"""Menus as generators: driven with a list of what the caller does, no clock, no media."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from softswitch.call.flow import Dial, Echo, EnterQueue, Flow, Gather, Hangup, Language, Mark, Music, Play, Step, Tell
from softswitch.call.menu import Site, feature, flow_for
from softswitch.call.routing import Destination
from softswitch.call.tree import MAX_JUMPS
from softswitch.directory import Account, ChoiceStep, Directory, GotoStep, HoursStep, Menu, PlayStep


def site(*menus: Menu, open_: bool = True) -> Site:
    directory = Directory(
        "pbx.test", accounts={"bob": Account("bob")}, menus={menu.name: menu for menu in menus},
        extensions={"100": "menu:main", "101": "extension:bob", "102": "echo"},
    )  # fmt: skip
    return Site(directory, lambda name: open_)


def drive(flow: Flow, results: Iterable[str] = (), *, marks: bool = False) -> list[Step]:
    """The steps of a flow when Play, Gather and Dial end with these results ("" when they run out)."""
    pending = iter(results)
    steps: list[Step] = []
    result: str | None = None
    while len(steps) < 500:
        try:
            step = next(flow) if result is None else flow.send(result)
        except StopIteration:
            break
        if marks or not isinstance(step, Mark):
            steps.append(step)
        result = next(pending, "") if isinstance(step, Play | Gather | Dial) else ""
        if isinstance(step, EnterQueue | Hangup | Music | Echo):
            break
    return steps


MAIN = Menu(
    "main",
    (
        HoursStep("office", "play:closed"), PlayStep(("welcome",)),
        ChoiceStep(
            ("menu-main",), {"1": "queue:info", "2": "menu:sub", "3": "extension:101"}, timeout=4.0, attempts=2,
            on_invalid=("not-understood",), on_timeout=("no-choice",), otherwise="queue:operator",
        ),
    ),
)  # fmt: skip
SUB = Menu("sub", (ChoiceStep(("menu-back",), {"1": "music:jazz", "2": "menu:deep"}),), language="en")
DEEP = Menu("deep", (ChoiceStep(("menu-help",), {"9": "hangup"}),))
CHOICE = Gather(("menu-main",), 4.0)


def main(*results: str, open_: bool = True) -> list[Step]:
    return drive(flow_for(Destination("menu", "main"), site(MAIN, SUB, DEEP, open_=open_)), results)


def test_greet_choose_wait() -> None:
    assert main("", "1") == [Play(("welcome",)), CHOICE, EnterQueue("info")]


def test_closed() -> None:
    assert main(open_=False) == [Play(("closed",), False), Hangup()]


def test_wrong_keys_and_silence() -> None:
    assert main("", "7", "", "1") == [Play(("welcome",)), CHOICE, Play(("not-understood",)), CHOICE, EnterQueue("info")]
    assert main("", "", "", "1") == [Play(("welcome",)), CHOICE, Play(("no-choice",)), CHOICE, EnterQueue("info")]
    assert main("", "7", "", "8")[-1] == EnterQueue("operator"), "after the last attempt"


def test_hash_repeats_without_counting() -> None:
    assert main("", "#", "#", "1") == [Play(("welcome",)), CHOICE, CHOICE, CHOICE, EnterQueue("info")]


def test_star_goes_back_as_deep_as_one_has_come() -> None:
    steps = main("", "2", "2", "*", "*", "", "1")
    assert steps == [
        Play(("welcome",)), CHOICE, Language("en"), Gather(("menu-back",)), Gather(("menu-help",)), Language("en"),
        Gather(("menu-back",)), Play(("welcome",)), CHOICE, EnterQueue("info"),
    ]  # fmt: skip


def test_star_in_the_first_menu_is_a_wrong_key() -> None:
    assert Play(("not-understood",)) in main("", "*", "", "1")


def test_star_and_hash_can_be_choices() -> None:
    menu = Menu("main", (ChoiceStep((), {"*": "queue:star", "#": "queue:hash"}),))
    assert drive(flow_for(Destination("menu", "main"), site(menu)), ["*"])[-1] == EnterQueue("star")
    assert drive(flow_for(Destination("menu", "main"), site(menu)), ["#"])[-1] == EnterQueue("hash")


def test_dialling_somebody_and_why_it_failed() -> None:
    steps = main("", "3", "busy")
    assert steps[2:] == [Dial("bob"), Play(("number-busy",), False), Hangup("busy")]
    assert main("", "3", "no_answer")[3] == Play(("no-answer",), False)
    assert main("", "3", "something")[3] == Play(("call-failed",), False)


def test_silence_for_ever_ends() -> None:
    circle = Menu("main", (ChoiceStep(("menu-main",), {}, attempts=1, otherwise="menu:main"),))
    steps = drive(flow_for(Destination("menu", "main"), site(circle)))
    assert steps[-1] == Hangup("menu_loop")
    assert steps.count(Gather(("menu-main",))) == MAX_JUMPS


def test_menus_that_jump_to_each_other_without_a_word_end() -> None:
    one, two = Menu("main", (GotoStep("menu:two"),)), Menu("two", (GotoStep("menu:main"),))
    assert drive(flow_for(Destination("menu", "main"), site(one, two)))[-1] == Hangup("menu_loop")


def test_a_menu_that_ends_hangs_up() -> None:
    assert drive(flow_for(Destination("menu", "main"), site(Menu("main", (PlayStep(("welcome",), False),))))) == [
        Play(("welcome",), False), Hangup(),
    ]  # fmt: skip


@pytest.mark.parametrize("destination", ["menu:nowhere", "fax:1"])
def test_destinations_that_do_not_exist(destination: str) -> None:
    kind, _, name = destination.partition(":")
    steps = drive(flow_for(Destination(kind, name), site()))
    assert steps[0] == Play(("unavailable",), False) and isinstance(steps[1], Hangup)


def test_other_destinations() -> None:
    assert drive(flow_for(Destination("echo"), site())) == [Play(("echo-intro",)), Echo()]
    assert drive(flow_for(Destination("music", "jazz"), site())) == [Music("jazz")]
    assert drive(flow_for(Destination("hangup"), site())) == [Hangup()]
    assert drive(flow_for(Destination("extension", "102"), site())) == [Play(("echo-intro",)), Echo()]
    assert drive(flow_for(Destination("extension", "nobody"), site()))[0] == Play(("invalid-number",), False)


def test_the_path_is_marked() -> None:
    steps = drive(flow_for(Destination("menu", "main"), site(MAIN)), ["", "1"], marks=True)
    assert [step for step in steps if isinstance(step, Mark)] == [
        Mark("menu", "main"), Mark("choice", "1"), Mark("destination", "queue:info"),
    ]  # fmt: skip


def test_feature_codes() -> None:
    steps = drive(feature("eve", Destination("agent", "not_ready", "lunch"), "desk"))
    told = steps[0]
    assert isinstance(told, Tell)
    assert (told.command.agent, told.command.verb, told.command.reason) == ("eve", "not_ready", "lunch")
    assert (told.command.device, told.command.actor) == ("", "phone")
    assert steps[1:] == [Play(("agent-not-ready",), False), Hangup()]
    login = drive(feature("eve", Destination("agent", "login"), "desk"))[0]
    assert isinstance(login, Tell) and login.command.device == "desk", "the agent sits here now"
    assert drive(feature("", Destination("agent", "login"), "desk")) == [
        Play(("agent-unknown",), False),
        Hangup("no_agent"),
    ]
