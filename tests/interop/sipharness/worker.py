"""A phone that lives in a process of its own and is spoken to in lines of JSON.

Requests are {"id": 1, "command": "call", ...}, replies {"id": 1, "ok": true, "data": ...}, events {"event": "ringing", ...}.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from .core import Account, Phone, PhoneError, free_port

_RTP_PORTS = 20


class WorkerPhone(Phone):
    """The side of the test. `WORKER`: the script beside this file that runs the client."""

    WORKER = ""

    def __init__(self, account: Account, **options: Any) -> None:
        super().__init__(account, **options)
        self.rtp_port = free_port(_RTP_PORTS)
        self._process: subprocess.Popen[bytes] | None = None
        self._replies: dict[int | None, dict[str, Any]] = {}
        self._sent = 0

    @property
    def rtp_ports(self) -> range:
        """The local ports that may receive RTP."""
        return range(self.rtp_port, self.rtp_port + _RTP_PORTS)

    def configuration(self) -> dict[str, Any]:
        """The arguments of the worker's `start`."""
        account = self.account
        return {
            "server": account.server,
            "port": account.port,
            "user": account.user,
            "password": account.password,
            "ip": self.host,
            "sip_port": self.sip_port,
            "rtp_low": self.rtp_port,
            "rtp_high": self.rtp_port + _RTP_PORTS - 2,
            "play": str(self.play) if self.play else None,
            "auto_answer": self.auto_answer,
            "directory": str(self.dir),
        }

    def start(self) -> None:
        worker = Path(__file__).with_name(self.WORKER)
        self._process = self.spawn([sys.executable, "-u", worker], pipes=True)
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        self.command("start", timeout=20, **self.configuration())

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            try:
                self.command("quit", timeout=5)
                self._process.wait(5)
            except (PhoneError, OSError, subprocess.TimeoutExpired):
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
        with self._changed:
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
