"""What passed between the switch and a phone, to be compared with the ladders of the RFCs."""

from __future__ import annotations

from tests.sim.agent import UserAgent
from tests.sim.text import Raw


def ladder(phone: UserAgent, *, without: tuple[str, ...] = ("REGISTER",)) -> list[str]:
    """What the phone got from the switch, in order: "INVITE", "180 INVITE" ...; retransmissions once."""
    found: list[str] = []
    seen: set[tuple[str, str, str]] = set()
    for raw in phone.received:
        key = (raw.start, raw.branch, raw.get("RSeq"))
        if raw.method in without or (key in seen and raw.method != "ACK"):
            continue
        seen.add(key)
        found.append(f"{raw.status} {raw.method}" if raw.status else raw.start.split(" ")[0])
    return found


def first(phone: UserAgent, what: str) -> Raw:
    """The first message of a kind that the phone got: "INVITE", "200 INVITE"."""
    status, _, method = what.rpartition(" ")
    return next(
        raw
        for raw in phone.received
        if (raw.status == int(status) and raw.method == method if status else raw.start.startswith(f"{method} "))
    )
