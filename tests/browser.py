"""A far end as browsers are: DTLS-SRTP and ICE by aiortc, which shares no code with ours above OpenSSL and libsrtp."""

from __future__ import annotations

import asyncio
import fractions
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest import mock

import aioice.ice
import numpy as np
from aiortc import AudioStreamTrack, MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from media.control import Open

RATE = 48_000
FRAME = RATE // 50


@contextmanager
def only_on(*hosts: str) -> Iterator[None]:
    """Let aiortc use these addresses of this machine, whatever else it has."""
    with mock.patch.object(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: list(hosts)):
        yield


class ToneTrack(AudioStreamTrack):
    """A tone without end."""

    def __init__(self, frequency: float) -> None:
        super().__init__()
        self._frequency = frequency
        self._at = 0

    async def recv(self) -> AudioFrame:
        if self._at:
            await asyncio.sleep(FRAME / RATE)
        n = np.arange(self._at, self._at + FRAME)
        samples = (8000 * np.sin(2 * np.pi * self._frequency * n / RATE)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._at, fractions.Fraction(1, RATE)
        self._at += FRAME
        return frame


@dataclass
class Terms:
    """Our side of one leg, as its SDP would say it."""

    port: int
    fingerprint: str
    host: str = "127.0.0.1"
    setup: str = "passive"
    ice: str = field(default_factory=lambda: f"{secrets.token_hex(4)}:{secrets.token_hex(16)}")
    codec: str = "0 PCMU/8000"

    def sdp(self, *, mid: str = "0", lite: bool = True) -> str:
        ufrag, _, password = self.ice.partition(":")
        number, _, name = self.codec.partition(" ")
        lines = ["v=0", f"o=- 1 1 IN IP4 {self.host}", "s=-", "t=0 0"]
        lines += ["a=ice-lite"] * lite
        lines += [f"a=group:BUNDLE {mid}", f"m=audio {self.port} UDP/TLS/RTP/SAVPF {number} 101"]
        lines += [f"c=IN IP4 {self.host}", f"a=mid:{mid}", "a=sendrecv", f"a=rtpmap:{number} {name}"]
        lines += ["a=rtpmap:101 telephone-event/8000", "a=rtcp-mux", f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}"]
        lines += [f"a=candidate:1 1 udp 2130706431 {self.host} {self.port} typ host", "a=end-of-candidates"]
        lines += [f"a=fingerprint:{self.fingerprint}", f"a=setup:{self.setup}"]
        return "\r\n".join(lines) + "\r\n"


class VoiceTrack(AudioStreamTrack):
    """A recording at 8000 hertz, over and over."""

    def __init__(self, voice: np.ndarray) -> None:
        super().__init__()
        self._voice = voice.astype(np.int16)
        self._at = 0
        self._began = 0.0

    async def recv(self) -> AudioFrame:
        now = asyncio.get_running_loop().time()
        self._began = self._began or now
        await asyncio.sleep(max(0.0, self._began + self._at / 8000 - now))
        n = np.arange(self._at, self._at + 160) % len(self._voice)
        frame = AudioFrame.from_ndarray(self._voice[n][None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, self._at, fractions.Fraction(1, 8000)
        self._at += 160
        return frame


class Browser:
    """One peer connection with a microphone: a tone, or a track that is given."""

    def __init__(self, frequency: float = 1000.0, microphone: MediaStreamTrack | None = None) -> None:
        self.connection = RTCPeerConnection()
        self.connection.addTrack(microphone or ToneTrack(frequency))
        self.track: MediaStreamTrack | None = None
        self.closed = asyncio.Event()
        self.connection.on("track", self._on_track)
        self.connection.on("connectionstatechange", self._on_state)

    def _on_state(self) -> None:
        if self.connection.connectionState == "closed":
            self.closed.set()

    def _on_track(self, track: MediaStreamTrack) -> None:
        self.track = track

    def speak_only(self, codec: str) -> None:
        """Offer and take nothing but this codec, e.g. "audio/PCMU", and telephone-events."""
        known = RTCRtpSender.getCapabilities("audio").codecs
        (transceiver,) = self.connection.getTransceivers()
        transceiver.setCodecPreferences([each for each in known if each.mimeType in (codec, "audio/telephone-event")])

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def answer(self, offer: str) -> str:
        await self.connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self.connection.localDescription.sdp

    async def hear(self, seconds: float) -> np.ndarray:
        """What arrives for a while, at 8000 hertz; less if the track ends."""
        assert self.track is not None
        heard: list[np.ndarray] = []
        total = 0.0
        while total < seconds:
            try:
                frame = await asyncio.wait_for(self.track.recv(), 10.0)
            except MediaStreamError:
                break
            assert isinstance(frame, AudioFrame)
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
            heard.append(samples[:: frame.sample_rate // 8000].astype(np.float64))
            total += frame.samples / frame.sample_rate
        return np.concatenate(heard) if heard else np.zeros(0)

    async def close(self) -> None:
        await self.connection.close()


def leg_for(number: int, ours: Terms, theirs: str, **values: object) -> Open:
    """The command that opens the leg to a browser, by its SDP."""
    said = dict(line[2:].partition(":")[::2] for line in theirs.split("\r\n") if line.startswith("a="))
    candidates = tuple(line[12:] for line in theirs.split("\r\n") if line.startswith("a=candidate:"))
    fingerprint = next(line[14:] for line in theirs.split("\r\n") if line.startswith("a=fingerprint:sha-256"))
    kind, _, name = ours.codec.partition(" ")
    return Open(
        number,
        "",
        0,
        name.partition("/")[0],
        int(kind),
        101,
        suite="DTLS",
        setup=ours.setup,
        fingerprint=fingerprint,
        ice=ours.ice,
        remote_ice=f"{said['ice-ufrag']}:{said['ice-pwd']}",
        candidates=candidates,
        rtcp_mux=True,
        **values,  # type: ignore[arg-type]
    )
