"""The queue under load: agents who hang up by their own clock, callers in excess or in short supply, all times off the wire.

Saturated phase: always more callers than agents, so that a freed agent must ring at once: `free_to_ring` is the time from
the agent's BYE to the next INVITE at the same agent. Rush phase: calls a tenth as long, as many as can be. Light phase: fewer
callers than agents, so that there is a choice: the agent who rings should be the one who has been free the longest. Tiers
phase: the same with agents in two tiers: nobody of the second should ring while somebody of the first is free. Times closer
than `MARGIN` cannot be told apart.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bench import progress
from bench.lab import Lab
from bench.load.station import Dialog, Station, Wire, pump

MARGIN = 0.005  # seconds
AGAIN = 1.0  # seconds until a caller who was refused calls again
TALK = (0.2, 0.6)  # seconds
RUSH = (0.02, 0.06)


@dataclass(slots=True)
class Tally:
    """What was seen on the wire while counting."""

    delays: list[float] = field(default_factory=list)
    distributed: int = 0
    chances: int = 0  # rings while another agent of the same tier was free
    longest: int = 0  # of those: the one who had been free the longest rang
    tier_chances: int = 0  # rings while agents of both tiers were free
    lower: int = 0  # of those: the agent was of the lowest tier that had one
    rang_busy: int = 0
    lost_early: int = 0  # callers whom the switch hung up before an agent did
    refused: Counter[int] = field(default_factory=Counter)


class Flood:
    """Callers and agents of one run."""

    def __init__(self, lab: Lab, *, callers: int, talk: tuple[float, float], gap: float, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.talk, self.gap = talk, gap
        server = ("127.0.0.1", lab.port)
        self.agents = Station(server, lab.domain)
        self.callers = Station(server, lab.domain)
        self.agents.register([(agent["user"], agent["password"]) for agent in lab.info["agents"]])
        self.tier = {agent["user"]: agent["tier"] for agent in lab.info["agents"]}
        self.free_since = {agent["user"]: time.monotonic() for agent in lab.info["agents"]}
        self.accounts = [(a["user"], a["password"]) for a in lab.info["accounts"][:callers]]
        self.queue = lab.info["extensions"]["queue"]
        self.calls: dict[str, Dialog] = {}
        self.talking: dict[str, Dialog] = {}
        self.tally = Tally()
        self.counting = False
        self.agents.on_request, self.agents.on_response = self._agent_request, lambda wire: None
        self.callers.on_request, self.callers.on_response = self._caller_request, self._caller_response
        self.next_account = 0
        self.stopped = False

    # -- agents
    def _agent_request(self, wire: Wire) -> None:
        method = wire.start.split(" ", 1)[0]
        if method == "INVITE" and not wire.tag("to"):
            self._ring(wire)
        elif method == "INVITE":
            self.agents.answer(wire, wire.user)
        elif method != "ACK":
            self.agents.respond(wire, "200 OK")
            if method == "BYE" and (dialog := self.talking.pop(wire.one("call-id"), None)):
                self.free_since[dialog.user] = wire.at
                self.tally.lost_early += self.counting

    def _ring(self, wire: Wire) -> None:
        user = wire.user
        since = self.free_since.pop(user, None)
        if self.counting:
            self._judge(user, since, wire.at)
        self.agents.respond(wire, "180 Ringing", tag="ring", extra=self.agents.contact(user))
        dialog = self.agents.answer(wire, user)
        self.talking[dialog.call_id] = dialog
        self.agents.after(self.random.uniform(*self.talk), lambda: self._hang_up(dialog))

    def _judge(self, user: str, since: float | None, at: float) -> None:
        tally = self.tally
        if since is None:
            tally.rang_busy += 1
            return
        tally.distributed += 1
        tally.delays.append(at - since)
        # An agent who hung up just now was not known to be free when this one was chosen.
        free = {agent: when for agent, when in self.free_since.items() if when < at - MARGIN}
        if others := [when for agent, when in free.items() if self.tier[agent] == self.tier[user]]:
            tally.chances += 1
            tally.longest += since <= min(others) + MARGIN
        tiers = {self.tier[agent] for agent in free} | {self.tier[user]}
        if len(tiers) > 1:
            tally.tier_chances += 1
            tally.lower += self.tier[user] == min(tiers)

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
        elif wire.start.startswith("INVITE"):
            self.callers.answer(wire, wire.user)
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
            self.tally.refused[wire.status] += 1
            self.calls.pop(dialog.call_id, None)
            self.callers.after(AGAIN, self.call)

    def call(self) -> None:
        if self.stopped:
            return
        user, password = self.accounts[self.next_account % len(self.accounts)]
        self.next_account += 1
        dialog = self.callers.invite(user, password, self.queue)
        self.calls[dialog.call_id] = dialog

    def serve(self, seconds: float) -> None:
        pump(self.agents, self.callers, seconds=seconds)

    def close(self) -> None:
        self.stopped = True
        self.agents.close()
        self.callers.close()


def run(*, agents: int = 20, seconds: float = 10.0) -> dict[str, Any]:
    """All phases. Delays in milliseconds."""
    few = max(2, agents * 2 // 5)  # always less than one tier has
    return {
        "saturated": phase("saturated", agents, seconds, callers=2 * agents, gap=0.0),
        "rush": phase("rush", agents, seconds, callers=2 * agents, gap=0.0, talk=RUSH),
        "light": phase("light", agents, seconds, callers=max(2, agents * 3 // 5), gap=0.02),
        "tiers": phase("tiers", agents, seconds, callers=few, gap=0.02, tiers=2),
        "margin_ms": MARGIN * 1e3,
    }


def phase(
    name: str,
    agents: int,
    seconds: float,
    *,
    callers: int,
    gap: float,
    tiers: int = 1,
    talk: tuple[float, float] = TALK,
) -> dict[str, Any]:
    """One phase on a switch of its own."""
    progress.note(name)
    with Lab(accounts=100, agents=agents, tiers=tiers) as lab:
        flood = Flood(lab, callers=callers, talk=talk, gap=gap)
        for _ in range(callers):
            flood.call()
        flood.serve(2.0)
        flood.counting = True
        before, signalling, starved, at = lab.cpu(), lab.signalling_cpu(), lab.starved(), time.monotonic()
        flood.serve(seconds)
        used, signalling, lasted = lab.cpu() - before, lab.signalling_cpu() - signalling, time.monotonic() - at
        starved = lab.starved() - starved
        flood.close()
    tally = flood.tally
    figures: dict[str, Any] = {
        "agents": agents,
        "callers": callers,
        "distributed_per_s": round(tally.distributed / lasted, 1),
        "cpu_ms_each": round(used * 1e3 / max(1, tally.distributed), 3),
        "cpu_ms_each_without_media": round(signalling * 1e3 / max(1, tally.distributed), 3),
        "core_percent": round(100 * used / lasted, 1),
        "starved_percent": round(100 * starved / lasted, 1),
        "rang_busy_agent": tally.rang_busy,
        "hung_up_by_switch": tally.lost_early,
        "refused": {str(status): count for status, count in tally.refused.items()},
    }
    ordered = sorted(tally.delays)
    if name == "saturated" and ordered:  # In a rush callers may be missing at times.
        figures["free_to_ring_ms_p50"] = round(statistics.median(ordered) * 1e3, 2)
        figures["free_to_ring_ms_p95"] = round(ordered[int(len(ordered) * 0.95)] * 1e3, 2)
    if callers < agents and tally.chances:
        figures["longest_idle_percent"] = round(100 * tally.longest / tally.chances, 2)
        figures["judged"] = tally.chances
    if tally.tier_chances:
        figures["lower_tier_percent"] = round(100 * tally.lower / tally.tier_chances, 2)
        figures["tiers_judged"] = tally.tier_chances
    return figures


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
