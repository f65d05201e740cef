"""The switch under test: `softswitch lab` as a process, started, restarted, killed and looked into from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .sipharness import Account, free_port
from .sipharness.core import LOOPBACK, free_range

START = 60.0  # seconds to begin accepting calls
STOP = 30.0  # seconds to end after SIGTERM


@dataclass(slots=True)
class Lab:
    """A throwaway switch in `directory`. `options`: further arguments of the command."""

    directory: Path
    accounts: int = 20
    agents: int = 3
    tiers: int = 1
    options: tuple[str, ...] = ()
    host: str = LOOPBACK
    environment: dict[str, str] = field(default_factory=dict)
    media_ports: int = 2000  # several labs fit beside each other on a machine
    port: int = field(default_factory=lambda: free_port(2))
    http_port: int = field(default_factory=free_port)
    facts: dict[str, Any] = field(default_factory=dict)  # lab.json
    _media: tuple[int, int] = (0, 0)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def domain(self) -> str:
        return self.facts["domain"]

    @property
    def extensions(self) -> dict[str, str]:
        return self.facts["extensions"]

    @property
    def output(self) -> Path:
        """What the command wrote to standard output and standard error."""
        return self.directory / "output.txt"

    def log(self) -> str:
        return Path(self.facts["log"]).read_text(errors="replace") if self.facts else ""

    # --- life cycle

    def start(self) -> None:
        """Returns when the switch accepts calls. Raises RuntimeError with its last words."""
        for _ in range(5):
            fresh = not self._media[0]
            if fresh:
                self._media = free_range(self.media_ports)
            if self._launch():
                return
            if not (fresh and "already in use" in self.output.read_text()):
                break
            # Somebody took a port between our look and the switch's: others. After a restart they must be the same.
            self._media = 0, 0
            self.port, self.http_port = free_port(2), free_port()
            self.output.unlink()
        raise RuntimeError(f"softswitch lab did not start:\n{self.output.read_text()[-3000:]}")

    def _launch(self) -> bool:
        report = self.directory / "lab.json"
        report.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "softswitch", "lab", "--dir", self.directory),
            *("--listen", f"{self.host}:{self.port}", "--http", f"{LOOPBACK}:{self.http_port}"),
            *("--media-ports", f"{self._media[0]}-{self._media[1]}"),
            *("--accounts", self.accounts, "--agents", self.agents, "--tiers", self.tiers, *self.options),
            *(() if self.host == LOOPBACK else ("--allow-public",)),
        ]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env=os.environ | self.environment,
            )  # fmt: skip
        deadline = time.monotonic() + START
        while not self._reported(report):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                return False
            time.sleep(0.02)  # there is nothing to await: the file is another process's
        return True

    def _reported(self, report: Path) -> bool:
        if not report.exists():
            return False
        try:
            self.facts = json.loads(report.read_text())
        except ValueError:  # half written
            return False
        return True

    def kill(self) -> None:
        """kill -9 of the switch. Its media workers wait for another one, unless the environment says otherwise."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """SIGTERM, and the judgement of its life: a clean exit, no traceback in the log."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"no end within {STOP} s of SIGTERM:\n{self.log()[-3000:]}") from None
        self._process = None
        assert status == 0, f"ended with {status}:\n{self.output.read_text()[-3000:]}"
        self.assert_healthy()

    def assert_healthy(self) -> None:
        """No exception came to the surface so far."""
        for text in (self.output.read_text(errors="replace"), self.log()):
            if (at := text.find("Traceback")) >= 0:
                raise AssertionError(f"a traceback in the log:\n{text[max(0, at - 500) : at + 3000]}")

    # --- looking inside

    def command(self, *arguments: str) -> Any:
        """A command of the `softswitch` CLI with --json, attached to this switch."""
        result = subprocess.run(
            [sys.executable, "-m", "softswitch", *arguments, "--json"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, "SOFTSWITCH_CONFIG": str(self.directory)},
        )
        if result.returncode:
            raise RuntimeError(f"softswitch {' '.join(arguments)}: {result.stderr or result.stdout}")
        return json.loads(result.stdout)

    def set_account(self, user: str, **values: str) -> None:
        """Change settings of an account."""

        def edited(site: str) -> str:
            before, head, after = site.partition(f"[account.{user}]\n")
            assert head, f"no account {user}"
            section, following, rest = after.partition("\n[")
            kept = [line for line in section.split("\n") if line.partition(" = ")[0] not in values]
            lines = [*(f'{name} = "{value}"' for name, value in values.items()), *kept]
            return before + head + "\n".join(lines) + following + rest

        self._edit(edited)

    def add(self, section: str) -> None:
        """Add a section to the site, unless it has it."""
        self._edit(lambda site: site if section.split("\n", 1)[0] in site else f"{site}\n{section}")

    def extend(self, dialled: str, destination: str) -> None:
        """Add a number that can be dialled."""
        self._edit(lambda site: site.replace("[extensions]\n", f'[extensions]\n{dialled} = "{destination}"\n', 1))

    def _edit(self, change: Callable[[str], str]) -> None:
        """As an operator does: export the site, edit it, apply it."""
        environment = {**os.environ, "SOFTSWITCH_CONFIG": str(self.directory)}
        command = [sys.executable, "-m", "softswitch"]
        site = subprocess.run([*command, "export"], capture_output=True, text=True, check=True, env=environment).stdout
        subprocess.run(
            [*command, "apply", "-"], input=change(site), capture_output=True, text=True, check=True, env=environment
        )

    # --- whom to be

    def account(self, number: int, *, transport: str = "udp") -> Account:
        """An account for a driven phone. Each test takes numbers of its own, so that no binding is left from another."""
        return self._as_account(self.facts["accounts"][number], transport)

    def agent(self, number: int, *, transport: str = "udp") -> Account:
        return self._as_account(self.facts["agents"][number], transport)

    def tier(self, number: int) -> int:
        return int(self.facts["agents"][number]["tier"])

    def _as_account(self, entry: dict[str, Any], transport: str) -> Account:
        port = int(self.facts[transport].rpartition(":")[2]) if transport in ("tls", "ws", "wss") else self.port
        certificate = self.facts["certificate"]
        return Account(
            entry["user"], entry["password"], self.host, port, self.domain, transport, certificate=certificate
        )
