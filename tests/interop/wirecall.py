"""A call of a wire phone: the dialog, its audio, and the moment of everything that happened in it."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

from .sipharness import audio
from .sipharness.core import LOOPBACK
from .wirertp import Media, Metronome
from .wiresip import T1, T2, Description, Message, SipFailure, credentials, describe, parameter, reply, uri_of

if TYPE_CHECKING:
    from .wirephone import Transaction, WirePhone

EVENT_TYPE = 101

_metronomes: dict[asyncio.AbstractEventLoop, Metronome] = {}


class CallOver(RuntimeError):
    """A call ended before what the test waited for."""


class WireCall:
    """One call: a dialog and its audio.

    `times` has a moment for each of: invite, ringing, answered, held, resumed, cancelled, hung_up, ended; `held` and
    `resumed`: the far end's latest re-INVITE of that kind; `hung_up`: our BYE or CANCEL left.
    """

    def __init__(self, phone: WirePhone, invite: Message | None, target: str = "") -> None:
        self.phone = phone
        self.incoming = invite is not None
        self.times: dict[str, float] = {}
        self.status = 0  # final response to the first INVITE
        self.by_us = False  # who hung up
        self._changed = asyncio.Event()
        self._version = 1
        self._sequence = 1
        self._tag = secrets.token_hex(6)
        self._remote_tag = ""
        self._routes: list[str] = []
        self._authorized = False
        self._acknowledged = asyncio.Event()
        self._settling = 0, "", 0.0  # sequence, moment and time of a re-INVITE that is not acknowledged yet
        self.reinvites: list[Message] = []  # from the far end, for assertions
        loop = asyncio.get_running_loop()
        self.media = Media(phone.voice, _metronomes.setdefault(loop, Metronome()), phone.host, phone.network)
        self.direction = "sendrecv"
        self._invite = invite
        self._transaction: Transaction | None = None
        if invite is None:
            self.call_id = f"{secrets.token_hex(10)}@{LOOPBACK}"
            self.target = self._aor = target
        else:
            self.call_id = invite.get("call-id")
            self.target = uri_of(invite.get("contact"))
            self._aor = invite.get("from")
            self._remote_tag = parameter(self._aor, "tag")
            self._routes = invite.all("record-route")
            self._note("invite", invite.at)

    def _note(self, what: str, at: float) -> None:
        self.times.setdefault(what, at)
        self._changed.set()
        self._changed = asyncio.Event()

    async def reaches(self, what: str, timeout: float = 5.0) -> float:
        """Wait for a moment of `times` and return it. Raises CallOver, TimeoutError."""
        async with asyncio.timeout(timeout):
            while what not in self.times:
                if "ended" in self.times:
                    raise CallOver(f"{self.phone.user}: ended with {self.status} before it was {what}")
                await self._changed.wait()
        return self.times[what]

    async def answered(self, timeout: float = 5.0) -> float:
        return await self.reaches("answered", timeout)

    async def ended(self, timeout: float = 5.0) -> float:
        return await self.reaches("ended", timeout)

    @property
    def alive(self) -> bool:
        return "answered" in self.times and "ended" not in self.times

    # --- as caller

    def _request(self, method: str, sequence: int, body: str = "") -> Message:
        phone = self.phone
        if self.incoming and self._invite is not None:
            local = f"{self._invite.get('to').partition(';tag=')[0]};tag={self._tag}"
            remote = self._aor
        else:
            local = f"<{phone.aor}>;tag={self._tag}"
            remote = f"<{self._aor}>" + (f";tag={self._remote_tag}" if self._remote_tag else "")
        headers = [
            ("via", phone.via()),
            ("from", local),
            ("to", remote),
            ("call-id", self.call_id),
            ("cseq", f"{sequence} {method}"),
            ("contact", phone.contact),
            ("max-forwards", "70"),
            *(("route", route) for route in self._routes),
            *([("content-type", "application/sdp")] if body else []),
        ]
        return Message(f"{method} {self.target} SIP/2.0", headers, body)

    def _description(self, types: tuple[int, ...], event_type: int) -> str:
        self._version += 1
        return describe(self.phone.host, self.media.port, types, event_type, self.direction, self._version)

    def invite(self, authorization: tuple[str, str] | None = None) -> None:
        message = self._request("INVITE", self._sequence, self._description((8, 0), EVENT_TYPE))
        if authorization is not None:
            message.headers.append(authorization)
        self._invite = message
        self._transaction = self.phone.request(message)
        self.times["invite"] = message.at

    def on_response(self, message: Message, transaction: Transaction) -> None:
        """A response to an INVITE of ours, the first or a later one."""
        if transaction is not self._transaction:
            if message.status >= 200:
                self._acknowledge(message, transaction)
            return
        if message.status < 200:
            if message.status > 100:
                self._note("ringing", message.at)
                if message.body:
                    self._apply(message)
            return
        self._acknowledge(message, transaction)
        if message.status in (401, 407) and not self._authorized and "cancelled" not in self.times:
            self._authorized = True
            self._sequence += 1
            kind = "www-authenticate" if message.status == 401 else "proxy-authenticate"
            name = "authorization" if message.status == 401 else "proxy-authorization"
            value = credentials(message.all(kind), self.phone.user, self.phone.password, "INVITE", self.target)
            self.invite((name, value))
        elif message.status < 300:
            if "answered" in self.times:
                return  # the 200 once more: acknowledged again
            self.status = message.status
            self._apply(message)
            self._note("answered", message.at)
            self.media.speak(True)
        else:
            self.status = message.status
            self._end(message.at)

    def _acknowledge(self, message: Message, transaction: Transaction) -> None:
        sent = transaction.request
        if message.status < 300:
            self._remote_tag = parameter(message.get("to"), "tag")
            self.target = uri_of(message.get("contact")) or self.target
            self._routes = message.all("record-route")[::-1]
            ack = self._request("ACK", sent.sequence)
        else:  # hop by hop, with the branch of the INVITE
            headers = [(name, sent.get(name)) for name in ("via", "from", "call-id", "max-forwards")]
            headers += [("to", message.get("to")), ("cseq", f"{sent.sequence} ACK")]
            ack = Message(sent.start.replace("INVITE", "ACK", 1), headers)
        self.phone.send(ack)

    def _apply(self, message: Message) -> None:
        """Take the far end's description."""
        remote = Description.parse(message.body)
        codec = next(number for number in remote.payload_types if number in audio.G711)
        self.media.negotiated((remote.host, remote.port), codec, remote.event_type)
        self.remote = remote

    def cancel(self) -> None:
        """CANCEL the INVITE; the end is told by its 487, or a 200 that was quicker (then hang up)."""
        sent = self._invite
        if sent is None:
            raise RuntimeError("nothing to cancel")
        headers = [(name, sent.get(name)) for name in ("via", "from", "to", "call-id", "max-forwards")]
        headers.append(("cseq", f"{sent.sequence} CANCEL"))
        message = Message(sent.start.replace("INVITE", "CANCEL", 1), headers)
        self.phone.request(message)
        self.times["hung_up"] = message.at
        self._note("cancelled", message.at)

    # --- as callee

    def ring(self) -> None:
        self._answer_invite(180)
        self._note("ringing", time.time())

    def answer(self) -> None:
        """200 with our description, retransmitted until the ACK."""
        if self._invite is None or "ended" in self.times:
            return
        offer = Description.parse(self._invite.body)
        codec = next(number for number in offer.payload_types if number in audio.G711)
        self.media.negotiated((offer.host, offer.port), codec, offer.event_type)
        self.remote = offer
        self._answer_invite(200, self._description((codec,), offer.event_type))
        self.status = 200
        self._note("answered", time.time())
        self.media.speak(True)
        if self.phone.transport == "udp":
            self.phone.spawn(self._repeat_until_acknowledged(self._invite))

    async def _repeat_until_acknowledged(self, invite: Message) -> None:
        interval = T1
        data = self.phone.answers[invite.branch, "INVITE"]
        while "ended" not in self.times:
            try:
                async with asyncio.timeout(interval):
                    await self._acknowledged.wait()
                return
            except TimeoutError:
                self.phone.transmit(data)
                interval = min(2 * interval, T2)

    def reject(self, status: int = 486) -> None:
        self._answer_invite(status)
        self.status = status
        self._end(time.time())

    def _answer_invite(self, status: int, body: str = "") -> None:
        if self._invite is not None:
            self.phone.send(reply(self._invite, status, tag=self._tag, contact=self.phone.contact, body=body))

    def on_request(self, message: Message) -> None:
        """A request inside the call."""
        match message.method:
            case "ACK":
                self._acknowledged.set()
                sequence, what, at = self._settling
                if message.sequence == sequence and what not in self.times:
                    self._note(what, at)
            case "CANCEL":
                self.phone.send(reply(message, 200, tag=self._tag))
                self._note("cancelled", message.at)
                if "answered" not in self.times and "ended" not in self.times:
                    self._answer_invite(487)
                    self.status = 487
                    self._end(message.at)
            case "BYE":
                known = "answered" in self.times
                self.phone.send(reply(message, 200 if known else 481, tag=self._tag))
                if known:
                    self._end(message.at)
                else:
                    self.phone.unexpected.append(f"BYE of a call that was not answered: {message}")
            case "INVITE":
                self._on_reinvite(message)
            case "INFO" | "UPDATE" | "OPTIONS":
                self.phone.send(reply(message, 200, tag=self._tag))
            case _:
                self.phone.unexpected.append(f"in a call: {message}")
                self.phone.send(reply(message, 501, tag=self._tag))

    def _on_reinvite(self, message: Message) -> None:
        self.reinvites.append(message)
        mirrored = {"sendonly": "recvonly", "recvonly": "sendonly"}
        body = ""
        if message.body:
            self._apply(message)
            self.direction = mirrored.get(self.remote.direction, self.remote.direction)
            body = self._description((self.media.payload_type,), self.media.event_type)
            self.media.speak(self.direction in ("sendrecv", "sendonly"))
            what = "resumed" if self.direction == "sendrecv" else "held"
            self.times.pop(what, None)
            self._settling = message.sequence, what, message.at
        else:
            body = self._description((8, 0), EVENT_TYPE)
        self.phone.send(reply(message, 200, tag=self._tag, contact=self.phone.contact, body=body))

    # --- as either

    async def _reinvite(self, direction: str) -> None:
        self.direction = direction
        self._sequence += 1
        body = self._description((self.media.payload_type,), self.media.event_type)
        response = await self.phone.transact(self._request("INVITE", self._sequence, body))
        if response.status != 200:
            raise SipFailure(response)
        self._apply(response)
        self.media.speak(direction in ("sendrecv", "sendonly"))

    async def hold(self) -> None:
        """Hold the far end: we stop listening, and speak no more."""
        await self._reinvite("sendonly")
        self.media.speak(False)

    async def resume(self) -> None:
        await self._reinvite("sendrecv")

    async def hang_up(self) -> None:
        """End the call, whatever its state is. Raises SipFailure if BYE is not answered by 200."""
        if "ended" in self.times:
            return
        self.by_us = True
        if "answered" in self.times:
            self._sequence += 1
            message = self._request("BYE", self._sequence)
            self.media.speak(False)
            response = await self.phone.transact(message)
            self.times["hung_up"] = message.at
            self._end(message.at)
            if response.status != 200:
                raise SipFailure(response)
        elif self.incoming:
            self.reject(486)
        else:
            self.cancel()
            await self.ended()

    def _end(self, at: float) -> None:
        self.media.close()
        self._note("ended", at)
