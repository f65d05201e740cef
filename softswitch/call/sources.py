"""What the parties of a conversation hear: decided here and nowhere else. Never silence where somebody listens (MED-13).

Two who talk are bridged. With a third party or a supervisor they are in a room, and when two are left they are bridged again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg


def give(call: Call) -> None:
    """Give everybody in a conversation what they are to hear now. Nobody is told twice, so this may be asked at any time."""
    if call.lead is not None:
        call.lead.refresh()
        return
    if call.playing is not None:
        call.playing.refresh()
        return
    one, other = call.caller, call.peer
    plain = not call.room and not call.extra and not call.watchers and call.pressing is None
    if plain and other is not None and one.up and other.up and not one.holding and not other.holding:
        one.media.bridge(other.media)
        return
    members = call.members
    talking = [leg for leg in members if leg.up and not leg.holding]
    if len(talking) == 2 and not call.watchers and call.pressing in talking:
        _whisper(call, talking)
    elif len(talking) == 2 and not call.watchers:
        if call.room:
            call.room = 0
            call.board.touch(call)
        talking[0].media.bridge(talking[1].media)
    elif len(talking) > 1:
        _gather(call, talking)
    else:
        for leg in talking:  # The other one is on hold, or its answer to our late offer is on the way.
            leg.media.music(call.board.music(call.visit.config.music if call.visit is not None else "default"))
        if call.watchers:
            _gather(call, [])
    for leg in members:
        if leg.up and leg.holding:
            leg.media.stop()


def hold(call: Call, leg: Leg) -> None:
    """Music for one who waits while others talk."""
    if leg.up and leg.holding:
        leg.media.stop()
    elif leg.up:
        leg.media.music(call.board.music(call.visit.config.music if call.visit is not None else "default"))


def pair(call: Call, one: Leg, other: Leg) -> None:
    """Let two talk while a third one waits. Whoever supervises one of them hears them."""
    talking = [leg for leg in (one, other) if leg.up and not leg.holding]
    if len(talking) == 2 and (call.pressing in talking and not call.watchers):
        _whisper(call, talking)
    elif len(talking) == 2 and not call.watchers:
        one.media.bridge(other.media)
    elif len(talking) == 2:
        _gather(call, talking)
    else:
        for leg in (one, other):
            hold(call, leg)
        if call.watchers:
            _gather(call, [])


def alone(call: Call, *, ringing: bool = False) -> None:
    """Give the one party of a call, which is being led to somebody, what it is to hear meanwhile."""
    leg = call.caller
    if ringing and leg.up and not leg.holding:
        leg.media.tone("ringback", call.board.country)
    else:
        hold(call, leg)


def _whisper(call: Call, talking: list[Leg]) -> None:
    """Let two hear each other without the keys that one of them still presses: a key goes along only between two who talk."""
    if not call.room:
        call.room = call.board.new_room()
        call.board.touch(call)
    one, other = talking
    one.media.join(call.room, "whisper", other.media.index)
    other.media.join(call.room, "whisper", one.media.index)


def _gather(call: Call, talking: list[Leg]) -> None:
    """Put those who talk into the room of the call, and whoever supervises them."""
    if not call.room:
        call.room = call.board.new_room()
        call.board.touch(call)
    for leg in talking:
        leg.media.join(call.room)
    for watcher in call.watchers:
        ear = watcher.call.caller
        if not ear.up or ear.holding or ear.media.worker != call.worker:
            continue
        watched = next((leg for leg in talking if leg.device == watcher.device), None)
        if watcher.mode == "whisper" and watched is not None:
            ear.media.join(call.room, "whisper", watched.media.index)
        elif watcher.mode == "barge" and talking:
            ear.media.join(call.room)
        else:
            ear.media.join(call.room, "listen")
