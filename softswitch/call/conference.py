"""Meet-me conferences (MED-19): whoever dials the number meets the others in one room.

The first one hears music. Keys: *6 mutes oneself and back; of a moderator: *5 mutes all others and back, *4 locks and unlocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from softswitch.events import ConferenceChanged, ConferenceJoined, ConferenceLeft

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.directory import Conference

ALONE: Final = "conference-alone"  # a clip, where there is one
FULL, LOCKED, NO_PORT = "conference_full", "conference_locked", "no_media_port"


@dataclass(slots=True)
class Member:
    """One call in a conference."""

    call: Call
    moderator: bool
    since: float
    muted: bool = False
    star: bool = False  # the key * was pressed, and its digit is to come
    play: int = 0  # a word to the first one


class Meeting:
    """A conference that somebody is in."""

    __slots__ = ("board", "config", "locked", "members", "muted", "room", "since", "worker")

    def __init__(self, board: Board, config: Conference, worker: int, now: float) -> None:
        self.board = board
        self.config = config
        self.worker = worker
        self.room = board.new_room()
        self.since = now
        self.members: dict[str, Member] = {}  # by the id of their call, in the order of entry
        self.locked = False
        self.muted = False  # all but moderators
        board.meetings[config.name] = self

    @classmethod
    def resume(cls, call: Call, kept: dict[str, Any], shift: float) -> bool:
        """After a restart: a member is still there. False if the conference is not on the site any more."""
        board = call.board
        config = board.directory.conferences.get(kept["name"])
        if config is None:
            return False
        meeting = board.meetings.get(config.name)
        if meeting is None:
            meeting = cls(board, config, call.worker, kept["since"] + shift)
            meeting.room, meeting.locked, meeting.muted = kept["room"], kept["locked"], kept["all_muted"]
        meeting.members[call.id] = Member(call, kept["moderator"], kept["entered"] + shift, kept["muted"])
        call.meeting = meeting
        return True

    @property
    def name(self) -> str:
        return self.config.name

    def refusal(self, moderator: bool) -> str:
        """Why nobody more can come in, "" if somebody can."""
        if self.locked and not moderator:
            return LOCKED
        return FULL if self.config.max_members and len(self.members) >= self.config.max_members else ""

    def enter(self, call: Call, moderator: bool, now: float) -> str:
        """Come in; "" or why not."""
        reason = self.refusal(moderator)
        if not reason and call.caller.media.worker != self.worker and not call.caller.relocate(self.worker, now):
            reason = NO_PORT
        if reason:
            return reason
        call.worker = self.worker
        member = self.members[call.id] = Member(call, moderator, now)
        member.muted = not moderator and (self.muted or self.config.muted)
        call.meeting = self
        self.board.publish(
            ConferenceJoined(self.name, call.id, call.caller_number, call.caller_name, len(self.members))
        )
        if len(self.members) == 1 and self.board.has_clip(ALONE, call.language) and call.caller.up:
            member.play = call.play((ALONE,), False)
        else:
            self.refresh()
        return ""

    def leave(self, call: Call, now: float) -> None:
        member = self.members.pop(call.id, None)
        call.meeting = None
        if member is None:
            return
        self.board.publish(
            ConferenceLeft(self.name, call.id, call.caller_number, len(self.members), now - member.since)
        )
        if self.members:
            self.refresh()
        elif self.board.meetings.get(self.name) is self:
            del self.board.meetings[self.name]

    def refresh(self) -> None:
        """Give everybody what they are to hear."""
        present = [one for one in self.members.values() if one.call.caller.up]
        listening = [one for one in present if not one.call.caller.holding]
        for one in present:
            media = one.call.caller.media
            if one.call.caller.holding:
                media.stop()
            elif len(listening) > 1:
                one.play = 0
                self._join(one, listening)
            elif not one.play:
                media.music(self.board.music(self.config.music))

    def _join(self, one: Member, listening: list[Member]) -> None:
        media = one.call.caller.media
        if one.muted:
            media.join(self.room, "listen")
        elif len(listening) == 2:
            # Workers pass the keys of two who are alone and talk; those of a conference are for us.
            other = next(member for member in listening if member is not one)
            media.join(self.room, "whisper", other.call.caller.media.index)
        else:
            media.join(self.room)

    def played(self, call: Call, play: int) -> None:
        """A word to a member has ended."""
        member = self.members.get(call.id)
        if member is not None and play == member.play:
            member.play = 0
            self.refresh()

    def digit(self, call: Call, digit: str, now: float) -> None:
        member = self.members[call.id]
        if digit == "*":
            member.star = True
            return
        star, member.star = member.star, False
        if not star:
            return
        if digit == "6":
            self.mute(call.id, not member.muted, call.caller_number)
        elif digit == "5" and member.moderator:
            self.mute("", not self.muted, call.caller_number)
        elif digit == "4" and member.moderator:
            self.lock(not self.locked, call.caller_number)

    # --- orders --------------------------------------------------------------------------------------------------------

    def mute(self, call: str, muted: bool, by: str) -> None:
        """One member, or everybody who is no moderator ("")."""
        if not call:
            self.muted = muted
        for one in self.members.values():
            if one.call.id == call or (not call and not one.moderator):
                one.muted = muted
        self.refresh()
        self._touch()
        self.board.publish(ConferenceChanged(self.name, "muted" if muted else "unmuted", call, by))

    def lock(self, locked: bool, by: str) -> None:
        """Let nobody in who is no moderator, or open again."""
        if locked is not self.locked:
            self.locked = locked
            self._touch()
            self.board.publish(ConferenceChanged(self.name, "locked" if locked else "unlocked", "", by))

    def _touch(self) -> None:
        """What a restart must know of the members has changed."""
        for one in self.members.values():
            self.board.touch(one.call)

    def kick(self, call: str, by: str, now: float) -> None:
        """End the call of one member, or of all ("")."""
        for one in [one for one in self.members.values() if not call or one.call.id == call]:
            self.board.publish(ConferenceChanged(self.name, "kicked", one.call.id, by))
            one.call.end("kicked", now)

    def view(self, now: float) -> dict[str, Any]:
        """As plain values, durations in seconds."""
        return {
            "conference": self.name,
            "title": self.config.title,
            "locked": self.locked,
            "muted": self.muted,
            "seconds": now - self.since,
            "members": [
                {
                    "call": one.call.id,
                    "caller": one.call.caller_number,
                    "caller_name": one.call.caller_name,
                    "moderator": one.moderator,
                    "muted": one.muted,
                    "seconds": now - one.since,
                }
                for one in self.members.values()
            ],
        }


def enter(call: Call, config: Conference, moderator: bool, now: float) -> str:
    """Bring a call into a conference, the first one of which makes it; "" or why that cannot be."""
    board = call.board
    meeting = board.meetings.get(config.name) or Meeting(board, config, call.caller.media.worker, now)
    return meeting.enter(call, moderator, now)
