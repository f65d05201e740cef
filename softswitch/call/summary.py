"""Message waiting (RFC 3842): the lamp that says that there are messages, on phones that ask for it and on those that do not.

A phone subscribes to the event package `message-summary` of its own number, or of a mailbox that it may open. A phone that has
not subscribed gets a NOTIFY outside of any dialog after it registers, and when something changes. That comes a moment after the
answer to its REGISTER: some phones are confused by what comes in the same instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from softswitch.call.headers import party
from softswitch.call.owners import is_own, mailbox_of, own_mailbox
from softswitch.events import (
    BindingAdded,
    BindingRemoved,
    Event,
    VoicemailDeleted,
    VoicemailHeard,
    VoicemailLeft,
    VoicemailPurged,
    VoicemailRestored,
)
from softswitch.machine import Deadlines
from softswitch.sip.listener import contact

if TYPE_CHECKING:
    from softswitch.call.mailboxes import Mailboxes
    from softswitch.directory import Account, Directory
    from softswitch.machine import Entropy
    from softswitch.sip.binding import Binding
    from softswitch.sip.endpoint import Endpoint, RequestFailed, ResponseReceived
    from softswitch.sip.subscription import Notifier

AFTER_REGISTER: Final = 1.0  # seconds
SPREAD: Final = 30  # seconds over which phones are told after a restart
CHANGES: Final = (VoicemailLeft, VoicemailHeard, VoicemailDeleted, VoicemailRestored, VoicemailPurged)
MAILBOX_EVENTS: Final = frozenset((*CHANGES, BindingAdded, BindingRemoved))
Key = tuple[str, str]  # account and contact


def summary(new: int, old: int, account: str) -> bytes:
    """The body (section 5.2). Nothing is urgent here. `account`: the URI to dial."""
    waiting = "yes" if new else "no"
    return (
        f"Messages-Waiting: {waiting}\r\nMessage-Account: {account}\r\nVoice-Message: {new}/{old} (0/0)\r\n"
    ).encode()


@dataclass(slots=True, eq=False)
class Announcement:
    """A NOTIFY that nobody asked for, on its way to a phone."""

    key: Key
    changed: bool = False  # meanwhile


class MessageSummary:
    """The `message-summary` event package, and what phones are told that have not subscribed."""

    name = "message-summary"
    content_type = "application/simple-message-summary"

    def __init__(
        self,
        directory: Directory,
        boxes: Mailboxes,
        endpoint: Endpoint,
        bindings: Callable[[str, float], Sequence[Binding]],
        entropy: Entropy,
    ) -> None:
        self.notifier: Notifier | None = None  # once there is one
        self.announced = self.refused = 0
        self._boxes = boxes
        self._endpoint = endpoint
        self._bindings = bindings
        self._entropy = entropy
        self._deadlines: Deadlines[Key] = Deadlines()
        self._under_way: dict[Key, Announcement] = {}
        self._unwilling: set[Key] = set()  # phones that do not take such a NOTIFY
        self.configure(directory)

    def configure(self, directory: Directory) -> None:
        self._directory = directory
        owners: dict[str, list[str]] = {}
        for account in directory.accounts.values():
            box = own_mailbox(account, directory)
            if box is not None and account.mwi == "auto":
                owners.setdefault(box.name, []).append(account.user)
        self._owners: Mapping[str, list[str]] = owners
        codes = {action: code for code, action in directory.feature_codes.items()}
        self._own_code, self._any_code = codes.get("voicemail.own", ""), codes.get("voicemail.any", "")

    # --- the machine's verbs -------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        return self._deadlines.next()

    def expire(self, now: float) -> None:
        for key in self._deadlines.due(now):
            self._announce(key, now)

    def drain(self) -> Sequence[object]:
        return ()  # Everything goes out through the endpoint.

    @property
    def idle(self) -> bool:
        return not self._under_way and not self._deadlines

    # --- the package -----------------------------------------------------------------------------------------------------

    def find(self, user: str, account: Account) -> str | None:
        own = own_mailbox(account, self._directory)
        if own is not None and user in (account.user, self._own_code):
            return own.name
        box = mailbox_of(user, self._directory)
        return box.name if box is not None and is_own(box.name, account, self._directory) else None

    def body(self, resource: str, version: int, account: Account) -> bytes:
        own = own_mailbox(account, self._directory)
        if own is not None and own.name == resource:
            number = self._own_code or resource
        else:
            number = f"{self._any_code}{resource}"
        return summary(*self._boxes.counts(resource), f"sip:{number}@{self._directory.domain}")

    # --- what happens ----------------------------------------------------------------------------------------------------

    def see(self, event: Event, now: float) -> None:
        """An event of the switch."""
        if isinstance(event, CHANGES):
            if self.notifier is not None:
                self.notifier.change(self.name, event.mailbox, now)
            for user in self._owners.get(event.mailbox, ()):
                for binding in self._bindings(user, now):
                    self._announce((user, binding.contact), now)
        elif type(event) is BindingAdded:
            if not event.refreshed and self._owns(event.aor):
                key = event.aor, event.contact
                self._unwilling.discard(key)
                self._deadlines.set(key, now + AFTER_REGISTER)
        elif type(event) is BindingRemoved:
            key = event.aor, event.contact
            self._deadlines.clear(key)
            self._unwilling.discard(key)

    def restored(self, bindings: Iterable[BindingAdded], now: float) -> None:
        """After a restart: subscriptions are gone, so phones are told what is true; not all in one moment."""
        for binding in bindings:
            if self._owns(binding.aor):
                delay = AFTER_REGISTER + self._entropy.below(SPREAD * 1000) / 1000
                self._deadlines.set((binding.aor, binding.contact), now + delay)

    def _owns(self, user: str) -> bool:
        account = self._directory.accounts.get(user)
        box = own_mailbox(account, self._directory) if account is not None else None
        return box is not None and user in self._owners.get(box.name, ())

    # --- unsolicited -----------------------------------------------------------------------------------------------------

    def _announce(self, key: Key, now: float) -> None:
        """Tell one phone how it is now, unless it has subscribed, or does not want to hear it."""
        user, uri = key
        account = self._directory.accounts.get(user)
        box = own_mailbox(account, self._directory) if account is not None else None
        if account is None or box is None or key in self._unwilling:
            return
        if (under_way := self._under_way.get(key)) is not None:
            under_way.changed = True
            return
        binding = next((one for one in self._bindings(user, now) if one.contact == uri), None)
        if binding is None or (
            self.notifier is not None and self.notifier.tells(self.name, box.name, user, binding.flow)
        ):
            return
        self._deadlines.clear(key)
        announcement = self._under_way[key] = Announcement(key)
        self.announced += 1
        domain, endpoint, flow = self._directory.domain, self._endpoint, binding.flow
        who = party("", user, domain)
        tag = endpoint.tag()
        lines = "".join(f"Route: {route}\r\n" for route in binding.path) + (
            f"Event: {self.name}\r\nSubscription-State: active\r\n"
            f"Contact: {contact(endpoint.listeners[flow.listener], flow)}\r\nContent-Type: {self.content_type}\r\n"
        )
        endpoint.request(
            "NOTIFY", uri, flow, now, from_=f"{who};tag={tag}", to=who, call_id=f"{tag}{self._entropy.token()}", cseq=1,
            headers=lines, body=self.body(box.name, 0, account), owner=announcement,
        )  # fmt: skip

    def on_response(self, item: ResponseReceived, now: float) -> None:
        """What a phone says."""
        if item.message.status >= 200:
            self._settled(item.transaction.owner, item.message.status, now)

    def on_failed(self, item: RequestFailed, now: float) -> None:
        """A phone says nothing."""
        self._settled(item.transaction.owner, 408, now)

    def _settled(self, announcement: Announcement, status: int, now: float) -> None:
        key = announcement.key
        del self._under_way[key]
        if status >= 300:
            self.refused += 1
        if status in (405, 481, 489, 501):
            self._unwilling.add(key)  # Until it registers anew.
        elif announcement.changed and status < 300:
            self._announce(key, now)
