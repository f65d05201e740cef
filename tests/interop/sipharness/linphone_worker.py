"""The process that liblinphone lives in: lines of JSON in, lines of JSON out, the library iterated in between."""

from __future__ import annotations

import json
import os
import select
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from liblinphone import Lib, text_of  # this runs as a script: its folder is the path

POLL = 0.02  # seconds between iterations, as Linphone's own programs have it
KEY = 0.3  # seconds from one DTMF digit to the next
_ENDED = ("End", "Error", "Released")
_REASONS = {486: 6, 603: 3}  # LinphoneReasonBusy, LinphoneReasonDeclined
_PACKAGES = {"dialog": "lamp", "message-summary": "mwi"}
_ENCRYPTION = {0: "", 1: "srtp", 2: "zrtp", 3: "dtls"}


class Worker:
    """Requests are the methods `do_*`, what the library tells the methods `on_*`."""

    def __init__(self) -> None:
        # The library prints; the real standard output is kept for the protocol.
        self.output = os.fdopen(os.dup(1), "wb", 0)
        os.dup2(2, 1)
        self.lib = Lib()
        self.core: int | None = None
        self.calls: dict[int, int] = {}  # our number: LinphoneCall *
        self.states: dict[int, str] = {}
        self.count = self.recordings = 0
        self.registered = False
        self.running = True
        self.auto_answer = False
        self.play: bytes | None = None
        self.directory = ""
        self.subscriptions: list[int] = []
        self.later: list[tuple[float, int]] = []  # when, a call to answer

    def send(self, **message: Any) -> None:
        self.output.write(json.dumps(message, default=str).encode() + b"\n")

    def run(self) -> None:
        buffer = b""
        while self.running:
            if select.select([0], [], [], POLL)[0]:
                chunk = os.read(0, 65536)
                if not chunk:
                    break
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    self.perform(json.loads(line))
            self.iterate()
        self.leave()

    def iterate(self) -> None:
        if self.core is not None:
            self.lib.core_iterate(self.core)
        now = time.monotonic()
        due = [call for at, call in self.later if at <= now]
        self.later = [entry for entry in self.later if entry[0] > now]
        for call in due:
            self.lib.call_accept(call)

    def perform(self, message: dict[str, Any]) -> None:
        request = message.pop("id")
        try:
            data = getattr(self, f"do_{message.pop('command')}")(**message)
            self.send(id=request, ok=True, data=data)
        except Exception as error:  # the test's to judge
            traceback.print_exc(file=sys.stderr)
            self.send(id=request, ok=False, data=f"{type(error).__name__}: {error}")

    # --- life cycle

    def do_start(
        self, rc: str, play: str | None, auto_answer: bool, directory: str, codecs: list[str], mandatory: bool,
        session_expires: int, min_se: int, rel100: int,
    ) -> str:  # fmt: skip
        """`rc`: the configuration; `rel100`: 0 never, 1 if asked, 2 required. Returns the version."""
        lib = self.lib
        self.auto_answer, self.directory = auto_answer, directory
        path = Path(directory, "linphonerc")
        path.write_text(rc)
        factory = lib.factory_get()
        for kind in ("config", "data", "download"):
            getattr(lib, f"factory_set_{kind}_dir")(factory, directory.encode() + b"/")  # it appends names as they are
        lib.logging_service_set_log_level(lib.logging_service_get(), 1 << 3)  # one bit, and only one: warnings
        core = self.core = lib.factory_create_core_3(factory, str(path).encode(), None, None)
        listeners = {
            "call_state_changed": self.on_call,
            "registration_state_changed": self.on_registration,
            "dtmf_received": self.on_digit,
            "transfer_state_changed": self.on_transfer,
            "notify_received": self.on_notify,
            "subscription_state_changed": self.on_subscription,
            "message_received": self.on_message,
        }
        lib.listen(core, lib.factory_create_core_cbs(factory), listeners)
        self.play = play.encode() if play else None
        self.use_files()
        lib.core_set_media_encryption_mandatory(core, mandatory)
        lib.core_set_tag_100rel_support_level(core, rel100)
        lib.core_set_session_expires_enabled(core, session_expires > 0)
        if session_expires:
            lib.core_set_session_expires_min_value(core, min_se)
            lib.core_set_session_expires_value(core, session_expires)
        self.enable(codecs)
        lib.core_start(core)
        return str(lib.core_get_version().decode())

    def use_files(self) -> None:
        self.lib.core_set_use_files(self.core, 1)
        self.lib.core_set_play_file(self.core, self.play)
        self.next_recording()

    def enable(self, codecs: list[str]) -> None:
        """Only these, such as "PCMA/8000", in this order."""
        lib = self.lib
        known = {}
        for entry in lib.items(lib.core_get_audio_payload_types(self.core)):
            name = f"{lib.payload_type_get_mime_type(entry).decode()}/{lib.payload_type_get_clock_rate(entry)}"
            known.setdefault(name.lower(), entry)
            lib.payload_type_enable(entry, 0)
        chosen = [known[name.lower()] for name in codecs]
        for entry in chosen:
            lib.payload_type_enable(entry, 1)
        others = [entry for entry in known.values() if entry not in chosen]
        lib.core_set_audio_payload_types(self.core, lib.list_of(chosen + others))

    def next_recording(self) -> None:
        self.recordings += 1
        path = f"{self.directory}/heard-{self.recordings:03d}.wav"
        self.lib.core_set_record_file(self.core, path.encode())

    def do_quit(self) -> None:
        self.running = False

    def leave(self) -> None:
        """Hang up and unregister, then go without the library's own farewells."""
        if self.core is not None:
            self.lib.core_terminate_all_calls(self.core)
            if self.registered:
                self.do_register(on=False)
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline and (self.registered or self.calls):
                self.iterate()
                time.sleep(POLL)
        os._exit(0)

    # --- what the library tells

    def number_of(self, call: int) -> int:
        for number, known in self.calls.items():
            if known == call:
                return number
        self.count += 1
        self.calls[self.count] = self.lib.call_ref(call)
        return self.count

    def on_call(self, core: int, call: int, code: int, message: bytes | None) -> None:
        lib = self.lib
        number = self.number_of(call)
        state = lib.call_state_to_string(code).decode().replace("LinphoneCall", "").replace("State", "")
        before, self.states[number] = self.states.get(number, ""), state
        facts: dict[str, Any] = {"call": number, "peer": text_of(lib.call_get_remote_address_as_string(call))}
        kind = {
            "IncomingReceived": "incoming", "OutgoingRinging": "ringing", "OutgoingEarlyMedia": "early",
            "PausedByRemote": "held", "Paused": "paused", "Referred": "refer",
        }.get(state, "")  # fmt: skip
        if state == "StreamsRunning":
            kind = {"PausedByRemote": "resumed", "Resuming": "unpaused", "Paused": "unpaused"}.get(
                before, "established"
            )
            if before in ("Updating", "UpdatedByRemote", "StreamsRunning"):
                kind = "updated"
        elif state in ("End", "Error"):
            kind = "closed"
            facts["reason"] = f"{lib.error_info_get_protocol_code(lib.call_get_error_info(call))}"
        if kind:
            self.send(event=kind, **facts)
        if state == "IncomingReceived" and self.auto_answer:
            self.later.append((time.monotonic() + 0.05, call))
        if state == "Released":
            self.calls.pop(number)
            self.states.pop(number)
            self.next_recording()
            lib.call_unref(call)
            self.send(event="released", call=number)

    def on_registration(self, core: int, account: int, code: int, message: bytes | None) -> None:
        state = self.lib.registration_state_to_string(code).decode()
        if state.endswith("Ok"):
            if not self.registered:
                self.use_files()  # What was fetched by a link has made the sound anew, with devices that there are none of.
            self.registered = True
            self.send(event="registered")
        elif state.endswith(("Failed", "Cleared", "None")):
            self.registered = False
            event = "register_failed" if state.endswith("Failed") else "unregistered"
            self.send(event=event, reason=(message or b"").decode())

    def on_digit(self, core: int, call: int, digit: int) -> None:
        self.send(event="dtmf", digit=chr(digit))

    def on_transfer(self, core: int, call: int, code: int) -> None:
        state = self.lib.call_state_to_string(code).decode()
        if state.endswith(("Connected", "StreamsRunning")):
            self.send(event="transferred")
        elif state.endswith("Error"):
            self.send(event="transfer_failed")
        else:
            self.send(event="transferring", state=state)

    def on_notify(self, core: int, event: int, name: bytes, content: int | None) -> None:
        body = self.lib.content_get_utf8_text(content) if content else None
        package = name.decode()
        self.send(event=_PACKAGES.get(package, "notify"), package=package, body=(body or b"").decode(errors="replace"))

    def on_subscription(self, core: int, event: int, code: int) -> None:
        state = self.lib.subscription_state_to_string(code).decode()
        self.send(event="subscription", state=state, package=(self.lib.event_get_name(event) or b"").decode())

    def on_message(self, core: int, room: int, message: int) -> None:
        lib = self.lib
        text = lib.chat_message_get_utf8_text(message)
        sender = text_of(lib.address_as_string_uri_only(lib.chat_message_get_from_address(message)))
        if text is not None:  # not a receipt, not "is writing"
            self.send(event="message", text=text.decode(errors="replace"), peer=sender)

    # --- verbs

    def pick(self, call: int | None) -> int:
        """A call by its number; without one the latest that lives."""
        if call is not None:
            return self.calls[call]
        live = [number for number, state in self.states.items() if state not in _ENDED]
        if not live:
            raise RuntimeError("no call")
        return self.calls[max(live)]

    def address(self, uri: str) -> int:
        address = self.lib.core_interpret_url(self.core, uri.encode())
        if not address:
            raise ValueError(f"not a URI: {uri}")
        return int(address)

    @staticmethod
    def check(failed: int, what: str) -> None:
        if failed:
            raise RuntimeError(f"{what} refused")

    def do_register(self, on: bool) -> None:
        lib = self.lib
        account = lib.core_get_default_account(self.core)
        parameters = lib.account_params_clone(lib.account_get_params(account))
        lib.account_params_set_register_enabled(parameters, on)
        lib.account_set_params(account, parameters)

    def do_call(self, uri: str) -> int:
        parameters = self.lib.core_create_call_params(self.core, None)
        call = self.lib.core_invite_address_with_params(self.core, self.address(uri), parameters)
        if not call:
            raise RuntimeError("invite refused")
        return self.number_of(call)

    def do_answer(self, call: int | None = None) -> None:
        self.check(self.lib.call_accept(self.pick(call)), "accept")

    def do_hangup(self, call: int | None = None, status: int = 0) -> None:
        chosen = self.pick(call)
        if status:
            self.check(self.lib.call_decline(chosen, _REASONS[status]), "decline")
        else:
            self.check(self.lib.call_terminate(chosen), "terminate")

    def do_hold(self, call: int | None = None) -> None:
        self.check(self.lib.call_pause(self.pick(call)), "pause")

    def do_resume(self, call: int | None = None) -> None:
        self.check(self.lib.call_resume(self.pick(call)), "resume")

    def do_encryption(self, call: int | None = None) -> str:
        """What protects the audio at this moment."""
        parameters = self.lib.call_get_current_params(self.pick(call))
        return _ENCRYPTION[self.lib.call_params_get_media_encryption(parameters)]

    def do_dtmf(self, digits: str, info: bool) -> None:
        self.lib.core_set_use_info_for_dtmf(self.core, info)
        self.lib.core_set_use_rfc2833_for_dtmf(self.core, not info)
        call = self.pick(None)
        for digit in digits:
            self.check(self.lib.call_send_dtmf(call, digit.encode()), "DTMF")
            deadline = time.monotonic() + KEY
            while time.monotonic() < deadline:
                self.iterate()
                time.sleep(POLL / 2)

    def do_transfer(self, uri: str, call: int | None = None) -> None:
        self.check(self.lib.call_transfer_to(self.pick(call), self.address(uri)), "transfer")

    def do_attended_transfer(self, call: int, to: int) -> None:
        self.check(self.lib.call_transfer_to_another(self.calls[call], self.calls[to]), "transfer")

    def do_subscribe(self, uri: str, package: str, expires: int) -> None:
        event = self.lib.core_subscribe(self.core, self.address(uri), package.encode(), expires, None)
        if not event:
            raise RuntimeError("subscribe refused")
        self.subscriptions.append(event)

    def do_unsubscribe(self) -> None:
        for event in self.subscriptions:
            self.lib.event_terminate(event)
        self.subscriptions.clear()

    def do_message(self, uri: str, text: str) -> None:
        room = self.lib.core_get_chat_room(self.core, self.address(uri))
        message = self.lib.chat_room_create_message_from_utf8(room, text.encode())

        def changed(_: int, code: int) -> None:
            self.send(event="message_state", state=self.lib.chat_message_state_to_string(code).decode())

        self.lib.watch_message(message, changed)
        self.lib.chat_message_send(message)


if __name__ == "__main__":
    Worker().run()
