"""The process that pyVoIP lives in: lines of JSON in, lines of JSON out. pyVoIP's audio is 8 kHz, 8 bits, unsigned."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import traceback
import wave
from pathlib import Path
from typing import Any

from pyVoIP.VoIP import CallState, InvalidStateError, VoIPCall, VoIPPhone

FRAME = 160  # samples in 20 ms
POLL = 0.02  # seconds: pyVoIP has no call-backs for what happens after the INVITE


class Worker:
    """Requests are the methods `do_*`; whatever happens to the phone and its calls is reported by `watch`."""

    def __init__(self) -> None:
        # pyVoIP prints; the real standard output is kept for the protocol.
        self.output = os.fdopen(os.dup(1), "wb", 0)
        os.dup2(2, 1)
        self.lock = threading.Lock()
        self.phone: VoIPPhone | None = None
        self.calls: list[VoIPCall] = []
        self.auto_answer = False
        self.directory = Path()
        self.clip = b""

    def send(self, **message: Any) -> None:
        with self.lock:
            self.output.write(json.dumps(message, default=str).encode() + b"\n")

    def run(self) -> None:
        for line in sys.stdin.buffer:
            message = json.loads(line)
            request = message.pop("id")
            try:
                data = getattr(self, f"do_{message.pop('command')}")(**message)
                self.send(id=request, ok=True, data=data)
            except Exception as error:  # whatever pyVoIP raises is the test's to judge
                traceback.print_exc()
                self.send(id=request, ok=False, data=f"{type(error).__name__}: {error}")
        self.do_quit()

    # --- requests

    def do_start(
        self,
        server: str,
        port: int,
        user: str,
        password: str,
        ip: str,
        sip_port: int,
        rtp_low: int,
        rtp_high: int,
        play: str | None,
        auto_answer: bool,
        directory: str,
    ) -> None:
        self.auto_answer, self.directory = auto_answer, Path(directory)
        if play:
            with wave.open(play) as file:
                linear = file.readframes(file.getnframes())
            self.clip = bytes(high ^ 0x80 for high in linear[1::2])
        self.phone = VoIPPhone(
            server,
            port,
            user,
            password,
            myIP=ip,
            callCallback=self.incoming,
            sipPort=sip_port,
            rtpPortLow=rtp_low,
            rtpPortHigh=rtp_high,
        )
        self.phone.start()
        threading.Thread(target=self.watch_registration, args=(self.phone,), daemon=True).start()

    def do_call(self, number: str) -> None:
        if self.phone is None:
            raise RuntimeError("not started")
        self.adopt(self.phone.call(number), incoming=False)

    def do_answer(self) -> None:
        self.calls[-1].answer()

    def do_hangup(self) -> None:
        call = self.calls[-1]
        if call.state == CallState.ANSWERED:
            call.hangup()
        else:
            call.deny()

    def do_quit(self) -> None:
        if self.phone is not None:
            threading.Thread(target=self.phone.stop, daemon=True).start()  # it may wait for threads that do not end
        threading.Timer(1.0, os._exit, (0,)).start()

    # --- what happens

    def watch_registration(self, phone: VoIPPhone) -> None:
        last = ""
        while True:
            status = phone.get_status().value
            if status != last and status in ("REGISTERED", "FAILED"):
                self.send(event="registered" if status == "REGISTERED" else "register_failed")
            last = status
            time.sleep(POLL)

    def incoming(self, call: VoIPCall) -> None:
        """pyVoIP runs this in a thread of the call's own."""
        self.adopt(call, incoming=True)
        if self.auto_answer:
            with contextlib.suppress(InvalidStateError):  # the caller was quicker
                call.answer()

    def adopt(self, call: VoIPCall, *, incoming: bool) -> None:
        self.calls.append(call)
        threading.Thread(target=self.watch_call, args=(call, len(self.calls), incoming), daemon=True).start()

    def watch_call(self, call: VoIPCall, number: int, incoming: bool) -> None:
        self.send(event="incoming" if incoming else "dialling", call=number)
        last = None
        while last != CallState.ENDED:
            if call.state != last:
                last = call.state
                if last == CallState.ANSWERED:
                    self.send(event="established", call=number)
                    threading.Thread(target=self.speak_and_record, args=(call, number), daemon=True).start()
            if last == CallState.ANSWERED and (digit := call.get_dtmf()):
                self.send(event="dtmf", call=number, digit=digit)
            time.sleep(POLL)
        self.send(event="closed", call=number)

    def speak_and_record(self, call: VoIPCall, number: int) -> None:
        with wave.open(str(self.directory / f"heard-{number:03d}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(1)
            file.setframerate(8000)
            position, due = 0, time.monotonic()
            while call.state == CallState.ANSWERED:
                file.writeframes(call.read_audio(FRAME, blocking=False))
                if self.clip:
                    call.write_audio(self.clip[position : position + FRAME])
                    position = (position + FRAME) % len(self.clip)
                due += 0.02
                time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    Worker().run()
