"""The journal as the lines of Asterisk's queue_log, for programs that read these (RPT-17).

`EPOCH|CALL|QUEUE|AGENT|EVENT|DATA...`, as Asterisk's documentation of queue logs describes them; NONE: there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

NONE: Final = "NONE"
_EXITS: Final = {
    "timeout": "EXITWITHTIMEOUT",
    "no_agents_on_entry": "EXITEMPTY",
    "no_agents_later": "EXITEMPTY",
}
_GAVE_UP: Final = ("abandoned_short", "abandoned", "abandoned_ringing")


def _field(value: Any) -> str:
    """What a line may hold: nothing that ends it, or a field of it."""
    return str(value).replace("|", "/").replace("\r", " ").replace("\n", " ").replace("\0", "")


class QueueLog:
    """Reads events in their order, and tells lines."""

    def __init__(self) -> None:
        self._joined: dict[str, tuple[str, int, float]] = {}  # call -> number, place, when
        self._talking: dict[str, tuple[str, str, int, int]] = {}  # call -> queue, agent, wait, place
        self._logged_in: dict[str, float] = {}
        self._folds: dict[str, Callable[[float, dict[str, Any]], list[str]]] = {
            "queue.entered": self._entered,
            "queue.offer_result": self._ring_ended,
            "queue.connected": self._connected,
            "queue.left": self._left,
            "leg.ended": self._leg_ended,
            "call.transferred": self._transferred,
            "agent.presence": self._presence,
        }
        self.names: Final = frozenset(self._folds)

    def see(self, wall: float, name: str, event: dict[str, Any]) -> list[str]:
        """An event; the lines that it gives."""
        fold = self._folds.get(name)
        return fold(wall, event) if fold is not None else []

    @staticmethod
    def _line(wall: float, call: str, queue: str, agent: str, event: str, *data: Any) -> str:
        fields = (int(wall), call or NONE, queue or NONE, agent or NONE, event, *data)
        return "|".join(_field(one) for one in fields)

    def _entered(self, wall: float, event: dict[str, Any]) -> list[str]:
        if event.get("kind"):
            return []
        call, number = event["caller"], event["number"]
        self._joined[call] = (number, event["position"], wall)
        return [self._line(wall, call, event["queue"], "", "ENTERQUEUE", "", number, event["position"])]

    def _ring_ended(self, wall: float, event: dict[str, Any]) -> list[str]:
        if event["result"] not in ("no_answer", "rejected", "busy", "unreachable", "failed"):
            return []
        ring = round(event["ring_seconds"] * 1_000)
        return [self._line(wall, event["caller"], event["queue"], event["agent"], "RINGNOANSWER", ring)]

    def _connected(self, wall: float, event: dict[str, Any]) -> list[str]:
        call, wait = event["caller"], round(event["waited"])
        place = self._joined.get(call, ("", 1, wall))[1]
        self._talking[call] = (event["queue"], event["agent"], wait, place)
        return [self._line(wall, call, event["queue"], event["agent"], "CONNECT", wait, call, 0)]

    def _left(self, wall: float, event: dict[str, Any]) -> list[str]:
        if event.get("kind"):
            return []
        call, queue, outcome = event["caller"], event["queue"], event["outcome"]
        self._joined.pop(call, None)
        place, wait = event["position_at_entry"], round(event["waited"])
        if outcome in _GAVE_UP:
            return [self._line(wall, call, queue, "", "ABANDON", place, place, wait)]
        if outcome == "abandoned_connecting":
            return [self._line(wall, call, queue, event.get("agent", ""), "AGENTDUMP")]
        if outcome == "exit_key":
            return [self._line(wall, call, queue, "", "EXITWITHKEY", event.get("detail", ""), place, place, wait)]
        if outcome in _EXITS:
            return [self._line(wall, call, queue, "", _EXITS[outcome], place, place, wait)]
        if outcome in ("full", "overflow", "transferred_out", "withdrawn", "callback_requested"):
            # Ours alone; a reader that does not know them takes them for calls that ended otherwise.
            return [self._line(wall, call, queue, "", "EXITWITHTIMEOUT", place, place, wait)]
        return []

    def _leg_ended(self, wall: float, event: dict[str, Any]) -> list[str]:
        talk = self._talking.get(event["call"])
        if talk is None or event["role"] not in ("agent", "caller"):
            return []
        queue, agent, wait, place = talk
        if event["role"] == "agent" and event["party"] != agent:
            return []
        del self._talking[event["call"]]
        agents_side = (event["role"] == "agent") == (event["by"] == "remote")
        name = "COMPLETEAGENT" if agents_side else "COMPLETECALLER"
        seconds = round(event["talk_seconds"] - (wait if event["role"] == "caller" else 0))
        return [self._line(wall, event["call"], queue, agent, name, wait, max(0, seconds), place)]

    def _transferred(self, wall: float, event: dict[str, Any]) -> list[str]:
        talk = self._talking.pop(event["call"], None) or self._talking.pop(event["other"], None)
        if talk is None:
            return []
        queue, agent, wait, place = talk
        if event["kind"] == "blind":
            return [self._line(wall, event["call"], queue, agent, "BLINDTRANSFER", event["target"], "", wait, 0, place)]
        return [
            self._line(wall, event["call"], queue, agent, "ATTENDEDTRANSFER", "APP", event["target"], wait, 0, place)
        ]

    def _presence(self, wall: float, event: dict[str, Any]) -> list[str]:
        agent, presence, before = event["agent"], event["presence"], event.get("previous", "")
        if queue := event.get("queue"):
            name = "PAUSE" if presence == "not_ready" else "UNPAUSE"
            return [self._line(wall, NONE, queue, agent, name, event["reason"])]
        lines = []
        if before == "offline" and presence != "offline":
            self._logged_in[agent] = wall
            lines.append(self._line(wall, NONE, "", agent, "AGENTLOGIN", event.get("device", "")))
        if presence == "not_ready":
            lines.append(self._line(wall, NONE, "", agent, "PAUSEALL", event["reason"]))
        elif before == "not_ready" and presence != "offline":
            lines.append(self._line(wall, NONE, "", agent, "UNPAUSEALL", ""))
        if presence == "offline":
            since = self._logged_in.pop(agent, wall)
            lines.append(self._line(wall, NONE, "", agent, "AGENTLOGOFF", event.get("device", ""), round(wall - since)))
        return lines
