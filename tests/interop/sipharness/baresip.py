"""baresip, driven over its JSON control socket: no sound card, no terminal. Debian's 1.0 and later versions."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
import wave
from pathlib import Path
from typing import Any

from .core import LOOPBACK, Account, Phone, PhoneError, free_port, need

_EVENTS = {
    "REGISTER_OK": "registered",
    "REGISTER_FAIL": "register_failed",
    "UNREGISTERING": "unregistered",
    "CALL_INCOMING": "incoming",
    "CALL_RINGING": "ringing",
    "CALL_PROGRESS": "early",
    "CALL_ANSWERED": "answered",
    "CALL_ESTABLISHED": "established",
    "CALL_CLOSED": "closed",
    "TRANSFER_FAILED": "transfer_failed",
    "CALL_RTPESTAB": "rtp",
    "AUDIO_ERROR": "audio_error",
    "MWI_NOTIFY": "mwi",
}
_MODULES = (
    *("g711", "g722", "opus", "l16", "auconv", "auresamp", "ausine", "aufile", "aubridge", "sndfile", "uuid"),
    *("srtp", "dtls_srtp", "stun", "turn", "ice"),
)
_APPLICATIONS = ("account", "contact", "debug_cmd", "menu", "ctrl_tcp", "mwi")
_RTP_PORTS = 20


class Baresip(Phone):
    """One baresip process with one account. Speaks `play`; records what it hears until the first hold."""

    KIND = "baresip"

    def __init__(
        self,
        account: Account,
        *,
        codecs: tuple[str, ...] = ("PCMA",),
        mediaenc: str = "",
        medianat: str = "",
        dtmf: str = "rtpevent",
        mwi: bool = False,
        **options: Any,
    ) -> None:
        """`mediaenc`: "srtp" | "srtp-mand" | "dtls_srtp"; `medianat`: "ice"; `dtmf`: "rtpevent" | "info"; `mwi`: it
        subscribes to the messages of its mailbox."""
        super().__init__(account, **options)
        self.codecs = codecs
        self.mediaenc, self.medianat, self.dtmf_mode, self.mwi = mediaenc, medianat, dtmf, mwi
        self.program = need("baresip", "baresip-core")
        self.modules = Path("/usr/lib/baresip/modules")
        self.major = _major_version(self.program)
        self.control_port = free_port()
        self.rtp_port = free_port(_RTP_PORTS)
        self._socket: socket.socket | None = None
        self._replies: dict[str, dict[str, Any]] = {}
        self._sent = 0

    @property
    def rtp_ports(self) -> range:
        """The local ports that may receive RTP."""
        return range(self.rtp_port, self.rtp_port + _RTP_PORTS)

    # --- configuration

    def _write_configuration(self) -> None:
        rate = 8000
        if self.play is not None:
            with wave.open(str(self.play)) as file:
                rate = file.getframerate()
        # 1.0 has no player to a file; aubridge without a peer swallows the sound in real time.
        player = f"aufile,{self.dir / 'player.wav'}" if self.major >= 2 else "aubridge,null"
        lines = [
            f"sip_listen {self.host}:{self.sip_port}",
            f"net_interface {self.host}",
            "dns_server 127.0.0.1:9",
            "call_max_calls 8",
            "call_local_timeout 60",
            f"audio_source {f'aufile,{self.play}' if self.play else 'ausine,440'}",
            f"audio_player {player}",
            "audio_alert aubridge,alert",
            # 1.0 refuses a WAV whose rate is not the codec's unless the rate of the source is pinned.
            f"ausrc_srate {rate}",
            "ausrc_channels 1",
            "auplay_srate 8000",
            "auplay_channels 1",
            *(f"{stage}_format s16" for stage in ("ausrc", "auplay", "auenc", "audec")),
            "audio_level no",
            "audio_buffer 20-160",
            *(f"{sound}_aufile none" for sound in ("ring", "ringback", "busy", "error", "notfound", "hangup")),
            "ringback_disabled yes",
            "menu_bell no",
            f"rtp_ports {self.rtp_port}-{self.rtp_port + _RTP_PORTS - 1}",
            f"ctrl_tcp_listen {LOOPBACK}:{self.control_port}",
            f"snd_path {self.dir}",
            f"module_path {self.modules}",
            *(f"module {name}.so" for name in _MODULES if (self.modules / f"{name}.so").exists()),
            *(f"module_app {name}.so" for name in _APPLICATIONS),
        ]
        (self.dir / "config").write_text("\n".join(lines) + "\n")
        (self.dir / "contacts").write_text("\n")
        # The account comes when we can hear what happens to it: a fast switch would have called by then.
        (self.dir / "accounts").write_text(f"<sip:idle@{LOOPBACK}>;regint=0\n")

    def _account_line(self) -> str:
        account = self.account
        parameters = [
            f"<{account.aor};transport={account.transport}>",
            f"answermode={'auto' if self.auto_answer else 'manual'}",
            f"regint={account.expires if account.server else 0}",
            f"dtmfmode={self.dtmf_mode}",
            f"mwi={'yes' if self.mwi else 'no'}",
            "audio_codecs=" + ",".join(codec.lower() for codec in self.codecs),
        ]
        for name, value in (("mediaenc", self.mediaenc), ("medianat", self.medianat)):
            if value:
                parameters.append(f"{name}={value}")
        if account.password:
            parameters.append(f"auth_pass={account.password}")
        if account.server:
            parameters.append(f'outbound="sip:{account.server}:{account.port};transport={account.transport}"')
        return ";".join(parameters)

    # --- life cycle

    def start(self) -> None:
        self._write_configuration()
        process = self.spawn([self.program, "-f", self.dir, "-v"])
        deadline = time.monotonic() + 10
        while self._socket is None:
            try:
                self._socket = socket.create_connection((LOOPBACK, self.control_port), 2)
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise PhoneError(f"{self.name} did not start:\n{self.log()[-2000:]}") from None
                time.sleep(0.02)  # there is nothing to await: the listener is in another process
        self._socket.settimeout(None)
        threading.Thread(target=self._read, args=(self._socket,), daemon=True).start()
        self.command("uanew", self._account_line(), check=True)
        self.command("uafind", self.account.aor, check=True)

    def stop(self) -> None:
        if self._socket is not None:
            try:
                self.command("quit", timeout=1)  # unregisters, hangs up
                self._processes[0].wait(3)
            except (PhoneError, OSError, subprocess.TimeoutExpired):
                pass  # it is ended by signal instead
            self._socket.close()
            self._socket = None
        super().stop()

    # --- control socket: netstrings of JSON

    def _read(self, control: socket.socket) -> None:
        buffer = b""
        while True:
            try:
                chunk = control.recv(65536)
            except OSError:
                return
            if not chunk:
                return
            buffer += chunk
            while True:
                length, colon, rest = buffer.partition(b":")
                if not colon or not length.isdigit() or len(rest) <= int(length):
                    break
                body, buffer = rest[: int(length)], rest[int(length) + 1 :]
                self._message(json.loads(body.decode("utf-8", "replace")))

    def _message(self, message: dict[str, Any]) -> None:
        if message.get("response"):
            with self._changed:
                self._replies[message.get("token", "")] = message
                self._changed.notify_all()
        elif message.get("type") == "CALL_DTMF_START":
            if digit := message.get("param", ""):
                self.emit("dtmf", digit=digit)
        elif kind := _EVENTS.get(message.get("type", "")):
            self.emit(kind, reason=message.get("param", ""), peer=message.get("peeruri", ""), id=message.get("id", ""))

    def command(
        self, command: str, parameters: str | None = None, *, timeout: float = 5.0, check: bool = False
    ) -> dict[str, Any]:
        """Perform a baresip command. Raises PhoneError without a reply or, with `check`, when it is refused."""
        if self._socket is None:
            raise PhoneError(f"{self.name} is not running")
        with self._changed:
            self._sent += 1
            token = f"t{self._sent}"
        message = {"command": command, "token": token} | ({} if parameters is None else {"params": parameters})
        raw = json.dumps(message).encode()
        self._socket.sendall(b"%d:%s," % (len(raw), raw))
        with self._changed:
            if not self._changed.wait_for(lambda: token in self._replies, timeout):
                raise PhoneError(f"{self.name}: no reply to {command}")
            reply = self._replies.pop(token)
        if check and not reply.get("ok"):
            raise PhoneError(f"{self.name}: {command} {parameters or ''} failed: {reply.get('data')}")
        return reply

    # --- verbs

    def call(self, target: str) -> None:
        self.command("dial", self.account.uri(target), check=True)

    def answer(self) -> None:
        self.command("accept", check=True)

    def hangup(self) -> None:
        self.command("hangup")

    def hold(self) -> None:
        self.command("hold", check=True)

    def resume(self) -> None:
        self.command("resume")  # 1.1 resumes, but replies that it failed when there is no other call to hold

    def dtmf(self, digits: str, gap: float = 0.25) -> None:
        """Press keys; `gap`: seconds from one to the next."""
        for number, digit in enumerate(digits):
            if number:
                time.sleep(gap)
            self.command("sndcode", digit, check=True)

    def transfer(self, target: str) -> None:
        """Blind: REFER; the call ends when that has succeeded."""
        self.command("transfer", self.account.uri(target), check=True)

    def recordings(self) -> list[Path]:
        return sorted(self.dir.glob("dump-*dec.wav"), key=lambda path: path.stat().st_mtime)


def _major_version(program: str) -> int:
    result = subprocess.run([program, "-h"], capture_output=True, text=True, timeout=10, check=False)
    _, found, rest = (result.stdout + result.stderr).partition("baresip v")
    return int(rest.split(".")[0]) if found else 0
