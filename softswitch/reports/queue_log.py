"""The journal as the lines of Asterisk's queue_log, for programs that read these (RPT-17).

`EPOCH|CALL|QUEUE|AGENT|EVENT|DATA...`, as Asterisk's documentation of queue logs describes them; NONE: there is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

NONE: Final = "NONE"
_EXITS: Final = {
    "no_agents_on_entry": "EXITEMPTY",
    "no_agents_later": "EXITEMPTY",
}
_RANG: Final = {
    **dict.fromkeys(("no_answer", "rejected", "busy", "unreachable", "failed"), "RINGNOANSWER"),
    "cancelled_caller_gone": "RINGCANCELED",
}
_GAVE_UP: Final = ("abandoned_short", "abandoned", "abandoned_ringing")


def _field(value: Any) -> str:
    """What a line may hold: nothing that ends it, or a field of it."""
    return str(value).replace("|", "/").replace("\r", " ").replace("\n", " ").replace("\0", "")


class QueueLog:
    """Reads events in their order, and tells lines."""

    def __init__(self) -> None:
        self._lines: defaultdict[str, list[str]] = defaultdict(list)  # queue -> calls in their order
        self._rang: dict[str, float] = {}  # call -> seconds that the phone rang whose agent has picked up
        self._talking: dict[str, tuple[str, str, int, int, float]] = {}  # call -> queue, agent, wait, place, since when
        self._logged_in: dict[str, float] = {}
        self._folds: dict[str, Callable[[float, dict[str, Any]], list[str]]] = {
            "queue.entered": self._entered,
            "queue.offer_result": self._ring_ended,
            "queue.connected": self._connected,
            "queue.left": self._left,
            "leg.ended": self._leg_ended,
            "call.transferred": self._transferred,
            "agent.presence": self._presence,
            "config.changed": self._reloaded,
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
        self._lines[event["queue"]].insert(event["position"] - 1, call)
        return [self._line(wall, call, event["queue"], "", "ENTERQUEUE", "", number, event["position"])]

    def _ring_ended(self, wall: float, event: dict[str, Any]) -> list[str]:
        result = event["result"]
        if result == "answered":
            self._rang[event["caller"]] = event["ring_seconds"]
        if result not in _RANG:
            return []
        ring = round(event["ring_seconds"] * 1_000)
        return [self._line(wall, event["caller"], event["queue"], event["agent"], _RANG[result], ring)]

    def _connected(self, wall: float, event: dict[str, Any]) -> list[str]:
        call, wait = event["caller"], round(event["waited"])
        self._talking[call] = (event["queue"], event["agent"], wait, 1, wall)
        ring = round(self._rang.pop(call, 0.0))
        return [self._line(wall, call, event["queue"], event["agent"], "CONNECT", wait, call, ring)]

    def _left(self, wall: float, event: dict[str, Any]) -> list[str]:
        if event.get("kind"):
            return []
        call, queue, outcome = event["caller"], event["queue"], event["outcome"]
        first, wait = event["position_at_entry"], round(event["waited"])
        place = self._place(queue, call, first)
        self._rang.pop(call, None)
        if outcome == "answered":
            if (talk := self._talking.get(call)) is not None:
                self._talking[call] = (*talk[:3], first, talk[4])
            return []
        if outcome in _GAVE_UP:
            return [self._line(wall, call, queue, "", "ABANDON", place, first, wait)]
        if outcome == "abandoned_connecting":
            return [self._line(wall, call, queue, event.get("agent", ""), "AGENTDUMP")]
        if outcome == "exit_key":
            return [self._line(wall, call, queue, "", "EXITWITHKEY", event.get("detail", ""), place, first, wait)]
        # What is ours alone, too, for a reader that does not know it, is a call that ended otherwise.
        return [self._line(wall, call, queue, "", _EXITS.get(outcome, "EXITWITHTIMEOUT"), place, first, wait)]

    def _place(self, queue: str, call: str, otherwise: int) -> int:
        """Where in the line a call is that leaves it."""
        line = self._lines[queue]
        if call not in line:
            return otherwise
        place = line.index(call)
        del line[place]
        return place + 1

    def _leg_ended(self, wall: float, event: dict[str, Any]) -> list[str]:
        talk = self._talking.get(event["call"])
        if talk is None or event["role"] not in ("agent", "caller"):
            return []
        queue, agent, wait, place, since = talk
        if event["role"] == "agent" and event["party"] != agent:
            return []
        del self._talking[event["call"]]
        agents_side = (event["role"] == "agent") == (event["by"] == "remote")
        name = "COMPLETEAGENT" if agents_side else "COMPLETECALLER"
        return [self._line(wall, event["call"], queue, agent, name, wait, round(wall - since), place)]

    def _transferred(self, wall: float, event: dict[str, Any]) -> list[str]:
        talk = self._talking.pop(event["call"], None) or self._talking.pop(event["other"], None)
        if talk is None:
            return []
        queue, agent, wait, place, since = talk
        took = round(wall - since)
        if event["kind"] == "blind":
            return [
                self._line(wall, event["call"], queue, agent, "BLINDTRANSFER", event["target"], "", wait, took, place)
            ]
        return [
            self._line(wall, event["call"], queue, agent, "ATTENDEDTRANSFER", "APP", event["target"], wait, took, place)
        ]

    def _reloaded(self, wall: float, event: dict[str, Any]) -> list[str]:
        return [self._line(wall, NONE, "", "", "CONFIGRELOAD", "")]

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
