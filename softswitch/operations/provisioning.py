"""Telephones that set themselves up: settings to paste, links by which a phone fetches its account. A part of `operations`.

A link is worth as much as the password: 32 random octets, in memory only, for minutes, answered to the first who asks.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from softswitch import logs
from softswitch.net.address import is_loopback
from softswitch.provisioning import linphone_xml, pages_address, phone_of, place_of, qr_svg, sheets
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

PATH: Final = "/provision/"
MINUTES: Final = 15
LONGEST: Final = 1_440  # minutes
MOST_LINKS: Final = 10_000

log = logs.get_logger()


@dataclass(slots=True, frozen=True)
class Link:
    """What a link leads to. `until`: monotonic seconds."""

    account: str
    transport: str
    until: float
    by: str


class ProvisioningOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            "account_settings": self.account_settings,
            "provisioning_link": self.provisioning_link,
            "provisioning_fetch": self.provisioning_fetch,
        }

    def account_settings(self, account: str, transport: str = "") -> dict[str, Any]:
        """Settings for each family of phones; `password` is the word that stands where it belongs."""
        place = place_of(self._daemon.config)
        phone = phone_of(self._daemon.site, account, place, transport)
        return {
            "account": account, "server": phone.host, "port": phone.port, "transport": phone.transport,
            "transports": list(place.ports), "domain": phone.site.domain, "password": phone.password,
            "phones": [one.as_dict() for one in sheets(phone)],
        }  # fmt: skip

    def provisioning_link(
        self, account: str, transport: str = "", minutes: int = MINUTES, base: str = "", by: str = "cli"
    ) -> dict[str, Any]:
        """A link for a phone, and its QR code. `base`: where the pages were reached by whoever asks."""
        daemon, now = self._daemon, time.monotonic()
        if not 1 <= minutes <= LONGEST:
            raise ConsoleError(f"A link lives from 1 to {LONGEST} minutes.", f"{MINUTES} are usual.")
        phone_of(daemon.site, account, place_of(daemon.config), transport)
        base = daemon.config.http.url or base or pages_address(daemon.config)
        if not base:
            raise ConsoleError("The pages are switched off, so a phone has nothing to fetch from.", "Set http.listen.")
        links = {key: one for key, one in daemon.links.items() if one.until > now}
        if len(links) >= MOST_LINKS:
            raise ConsoleError("There are too many links that nobody has used.", "Wait until some of them have ended.")
        token = secrets.token_urlsafe(32)
        daemon.links = {**links, _key(token): Link(account, transport, now + 60.0 * minutes, by)}
        log.info("provisioning link made", account=account, by=by, minutes=minutes)
        url = f"{base}{PATH}{token}"
        return {
            "account": account, "url": url, "qr": qr_svg(url), "minutes": minutes, "expires_at": time.time() + 60 * minutes,
            "warning": _warning(url),
        }  # fmt: skip

    def provisioning_fetch(self, token: str, peer: str = "") -> str:
        """What a link leads to: Linphone's XML. The link is used up by that."""
        daemon = self._daemon
        link = daemon.links.pop(_key(token), None)
        if link is None or link.until <= time.monotonic() or link.account not in daemon.site.accounts:
            raise ConsoleError(
                "This link was used, or has ended.",
                "Make another one: softswitch account settings --link",
                kind="unknown",
            )
        log.info("phone provisioned", account=link.account, peer=peer, by=link.by)
        return linphone_xml(phone_of(daemon.site, link.account, place_of(daemon.config), link.transport))


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _warning(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost" or is_loopback(host):
        return "Only this machine reaches that address: set http.listen, http.tls and http.url for phones elsewhere."
    if parts.scheme != "https":
        return "The link travels in clear: who reads it on the way has the account. Set http.tls."
    return ""
