"""A browser-like phone: SIP over a WebSocket as any wire phone, media by aiortc (ICE, DTLS-SRTP)."""

from __future__ import annotations

import asyncio

import numpy as np

from ..browser import Browser, VoiceTrack
from .sipharness import audio
from .wirecall import WireCall
from .wirephone import WirePhone
from .wiresip import Message


class _NoMedia:
    """What a call has in place of a socket of its own: the browser does it all."""

    def speak(self, on: bool) -> None:
        pass

    def close(self) -> None:
        pass


class WebCall(WireCall):
    """One call of a browser. `codec`: the only one that it offers, e.g. "audio/PCMU"; "" for all."""

    codec = ""

    def __init__(self, phone: WirePhone, invite: Message | None, target: str = "") -> None:
        super().__init__(phone, invite, target)
        self.media.close()
        self.media = _NoMedia()  # type: ignore[assignment]
        self.browser = Browser(microphone=VoiceTrack(np.asarray(phone.voice) * 32767))
        self.offer = ""
        self.remote_body = ""
        self.connected = asyncio.Event()
        self.browser.connection.on("connectionstatechange", self._on_state)

    def _on_state(self) -> None:
        if self.browser.connection.connectionState == "connected":
            self.connected.set()

    def invite(self, authorization: tuple[str, str] | None = None) -> None:
        if self.offer:
            super().invite(authorization)
        else:
            self.phone.spawn(self._offer())

    async def _offer(self) -> None:
        if self.codec:
            self.browser.speak_only(self.codec)
        self.offer = await self.browser.offer()
        super().invite()

    def _description(self, types: tuple[int, ...], event_type: int) -> str:
        return self.offer

    def _apply(self, message: Message) -> None:
        self.remote_body = message.body
        if message.status >= 200:
            self.phone.spawn(self.browser.accept(message.body))

    async def pick_up(self) -> None:
        """Answer a call that came in."""
        assert self._invite is not None
        self.remote_body = self._invite.body
        self._answer_invite(200, await self.browser.answer(self._invite.body))
        self.status = 200
        self._note("answered", 0.0)

    async def hears(self, seconds: float) -> audio.Signal:
        """What it hears for a while, from when it is connected."""
        await asyncio.wait_for(self.connected.wait(), 10)
        return (await self.browser.hear(seconds)) / 32768

    async def close(self) -> None:
        await self.browser.close()


class G711Call(WebCall):
    codec = "audio/PCMU"
