"""liblinphone, the engine of Linphone, in a process of its own: no sound card, no display.

It is AGPL-3: it is driven here through a pipe and never imported by the product.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .core import Account
from .worker import WorkerPhone

_CLOCKS = {"opus": 48000}  # 8000 for the others, G722 too


class Linphone(WorkerPhone):
    """One Linphone with one account. Speaks `play`; what it hears goes to `heard-N.wav`, one for each call.

    Further events: released (after closed: only then it is good for another call),
    held, resumed (by the far end), paused, unpaused (by us), updated, refer, transferring, transferred,
    transfer_failed, lamp, mwi, subscription, message, message_state.
    """

    KIND = "linphone"
    WORKER = "linphone_worker.py"

    def __init__(
        self,
        account: Account,
        *,
        codecs: tuple[str, ...] = ("PCMA",),
        mediaenc: str = "",
        session_expires: int = 0,
        min_se: int = 90,
        rel100: int = 1,
        provisioning: str = "",
        **options: Any,
    ) -> None:
        """`mediaenc`: "srtp" | "srtp-mand" | "dtls"; `session_expires`, `min_se`: seconds, 0 = no session timer;
        `rel100`: 0 no reliable provisional responses, 1 if the far end wants them, 2 required; `provisioning`: a link by which
        it fetches its account, in place of being told."""
        super().__init__(account, **options)
        self.codecs, self.mediaenc = codecs, mediaenc
        self.session_expires, self.min_se, self.rel100 = session_expires, min_se, rel100
        self.provisioning = provisioning

    def configuration(self) -> dict[str, Any]:
        return {
            "rc": self._rc(),
            "play": str(self.play) if self.play else None,
            "auto_answer": self.auto_answer,
            "directory": str(self.dir),
            "codecs": [f"{codec}/{_CLOCKS.get(codec, 8000)}" for codec in self.codecs],
            "mandatory": self.mediaenc == "srtp-mand",
            "session_expires": self.session_expires,
            "min_se": self.min_se,
            "rel100": self.rel100,
        }

    def _rc(self) -> str:
        account, transport = self.account, self.account.transport
        ports = {kind: self.sip_port if kind == transport else 0 for kind in ("udp", "tcp", "tls")}
        encryption = self.mediaenc.removesuffix("-mand") or "none"
        sections: dict[str, dict[str, object]] = {
            "sip": {
                "sip_port": ports["udp"], "sip_tcp_port": ports["tcp"], "sip_tls_port": ports["tls"],
                "bind_address": self.host, "use_ipv6": 0, "auto_net_state_mon": 0, "register_only_when_network_is_up": 0,
                # The certificate is the switch's own, and for an address, which mbed TLS does not compare.
                "verify_server_certs": 1, "verify_server_cn": 0, "root_ca": account.certificate,
                "media_encryption": encryption, "default_proxy": 0 if account.server else -1, "keepalive_period": 0,
            },
            "net": {"firewall_policy": "none", "mtu": 1300},
            "rtp": {
                "audio_rtp_port": f"{self.rtp_ports[0]}-{self.rtp_ports[-2]}", "bind_address": self.host, "symmetric": 1,
            },
            "sound": {"echocancellation": 0, "agc": 0, "remote_ring": "/nonexistent", "local_ring": "", "tone_indications": 0},
            "video": {"enabled": 0, "capture": 0, "display": 0},
            "misc": {
                "version_check_url_root": "", "log_collection_upload_server_url": "", "user_certificates_path": self.dir,
                "conference_server_enabled": 0, "tone_indications": 0,
            },
            "lime": {"enabled": 0},
        }  # fmt: skip
        if self.provisioning:
            sections["misc"]["config-uri"] = self.provisioning
        elif account.server:
            parameter = "" if transport == "udp" else f";transport={transport}"
            server = f"sip:{account.server}:{account.port}{parameter}"
            sections["proxy_0"] = {
                "reg_proxy": f"<{server}>", "reg_route": f"<{server};lr>", "reg_identity": f"<{account.aor}>",
                "reg_expires": account.expires, "reg_sendregister": 1, "publish": 0, "quality_reporting_enabled": 0,
                "avpf": 0, "dial_escape_plus": 0,
            }  # fmt: skip
            sections["auth_info_0"] = {"username": account.user, "userid": account.user, "passwd": account.password}
        lines: list[str] = []
        for name, values in sections.items():
            lines += [f"[{name}]", *(f"{key}={value}" for key, value in values.items())]
        return "\n".join(lines) + "\n"

    # --- verbs

    def call(self, target: str) -> int:
        """Returns the number of the call, for verbs that take one."""
        return int(self.command("call", uri=self.account.uri(target)))

    def answer(self, call: int | None = None) -> None:
        self.command("answer", call=call)

    def hangup(self, call: int | None = None, status: int = 0) -> None:
        self.command("hangup", call=call, status=status)

    def hold(self, call: int | None = None) -> None:
        self.command("hold", call=call)

    def resume(self, call: int | None = None) -> None:
        self.command("resume", call=call)

    def encryption(self, call: int | None = None) -> str:
        """What protects the audio at this moment: "", "srtp" or "dtls"."""
        return str(self.command("encryption", call=call))

    def dtmf(self, digits: str, *, info: bool = False) -> None:
        self.command("dtmf", digits=digits, info=info, timeout=10 + len(digits))

    def transfer(self, target: str, call: int | None = None) -> None:
        """Blind: REFER."""
        self.command("transfer", uri=self.account.uri(target), call=call)

    def attended_transfer(self, call: int, to: int) -> None:
        """REFER of `call` with Replaces of the call `to`."""
        self.command("attended_transfer", call=call, to=to)

    def subscribe(self, target: str, package: str = "dialog", expires: int = 300) -> None:
        self.command("subscribe", uri=self.account.uri(target), package=package, expires=expires)

    def unsubscribe(self) -> None:
        self.command("unsubscribe")

    def message(self, target: str, text: str) -> None:
        self.command("message", uri=self.account.uri(target), text=text)

    def recordings(self) -> list[Path]:
        return sorted(self.dir.glob("heard-*.wav"))
