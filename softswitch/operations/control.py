"""What programs may ask of the phones in a call: hold, answer, play, connect two. A part of `operations`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from softswitch.call.remote import MOST_CLIPS, NO_CALL, WHOM
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.call.ledger import Ordered
    from softswitch.daemon import Daemon

HOLDS: Final = ("hold", "resume")
SEE: Final = "See the calls with: softswitch calls"


class ControlOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            "call_hold": self.hold,
            "call_answer": self.answer,
            "call_play": self.play,
            "call_bridge": self.bridge,
            "call_order": self.order,
        }

    def hold(self, call: str, verb: str = "hold", account: str = "") -> dict[str, Any]:
        """Hold the other party for a phone of the site, or resume. `account`: "" = who was called."""
        if verb not in HOLDS:
            raise ConsoleError(f"There is no {verb!r} for a call.", f"One of: {', '.join(HOLDS)}.")
        daemon = self._daemon
        self._refused(call, daemon.input("hold", daemon.switch.hold, call, account, verb == "hold"))
        return {"call": call, "verb": verb}

    def answer(self, call: str, account: str, by: str = "cli") -> dict[str, Any]:
        """Have a phone answer what rings there; how that went is told by the order."""
        daemon = self._daemon
        return self._ordered(call, daemon.input("answer", daemon.switch.answer, call, account, by))

    def play(self, call: str, clips: Sequence[str], to: str = "both", by: str = "cli") -> dict[str, Any]:
        """Play clips into a conversation; when they were heard is told by the order."""
        if to not in WHOM or not 0 < len(clips) <= MOST_CLIPS:
            raise ConsoleError(f"1 to {MOST_CLIPS} clips are played to one of: {', '.join(WHOM)}.", "")
        daemon = self._daemon
        return self._ordered(call, daemon.input("play", daemon.switch.play, call, tuple(clips), to, by))

    def bridge(self, call: str, other: str) -> dict[str, Any]:
        """Connect the customers of two calls."""
        daemon = self._daemon
        self._refused(call, daemon.input("bridge", partial(daemon.switch.bridge, call), other))
        return {"call": call, "other": other}

    def order(self, order: str) -> dict[str, Any]:
        """What has become of an order that takes time."""
        found = self._daemon.switch.call_order(order)
        if found is None:
            raise ConsoleError(f"There is no order {order!r}.", "The last thousand are remembered.", kind="unknown")
        return asdict(found)

    def _ordered(self, call: str, made: tuple[Ordered | None, str] | None) -> dict[str, Any]:
        order, refusal = made or (None, "see the log")
        self._refused(call, refusal)
        assert order is not None
        return asdict(order)

    def _refused(self, call: str, refusal: str | None) -> None:
        if refusal:
            raise ConsoleError(f"{call}: {refusal}.", SEE, kind="unknown" if refusal == NO_CALL else "failed")
