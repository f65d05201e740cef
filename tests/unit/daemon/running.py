"""A real switch in a process of its own, and a phone of a few lines to talk to it. Everything on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 30.0  # seconds for anything: the machine may be busy


def free_ports(count: int = 1) -> list[int]:
    """Ports free for UDP and TCP right now, all different."""
    held: list[socket.socket] = []
    ports: list[int] = []
    while len(ports) < count:
        udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        held += [udp, tcp]
        udp.bind(("127.0.0.1", 0))
        try:
            tcp.bind(udp.getsockname())
        except OSError:
            continue
        ports.append(udp.getsockname()[1])
    for sock in held:
        sock.close()
    return ports


def free_range(count: int) -> str:
    """Consecutive UDP ports, the first one even, as `media.ports` wants them."""
    for first in range(34_000, 60_000, count):
        try:
            for port in range(first, first + count):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.bind(("127.0.0.1", port))
        except OSError:
            continue
        return f"{first}-{first + count - 1}"
    raise AssertionError("no free range of ports")


@dataclass
class Running:
    """`softswitch lab` as a process. It says over NOTIFY_SOCKET, as to systemd, when it accepts calls."""

    directory: Path
    settings: dict[str, str] = field(default_factory=dict)  # of the environment
    facts: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    media_ports: str = field(default_factory=lambda: free_range(80))

    def __post_init__(self) -> None:
        self.port, self.http = free_ports(2)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self.directory / "notify"))
        self._notify.settimeout(PATIENCE)

    def start(self) -> None:
        with (self.directory / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "softswitch.cli", "lab", "--dir", str(self.directory / "lab"),
                    "--listen", f"127.0.0.1:{self.port}", "--http", f"127.0.0.1:{self.http}", "--accounts", "10",
                    "--agents", "2", "--tiers", "1", "--media-ports", self.media_ports, "--media-workers", "1",
                ],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT,
                env={**os.environ, "NOTIFY_SOCKET": str(self.directory / "notify"), **self.settings},
            )  # fmt: skip
        self.told("READY=1")
        self.facts = json.loads((self.directory / "lab" / "lab.json").read_text())

    def told(self, line: str) -> list[str]:
        """Wait until the switch tells its service manager this line."""
        while True:
            lines = self._notify.recv(4096).decode().split("\n")
            if line in lines:
                return lines

    def command(self, *arguments: str) -> Any:
        """What a command of the CLI prints with --json."""
        result = subprocess.run(
            [sys.executable, "-m", "softswitch.cli", *arguments, "--json"],
            capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=ROOT,
            env={**os.environ, "SOFTSWITCH_CONFIG": str(self.directory / "lab")},
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        self.kill()
        self._notify.close()

    def log(self) -> str:
        return (self.directory / "lab" / "softswitch.log").read_text() + (self.directory / "output").read_text()


class Phone:
    """One account's user agent over UDP or TCP, driven step by step."""

    def __init__(self, switch: Running, number: int = 0, transport: str = "udp") -> None:
        account = switch.facts["accounts"][number]
        self.user, self.password = account["user"], account["password"]
        self.domain = switch.facts["domain"]
        self.transport = transport
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", switch.port))
        self._stream = self.socket.makefile("rb") if transport == "tcp" else None
        self._count = 0

    def close(self) -> None:
        if self._stream:
            self._stream.close()
        self.socket.close()

    def send(
        self,
        method: str,
        to: str,
        *,
        extra: str = "",
        body: str = "",
        call_id: str = "",
        to_tag: str = "",
        cseq: int = 0,
        via: str = "",
        uri: str = "",
    ) -> None:
        host, port = self.socket.getsockname()
        self._count += 1
        cseq = cseq or self._count
        tag = f";tag={to_tag}" if to_tag else ""
        via = (
            via
            or f"SIP/2.0/{self.transport.upper()} {host}:{port};rport;branch=z9hG4bK{self.user}x{port}x{self._count}"
        )
        text = (
            f"{method} {uri or f'sip:{to}@{self.domain}'} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{self.user}@{self.domain}>;tag=a{port}\r\nTo: <sip:{to}@{self.domain}>{tag}\r\n"
            f"Call-ID: {call_id or f'{self.user}-{port}'}\r\nCSeq: {cseq} {method}\r\n"
            f"Contact: <sip:{self.user}@{host}:{port};transport={self.transport}>\r\n{extra}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self.socket.sendall(text.encode())

    def receive(self) -> tuple[int, str]:
        """The next final response or request: (status, text); a request has status 0."""
        while True:
            text = self._message()
            status = int(text[8:11]) if text.startswith("SIP/2.0 ") else 0
            if not 100 <= status < 200:
                return status, text

    def _message(self) -> str:
        if self._stream is None:
            return self.socket.recv(65_536).decode("latin-1")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._stream.readline()
            assert line, "the switch closed the connection"
            head = (head + line) if head or line.strip() else b""
        length = int(value(head.decode(), "Content-Length"))
        return (head + self._stream.read(length)).decode()

    def ask(self, method: str, to: str, **more: Any) -> tuple[int, str]:
        self.send(method, to, **more)
        return self.receive()

    def authenticated(self, method: str, to: str, **more: Any) -> tuple[int, str]:
        """A request, its challenge, the request with credentials; the answer to that."""
        answer = self.send_authenticated(method, to, **more)
        return answer if answer[0] not in (401, 407) else self.receive()

    def send_authenticated(self, method: str, to: str, *, extra: str = "", **more: Any) -> tuple[int, str]:
        """Without waiting for the answer to the request with credentials; what came before it."""
        status, text = self.ask(method, to, extra=extra, **more)
        if status in (401, 407):
            if method == "INVITE":
                self._ack(to, text, **more)
            self.send(method, to, extra=self._credentials(method, to, status, text) + extra, **more)
        return status, text

    def _credentials(self, method: str, to: str, status: int, text: str) -> str:
        header = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        # A short request is offered one algorithm only.
        challenge = min(
            (line for line in text.split("\r\n") if line.startswith(header)), key=lambda line: "MD5" not in line
        )
        algorithm, digest = ("MD5", md5) if "MD5" in challenge else ("SHA-256", sha256)
        realm, nonce = (re.search(rf'{key}="([^"]*)"', challenge)[1] for key in ("realm", "nonce"))  # type: ignore[index]
        uri = f"sip:{to}@{self.domain}"
        ha1, ha2 = (digest(one) for one in (f"{self.user}:{realm}:{self.password}", f"{method}:{uri}"))
        return (
            f'{"Authorization" if status == 401 else "Proxy-Authorization"}: Digest username="{self.user}", realm="{realm}", '
            f'nonce="{nonce}", uri="{uri}", response="{digest(f"{ha1}:{nonce}:00000001:c:auth:{ha2}")}", algorithm={algorithm}, '
            'qop=auth, nc=00000001, cnonce="c"\r\n'
        )

    def register(self, expires: int = 600) -> int:
        status, _ = self.authenticated("REGISTER", self.user, extra=f"Expires: {expires}\r\n")
        return status

    def offer(self, port: int = 9) -> dict[str, str]:
        """What makes an INVITE: a session description for G.711. `port`: where to send audio."""
        host, _ = self.socket.getsockname()
        sdp = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
        return {"body": sdp, "extra": "Content-Type: application/sdp\r\n", "call_id": "a-call"}

    def call(self, to: str, port: int = 9) -> str:
        """Call an extension that answers; the To tag of its 200, which is acknowledged."""
        status, text = self.authenticated("INVITE", to, **self.offer(port))
        assert status == 200, text
        self._ack(to, text, call_id="a-call", in_dialog=True)
        return re.search(r"tag=([^\s;>]+)", value(text, "To"))[1]  # type: ignore[index]

    def _ack(self, to: str, response: str, *, call_id: str = "", in_dialog: bool = False, **_: Any) -> None:
        tag = re.search(r"tag=([^\s;>]+)", value(response, "To"))[1]  # type: ignore[index]
        cseq = int(value(response, "CSeq").split()[0])
        via = "" if in_dialog else re.sub(r";received=[^;]*|;rport=\d+", "", value(response, "Via"))
        self.send("ACK", to, to_tag=tag, call_id=call_id, cseq=cseq, via=via)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def value(text: str, name: str) -> str:
    """A header of a message, "" if it has none."""
    found = (line for line in text.split("\r\n") if line.lower().startswith(name.lower() + ":"))
    return next(found, "").partition(":")[2].strip()
