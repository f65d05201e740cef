"""A user agent without calls: one address, client and server transactions, digest, registration."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.sim.text import Raw, md5_challenge

if TYPE_CHECKING:
    from tests.sim.world import World

T1 = 0.5
T2 = 4.0


class UserAgent:
    """What sends, repeats, answers and authenticates at one UDP address. What a request means is for who inherits."""

    def __init__(self, world: World, user: str, password: str, host: str, port: int) -> None:
        self.world = world
        self.user = user
        self.password = password
        self.address = (host, port)
        self.received: list[Raw] = []
        self._clients: dict[tuple[str, str], dict[str, Any]] = {}
        self._servers: dict[tuple[str, str], bytes] = {}
        self._counter = 0
        self.nonces = 0
        self.registered = False
        self.down = False
        self.inside = ""  # where it thinks it is, if that is behind a NAT: "192.168.1.5:5060"
        self.gruu = ""  # its public GRUU, as it was told
        self._registration = (self.fresh("r"), 0)  # Call-ID and CSeq
        world.attach(self)

    def fresh(self, what: str) -> str:
        self._counter += 1
        return f"{what}{self.user}x{self.address[1]}x{self._counter}"

    def send(self, data: bytes) -> None:
        if not self.down:
            self.world.transmit(data, self.address, self.world.listening[":" in self.address[0]])

    @property
    def contact(self) -> str:
        return f"sip:{self.user}@{self.inside or f'{self.address[0]}:{self.address[1]}'}"

    @property
    def target(self) -> str:
        """The Contact of its dialogs: its GRUU if it has one (RFC 5627 section 4.4)."""
        return self.gruu or self.contact

    def move(self, port: int) -> None:
        """The NAT gives it another port."""
        del self.world.phones[self.address]
        self.address = (self.address[0], port)
        self.world.attach(self)

    # --- client transactions ---------------------------------------------------------------------------------------------

    def request(
        self, method: str, uri: str, headers: dict[str, str], body: bytes = b"", done: Callable[[Raw | None], None] | None = None,
        branch: str = "", retransmit: bool = True,
    ) -> str:  # fmt: skip
        branch = branch or "z9hG4bK" + self.fresh("b")
        host, port = self.address
        text = f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch={branch};rport\r\nMax-Forwards: 70\r\n"
        text += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if body and "Content-Type" not in headers:
            text += "Content-Type: application/sdp\r\n"
        data = (text + f"Content-Length: {len(body)}\r\n\r\n").encode("latin-1") + body
        self.send(data)
        if method != "ACK" and retransmit:
            state = {"data": data, "done": done, "live": True, "method": method, "provisional": False}
            self._clients[branch, method] = state
            self._retransmit(state, T1, self.world.now + 64 * T1)
        return branch

    def _retransmit(self, state: dict[str, Any], interval: float, until: float) -> None:
        def again() -> None:
            if not state["live"] or (state["method"] == "INVITE" and state["provisional"]):
                return
            if self.world.now >= until:
                state["live"] = False
                if state["done"]:
                    state["done"](None)
                return
            self.send(state["data"])
            self._retransmit(state, interval * 2 if state["method"] == "INVITE" else min(2 * interval, T2), until)

        self.world.after(interval, again)

    def credentials(self, challenge: str, method: str, uri: str) -> str:
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        assert fields.get("algorithm", "MD5") == "MD5", challenge
        self.nonces += 1
        nc, cnonce = f"{1:08x}", self.fresh("c")

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        one = md5(f"{self.user}:{fields['realm']}:{self.password}")
        two = md5(f"{method}:{uri}")
        proof = md5(f"{one}:{fields['nonce']}:{nc}:{cnonce}:auth:{two}")
        return (
            f'Digest username="{self.user}", realm="{fields["realm"]}", nonce="{fields["nonce"]}", uri="{uri}", '
            f'response="{proof}", algorithm=MD5, cnonce="{cnonce}", qop=auth, nc={nc}'
        )

    def register(self, expires: int = 3600, q: str = "", parameters: str = "", supported: str = "") -> None:
        tag = self.fresh("t")
        call_id, last = self._registration
        domain = self.world.domain
        uri = f"sip:{domain}"

        def attempt(cseq: int, credentials: str) -> None:
            headers = {
                "From": f"<sip:{self.user}@{domain}>;tag={tag}", "To": f"<sip:{self.user}@{domain}>", "Call-ID": call_id,
                "CSeq": f"{cseq} REGISTER", "Contact": f"<{self.contact}>{parameters}" + (f";q={q}" if q else ""),
                "Expires": str(expires), "User-Agent": "sipp-like virtual phone",
            }  # fmt: skip
            self._registration = (call_id, cseq)
            if supported:
                headers["Supported"] = supported
            if credentials:
                headers["Authorization"] = credentials
            self.request("REGISTER", uri, headers, done=lambda raw: answered(cseq, raw))

        def answered(cseq: int, raw: Raw | None) -> None:
            if raw is None:
                return
            if raw.status == 401 and cseq < last + 4:
                attempt(cseq + 1, self.credentials(md5_challenge(raw), "REGISTER", uri))
            elif raw.status == 200:
                self.registered = expires > 0
                found = re.search(r'pub-gruu="([^"]*)"', raw.get("Contact"))
                self.gruu = found[1] if found else ""

        attempt(last + 1, "")

    # --- from the network ------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        if self.down:
            return
        raw = Raw(data)
        self.received.append(raw)
        if raw.status:
            self._response(raw)
            return
        method = raw.start.split(" ")[0]
        known = self._servers.get((raw.branch, method))
        if method != "ACK" and known is not None:
            self.send(known)
        else:
            self.requested(raw, method)

    def _response(self, raw: Raw) -> None:
        state = self._clients.get((raw.branch, raw.method))
        if raw.method == "INVITE" and raw.status >= 300:
            self._ack_failure(raw)
        if state is None:
            return
        if not state["live"]:
            if raw.method == "INVITE" and 200 <= raw.status < 300:
                self.answered_again(raw, state["data"])
            return
        if raw.status < 200:
            state["provisional"] = True
            if raw.method == "INVITE":
                self.progressed(raw)
            return
        state["live"] = False
        if state["done"]:
            state["done"](raw)

    def _ack_failure(self, raw: Raw) -> None:
        state = self._clients.get((raw.branch, "INVITE"))
        if state is None:
            return
        uri = state["data"].split(b" ")[1].decode()
        headers = {
            "From": raw.get("From"), "To": raw.get("To"), "Call-ID": raw.get("Call-ID"), "CSeq": f"{raw.cseq} ACK",
        }  # fmt: skip
        self.request("ACK", uri, headers, branch=raw.branch, retransmit=False)

    def respond(self, raw: Raw, status: int, *, tag: str = "", headers: str = "", body: bytes = b"") -> bytes:
        to = raw.get("To")
        if tag and ";tag=" not in to:
            to += f";tag={tag}"
        vias = "".join(f"Via: {via}\r\n" for via in raw.all("Via"))
        text = (
            f"SIP/2.0 {status} X\r\n{vias}From: {raw.get('From')}\r\nTo: {to}\r\nCall-ID: {raw.get('Call-ID')}\r\n"
            f"CSeq: {raw.get('CSeq')}\r\n{headers}"
        )
        if body:
            text += "Content-Type: application/sdp\r\n"
        data = (text + f"Content-Length: {len(body)}\r\n\r\n").encode("latin-1") + body
        self._servers[raw.branch, raw.method] = data
        self.send(data)
        return data

    # --- what it means ---------------------------------------------------------------------------------------------------

    def requested(self, raw: Raw, method: str) -> None:
        """A request that was not seen before, or an ACK."""
        if method != "ACK":
            self.respond(raw, 501, tag=self.fresh("t"))

    def progressed(self, raw: Raw) -> None:
        """A provisional response to an INVITE of ours."""

    def answered_again(self, raw: Raw, sent: bytes) -> None:
        """A repeated, or another, 2xx to an INVITE of ours that had been `sent`."""
