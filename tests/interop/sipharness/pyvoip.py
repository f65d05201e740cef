"""pyVoIP, an independent softphone in Python, as a process of its own: UDP and G.711 only.

It is GPL-3: it is driven here through a pipe and never imported by the product.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from .core import LOOPBACK, Account, Phone, PhoneError, free_port

_RTP_PORTS = 20


class PyVoip(Phone):
    """One pyVoIP phone. Requests and replies are lines of JSON; what it hears goes to `heard-N.wav`."""

    KIND = "pyvoip"

    def __init__(self, account: Account, **options: Any) -> None:
        super().__init__(account, **options)
        self.rtp_port = free_port(_RTP_PORTS)
        self._process: subprocess.Popen[bytes] | None = None
        self._replies: dict[int | None, dict[str, Any]] = {}
        self._sent = 0

    def start(self) -> None:
        worker = Path(__file__).with_name("pyvoip_worker.py")
        self._process = self.spawn([sys.executable, "-u", worker], pipes=True)
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        account = self.account
        self.command(
            "start",
            timeout=20,
            server=account.server,
            port=account.port,
            user=account.user,
            password=account.password,
            ip=LOOPBACK,
            sip_port=self.sip_port,
            rtp_low=self.rtp_port,
            rtp_high=self.rtp_port + _RTP_PORTS - 2,
            play=str(self.play) if self.play else None,
            auto_answer=self.auto_answer,
            directory=str(self.dir),
        )

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            try:
                self.command("quit", timeout=5)
                self._process.wait(5)
            except (PhoneError, subprocess.TimeoutExpired):
                pass  # it is ended by signal instead
        super().stop()

    def _read(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            message = json.loads(line)
            if "event" in message:
                self.emit(message.pop("event"), **message)
            else:
                self._reply(message["id"], message)
        self._reply(None, {})

    def _reply(self, request: int | None, message: dict[str, Any]) -> None:
        with self._changed:
            self._replies[request] = message
            self._changed.notify_all()

    def command(self, command: str, *, timeout: float = 10.0, **arguments: Any) -> Any:
        """Perform a request of the worker. Raises PhoneError."""
        if self._process is None or self._process.stdin is None:
            raise PhoneError(f"{self.name} is not running")
        self._sent += 1
        request = self._sent
        self._process.stdin.write(json.dumps({"id": request, "command": command, **arguments}).encode() + b"\n")
        self._process.stdin.flush()
        with self._changed:
            if not self._changed.wait_for(lambda: request in self._replies or None in self._replies, timeout):
                raise PhoneError(f"{self.name}: no reply to {command}")
            reply = self._replies.pop(request, None)
        if reply is None:
            raise PhoneError(f"{self.name}: the worker ended in {command}:\n{self.log()[-1500:]}")
        if not reply["ok"]:
            raise PhoneError(f"{self.name}: {command}: {reply['data']}")
        return reply["data"]

    def call(self, target: str) -> None:
        self.command("call", number=target)

    def answer(self) -> None:
        self.command("answer")

    def hangup(self) -> None:
        self.command("hangup")

    def recordings(self) -> list[Path]:
        return sorted(self.dir.glob("heard-*.wav"))
