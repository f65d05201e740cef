"""What others want to see of a switch, as plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from softswitch.acd import board
from softswitch.acd import view as acd
from softswitch.acd.engine import Engine
from softswitch.call import view
from softswitch.call.control import CallControl
from softswitch.sip.endpoint import Endpoint
from softswitch.sip.guard import Guard
from softswitch.sip.locate import Locator
from softswitch.sip.qualify import Qualifier
from softswitch.sip.registrar import Registrar
from softswitch.sip.subscription import Notifier
from softswitch.sip.trunks import Trunks
from softswitch.switch.admission import Admission


class Views:
    """The part of the switch that is looked at."""

    admission: Admission
    calls: CallControl
    endpoint: Endpoint
    guard: Guard
    locator: Locator
    notifier: Notifier
    qualifier: Qualifier
    queues: Engine
    registrar: Registrar
    trunks: Trunks

    def status(self, now: float) -> dict[str, Any]:
        """Totals for `softswitch status` and the health pages."""
        return {
            "draining": self.admission.draining,
            "registrations": len(self.registrar),
            "calls": len(self.calls.calls),
            "media": view.media(self.calls.board, now),
            "sip": asdict(self.endpoint.counters),
            "subscriptions": len(self.notifier),
            "dns": asdict(self.locator.counters),
            "qualify": {"asked": self.qualifier.asked, "unanswered": self.qualifier.unanswered},
            **self.guard.status(now),
        }

    def call_list(self, now: float) -> list[dict[str, Any]]:
        return view.calls(self.calls.board, now)

    def trunk_list(self, now: float) -> list[dict[str, Any]]:
        """The lines to outside, with the calls that they carry."""
        calls = self.calls.board.legs_on
        return [one | {"calls": calls(one["trunk"])} for one in self.trunks.view(now)]

    def conference_list(self, now: float) -> list[dict[str, Any]]:
        return view.conferences(self.calls.board, now)

    def queue_board(self, now: float) -> dict[str, Any]:
        """Queues and agents as plain values."""
        return self.queues.snapshot(now)

    def queue_list(self, now: float) -> dict[str, Any]:
        """Queues by name, as `queue_board` has them."""
        return acd.queues(self.queues, now)

    def agent_list(self, now: float) -> dict[str, Any]:
        """Agents by name, as `queue_board` has them."""
        return acd.agents(self.queues, now)

    def wallboard(self, now: float) -> dict[str, dict[str, Any]]:
        """Queues and agents as a wallboard shows them, by name; `call` of an agent: on their phone, for `call_seconds`."""
        agents, calls = board.agents(self.queues, now), view.by_device(self.calls.board, now)
        for one in agents.values():
            one["call"], one["call_seconds"] = calls.get(one["device"], (None, None))
        return {"queues": board.queues(self.queues, now), "agents": agents}

    def registrations(self, now: float) -> list[dict[str, Any]]:
        """Every binding as plain values."""
        return [
            {
                "aor": binding.aor,
                "contact": binding.contact,
                "transport": binding.flow.transport,
                "source": f"{binding.flow.host}:{binding.flow.port}",
                "expires_in": round(binding.expires_at - now),
                "user_agent": binding.user_agent,
                "instance": binding.instance,
                "reg_id": binding.reg_id,
                "path": list(binding.path),
                "reachable": not binding.unreachable,
                "rtt_ms": round(1000 * binding.rtt, 1) if binding.rtt >= 0 else None,
            }
            for aor in self.registrar.aors()
            for binding in self.registrar.every(aor, now)
        ]
