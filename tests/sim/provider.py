"""A simulated provider: a registrar, a far end that asks for credentials, and a caller from outside.

Written on raw text as the phones are: it checks proofs by itself.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from softswitch.outside import Route, Trunk
from tests.sim.phone import Behaviour, Line, Raw, VirtualPhone
from tests.sim.world import World


@dataclass
class Desk:
    """What a provider asks for, and how it answers."""

    realm: str = "provider.example"
    user: str = ""  # "" = it asks nobody
    password: str = ""
    algorithm: str = "MD5"
    qop: bool = True
    status: int = 407  # of the challenge to an INVITE
    expires: int = 600
    minimum: int = 0  # 423 below
    register_status: int = 0  # another answer to REGISTER
    options_status: int = 200
    stale_after: int = 0  # requests with one nonce


class Provider(VirtualPhone):
    """A user agent at one address: `desk` is what it asks for."""

    def __init__(self, world: World, host: str = "203.0.113.10", port: int = 5060, **behaviour: Any) -> None:
        super().__init__(world, "provider", "", host, port, Behaviour(**behaviour))
        self.desk = Desk()
        self.registrations: list[Raw] = []  # that were granted
        self.pings = 0
        self.refused = 0  # proofs that were wrong
        self.nonce = 0
        self.used = 0

    def receive(self, data: bytes) -> None:
        if self.down or data[:12] == b"SIP/2.0 100 ":
            super().receive(data)
            return
        raw = Raw(data)
        method = raw.start.split(" ")[0]
        if raw.status or (raw.branch, method) in self._servers:
            super().receive(data)
        elif method == "REGISTER":
            self.received.append(raw)
            self._registered(raw)
        elif method == "OPTIONS" and self.line(raw) is None:
            self.received.append(raw)
            self.pings += 1
            if self.desk.options_status:
                self.respond(raw, self.desk.options_status, tag=self.fresh("t"))
        elif method == "INVITE" and ";tag=" not in raw.get("To") and not self._proven(raw, "INVITE", self.desk.status):
            self.received.append(raw)
        else:
            super().receive(data)

    def _registered(self, raw: Raw) -> None:
        desk = self.desk
        asked = int(raw.get("Expires") or "0")
        if desk.register_status:
            self.respond(raw, desk.register_status, tag=self.fresh("t"))
        elif not self._proven(raw, "REGISTER", 401):
            return
        elif 0 < asked < desk.minimum:
            self.respond(raw, 423, tag=self.fresh("t"), headers=f"Min-Expires: {desk.minimum}\r\n")
        else:
            self.registrations.append(raw)
            granted = min(desk.expires, asked)
            contact = f"Contact: {raw.get('Contact').split(';expires')[0]};expires={granted}\r\n" if asked else ""
            self.respond(raw, 200, tag=self.fresh("t"), headers=contact)

    def _proven(self, raw: Raw, method: str, status: int) -> bool:
        """Whether the request brings what the desk asks for; if not, it has been challenged."""
        desk = self.desk
        if not desk.user:
            return True
        name = "Authorization" if status == 401 else "Proxy-Authorization"
        given = raw.get(name)
        stale = False
        if given:
            fields = dict(re.findall(r'(\w+)="?([^",]+)"?', given))
            if fields.get("nonce") == f"nonce{self.nonce}" and not (desk.stale_after and self.used >= desk.stale_after):
                if self._proof(fields, method) == fields["response"] and fields["username"] == desk.user:
                    self.used += 1
                    return True
                self.refused += 1
            else:
                stale = True
        self.nonce += 1
        self.used = 0
        header = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        qop = ', qop="auth"' if desk.qop else ""
        again = ", stale=true" if stale else ""
        asked = f'Digest realm="{desk.realm}", nonce="nonce{self.nonce}", algorithm={desk.algorithm}{qop}{again}'
        self.respond(raw, status, tag=self.fresh("t"), headers=f"{header}: {asked}\r\n")
        return False

    def _proof(self, fields: dict[str, str], method: str) -> str:
        digest = hashlib.md5 if self.desk.algorithm == "MD5" else hashlib.sha256

        def h(text: str) -> str:
            return digest(text.encode()).hexdigest()

        one = h(f"{self.desk.user}:{self.desk.realm}:{self.desk.password}")
        two = h(f"{method}:{fields['uri']}")
        middle = f"{fields['nc']}:{fields['cnonce']}:{fields['qop']}" if self.desk.qop else ""
        return h(":".join(part for part in (one, fields["nonce"], middle, two) if part))

    def dial_in(self, number: str, caller: str = "+48601000111", **more: Any) -> Line:
        """A call from outside to a number of the site."""
        keep, self.user = self.user, caller
        more.setdefault("uri", f"sip:{number}@192.0.2.1:5060")
        line = self.call(number, **more)
        self.user = keep
        return line

    @property
    def invites(self) -> list[Raw]:
        return [raw for raw in self.received if raw.start.startswith("INVITE") and ";tag=" not in raw.get("To")]


def trunk(name: str = "provider", host: str = "203.0.113.10", **more: Any) -> Trunk:
    return Trunk(name, (host,), **more)


def outside(*trunks: Trunk, prefixes: tuple[str, ...] = ("+",), **more: Any) -> dict[str, Any]:
    """Fields of a site with these trunks, and one route by all of them."""
    return {
        "trunks": {one.name: one for one in trunks},
        "routes": {"all": Route("all", prefixes, tuple(one.name for one in trunks))},
        **more,
    }
