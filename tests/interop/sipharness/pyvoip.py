"""pyVoIP, an independent softphone in Python, as a process of its own: UDP and G.711 only.

It is GPL-3: it is driven here through a pipe and never imported by the product.
"""

from __future__ import annotations

from pathlib import Path

from .worker import WorkerPhone


class PyVoip(WorkerPhone):
    """One pyVoIP phone; what it hears goes to `heard-N.wav`."""

    KIND = "pyvoip"
    WORKER = "pyvoip_worker.py"

    def call(self, target: str) -> None:
        self.command("call", number=target)

    def answer(self) -> None:
        self.command("answer")

    def hangup(self) -> None:
        self.command("hangup")

    def recordings(self) -> list[Path]:
        return sorted(self.dir.glob("heard-*.wav"))
