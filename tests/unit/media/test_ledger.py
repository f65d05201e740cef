"""The ledger: what stands of what was ordered."""

from __future__ import annotations

from media.control import (
    Bridge,
    Close,
    Finish,
    Modify,
    Music,
    Open,
    Pause,
    Play,
    PlayDone,
    Record,
    Recorded,
    SendDigits,
)
from media.ledger import Ledger


def standing(*commands: object) -> list[object]:
    ledger = Ledger()
    for command in commands:
        ledger.note(command)  # type: ignore[arg-type]
    return list(ledger.standing(lambda leg: True))


def opened(leg: int, **more: object) -> Open:
    return Open(leg, "192.0.2.1", 4000 + leg, "PCMA", 8, **more)  # type: ignore[arg-type]


def test_legs_come_before_what_they_hear() -> None:
    bridge = Bridge(1, 2)
    assert standing(opened(1), opened(2), bridge) == [opened(1), opened(2), bridge, bridge]


def test_a_modified_leg_is_one_open_with_its_ssrc() -> None:
    change = Modify(1, "192.0.2.9", 5000, "PCMU", 0, receive=False, rtcp_port=5007)
    assert standing(opened(1, ssrc=77), change) == [
        Open(1, "192.0.2.9", 5000, "PCMU", 0, receive=False, ssrc=77, rtcp_port=5007)
    ]


def test_the_newest_source_stands_and_a_closed_leg_does_not() -> None:
    assert standing(opened(1), Play(1, 5, ("a",)), Music(1, "default"), opened(2), Close(2), SendDigits(1, "1")) == [
        opened(1),
        Music(1, "default"),
    ]


def test_a_leg_that_was_reused_hears_nothing_of_before() -> None:
    assert standing(opened(1), Music(1, "default"), Close(1), opened(1)) == [opened(1)]


def test_clips_that_were_played_are_no_source() -> None:
    ledger = Ledger()
    ledger.note(opened(1))
    ledger.note(Play(1, 5, ("a",)))
    ledger.report(PlayDone(1, 4, "replaced"))
    assert list(ledger.standing(lambda leg: True)) == [opened(1), Play(1, 5, ("a",))]
    ledger.report(PlayDone(1, 5, "end"))
    assert list(ledger.standing(lambda leg: True)) == [opened(1)]


def test_an_open_that_was_refused_is_not_told() -> None:
    ledger = Ledger()
    ledger.note(opened(1))
    ledger.note(opened(2))
    assert list(ledger.standing(lambda leg: leg == 2)) == [opened(2)]


def test_recordings_stand_until_they_end() -> None:
    one, two = Record(1, "/one.wav", 1, 2), Record(2, "/two.wav", 3, 4)
    assert standing(one, two, Pause(2), Finish(1)) == [two, Pause(2)]
    ledger = Ledger()
    ledger.note(one)
    ledger.report(Recorded(1, "/one.wav", 1.0, 100, error="disk full"))
    assert list(ledger.standing(lambda leg: True)) == []
