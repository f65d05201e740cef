"""JsSIP in Chromium: a browser's WebRTC and a widely used SIP stack, in a page served from 127.0.0.1."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np

from . import audio, provision
from .chromium import Chromium, Page
from .core import LOOPBACK, Account, Phone, PhoneError

_PAGE = """<!doctype html><meta charset="utf-8"><title>phone</title><body>
<script src="jssip.js"></script><script src="phone.js"></script>
"""


class Site:
    """The web server of the page."""

    def __init__(self) -> None:
        files = {
            "/": ("text/html", _PAGE.encode()),
            "/jssip.js": ("text/javascript", provision.bundle().read_bytes()),
            "/phone.js": ("text/javascript", Path(__file__).with_name("jssip_page.js").read_bytes()),
        }
        self._server = http.server.ThreadingHTTPServer((LOOPBACK, 0), functools.partial(_Files, files))
        self.url = f"http://{LOOPBACK}:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Files(http.server.BaseHTTPRequestHandler):
    def __init__(self, files: dict[str, tuple[str, bytes]], *arguments: Any) -> None:
        self._files = files
        super().__init__(*arguments)

    def do_GET(self) -> None:
        kind, content = self._files.get(self.path, ("", b""))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind or "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class JsSip(Phone):
    """One page with one account, over WS or WSS. Speaks what the browser's microphone has; hears at 8000 hertz.

    Further events: held, resumed (by the far end), paused, unpaused (by us), refer, transferring, transferred,
    transfer_failed, message, page_error.
    """

    KIND = "jssip"

    def __init__(self, account: Account, browser: Chromium, site: Site, **options: Any) -> None:
        super().__init__(account, **options)
        self._browser, self._site = browser, site
        self._page: Page | None = None

    def start(self) -> None:
        account = self.account
        self._page = self._browser.page(self._site.url, self._told)
        settings = {
            "url": f"{account.transport}://{account.server}:{account.port}/",
            "aor": account.aor,
            "user": account.user,
            "password": account.password,
            "expires": account.expires,
            "auto_answer": self.auto_answer,
        }
        self._do("start", settings)

    def stop(self) -> None:
        if self._page is not None:
            with contextlib.suppress(PhoneError):  # its connection is closed with the page
                self._do("stop", timeout=3)  # hangs up, unregisters
            self._page.close()
            self._page = None
        super().stop()

    def _told(self, text: str) -> None:
        facts = json.loads(text)
        self.emit(facts.pop("event"), **facts)

    def _do(self, method: str, *arguments: object, timeout: float = 15.0) -> Any:
        if self._page is None:
            raise PhoneError(f"{self.name} is not running")
        return self._page.evaluate(f"phone.{method}({', '.join(map(json.dumps, arguments))})", timeout)

    # --- verbs

    def call(self, target: str) -> int:
        """Returns the number of the call, for verbs that take one."""
        return int(self._do("call", self.account.uri(target)))

    def answer(self, call: int | None = None) -> None:
        self._do("answer", call)

    def hangup(self, call: int | None = None, status: int = 0) -> None:
        self._do("hangup", call, status)

    def hold(self, call: int | None = None) -> None:
        self._do("hold", call)

    def resume(self, call: int | None = None) -> None:
        self._do("resume", call)

    def dtmf(self, digits: str, *, info: bool = False) -> None:
        self._do("dtmf", digits, info)

    def transfer(self, target: str, call: int | None = None) -> None:
        """Blind: REFER."""
        self._do("transfer", call, self.account.uri(target))

    def attended_transfer(self, call: int, to: int) -> None:
        """REFER of `call` with Replaces of the call `to`."""
        self._do("attendedTransfer", call, to)

    def message(self, target: str, text: str) -> None:
        self._do("message", self.account.uri(target), text)

    def statistics(self, call: int | None = None) -> dict[str, Any]:
        """received, lost, codec, dtls, cipher: of WebRTC's own books."""
        return dict(self._do("statistics", call))

    def heard_in(self, call: int, since: int = 0) -> audio.Signal:
        """What was heard in a call, from a sample on."""
        octets = base64.b64decode(self._page.evaluate(f"phone.recorder.take({call}, {since})")) if self._page else b""
        return np.frombuffer(octets, "<i2").astype(np.float64) / 32768
