"""A virtual phone that knows the extensions: PRACK (RFC 3262), UPDATE (RFC 3311), session timers (RFC 4028).

What it does with them is for the scenario to say; what it saw is in `heard`, by method or status, in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sim.agent import T1
from tests.sim.phone import Behaviour, Line, VirtualPhone
from tests.sim.text import Raw, Sdp, tag_of, uri_of

if TYPE_CHECKING:
    from tests.sim.world import World

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK"


class ExtendedPhone(VirtualPhone):
    """See the module. `reliable`: 18x of ours go out reliably; `pracks`: those of the switch are acknowledged; `session`:
    Session-Expires of our 2xx; `shortest`: below that we answer 422."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.supported = "100rel, timer"
        self.allow = ALLOW
        self.reliable = False
        self.pracks = True
        self.session = ""
        self.shortest = 0
        self.rseq = 700
        self.answers_update = 200
        self.lines_of_prack: list[str] = []  # further headers of the next PRACK
        self.body_of_prack = b""
        self._waiting: dict[int, bytes] = {}  # RSeq -> the response that is repeated

    # --- what it saw ---

    def heard(self, what: str) -> list[Raw]:
        """Requests of a method, or responses of a status and method, "200 UPDATE"."""
        status, _, method = what.rpartition(" ")
        if status:
            return [raw for raw in self.received if raw.status == int(status) and raw.method == method]
        return [raw for raw in self.received if raw.start.startswith(f"{method} ")]

    # --- what it says of itself ---

    def call(self, dialled: str, *, sdp: bool = True, headers: dict[str, str] | None = None, uri: str = "") -> Line:
        return super().call(
            dialled, sdp=sdp, headers={"Supported": self.supported, "Allow": self.allow, **(headers or {})}, uri=uri
        )

    def respond(self, raw: Raw, status: int, *, tag: str = "", headers: str = "", body: bytes = b"") -> bytes:
        method = raw.start.split(" ")[0]
        if method in ("INVITE", "UPDATE") and 200 <= status < 300:
            headers += f"Supported: {self.supported}\r\nAllow: {self.allow}\r\n"
            if self.session:
                headers += f"Session-Expires: {self.session}\r\n"
        if method == "INVITE" and 100 < status < 200 and self.reliable:
            self.rseq += 1
            headers += f"Require: 100rel\r\nRSeq: {self.rseq}\r\n"
            self._waiting[self.rseq] = super().respond(raw, status, tag=tag, headers=headers, body=body)
            self.world.after(T1, lambda number=self.rseq: self._again(number, T1))  # type: ignore[misc]
            return self._waiting[self.rseq]
        return super().respond(raw, status, tag=tag, headers=headers, body=body)

    def _again(self, number: int, interval: float) -> None:
        if number in self._waiting and interval < 64 * T1:
            self.send(self._waiting[number])
            self.world.after(2 * interval, lambda: self._again(number, 2 * interval))

    # --- requests of the switch ---

    def requested(self, raw: Raw, method: str) -> None:
        line = self.line(raw)
        seconds = raw.get("Session-Expires").partition(";")[0]
        if method == "PRACK":
            found = self._waiting.pop(int(raw.get("RAck").split(" ")[0]), None)
            self.respond(raw, 200 if found else 481)
        elif method in ("INVITE", "UPDATE") and seconds and int(seconds) < self.shortest:
            self.respond(raw, 422, tag=self.fresh("t"), headers=f"Min-SE: {self.shortest}\r\n")
        elif method == "UPDATE" and line is not None and self.answers_update != 200:
            self.respond(raw, self.answers_update)
        else:
            super().requested(raw, method)

    # --- responses of the switch ---

    def progressed(self, raw: Raw) -> None:
        line = self.line(raw)
        if raw.status > 100 and raw.get("RSeq") and self.pracks and line is not None:
            self.prack(line, raw)
        super().progressed(raw)

    def prack(self, line: Line, raw: Raw, rack: str = "") -> None:
        """Acknowledge a provisional response, once."""
        rack = rack or f"{raw.get('RSeq')} {raw.get('CSeq')}"
        if f"PRACK {rack}" in line.log:
            return
        line.note(f"PRACK {rack}")
        line.remote_tag = tag_of(raw.get("To"))
        line.target = uri_of(raw.get("Contact"))
        line.cseq += 1
        headers = {**self.dialog_headers(line, "PRACK", line.cseq), "RAck": rack}
        body = self.body_of_prack
        if raw.body and line.sdp is None and self._late(line):
            line.sdp = Sdp.read(raw.body)
            body = self.answer_sdp(line)
        self.request("PRACK", line.target, headers, body, lambda answer: self._pracked(line, answer))

    def _pracked(self, line: Line, answer: Raw | None) -> None:
        line.note(f"PRACK {answer.status if answer else None}")

    def _late(self, line: Line) -> bool:
        """Whether the INVITE of this line had no offer."""
        found = [state for (_, method), state in self._clients.items() if method == "INVITE" and state["live"]]
        return any(line.call_id.encode() in state["data"] and b"v=0" not in state["data"] for state in found)

    def update(self, line: Line, body: bytes = b"", **headers: str) -> None:
        """Send UPDATE; the log of the line tells how it goes. Names of headers with _ for -."""
        line.cseq += 1
        found = {**self.dialog_headers(line, "UPDATE", line.cseq), "Supported": self.supported}
        found |= {name.replace("_", "-"): value for name, value in headers.items()}
        self.request("UPDATE", line.target, found, body, lambda raw: line.note(f"UPDATE {raw.status if raw else None}"))


def extended(world: World, user: str, **behaviour: Any) -> ExtendedPhone:
    """A registered phone of this kind."""
    index = len(world.phones) + 1
    phone = ExtendedPhone(world, user, f"secret-{user}", f"198.51.100.{index}", 5060 + index, Behaviour(**behaviour))
    phone.register()
    return phone
