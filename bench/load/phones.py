"""Phones with SIP and audio: calls are set up by SIP (`Station`), their audio comes from the RTP generator.

Phone number i is account number i of the lab, at the loopback address `rtp_generator.address(i)`; signalling and audio have the
same address, as with a phone in the same network.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from bench.lab import Lab
from bench.load import rtp_generator
from bench.load.rtp_generator import Phone, Report
from bench.load.station import Dialog, Station, Wire, pump

AT_ONCE = 20  # calls that are being set up at the same time
PATIENCE = 60.0  # seconds for all of them
AGAIN = 0.5  # seconds until a call that was refused with 503 (the switch is busy) is placed again


class Phones:
    """The first `count` accounts of a lab."""

    def __init__(self, lab: Lab, count: int) -> None:
        self.lab = lab
        self.accounts = [(one["user"], one["password"]) for one in lab.info["accounts"][:count]]
        self.index = {user: index for index, (user, _) in enumerate(self.accounts)}
        self.hosts = {user: rtp_generator.address(index) for user, index in self.index.items()}
        self.rtp = rtp_generator.bind(0)
        self.rtp_port = int(self.rtp.getsockname()[1])
        server = ("127.0.0.1", lab.port)
        self.station = Station(server, lab.domain, hosts=self.hosts, rtp_port=self.rtp_port, types="0 101")
        self.station.on_request, self.station.on_response = self._request, self._response
        self.relay: dict[str, tuple[str, int]] = {}  # where each phone of a call sends its audio
        self.refused: dict[int, int] = {}
        self.ended = 0
        self._dialogs: dict[str, Dialog] = {}
        self._setting_up: set[str] = set()
        self._waiting: list[tuple[int, str]] = []

    def register(self, chosen: Iterable[int]) -> None:
        self.station.register([self.accounts[index] for index in chosen])

    def call(self, calls: Iterable[tuple[int, str]]) -> None:
        """Place calls, (phone, dialled) each. Raises SystemExit if one of them is not answered."""
        self._waiting = waiting = list(calls)[::-1]

        def fill() -> bool:
            while waiting and len(self._setting_up) < AT_ONCE:
                index, dialled = waiting.pop()
                dialog = self.station.invite(*self.accounts[index], dialled)
                self._dialogs[dialog.call_id] = dialog
                self._setting_up.add(dialog.call_id)
            return not waiting and not self._setting_up

        if not pump(self.station, seconds=PATIENCE, until=fill) or self.refused:
            raise SystemExit(
                f"calls could not be set up: refused {self.refused}, unanswered {len(waiting) + len(self._setting_up)}"
            )

    def _request(self, wire: Wire) -> None:
        method = wire.start.split(" ", 1)[0]
        if method == "INVITE":
            if wire.media[1]:
                self.relay[wire.user] = wire.media
            self.station.answer(wire, wire.user)
        elif method != "ACK":
            self.station.respond(wire, "200 OK")
            self.ended += method == "BYE"

    def _response(self, wire: Wire) -> None:
        dialog = self._dialogs.get(wire.one("call-id"))
        if dialog is None or wire.method != "INVITE":
            return
        if wire.status == 401:
            self.station.authenticate(dialog, wire)
        elif wire.status == 200:
            self.station.ack(dialog, wire)
            self.relay[dialog.user] = wire.media
            self._setting_up.discard(dialog.call_id)
        elif wire.status == 503:
            self.station.after(AGAIN, lambda: self._again(dialog))
        elif wire.status >= 300:
            self._setting_up.discard(dialog.call_id)
            self.refused[wire.status] = self.refused.get(wire.status, 0) + 1

    def _again(self, dialog: Dialog) -> None:
        self._waiting.append((self.index[dialog.user], dialog.dialled))
        self._setting_up.discard(dialog.call_id)

    def audio(
        self, chosen: Iterable[int], seconds: float, warm_up: float, *, talks: bool = True
    ) -> tuple[Report, float]:
        """Send and judge audio for a while; the report, and the CPU seconds that the switch used meanwhile.

        How long it had to wait for its processor comes in the report's `extra`.
        """
        plan = []
        for index in chosen:
            user = self.accounts[index][0]
            plan.append(Phone(self.hosts[user], self.rtp_port, *self.relay[user], talks))
        before, starved, at = self.lab.cpu(), self.lab.starved(), time.monotonic()
        process = rtp_generator.in_process(plan, seconds, warm_up, self.rtp)
        while process.poll() is None:
            pump(self.station, seconds=0.2)
        report, used = rtp_generator.read_report(process), self.lab.cpu() - before
        report.extra["starved_percent"] = round(100 * (self.lab.starved() - starved) / (time.monotonic() - at), 1)
        return report, used

    def __enter__(self) -> Phones:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.station.close()
        self.rtp.close()


OFFERED = 98.0  # percent of the planned packets


def generator_limits(report: Report) -> dict[str, Any]:
    """How far the generator was from its own limit. A step that it could not offer in full is not one that the switch served."""
    return {
        "offered_percent": report.sent_percent,
        "generator_core_percent": report.generator_cpu_percent,
        "generator_late_slots": report.late_slots,
        "starved_percent": report.extra["starved_percent"],
        "generator_limited": report.sent_percent < OFFERED,
    }
