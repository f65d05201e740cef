"""Supervision: a supervisor's ear on a phone, and a word to whoever sits there (MED-20, MED-21, SUP-03).

It follows the phone: through hold, to the next call, until the supervisor hangs up. Nobody hears that it begins or ends; every
step is an event. Keys of the supervisor change what they do: 4 listen, 5 whisper (to the phone that is watched), 6 barge (to
all), 7 take the call over; pages and programs change it by `steer`. Who may do it by phone, and with whom, the site says
(`supervises` of an account), by default nobody; who may do it by pages, their role says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from softswitch.call.merge import replace
from softswitch.call.routing import agent_of
from softswitch.events import SupervisionChanged, SupervisionEnded, SupervisionStarted

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.directory import Account, Directory

MODES: Final = {"4": "listen", "5": "whisper", "6": "barge"}
TAKE_OVER: Final = "7"
TAKEOVER: Final = "takeover"  # as a mode: as soon as the phone of the supervisor has answered
END: Final = "end"
BY_KEY: Final = "phone"
EVERYBODY: Final = "*"


def may_supervise(account: Account | None, device: str, directory: Directory) -> bool:
    """Whether an account may watch a phone: everybody's, or that of an agent in one of its queues; never its own."""
    watched = directory.accounts.get(device)
    if account is None or watched is None or account.user == device:
        return False
    if EVERYBODY in account.supervises:
        return True
    agent = agent_of(watched, directory)
    return bool(agent) and any(
        member.agent == agent
        for name in account.supervises
        if (queue := directory.queues.get(name)) is not None
        for member in queue.members
    )


def talks_on(board: Board, device: str) -> Call | None:
    """The conversation that a phone is in: not one on hold if there is another, and the latest."""
    found = [
        leg for leg in board.legs.values()
        if leg.device == device and leg.up and leg.call.peer is not None and leg in leg.call.members
        and leg.call.id in board.calls
    ]  # fmt: skip
    return max(found, key=lambda leg: (not leg.holding, leg.call.bridged_at)).call if found else None


def follow(board: Board, call: Call, now: float) -> None:
    """Something about the parties of a call has changed: whoever watches one of them comes along."""
    if not board.watches:
        return
    devices = {leg.device for leg in call.members} | {watcher.device for watcher in call.watchers}
    for device in devices:
        for watch in list(board.watches.get(device, ())):
            watch.follow(now)


def steer(call: Call, account: str, mode: str, by: str, now: float) -> str:
    """Change what the phone of `account` does to a call that it hears: a mode, "takeover", "end"; "" or why not.

    `account` "": whatever phone hears it by order of `by`.
    """
    watch = next(
        (one for one in call.watchers if (one.call.account.user if account else one.by) == (account or by)), None
    )
    if watch is None:
        return f"{account or 'your phone'} does not hear this call"
    if mode == END:
        watch.end(now, "normal", by)
        watch.call.end("operator", now)
    elif mode == TAKEOVER:
        return "" if watch.take_over(now, by) else "the phone is in no conversation that could be taken over"
    else:
        watch.change(mode, by)
    return ""


class Supervision:
    """One supervisor, and the phone that is watched. `call` is the supervisor's own."""

    __slots__ = ("board", "by", "call", "device", "mode", "started", "target")

    def __init__(self, call: Call, device: str, mode: str, by: str, now: float) -> None:
        self.board = call.board
        self.call = call
        self.device = device
        self.mode = mode
        self.by = by
        self.started = now
        self.target: Call | None = None

    @classmethod
    def resume(cls, call: Call, kept: dict[str, Any], shift: float) -> None:
        """After a restart: it has gone on all the time, and follows its phone when everybody is back."""
        watch = cls(call, kept["device"], kept["mode"], kept["by"], kept["started"] + shift)
        call.supervision = watch
        call.board.watches.setdefault(watch.device, []).append(watch)

    def begin(self, now: float) -> None:
        board = self.board
        board.watches.setdefault(self.device, []).append(self)
        target = talks_on(board, self.device)
        if self.mode == TAKEOVER:
            self.mode = "barge"
            board.deadlines.set((self.call, TAKEOVER), now)  # When the flow that has begun this is done with it.
        board.publish(
            SupervisionStarted(
                self.call.id, self.call.account.user, self.device, self.mode, target.id if target else "", self.by
            )
        )
        if target is None:
            self._wait()
        else:
            self._attach(target, now)

    def follow(self, now: float) -> None:
        """Go where the phone is talking now."""
        target = talks_on(self.board, self.device)
        if target is self.target:
            return
        self._detach()
        if target is None:
            self._wait()
        else:
            self._attach(target, now)
        self._changed()

    def digit(self, digit: str, now: float) -> None:
        """A key of the supervisor. It is heard by nobody."""
        if digit == TAKE_OVER:
            self.take_over(now, BY_KEY)
        elif (mode := MODES.get(digit)) is not None:
            self.change(mode, BY_KEY)

    def change(self, mode: str, by: str) -> None:
        """Listen, whisper or barge from now on."""
        if mode != self.mode:
            self.mode = mode
            self.refresh()
            self._changed(by)

    def refresh(self) -> None:
        """The supervisor's phone was held, or is back."""
        if self.call.caller.up and self.call.caller.holding:
            self.call.caller.media.stop()
        elif self.target is not None:
            self.target.refresh()
        else:
            self._wait()

    def take_over(self, now: float, by: str) -> bool:
        """Take the place of the phone that is watched; it is hung up. False if it is not talking."""
        target, supervisor = self.target, self.call.caller
        leg = next((leg for leg in target.members if leg.device == self.device), None) if target is not None else None
        if target is None or leg is None or not supervisor.up or supervisor.media.worker != target.worker:
            return False
        self.end(now, TAKEOVER, by)
        replace(target, leg, supervisor, "takeover", now)
        return True

    def end(self, now: float, cause: str = "normal", by: str = "") -> None:
        """The supervisor is gone, or no longer a supervisor."""
        watches = self.board.watches.get(self.device, [])
        if self not in watches:
            return
        watches.remove(self)
        if not watches:
            del self.board.watches[self.device]
        target = self.target
        self._detach()
        self.call.supervision = None
        self.board.publish(
            SupervisionEnded(
                self.call.id, self.call.account.user, self.device, self.mode, target.id if target else "", cause,
                now - self.started, by,
            )
        )  # fmt: skip

    # --- inside ------------------------------------------------------------------------------------------------------

    def _attach(self, target: Call, now: float) -> None:
        self.target = target
        target.watchers.append(self)
        leg = self.call.caller
        if leg.media.worker != target.worker and not leg.relocate(target.worker, now):
            self._wait()  # There is no port left beside the call; the next call may be elsewhere.
        target.refresh()

    def _detach(self) -> None:
        target, self.target = self.target, None
        if target is not None and self in target.watchers:
            target.watchers.remove(self)
            target.refresh()

    def _wait(self) -> None:
        """The phone is in no conversation: music until it is."""
        if self.call.caller.up and not self.call.caller.holding:
            self.call.caller.media.music(self.board.music("default"))

    def _changed(self, by: str = "") -> None:
        target = self.target.id if self.target else ""
        self.board.publish(SupervisionChanged(self.call.id, self.call.account.user, self.device, self.mode, target, by))
