"""Recordings as call control sees them: which calls are recorded, under which name, and what became of the files.

A queue or an account says `record = "always"` or `"on_demand"`; the stronger word counts. A recording begins when two talk, goes
on through hold, follows a transfer in the same file, and ends with the call. Whoever may record does so with keys while
talking, as with Asterisk's one-touch recording: `*1` begins and ends one, `*2` leaves out what is said until `*2` again (a
card number). A call is never touched by what happens to its recording.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from media.control import Finish, Pause, Record, Recorded
from softswitch.call.naming import DEFAULT_NAME, safe
from softswitch.events import MediaAlarm, RecordingFinished, RecordingPaused, RecordingStarted

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.directory import Account, Queue

STAR: Final = "*"
TOUCH, PAUSE = "1", "2"
KEY_SECONDS: Final = 2.0  # between the star and the key
STRENGTH: Final = {"off": 0, "on_demand": 1, "always": 2}


@dataclass(slots=True)
class Recording:
    """A recording that goes on, or whose file is not complete yet. Times are monotonic."""

    id: int
    call: str
    worker: int
    path: str  # below the folder of recordings
    form: str
    mode: str
    started: float
    left: int  # legs of the worker
    right: int
    paused_at: float = -1.0
    paused: float = 0.0
    ended: float = 0.0  # 0: it goes on

    def seconds(self, now: float) -> float:
        return (self.ended or now) - self.started


@dataclass(slots=True, frozen=True)
class Rule:
    """What the site says about recording a call."""

    mode: str = "off"
    form: str = "wav"
    days: int = 0


class Recorder:
    """The recordings of the switch. `folder`: where the files go, "" = nothing is recorded; `epoch`: Unix time minus `now`."""

    def __init__(self, board: Board, folder: str = "", name: str = DEFAULT_NAME) -> None:
        self.board = board
        self.folder = folder
        self.name = name
        self.epoch = 0.0
        self.live: dict[int, Recording] = {}
        self._by_call: dict[str, list[Recording]] = {}
        self._stars: dict[Leg, float] = {}  # who pressed the star, and when

    # --- what happens to calls -----------------------------------------------------------------------------------------

    def changed(self, call: Call, now: float) -> None:
        """Two talk, or others than before: begin where that is the rule, follow where it goes on."""
        peer = call.peer
        if peer is None or not self.folder:
            return
        current = self.current(call)
        if current is None:
            rule = self.rule(call)
            if rule.mode == "always" and call.id not in self._by_call:
                self.begin(call, rule, "rule", now)
            return
        legs = (peer.media.index, call.caller.media.index)
        if (current.left, current.right) != legs and peer.media.worker == current.worker:
            current.left, current.right = legs
            self._emit(current, Record(current.id, self._file(current), *legs, current.form))

    def ended(self, call: Call, now: float) -> None:
        """The call is over; its legs are about to be closed."""
        if self._stars:
            for leg in [leg for leg in self._stars if leg.call is call]:
                del self._stars[leg]
        for recording in self._by_call.get(call.id, ()):
            if not recording.ended:
                self._end(recording, now)

    def account(self, call: str, now: float) -> tuple[tuple[str, ...], float]:
        """For the record of a call that is over: its files, and how many seconds they hold."""
        found = self._by_call.pop(call, None)
        if found is None:
            return (), 0.0
        return tuple(one.path for one in found), sum(one.seconds(now) for one in found)

    def digit(self, call: Call, leg: Leg, digit: str, now: float) -> None:
        """A key in a conversation."""
        if digit == STAR:
            if self.folder and self.may(call, leg):
                self._stars[leg] = now
            return
        pressed = self._stars.pop(leg, None)
        if pressed is None or now - pressed > KEY_SECONDS or digit not in (TOUCH, PAUSE):
            return
        current = self.current(call)
        verb = "start" if current is None else "stop"
        if digit == PAUSE:
            verb = "resume" if current is not None and current.paused_at >= 0 else "pause"
        self.order(call, verb, leg.party, now)

    @property
    def known(self) -> int:
        """Calls with recordings that are not over."""
        return len(self._by_call)

    # --- orders ---------------------------------------------------------------------------------------------------------

    def order(self, call: Call, verb: str, by: str, now: float) -> str:
        """Start, stop, pause or resume; "" or why that cannot be."""
        current = self.current(call)
        if not self.folder:
            return "no folder for recordings is set"
        if verb == "start":
            if current is not None:
                return "it is being recorded"
            if call.peer is None:
                return "nobody talks yet"
            rule = self.rule(call)
            self.begin(call, rule if rule.mode != "off" else Rule("on_demand", rule.form, rule.days), by, now)
            return ""
        if current is None:
            return "it is not being recorded"
        if verb == "stop":
            if current.mode == "always":
                return "it must be recorded; it can be paused"
            self._end(current, now)
        elif (current.paused_at >= 0) is (verb == "pause"):
            return "it is paused" if verb == "pause" else "it is not paused"
        else:
            self._pause(current, verb == "pause", by, now)
        return ""

    def current(self, call: Call) -> Recording | None:
        """The recording of a call that goes on."""
        return next((one for one in self._by_call.get(call.id, ()) if not one.ended), None)

    def rule(self, call: Call) -> Rule:
        """The strongest of what the queue and the accounts say."""
        said: list[Queue | Account] = [call.visit.config] if call.visit is not None else []
        accounts = self.board.directory.accounts
        for leg in (call.peer, call.caller):
            if leg is not None and (account := accounts.get(leg.device)) is not None:
                said.append(account)
        strongest = max(said, key=lambda one: STRENGTH[one.record], default=None)
        ordered = {"on": "always", "off": "off"}.get(call.met.record if call.met is not None else "", "")  # by a menu
        if strongest is None:
            return Rule(ordered or "off")
        return Rule(ordered or strongest.record, strongest.recording_format, strongest.recording_days)

    def would(self, call: Call) -> bool:
        """Whether a conversation of this call may be recorded: nobody has said no, and there is where to."""
        return bool(self.folder) and (call.met is None or call.met.record != "off")

    def may(self, call: Call, leg: Leg) -> bool:
        """Whether a party of a call may record it: the agent of a queue that allows it, or a phone whose account does."""
        if call.visit is not None and leg is call.peer and call.visit.config.record != "off":
            return True
        account = self.board.directory.accounts.get(leg.device)
        return account is not None and account.record != "off"

    def begin(self, call: Call, rule: Rule, by: str, now: float) -> None:
        """Record a conversation from now on."""
        peer = call.peer
        assert peer is not None
        earlier = self._by_call.setdefault(call.id, [])
        legs = (peer.media.index, call.caller.media.index)
        number = self.board.entropy.below(1 << 53) or 1  # Exact in JSON, and never given twice.
        path = f"{self._name(call, now)}{f'-{len(earlier) + 1}' if earlier else ''}.{rule.form}"
        recording = Recording(number, call.id, peer.media.worker, path, rule.form, rule.mode, now, *legs)
        earlier.append(recording)
        self.live[number] = recording
        queue = call.visit.config.name if call.visit is not None else ""
        self.board.publish(
            RecordingStarted(
                number, call.id, path, queue, call.reached or peer.party, call.caller_number, rule.form, rule.mode, by,
                rule.days, recording.worker,
            )
        )  # fmt: skip
        self._emit(recording, Record(number, self._file(recording), *legs, rule.form))

    # --- what the workers tell --------------------------------------------------------------------------------------------

    def recorded(self, worker: int, event: Recorded, now: float) -> None:
        """A file is complete, or a recording has failed. The call goes on in any case."""
        recording = self.live.pop(event.record, None)
        if recording is None:
            return
        recording.ended = recording.ended or now
        self.board.publish(
            RecordingFinished(
                recording.id, recording.call, recording.path, event.seconds, event.octets, event.paused, event.lost,
                event.error,
            )
        )  # fmt: skip

    def worker_lost(self, worker: int, now: float) -> None:
        """A worker is gone with what it was writing. What is on the disk is made good by the daemon, which then tells."""
        for recording in [one for one in self.live.values() if one.worker == worker]:
            recording.ended = recording.ended or now
            self.board.publish(MediaAlarm(worker, "recording_interrupted", recording.path))

    def worker_back(self, worker: int, now: float) -> None:
        """Calls that outlived their worker, and must be recorded, are recorded anew."""
        for call in list(self.board.calls.values()):
            if (
                call.worker == worker
                and call.peer is not None
                and call.id in self._by_call
                and self.current(call) is None
            ):
                rule = self.rule(call)
                if rule.mode == "always":
                    self.begin(call, rule, "rule", now)

    def interrupted(self, recording: int, seconds: float, octets: int, error: str, now: float) -> bool:
        """The daemon has looked after a file whose writer did not finish it. False if we know of no such recording."""
        known = self.live.pop(recording, None)
        if known is None:
            return False
        known.ended = known.ended or now
        self.board.publish(
            RecordingFinished(known.id, known.call, known.path, seconds, octets, error=error, interrupted=True)
        )
        return True

    def files(self, worker: int) -> list[tuple[int, str]]:
        """What a worker is writing, or was when it went: (recording, file)."""
        return [(one.id, self._file(one)) for one in self.live.values() if one.worker == worker]

    def expect(self, calls: Iterable[str]) -> None:
        """Calls that were being recorded when the switch went: whether they still are is to be found out (`adopt`)."""
        for call in calls:
            self._by_call.setdefault(call, [])

    def adopt(self, recordings: Iterable[Recording], now: float) -> None:
        """Recordings that workers went on with while there was no switch. Those whose call is gone are ended."""
        for recording in recordings:
            self.live[recording.id] = recording
            self._by_call.setdefault(recording.call, []).append(recording)
            if recording.call not in self.board.calls:
                self._end(recording, now)
        for call in list(self._by_call):
            known = self.board.calls.get(call)
            if known is None:
                del self._by_call[call]
            elif not self._by_call[call]:
                del self._by_call[
                    call
                ]  # Its worker has not outlived the switch: what is left of the call is recorded anew.
                self.changed(known, now)

    # --- inside ----------------------------------------------------------------------------------------------------------

    def _end(self, recording: Recording, now: float) -> None:
        recording.ended = now
        self._emit(recording, Finish(recording.id))

    def _pause(self, recording: Recording, paused: bool, by: str, now: float) -> None:
        if paused:
            recording.paused_at = now
        else:
            recording.paused += now - recording.paused_at
            recording.paused_at = -1.0
        self._emit(recording, Pause(recording.id, paused))
        self.board.publish(RecordingPaused(recording.id, recording.call, paused, by))

    def _emit(self, recording: Recording, command: Record | Pause | Finish) -> None:
        self.board.pool.emit(recording.worker, command)

    def _file(self, recording: Recording) -> str:
        return f"{self.folder}/{recording.path}"

    def _name(self, call: Call, now: float) -> str:
        """The path without its ending: the template of the settings, filled in with what is safe in any file system."""
        moment = datetime.fromtimestamp(self.epoch + now, UTC)
        peer = call.peer
        values = {
            "year": f"{moment:%Y}",
            "month": f"{moment:%m}",
            "day": f"{moment:%d}",
            "time": f"{moment:%H%M%S}",
            "queue": call.visit.config.name if call.visit is not None else "direct",
            "agent": call.reached or (peer.party if peer is not None else ""),
            "number": call.caller_number,
            "dialled": call.dialled,
            "call": call.id,
        }
        return self.name.format_map({key: safe(value) for key, value in values.items()})
