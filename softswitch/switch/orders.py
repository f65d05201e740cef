"""What operators and their programs may order of calls."""

from __future__ import annotations

from collections.abc import Iterable

from softswitch.call import orders, remote
from softswitch.call.control import CallControl
from softswitch.call.ledger import Ordered
from softswitch.call.recording import Recording
from softswitch.call.transfer import Note


class Orders:
    """The part of the switch that carries out orders about calls; each is an input with the time."""

    calls: CallControl
    _now: float

    def hang_up(self, call: str, now: float) -> bool:
        """End a call by an operator's order; False if there is no such call."""
        self._now = now
        return self.calls.hang_up(call, now)

    def record(self, call: str, verb: str, by: str, now: float) -> str:
        """Start, stop, pause or resume the recording of a call by an operator's order; "" or why that cannot be."""
        self._now = now
        return self.calls.record(call, verb, by, now)

    def expect_recordings(self, calls: Iterable[str]) -> None:
        """Calls that were being recorded when the switch went; before they are taken back."""
        self.calls.board.recorder.expect(calls)

    def adopt_recordings(self, recordings: Iterable[Recording], now: float) -> None:
        """Recordings that media workers went on with while there was no switch; after the calls were taken back."""
        self._now = now
        self.calls.board.recorder.adopt(recordings, now)

    def recording_interrupted(self, recording: int, seconds: float, octets: int, error: str, now: float) -> bool:
        """The file of a recording whose writer died was looked after; False if we know of no such recording."""
        self._now = now
        return self.calls.board.recorder.interrupted(recording, seconds, octets, error, now)

    def recordings_of(self, worker: int) -> list[tuple[int, str]]:
        """What a worker is writing, or was: (recording, file)."""
        return self.calls.board.recorder.files(worker)

    def spy(
        self, call: str, account: str, mode: str, by: str, now: float, granted: bool = False, device: str = ""
    ) -> str:  # fmt: skip
        """Ring an account's phone and let it supervise a call; "" or why not. `granted`: whatever the site says of it."""
        self._now = now
        return self.calls.spy(call, account, mode, by, now, granted, device)

    def supervise(self, call: str, account: str, mode: str, by: str, now: float) -> str:
        """Change the mode of a supervision that goes on, take the call over, or end it; "" or why not."""
        self._now = now
        return self.calls.supervise(call, account, mode, by, now)

    def originate(
        self, account: str, number: str, now: float, *, by: str = "", by_itself: bool = False
    ) -> tuple[str, str]:
        """Ring an account's phone, and call a number for whoever answers; (the call's id, ""), or ("", why not)."""
        self._now = now
        return self.calls.originate(account, number, by, by_itself, now)

    def record_prompt(self, account: str, prompt: str, language: str, by: str, now: float) -> tuple[str, str]:
        """Ring an account's phone, and have whoever answers speak a prompt; (the call's id, ""), or ("", why not)."""
        self._now = now
        return self.calls.record_prompt(account, prompt, language, by, now)

    def merge(self, call: str, other: str, now: float) -> str:
        """Make one conversation of two that the same phone is in; "" or why not."""
        self._now = now
        return self.calls.merge(call, other, now)

    def transfer(
        self, call: str, to: str, now: float, *, attended: bool = False, by: str = "", note: str = "", customer: str = ""
    ) -> str:  # fmt: skip
        """Lead the other party of a phone elsewhere, at once or after a consultation; "" or why not."""
        self._now = now
        return self.calls.transfer(call, to, attended, by, Note("", note, customer), now)

    def steer_transfer(self, call: str, verb: str, now: float) -> str:
        """Complete, abort, swap or merge what was begun, or escalate to a supervisor; "" or why not."""
        self._now = now
        return self.calls.steer_transfer(call, verb, now)

    def set_phone(self, account: str, setting: str, value: str, by: str, now: float) -> str:
        """Forwarding, do not disturb or call waiting of an account, by an operator's order; "" or why not."""
        self._now = now
        return orders.phone(self.calls.board, account, setting, value, by)

    def conference(self, name: str, verb: str, call: str, by: str, now: float) -> str:
        """Carry out an order for a conference; "" or why not."""
        self._now = now
        return self.calls.conference(name, verb, call, by, now)

    # --- phones, by programs ---------------------------------------------------------------------------------------------

    def hold(self, call: str, account: str, held: bool, now: float) -> str:
        """Hold the other party for the phone of an account, or let the two talk again; "" or why not."""
        self._now = now
        return self.calls.ordered(call, lambda board: remote.hold(board, call, account, held, now))

    def answer(self, call: str, account: str, by: str, now: float) -> tuple[Ordered | None, str]:
        """Have a phone answer what rings there; the order, or why not."""
        self._now = now
        return self.calls.ordered(call, lambda board: remote.answer(board, call, account, by, now))

    def play(
        self, call: str, clips: tuple[str, ...], whom: str, by: str, now: float
    ) -> tuple[Ordered | None, str]:  # fmt: skip
        """Play clips into a conversation; the order, or why not."""
        self._now = now
        return self.calls.ordered(call, lambda board: remote.play(board, call, clips, whom, by, now))

    def bridge(self, call: str, other: str, now: float) -> str:
        """Connect the customers of two calls; "" or why not."""
        self._now = now
        return self.calls.ordered(call, lambda board: remote.bridge(board, call, other, now))

    def call_order(self, order: str) -> Ordered | None:
        """What has become of an order."""
        return self.calls.board.ledger.orders.get(order)
