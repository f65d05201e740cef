"""What people may ask about text messages (OUT-09): whether the provider takes them, and a first one. A part of `operations`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

MOST_TEXT: Final = 480  # characters
REFUSALS: Final = {
    "disabled": "softswitch.toml names no provider: [sms] url.",
    "number": "Texts go to mobile numbers only.",
    "country": "Texts do not go to that country: [sms] countries.",
    "limit": "So many have been sent today: [sms] per_number, per_day.",
}


class SmsOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {"sms": self.state, "sms_test": self.test}

    def state(self) -> dict[str, Any]:
        """Who the provider is, how many texts wait, and why the last attempt failed ("" = it did not)."""
        settings, sms = self._daemon.config.sms, self._daemon.errands.sms
        return {
            "enabled": bool(settings.url), "provider": urlsplit(settings.url).hostname or "", "sender": settings.sender,
            "waiting": len(sms), "trouble": sms.trouble,
        }  # fmt: skip

    def test(self, to: str, text: str, by: str = "cli") -> dict[str, Any]:
        """Send a text; what has become of it is the event `sms.sent` with the notice "test"."""
        text = text.strip()
        if not 0 < len(text) <= MOST_TEXT:
            raise ConsoleError(f"A text has 1 to {MOST_TEXT} characters.")
        refusal = self._daemon.errands.sms.send(to, text, self._daemon.directory.country, notice="test")
        if refusal:
            raise ConsoleError(f"That text is not sent. {REFUSALS.get(refusal, refusal)}", "See: docs/customers.md")
        return self.state()
