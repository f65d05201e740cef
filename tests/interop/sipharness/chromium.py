"""Chromium without a display, steered over its DevTools pipe: NUL-terminated JSON on its file descriptors 3 and 4.

Its microphone is a WAV file that is played round and round. One browser has many pages; a page tells us something by calling
`tell(text)`.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import provision
from .core import PhoneError, Running

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--disable-domain-reliability", "--metrics-recording-only", "--no-pings", "--mute-audio"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    *("--autoplay-policy=no-user-gesture-required", "--disable-renderer-backgrounding"),
    # Candidates with addresses in place of names by mDNS, and such of the loopback interface too.
    *(
        "--allow-loopback-in-peer-connection",
        "--disable-features=WebRtcHideLocalIpsWithMdns,MediaRouter,OptimizationHints",
    ),
    # Nothing leaves this machine.
    *("--proxy-server=direct://", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"),
)


class Chromium(Running):
    """A browser. `microphone`: 16-bit WAV; `certificate`: of a server to trust though nobody has signed it."""

    def __init__(self, microphone: Path, certificate: str = "") -> None:
        program = provision.chromium()
        if program is None:
            raise PhoneError("Chromium is not installed: tests/run installs it")
        self.dir = Path(tempfile.mkdtemp(prefix="chromium-"))
        self.command = [str(program), *_FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
        self.command += [f"--user-data-dir={self.dir / 'profile'}", "--remote-debugging-pipe"]
        if certificate:
            self.command.append(f"--ignore-certificate-errors-spki-list={_key_digest(Path(certificate))}")
        self._process: subprocess.Popen[bytes] | None = None
        self._descriptors: tuple[int, ...] = ()
        self._listeners: dict[str, Callable[[str], None]] = {}  # by the session of a page
        self._replies: dict[int, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._sent = 0
        self._dead = False

    # --- life cycle

    def start(self) -> None:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        # Out of the way of 3 and 4, to which the shell moves them.
        theirs_in, theirs_out = _moved(theirs_in), _moved(theirs_out)
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out} {theirs_in}<&- {theirs_out}>&-'
        with (self.dir / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", script, "bash", *self.command, "about:blank"], pass_fds=(theirs_in, theirs_out),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "HOME": str(self.dir), "PULSE_RUNTIME_PATH": str(self.dir), "DISPLAY": ""},
            )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._descriptors = ours_in, ours_out
        threading.Thread(target=self._read, args=(ours_in,), daemon=True).start()
        self.perform("Browser.getVersion", timeout=40)

    def stop(self) -> None:
        process = self._process
        if process is not None:
            try:
                self.perform("Browser.close", timeout=5)
                process.wait(5)
            except (PhoneError, OSError, subprocess.TimeoutExpired):
                os.killpg(process.pid, signal.SIGKILL)  # our own session (start_new_session), nobody else's
                process.wait()
            self._process = None
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = ()
        shutil.rmtree(self.dir, ignore_errors=True)

    def log(self) -> str:
        return (self.dir / "log").read_text(errors="replace")

    # --- the pipe

    def _read(self, descriptor: int) -> None:
        buffer = b""
        while chunk := _read(descriptor):
            *messages, buffer = (buffer + chunk).split(b"\0")
            for text in messages:
                self._message(json.loads(text))
        with self._changed:
            self._dead = True
            self._changed.notify_all()

    def _message(self, message: dict[str, Any]) -> None:
        if "id" in message:
            with self._changed:
                self._replies[message["id"]] = message
                self._changed.notify_all()
            return
        listener = self._listeners.get(message.get("sessionId", ""))
        parameters = message.get("params", {})
        if listener is None:
            return
        if message["method"] == "Runtime.bindingCalled":
            listener(parameters["payload"])
        elif message["method"] == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            reason = details.get("exception", {}).get("description", details.get("text"))
            listener(json.dumps({"event": "page_error", "reason": reason}))

    def perform(self, method: str, session: str = "", *, timeout: float = 20.0, **parameters: Any) -> dict[str, Any]:
        """Perform a DevTools command, in a page with `session`. Raises PhoneError."""
        with self._changed:
            self._sent += 1
            number = self._sent
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._descriptors[1], data) :]
        with self._changed:
            if not self._changed.wait_for(lambda: number in self._replies or self._dead, timeout):
                raise PhoneError(f"chromium: no reply to {method}")
            reply = self._replies.pop(number, None)
        if reply is None:
            raise PhoneError(f"chromium went away:\n{self.log()[-2000:]}")
        if "error" in reply:
            raise PhoneError(f"chromium: {method}: {reply['error'].get('message')}")
        return reply["result"]

    def page(self, url: str, listener: Callable[[str], None], context: str = "") -> Page:
        """A new page that has loaded `url`. `listener` gets what it tells, in a thread of ours; `context`: of a page whose
        cookies and storage it shares, as another tab does."""
        context = context or self.perform("Target.createBrowserContext")["browserContextId"]
        target = self.perform("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.perform("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._listeners[session] = listener
        page = Page(self, context, session)
        for method in ("Page.enable", "Runtime.enable"):
            self.perform(method, session)
        self.perform("Runtime.addBinding", session, name="tell")
        self.perform("Page.navigate", session, url=url)
        page.evaluate(
            "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))"
        )
        return page

    def forget(self, context: str, session: str) -> None:
        self._listeners.pop(session, None)
        self.perform("Target.disposeBrowserContext", browserContextId=context)


class Page:
    """A page of a browser, with cookies and storage of its own."""

    def __init__(self, browser: Chromium, context: str, session: str) -> None:
        self._browser, self._context, self._session = browser, context, session

    def evaluate(self, expression: str, timeout: float = 15.0) -> Any:
        """The value of an expression of the page's, waited for if it is a promise. Raises PhoneError."""
        reply = self._browser.perform(
            "Runtime.evaluate", self._session, timeout=timeout, expression=expression, awaitPromise=True,
            returnByValue=True, userGesture=True,
        )  # fmt: skip
        if "exceptionDetails" in reply:
            details = reply["exceptionDetails"]
            raise PhoneError(f"page: {details.get('exception', {}).get('description', details.get('text'))}")
        return reply["result"].get("value")

    def close(self) -> None:
        self._browser.forget(self._context, self._session)


def _moved(descriptor: int) -> int:
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 60)
    os.close(descriptor)
    return moved


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # closed
        return b""


def _key_digest(certificate: Path) -> str:
    """SHA-256 of the public key, as Chromium wants it."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()
