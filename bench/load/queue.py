"""The queue under load: agents who hang up by their own clock, callers in excess or in short supply, all times off the wire.

Saturated phase: always more callers than agents, so that a freed agent must ring at once: `free_to_ring` is the time from
the agent's BYE to the next INVITE at the same agent. Light phase: fewer callers than agents, so that there is a choice:
the agent who rings should be the one who has been free the longest; ages closer than `MARGIN` cannot be told apart.
"""

from __future__ import annotations

import random
import statistics
import time
from typing import Any

from bench.lab import Lab
from bench.load.station import Dialog, Station, Wire, pump

MARGIN = 0.005  # seconds


class Flood:
    """Callers and agents of one run."""

    def __init__(self, lab: Lab, *, callers: int, talk: tuple[float, float], gap: float, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.talk, self.gap = talk, gap
        server = ("127.0.0.1", lab.port)
        self.agents = Station(server, lab.domain)
        self.callers = Station(server, lab.domain, port=0)
        self.agents.register([(agent["user"], agent["password"]) for agent in lab.info["agents"]])
        self.tier = {agent["user"]: agent["tier"] for agent in lab.info["agents"]}
        self.free_since = {agent["user"]: time.monotonic() for agent in lab.info["agents"]}
        self.accounts = [(a["user"], a["password"]) for a in lab.info["accounts"][:callers]]
        self.queue = lab.info["extensions"]["queue"]
        self.calls: dict[str, Dialog] = {}
        self.talking: dict[str, Dialog] = {}
        self.delays: list[float] = []
        self.longest = self.judged = self.distributed = self.failed = 0
        self.counting = False
        self.agents.on_request, self.agents.on_response = self._agent_request, lambda wire: None
        self.callers.on_request, self.callers.on_response = self._caller_request, self._caller_response
        self.next_account = 0
        self.stopped = False

    # -- agents
    def _agent_request(self, wire: Wire) -> None:
        method = wire.start.split(" ", 1)[0]
        if method == "INVITE":
            self._ring(wire)
        elif method in ("BYE", "CANCEL", "OPTIONS"):
            self.agents.respond(wire, "200 OK")
            if method == "BYE" and (dialog := self.talking.pop(wire.one("call-id"), None)):
                self.free_since[dialog.user] = wire.at

    def _ring(self, wire: Wire) -> None:
        user = wire.start.split(" ")[1].partition(":")[2].partition("@")[0]
        since = self.free_since.pop(user, None)
        if since is None:
            self.failed += 1  # Rang an agent who was not free.
        elif self.counting:
            self.distributed += 1
            self.delays.append(wire.at - since)
            others = [at for agent, at in self.free_since.items() if self.tier[agent] == self.tier[user]]
            lower = [agent for agent in self.free_since if self.tier[agent] < self.tier[user]]
            if others or lower:
                self.judged += 1
                self.longest += not lower and since <= min(others, default=since) + MARGIN
        self.agents.respond(wire, "180 Ringing", tag="ring", extra=self.agents.contact(user))
        dialog = self.agents.answer(wire, user)
        self.talking[dialog.call_id] = dialog
        self.agents.after(self.random.uniform(*self.talk), lambda: self._hang_up(dialog))

    def _hang_up(self, dialog: Dialog) -> None:
        if self.talking.pop(dialog.call_id, None):
            self.agents.bye(dialog)
            self.free_since[dialog.user] = time.monotonic()

    # -- callers
    def _caller_request(self, wire: Wire) -> None:
        if wire.start.startswith("BYE"):
            self.callers.respond(wire, "200 OK")
            if self.calls.pop(wire.one("call-id"), None):
                self.callers.after(self.gap, self.call)
        elif not wire.start.startswith("ACK"):
            self.callers.respond(wire, "200 OK")

    def _caller_response(self, wire: Wire) -> None:
        dialog = self.calls.get(wire.one("call-id"))
        if dialog is None or wire.method != "INVITE":
            return
        if wire.status == 401:
            self.callers.authenticate(dialog, wire)
        elif wire.status == 200:
            self.callers.ack(dialog, wire)
        elif wire.status >= 300:
            self.failed += 1
            self.calls.pop(dialog.call_id, None)

    def call(self) -> None:
        if self.stopped:
            return
        user, password = self.accounts[self.next_account % len(self.accounts)]
        self.next_account += 1
        dialog = self.callers.invite(user, password, self.queue)
        self.calls[dialog.call_id] = dialog

    def serve(self, seconds: float) -> None:
        pump(self.agents, self.callers, seconds=seconds)


def run(*, agents: int = 20, seconds: float = 10.0) -> dict[str, Any]:
    """Both phases. Delays in milliseconds."""
    figures: dict[str, Any] = {}
    phases = {"saturated": (agents * 2, (0.2, 0.6), 0.0), "light": (max(2, int(agents * 0.6)), (0.2, 0.6), 0.02)}
    for phase, (callers, talk, gap) in phases.items():
        with Lab(accounts=100, agents=agents, tiers=1) as lab:
            flood = Flood(lab, callers=callers, talk=talk, gap=gap)
            for _ in range(callers):
                flood.call()
            flood.serve(2.0)
            flood.counting = True
            before, at = lab.cpu(), time.monotonic()
            flood.serve(seconds)
            used, lasted = lab.cpu() - before, time.monotonic() - at
            flood.counting, flood.stopped = False, True
            ordered = sorted(flood.delays)
            figures[phase] = {
                "distributed_per_s": round(flood.distributed / lasted, 1),
                "cpu_ms_each": round(used * 1e3 / max(1, flood.distributed), 3),
                "core_percent": round(100 * used / lasted, 1),
                "failed": flood.failed,
            }
            if phase == "saturated" and ordered:
                figures[phase]["free_to_ring_ms_p50"] = round(statistics.median(ordered) * 1e3, 2)
                figures[phase]["free_to_ring_ms_p95"] = round(ordered[int(len(ordered) * 0.95)] * 1e3, 2)
            if phase == "light" and flood.judged:
                figures[phase]["longest_idle_share"] = round(flood.longest / flood.judged, 4)
                figures[phase]["judged"] = flood.judged
    return figures


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
