"""The mailboxes of the site: which messages there are, who may open them, and the messages that are being spoken.

All of it is in memory and learnt from the store at start; what changes is told by events, which the store writes. A message is in
its mailbox from the moment at which its file is complete on the disk. What a caller has begun to speak is a draft: whatever
happens to the call, the worker or the switch, a draft in which something was said becomes a message.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from media.control import Finish, Quiet, Record, Recorded
from softswitch.call.naming import safe
from softswitch.call.pins import Pins
from softswitch.directory import Directory, Mailbox
from softswitch.events import (
    CallbackRequested,
    Event,
    MailboxChanged,
    VoicemailBegun,
    VoicemailDeleted,
    VoicemailDiscarded,
    VoicemailHeard,
    VoicemailLeft,
    VoicemailPurged,
    VoicemailRestored,
)

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call

BEEP_SECONDS: Final = 0.5  # from the beginning of the beep until the recording begins
FINISH_SECONDS: Final = 5.0  # that a flow waits for the worker to complete a file
MESSAGE: Final = "message"
GREETINGS: Final = ("unavailable", "busy", "name")  # what can be recorded beside messages
GREETING_SECONDS: Final = 60.0


@dataclass(slots=True)
class Message:
    """A message in a mailbox. Times are Unix time; `path` is below the folder."""

    id: int
    mailbox: str
    path: str
    caller: str
    caller_name: str = ""
    call: str = ""
    queue: str = ""
    left_at: float = 0.0
    seconds: float = 0.0
    octets: int = 0
    heard: bool = False
    deleted_at: float = 0.0  # 0: it is not
    mail: bool = False  # an e-mail of it is still to be sent


@dataclass(slots=True, eq=False)
class Draft:
    """What is being recorded, or was and is not yet kept or discarded."""

    id: int
    box: Mailbox
    kind: str  # "message" or one of GREETINGS
    path: str
    call: Call | None
    caller: str = ""
    caller_name: str = ""
    call_id: str = ""
    worker: int = -1
    recording: bool = False  # the worker was told to
    finishing: bool = False  # ... and to stop
    cause: str = ""  # why it ended
    done: bool = False  # the file is complete
    seconds: float = 0.0
    voiced: float = 0.0
    octets: int = 0
    error: str = ""

    def expire(self, kind: str, now: float) -> None:
        """A deadline of the board."""
        assert self.call is not None
        self.call.board.mailboxes.expire(self, kind, now)


class Mailboxes:
    """All mailboxes. `folder`: where the files are, "" = there is no voicemail."""

    def __init__(self, board: Board, folder: str = "") -> None:
        self.board = board
        self.folder = folder
        self.room = True  # there is some on the disk
        self.pins = Pins(board.entropy)
        self.messages: dict[int, Message] = {}
        self.standing: dict[int, tuple[int, str]] = {}  # what workers of the last life write: (worker, path)
        self._boxes: dict[str, dict[int, Message]] = {}
        self._greetings: dict[tuple[str, str], str] = {}  # (mailbox, kind) -> path
        self._drafts: dict[int, Draft] = {}

    # --- questions ---------------------------------------------------------------------------------------------------

    @property
    def directory(self) -> Directory:
        return self.board.directory

    def wall(self, now: float) -> float:
        """The Unix time."""
        return self.board.recorder.epoch + now

    def inbox(self, box: str, *, new: bool | None = None) -> list[Message]:
        """The messages of a mailbox, the oldest first; only the new ones, or only the others."""
        found = [one for one in self._boxes.get(box, {}).values() if not one.deleted_at]
        return sorted(
            (one for one in found if new is None or one.heard is not new), key=lambda one: (one.left_at, one.id)
        )

    def counts(self, box: str) -> tuple[int, int]:
        """How many are new, and how many are not."""
        messages = [one for one in self._boxes.get(box, {}).values() if not one.deleted_at]
        new = sum(not one.heard for one in messages)
        return new, len(messages) - new

    def obstacle(self, box: Mailbox) -> str:
        """Why no message can be left: "full" | "unusable"; "" if one can."""
        if not self.folder or not self.room:
            return "unusable"
        under_way = sum(one.box.name == box.name and one.kind == MESSAGE for one in self._drafts.values())
        return "full" if sum(self.counts(box.name)) + under_way >= box.max_messages else ""

    def greeting(self, box: str, kind: str) -> str:
        """The file of a recorded greeting; "" if there is none."""
        path = self._greetings.get((box, kind), "")
        return self.file(path) if path else ""

    def file(self, path: str) -> str:
        return f"{self.folder}/{path}"

    def find(self, message: int) -> Message | None:
        """A message that is not deleted."""
        found = self.messages.get(message)
        return found if found is not None and not found.deleted_at else None

    # --- what is done to messages --------------------------------------------------------------------------------------

    def hear(self, message: Message, by: str) -> str:
        if not message.heard:
            message.heard = True
            self._publish(VoicemailHeard(message.id, message.mailbox, by))
        return ""

    def delete(self, message: Message, by: str, now: float) -> str:
        if not message.deleted_at:
            message.deleted_at = self.wall(now)
            self._publish(VoicemailDeleted(message.id, message.mailbox, by))
        return ""

    def restore(self, message: Message, by: str) -> str:
        """Take back a deletion, as long as the file is there."""
        if message.deleted_at and message.id in self.messages:
            message.deleted_at = 0.0
            self._publish(VoicemailRestored(message.id, message.mailbox, by))
        return ""

    def forward(self, message: Message, box: Mailbox) -> str:
        """Put a message into another mailbox as well; both share the file. "" or why that cannot be."""
        if obstacle := self.obstacle(box):
            return obstacle
        copy = replace(
            message, id=self._number(), mailbox=box.name, heard=False, deleted_at=0.0, queue="", mail=bool(box.email)
        )  # fmt: skip
        self._keep(copy, message.mailbox)
        return ""

    def purge(self, messages: Iterable[int], cause: str) -> list[str]:
        """Forget messages for good; the files that nobody needs any more."""
        gone = [one for number in messages if (one := self.messages.pop(number, None)) is not None]
        for one in gone:
            self._boxes[one.mailbox].pop(one.id, None)
            self._publish(VoicemailPurged(one.id, one.mailbox, one.path, cause))
        needed = {one.path for one in self.messages.values()}
        return sorted({one.path for one in gone} - needed)

    def set_greeting(self, box: str, kind: str, path: str, by: str) -> str:
        """A recording in place of the standard greeting; "" takes it away."""
        former = self._greetings.pop((box, kind), "")
        if path:
            self._greetings[box, kind] = path
        self._publish(MailboxChanged(box, kind, by, path, former))
        return ""

    def set_pin(self, box: str, pin: str, by: str) -> str:
        """A PIN in place of that of the site; "" takes it away."""
        if pin:
            self.pins.set(box, pin)
        else:
            self.pins.reset(box)
        self._publish(MailboxChanged(box, "pin", by))
        return ""

    def _keep(self, message: Message, forwarded_from: str = "", *, interrupted: bool = False) -> None:
        self.messages[message.id] = message
        self._boxes.setdefault(message.mailbox, {})[message.id] = message
        self._publish(
            VoicemailLeft(
                message.id, message.mailbox, message.call, message.path, message.caller, message.caller_name, message.queue,
                message.seconds, message.octets, message.left_at, message.mail, forwarded_from, interrupted,
            )
        )  # fmt: skip
        if message.queue and message.caller:
            self._publish(
                CallbackRequested(
                    message.queue, message.caller, message.caller_name, message.call, "voicemail", message.id,
                    message.mailbox,
                )
            )  # fmt: skip

    def _publish(self, event: Event) -> None:
        self.board.publish(event)

    def _number(self) -> int:
        return self.board.entropy.below(1 << 53) or 1  # Exact in JSON, and never given twice.

    # --- recording ---------------------------------------------------------------------------------------------------

    def draft(self, call: Call, box: Mailbox, kind: str) -> Draft:
        """Something that a caller is about to speak."""
        caller = "" if call.hidden else call.caller_number
        shown = "" if call.hidden else call.caller_name
        return Draft(self._number(), box, kind, "", call, caller, shown, call.id)

    def _path(self, draft: Draft, now: float) -> str:
        folder = safe(draft.box.name)
        if draft.kind != MESSAGE:
            return f"{folder}/greetings/{draft.kind}-{draft.id}.wav"
        return f"{folder}/{datetime.fromtimestamp(self.wall(now), UTC):%Y%m%d-%H%M%S}-{draft.id}.wav"

    def resume(self, call: Call, box: Mailbox, number: int) -> Draft | None:
        """A message that a worker went on with while there was no switch; None if it did not."""
        worker, path = self.standing.pop(number, (-1, ""))
        if worker != call.worker or not path.startswith(f"{self.folder}/"):
            return None
        caller = "" if call.hidden else call.caller_number
        shown = "" if call.hidden else call.caller_name
        draft = Draft(number, box, MESSAGE, path[len(self.folder) + 1 :], call, caller, shown, call.id, worker, True)
        self._drafts[number] = draft
        return draft

    def let_go(self) -> None:
        """After a restart: messages whose speakers are not there any more. They are kept when their files are complete."""
        for number, (worker, _) in self.standing.items():
            self.board.pool.emit(worker, Finish(number))
        self.standing.clear()

    def beep(self, draft: Draft, now: float) -> None:
        """Begin: the beep first, unless it is being recorded already."""
        assert draft.call is not None
        self._drafts[draft.id] = draft
        if draft.recording:
            self.board.deadlines.set((draft, "long"), now + draft.box.max_seconds)
            return
        draft.call.caller.media.tone("beep", self.board.country)
        self.board.deadlines.set((draft, "beep"), now + BEEP_SECONDS)

    def _record(self, draft: Draft, now: float) -> None:
        call, box = draft.call, draft.box
        assert call is not None
        media = call.caller.media
        draft.worker, draft.recording, draft.path = media.worker, True, self._path(draft, now)
        longest = GREETING_SECONDS
        if draft.kind == MESSAGE:
            longest = box.max_seconds
            self._publish(
                VoicemailBegun(draft.id, box.name, call.id, draft.path, draft.caller, draft.caller_name, box.queue)
            )
            call.recipe = ("message", box.name, str(draft.id))
            self.board.touch(call)
        self.board.pool.emit(
            media.worker, Record(draft.id, self.file(draft.path), media.index, -1, "mono", box.silence)
        )
        self.board.deadlines.set((draft, "long"), now + longest)

    def expire(self, draft: Draft, kind: str, now: float) -> None:
        if kind == "beep":
            self._record(draft, now)
        elif kind == "long":
            self.finish(draft, "long", now)
        else:
            # The worker takes its time to say that the file is complete. Nobody waits for that any more; it is kept when it is.
            call, draft.call = draft.call, None
            if call is not None and call.runner is not None:
                call.runner.recorded(draft, draft.cause, now)

    def finish(self, draft: Draft, cause: str, now: float) -> None:
        """End the recording; the flow goes on when the file is complete."""
        if draft.finishing or draft.done:
            return
        draft.cause, draft.finishing = cause, True
        self.board.deadlines.clear((draft, "beep"))
        self.board.deadlines.clear((draft, "long"))
        if draft.recording:
            self.board.pool.emit(draft.worker, Finish(draft.id))
            if draft.call is not None:
                self.board.deadlines.set((draft, "lost"), now + FINISH_SECONDS)
        else:
            self._settle(draft, cause, now)

    def quiet(self, worker: int, event: Quiet, now: float) -> None:
        """Nobody speaks any more."""
        draft = self._drafts.get(event.record)
        if draft is not None:
            self.finish(draft, "silence", now)

    def recorded(self, worker: int, event: Recorded, now: float) -> bool:
        """A file is complete, or has failed; False if it is none of ours."""
        draft = self._drafts.get(event.record)
        if draft is None:
            return False
        draft.seconds, draft.voiced, draft.octets, draft.error = event.seconds, event.voiced, event.octets, event.error
        self._settle(draft, draft.cause or "failed", now)
        return True

    def _settle(self, draft: Draft, cause: str, now: float) -> None:
        """No more is written: whoever waits for it goes on; without anybody it is kept if there is something in it."""
        draft.done = True
        self._forget_deadlines(draft)
        call = draft.call
        runner = call.runner if call is not None else None
        if runner is None or not runner.recorded(draft, cause, now):
            self.conclude(draft, now)

    def usable(self, draft: Draft) -> bool:
        """Whether there is something in it."""
        least = draft.box.min_seconds if draft.kind == MESSAGE else 0.0
        return draft.octets > 0 and draft.seconds >= least and draft.voiced > 0

    def accept(self, draft: Draft, now: float, *, interrupted: bool = False) -> str:
        """Keep it."""
        if self._drafts.pop(draft.id, None) is None:
            return ""
        box = draft.box
        if draft.kind != MESSAGE:
            return self.set_greeting(box.name, draft.kind, draft.path, draft.caller)
        message = Message(
            draft.id, box.name, draft.path, draft.caller, draft.caller_name, draft.call_id, box.queue, self.wall(now),
            draft.seconds, draft.octets, mail=bool(box.email),
        )  # fmt: skip
        self._keep(message, interrupted=interrupted)
        return ""

    def hand_over(self, draft: Draft) -> str:
        """Give a draft to whoever has asked for it; the path of its file, which is theirs from now on."""
        self._drafts.pop(draft.id, None)
        return draft.path

    def discard(self, draft: Draft, cause: str) -> str:
        """Keep nothing of it."""
        if self._drafts.pop(draft.id, None) is not None:
            self._publish(VoicemailDiscarded(draft.id, draft.box.name, draft.path, cause))
        return ""

    def conclude(self, draft: Draft, now: float) -> None:
        """Nobody is there any more to say what is to become of it: a message is kept, a greeting is not."""
        if draft.kind == MESSAGE and self.usable(draft):
            self.accept(draft, now)
        else:
            self.discard(draft, "hung_up" if draft.kind != MESSAGE else "failed" if draft.error else "short")

    def ended(self, call: Call, now: float) -> None:
        """The call is over; its legs are about to be closed."""
        for draft in [one for one in self._drafts.values() if one.call is call]:
            self._forget_deadlines(draft)
            draft.call = None
            if draft.done:
                self.conclude(draft, now)
            else:
                self.finish(draft, "hung_up", now)

    def worker_lost(self, worker: int, now: float) -> None:
        """A worker is gone with what it was writing. The daemon makes good what is on the disk, and tells (`interrupted`)."""
        for draft in [one for one in self._drafts.values() if one.worker == worker and not one.done]:
            self._forget_deadlines(draft)
            call, draft.call = draft.call, None
            if call is not None and call.runner is not None:
                call.runner.recorded(draft, "failed", now)

    def interrupted(self, message: int, seconds: float, octets: int, error: str, now: float) -> bool:
        """The daemon has looked after a file whose writer did not finish it. False if we know of no such draft."""
        draft = self._drafts.get(message)
        if draft is None or draft.done:
            return draft is not None
        draft.done, draft.seconds, draft.octets, draft.error = True, seconds, octets, error
        draft.voiced = seconds  # Nobody has listened.
        runner = draft.call.runner if draft.call is not None else None
        if runner is not None and runner.recorded(draft, "failed", now):
            return True
        if draft.kind == MESSAGE and self.usable(draft):
            self.accept(draft, now, interrupted=True)
        else:
            self.discard(draft, "failed" if error else "short")
        return True

    def files(self, worker: int) -> list[tuple[int, str]]:
        """What a worker is writing, or was: (message, file)."""
        return [
            (one.id, self.file(one.path))
            for one in self._drafts.values()
            if one.worker == worker and one.recording and not one.done
        ]

    def _forget_deadlines(self, draft: Draft) -> None:
        for kind in ("beep", "long", "lost"):
            self.board.deadlines.clear((draft, kind))

    @property
    def idle(self) -> bool:
        return not self._drafts

    # --- after a restart -----------------------------------------------------------------------------------------------

    def load(self, messages: Iterable[Message], kept: dict[str, Any]) -> None:
        """Take back what the store kept."""
        for message in messages:
            self.messages[message.id] = message
            self._boxes.setdefault(message.mailbox, {})[message.id] = message
        for box, kinds in kept.get("greetings", {}).items():
            for kind, path in kinds.items():
                self._greetings[box, kind] = path
        self.pins.load(kept.get("pins", {}))

    def export(self) -> dict[str, Any]:
        """What callers have set by phone, as JSON values."""
        greetings: dict[str, dict[str, str]] = {}
        for (box, kind), path in self._greetings.items():
            greetings.setdefault(box, {})[kind] = path
        return {"greetings": greetings, "pins": self.pins.export()}

    def expects(self, number: int) -> bool:
        """Whether a draft of that number is on its way."""
        return number in self._drafts

    def take_up(self, message: Message, *, busy: bool, error: str = "") -> None:
        """A message that the last life did not finish: its file was looked after, or (`busy`) a worker still writes it."""
        box = self.directory.mailboxes.get(message.mailbox) or Mailbox(message.mailbox)
        draft = Draft(
            message.id, box, MESSAGE, message.path, None, message.caller, message.caller_name, message.call, -1, True,
        )  # fmt: skip
        draft.seconds, draft.octets, draft.voiced, draft.error = message.seconds, message.octets, message.seconds, error
        self._drafts[draft.id] = draft
        if busy:
            draft.finishing = True
            return
        draft.done = True
        if self.usable(draft):
            del self._drafts[draft.id]
            message.queue, message.mail = box.queue, bool(box.email)
            self._keep(message, interrupted=True)
        else:
            self.discard(draft, "failed" if error else "short")
