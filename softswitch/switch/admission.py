"""Admission: who must authenticate, what is too much, and what is still answered while draining."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from softswitch.call.control import CallControl
from softswitch.call.messages import Postman
from softswitch.call.routing import calls_for_help
from softswitch.directory import Directory
from softswitch.machine import Entropy
from softswitch.sip.endpoint import Endpoint, RequestReceived
from softswitch.sip.guard import Guard
from softswitch.sip.registrar import Registrar
from softswitch.sip.subscription import Notifier
from softswitch.sip.trunks import Trunks
from softswitch.sip.uri import unescape, uri_user
from softswitch.switch.settings import CAPABILITIES, CROWDED_RETRY, DRAIN_RETRY, EXTENSIONS, Settings

if TYPE_CHECKING:
    from softswitch.outside import Trunk
    from softswitch.sip.message import Message


class Admission:
    """Lets requests in: to call control, the registrar, the notifier, or not at all."""

    def __init__(
        self,
        directory: Directory,
        settings: Settings,
        entropy: Entropy,
        *,
        endpoint: Endpoint,
        guard: Guard,
        registrar: Registrar,
        calls: CallControl,
        trunks: Trunks,
        notifier: Notifier,
        postman: Postman,
    ) -> None:
        self.directory = directory
        self.settings = settings
        self.entropy = entropy
        self.endpoint = endpoint
        self.guard = guard
        self.registrar = registrar
        self.calls = calls
        self.trunks = trunks
        self.notifier = notifier
        self.postman = postman
        self.draining = False
        self._tokens = float(settings.calls_per_second)
        self._tokens_at = 0.0
        supported = (*EXTENSIONS, *settings.calls.extensions)
        self._capabilities = f"{CAPABILITIES}Supported: {', '.join(supported)}\r\n"
        self._methods: dict[str, Callable[[RequestReceived, float], None]] = {
            "INVITE": self._invite,
            "REGISTER": self._register,
            "OPTIONS": self._options,
            "SUBSCRIBE": self._subscribe,
            "MESSAGE": self._message,
        }

    def request(self, item: RequestReceived, now: float) -> None:
        message = item.message
        if message.to_tag:
            if message.method == "SUBSCRIBE" and self.notifier.knows(message):
                self.notifier.request(item, now)
            elif not self.calls.must_prove(message, now):
                self.calls.on_request(item, None, now)
            elif (account := self.guard.account(item, now)) is not None:
                self.calls.on_request(item, account, now)
            return
        self._methods.get(message.method, self._not_served)(item, now)

    def _invite(self, item: RequestReceived, now: float) -> None:
        message = item.message
        trunk, account = self._trunk(message), None
        urgent = trunk is None and calls_for_help(message.uri, self.directory)  # SIG-40: whatever limits say
        if self.draining and not urgent:
            self.endpoint.reject(item.transaction, 503, now, headers=DRAIN_RETRY)
        elif trunk is None and (account := self.guard.account(item, now)) is None:
            return
        elif not urgent and self._crowded(now):
            delay = CROWDED_RETRY + self.entropy.below(3 * CROWDED_RETRY + 1)
            self.endpoint.reject(item.transaction, 503, now, headers=f"Retry-After: {delay}\r\n")
        elif trunk is not None:
            self.calls.on_trunk(item, trunk, now)
        else:
            self.calls.on_request(item, account, now)

    def _trunk(self, message: Message) -> Trunk | None:
        """The trunk that a call comes by. A phone at the same address is known by its credentials, or its flow."""
        if not self.trunks.lines or self.guard.authenticator.guesses.proven(message.flow):
            return None
        return self.directory.trunks.get(self.trunks.source(message))

    def _crowded(self, now: float) -> bool:
        """Whether one call more would be too many, at once or in this second; else it is counted (a token bucket)."""
        rate = self.settings.calls_per_second
        self._tokens = min(rate, self._tokens + (now - self._tokens_at) * rate)
        self._tokens_at = now
        if self._tokens < 1.0 or len(self.calls.calls) >= self.settings.calls_at_once:
            return True
        self._tokens -= 1.0
        return False

    def _register(self, item: RequestReceived, now: float) -> None:
        if (account := self.guard.account(item, now)) is not None:
            status, headers = self.registrar.register(item.message, account, now)
            self.endpoint.respond(item.transaction, status, now, headers=headers)

    def _options(self, item: RequestReceived, now: float) -> None:
        if self.guard.is_scanner(item, now):
            return
        # 11.2: the answer is that of an INVITE now. Nobody must authenticate to learn whether we are alive.
        self.endpoint.reject(item.transaction, 503 if self.draining else 200, now, headers=self._capabilities)

    def _subscribe(self, item: RequestReceived, now: float) -> None:
        if (account := self.guard.account(item, now)) is not None:
            self.notifier.subscribe(item, unescape(uri_user(item.message.uri)), account, now)

    def _message(self, item: RequestReceived, now: float) -> None:
        if (account := self.guard.account(item, now)) is not None:
            self.postman.send(item, account, self.calls.board.local, now)

    def _not_served(self, item: RequestReceived, now: float) -> None:
        """A method that has a meaning inside dialogs only. Strangers are challenged first: they learn nothing (SEC-02)."""
        if self.guard.account(item, now) is not None:
            # XFR-11: nobody is sent elsewhere by a REFER outside of the call that it is about.
            self.endpoint.respond(item.transaction, 403 if item.message.method == "REFER" else 481, now)
