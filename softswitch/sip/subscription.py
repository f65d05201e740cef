"""Subscriptions (RFC 6665): phones that want to be told, and what they are told.

A subscription is a dialog in which we send a NOTIFY at once, and whenever what it is about has changed. Only one NOTIFY is under
way in each: what happens meanwhile is told in the next one, as it is then. A phone that does not take a NOTIFY has lost its
subscription; one that wants it still comes again by itself. A restart ends none (`lasting`).

What a resource looks like is the business of a `Package`; who may subscribe has been decided before a request comes here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from softswitch.errors import ParseError
from softswitch.machine import Deadlines
from softswitch.sip import headers as views
from softswitch.sip.dialog import Dialog, DialogState
from softswitch.sip.grammar import number
from softswitch.sip.lasting import GAP, dialog_of, keep, portion_of

if TYPE_CHECKING:
    from softswitch.directory import Account
    from softswitch.effects import Flow
    from softswitch.sip.endpoint import ClientTransaction, Endpoint, RequestFailed, RequestReceived, ResponseReceived
    from softswitch.sip.listener import Listener
    from softswitch.sip.message import Message

SHORTEST, USUAL, LONGEST = 60, 3_600, 7_200  # seconds that a subscription may last
PER_ACCOUNT: Final = 250  # subscriptions at once: a console with all its keys
IN_ALL: Final = 50_000
LINGER: Final = 1.0  # seconds that an ended subscription waits for its last NOTIFY
AFTER_RESTART: Final = 1.0  # seconds until phones are told how things are
A_SECOND: Final = 200  # of them


class Package(Protocol):
    """One event package: what can be subscribed to, and what is told about it."""

    name: str
    content_type: str

    def find(self, user: str, account: Account) -> str | None:
        """The resource that a Request-URI's user means to this account; None if there is none, or it is not for them."""
        ...

    def body(self, resource: str, version: int, account: Account) -> bytes:
        """The whole state of a resource now; `version` counts the bodies of one subscription from 0."""
        ...


@dataclass(slots=True, eq=False)
class Subscription:
    """One phone that wants to be told of one resource."""

    dialog: Dialog
    package: Package
    event: str  # as the phone wrote it, with its id
    resource: str
    account: Account
    contact: str
    expires_at: float
    asked: str = ""  # the user of the URI that was subscribed to
    version: int = 0
    under_way: bool = False  # a NOTIFY has not been answered
    changed: bool = False  # since the last NOTIFY was sent
    ended: str = ""  # why: "timeout" | "deactivated" | ...


@dataclass(slots=True)
class Counters:
    """Numbers that only grow."""

    started: int = 0
    refused: int = 0
    notified: int = 0
    lost: int = 0  # whose phone did not take a NOTIFY
    ended: dict[str, int] = field(default_factory=dict)


class Notifier:
    """All subscriptions, as a machine. The endpoint carries its messages; `contact` is our own for a flow's peer."""

    def __init__(self, endpoint: Endpoint, packages: Sequence[Package], listeners: Sequence[Listener]) -> None:
        self.counters = Counters()
        self._endpoint = endpoint
        self._listeners = listeners
        self._packages: Mapping[str, Package] = {package.name: package for package in packages}
        self._allow = f"Allow-Events: {', '.join(self._packages)}\r\n"
        self.dialogs: dict[tuple[str, str], Subscription] = {}  # by Call-ID and our tag
        self._by_resource: dict[tuple[str, str], set[Subscription]] = {}
        self._held: dict[str, int] = {}  # account -> subscriptions
        self._deadlines: Deadlines[Subscription] = Deadlines()
        self._news: Deadlines[Subscription] = Deadlines()  # phones that are to be told after a restart
        self._cut_off: dict[str, set[Subscription]] = {}  # account -> those whose connection a restart has ended
        self._portions: dict[int, dict[Subscription, None]] = {}  # as they are kept
        self._changed: set[int] = set()  # portions that are not kept as they are

    def __len__(self) -> int:
        return len(self.dialogs)

    # --- the machine's verbs -------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        at, news = self._deadlines.next(), self._news.next()
        return at if news is None or (at is not None and at <= news) else news

    def expire(self, now: float) -> None:
        for subscription in self._news.due(now):
            self._notify(subscription, now)
        for subscription in self._deadlines.due(now):
            if subscription.ended:
                self._forget(subscription)
            else:
                self._end(subscription, "timeout", now)

    def drain(self) -> Sequence[object]:
        return ()  # Everything goes out through the endpoint.

    # --- requests --------------------------------------------------------------------------------------------------

    def knows(self, message: Message) -> bool:
        """Whether a request belongs to a subscription's dialog."""
        return (message.call_id, message.to_tag) in self.dialogs

    def subscribe(self, item: RequestReceived, user: str, account: Account, now: float) -> None:
        """A SUBSCRIBE outside of dialogs, from an account, for the resource that `user` names."""
        message, tx = item.message, item.transaction
        package, event = self._package(message)
        if package is None:
            self.counters.refused += 1
            self._endpoint.reject(tx, 489 if event else 400, now, headers=self._allow)
            return
        refusal, seconds = self._duration(message)
        resource = package.find(user, account)
        if resource is None:
            refusal = refusal or (404, "")
        elif not _acceptable(message, package.content_type):
            refusal = refusal or (406, f"Accept: {package.content_type}\r\n")
        elif self._held.get(account.user, 0) >= PER_ACCOUNT or len(self.dialogs) >= IN_ALL:
            refusal = refusal or (503, "Retry-After: 60\r\n")
        if refusal is not None or resource is None:
            self.counters.refused += 1
            status, lines = refusal or (404, "")
            self._endpoint.reject(tx, status, now, headers=lines)
            return
        try:
            dialog = Dialog.uas(message, self._endpoint.tag(), message.flow)
        except ParseError:
            self._endpoint.reject(tx, 400, now)
            return
        dialog.state = DialogState.CONFIRMED
        contact = self._contact(message.flow)
        subscription = Subscription(dialog, package, event, resource, account, contact, now + seconds, user)
        self._enlist(subscription)
        self.counters.started += 1
        self._answer(subscription, item, seconds, now)

    def request(self, item: RequestReceived, now: float) -> None:
        """A request inside a subscription's dialog: a SUBSCRIBE renews or ends it."""
        message, tx = item.message, item.transaction
        subscription = self.dialogs[message.call_id, message.to_tag]
        status = subscription.dialog.receive(message)
        if status:
            self._endpoint.reject(tx, status, now)
            return
        if message.method != "SUBSCRIBE" or subscription.ended:
            self._endpoint.reject(tx, 481 if subscription.ended else 405, now, headers="Allow: SUBSCRIBE\r\n")
            return
        package, event = self._package(message)
        if package is not subscription.package:
            self._endpoint.reject(tx, 489 if event else 400, now, headers=self._allow)
            return
        refusal, seconds = self._duration(message)
        if refusal is not None:
            self._endpoint.reject(tx, refusal[0], now, headers=refusal[1])
            return
        subscription.expires_at = now + seconds
        self._reconnected(subscription)
        self._answer(subscription, item, seconds, now)

    def _answer(self, subscription: Subscription, item: RequestReceived, seconds: int, now: float) -> None:
        """200, and the NOTIFY that every SUBSCRIBE causes (4.2.2)."""
        self._endpoint.respond(
            item.transaction, 200, now, to_tag=subscription.dialog.local_tag,
            headers=f"Expires: {seconds}\r\n{subscription.contact}{self._allow}",
        )  # fmt: skip
        if not seconds:
            self._end(subscription, "timeout", now)
            return
        self._touch(subscription)
        self._deadlines.set(subscription, subscription.expires_at)
        self._notify(subscription, now)

    def _package(self, message: Message) -> tuple[Package | None, str]:
        """The package of an Event header, and the header as it is to be repeated; None and "" without one."""
        value = message.header("event")
        name, _, rest = value.partition(";")
        name = name.strip(" \t")
        event = name
        for parameter in rest.split(";"):
            key, _, given = parameter.partition("=")
            if key.strip(" \t").lower() == "id" and len(given) <= 64:
                event = f"{name};id={given.strip(' ')}"
        return self._packages.get(name.lower()), event

    def _duration(self, message: Message) -> tuple[tuple[int, str] | None, int]:
        """(refusal, seconds) by the Expires header."""
        text = message.header("expires")
        if not text:
            return None, USUAL
        try:
            seconds = number(text, 2**32 - 1)
        except ParseError:
            return (400, ""), 0
        if 0 < seconds < SHORTEST:
            return (423, f"Min-Expires: {SHORTEST}\r\n"), 0
        return None, min(seconds, LONGEST)

    def _contact(self, flow: Flow) -> str:
        from softswitch.sip.listener import contact

        return f"Contact: {contact(self._listeners[flow.listener], flow)}\r\n"

    def _enlist(self, subscription: Subscription) -> None:
        dialog, user = subscription.dialog, subscription.account.user
        self.dialogs[dialog.call_id, dialog.local_tag] = subscription
        self._by_resource.setdefault((subscription.package.name, subscription.resource), set()).add(subscription)
        self._held[user] = self._held.get(user, 0) + 1
        self._portions.setdefault(portion_of(dialog.call_id), {})[subscription] = None

    # --- restart -----------------------------------------------------------------------------------------------------

    @property
    def unkept(self) -> bool:
        """Whether `changes` has anything to tell."""
        return bool(self._changed)

    def changes(self, now: float) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """What the next life must know, of each portion that has changed since this was last asked."""
        changed, self._changed = self._changed, set()
        for portion in sorted(changed):
            yield portion, [keep(one, now) for one in self._portions.get(portion, ()) if not one.ended]

    def restore(
        self, kept: Iterable[tuple[Sequence[dict[str, Any]], float]], accounts: Mapping[str, Account], now: float
    ) -> int:
        """Go on with what `changes` gave in another life, each portion with the time of that; how many there are.

        Phones are told how things are, not all in one moment. One on a stream is told when it has registered anew.
        """
        count = 0
        for portion, at in kept:
            for one in portion:
                try:
                    count += self._resume(one, at, accounts, now + AFTER_RESTART + count / A_SECOND, now)
                except (KeyError, TypeError, ValueError):  # Written by another version: that phone subscribes anew.
                    continue
        return count

    def _resume(
        self, kept: dict[str, Any], at: float, accounts: Mapping[str, Account], news: float, now: float
    ) -> bool:
        account, package = accounts.get(kept["account"]), self._packages.get(kept["package"])
        expires_at = min(at, now) + kept["seconds"]
        dialog = dialog_of(kept, self._listeners)
        if account is None or package is None or dialog is None or expires_at <= now:
            return False
        resource = package.find(kept["asked"], account)
        if resource is None or (dialog.call_id, dialog.local_tag) in self.dialogs:
            return False
        contact = self._contact(dialog.flow)
        subscription = Subscription(
            dialog, package, kept["event"], resource, account, contact, expires_at, kept["asked"], kept["version"] + GAP
        )
        self._enlist(subscription)
        self._touch(subscription)  # The numbers behind the gap have to be kept, too.
        self._deadlines.set(subscription, expires_at)
        self._news.set(subscription, news)
        if dialog.flow.transport != "udp":
            self._cut_off.setdefault(account.user, set()).add(subscription)
        return True

    def bound(self, account: str, flow: Flow, now: float) -> None:
        """A phone has registered: what it could not be told without a connection, it is told now."""
        for one in list(self._cut_off.get(account, ())):
            if flow.connection and one.dialog.flow[:2] == flow[:2]:
                one.dialog.flow = flow
                self._reconnected(one)
                self._notify(one, now)

    def _reconnected(self, subscription: Subscription) -> None:
        user = subscription.account.user
        others = self._cut_off.get(user)
        if others is not None:
            others.discard(subscription)
            if not others:
                del self._cut_off[user]

    def _touch(self, subscription: Subscription) -> None:
        self._changed.add(portion_of(subscription.dialog.call_id))

    # --- telling -----------------------------------------------------------------------------------------------------

    def change(self, package: str, resource: str, now: float) -> None:
        """A resource is not what it was: tell whoever wants to know."""
        for subscription in self._by_resource.get((package, resource), ()):
            if not subscription.ended:
                self._notify(subscription, now)

    def tells(self, package: str, resource: str, account: str, flow: Flow) -> bool:
        """Whether the phone at the end of a flow is told of a resource as a subscriber."""
        return any(
            one.account.user == account and one.dialog.flow[:3] == flow[:3] and not one.ended
            for one in self._by_resource.get((package, resource), ())
        )

    def withdraw(self, account: str, now: float) -> None:
        """The account is no more: its subscriptions end."""
        for subscription in [one for one in self.dialogs.values() if one.account.user == account and not one.ended]:
            self._end(subscription, "rejected", now)

    def _end(self, subscription: Subscription, why: str, now: float) -> None:
        subscription.ended = why
        self._touch(subscription)
        self.counters.ended[why] = self.counters.ended.get(why, 0) + 1
        self._deadlines.set(subscription, now + LINGER * 64)
        self._notify(subscription, now)

    def _notify(self, subscription: Subscription, now: float) -> None:
        if subscription.under_way:
            subscription.changed = True
            return
        self._news.clear(subscription)
        if subscription in self._cut_off.get(subscription.account.user, ()):
            return
        subscription.under_way, subscription.changed = True, False
        if subscription.ended:
            state = f"terminated;reason={subscription.ended}"
        else:
            state = f"active;expires={max(0, round(subscription.expires_at - now))}"
        package = subscription.package
        body = package.body(subscription.resource, subscription.version, subscription.account)
        subscription.version += 1
        self.counters.notified += 1
        lines = (
            f"Event: {subscription.event}\r\nSubscription-State: {state}\r\n{subscription.contact}"
            f"Content-Type: {package.content_type}\r\n"
        )
        subscription.dialog.request(self._endpoint, "NOTIFY", now, headers=lines, body=body, owner=subscription)

    def on_response(self, item: ResponseReceived, now: float) -> None:
        """An answer to a NOTIFY."""
        status = item.message.status
        if status < 200:
            return
        if status < 300:
            subscription: Subscription = item.transaction.owner
            subscription.dialog.refresh(item.message)
            self._settled(item.transaction, True, now)
        else:
            self._settled(item.transaction, False, now)

    def on_failed(self, item: RequestFailed, now: float) -> None:
        """A NOTIFY was not answered."""
        self._settled(item.transaction, False, now)

    def _settled(self, tx: ClientTransaction, taken: bool, now: float) -> None:
        subscription: Subscription = tx.owner
        subscription.under_way = False
        if not taken:
            # 4.2.2: whatever the phone says, it is not told any more.
            self.counters.lost += 1
            self._forget(subscription)
        elif subscription.changed:
            self._notify(subscription, now)
        elif subscription.ended:
            self._forget(subscription)

    def _forget(self, subscription: Subscription) -> None:
        dialog, account = subscription.dialog, subscription.account.user
        if self.dialogs.pop((dialog.call_id, dialog.local_tag), None) is None:
            return
        subscription.ended = subscription.ended or "lost"
        self._deadlines.clear(subscription)
        self._news.clear(subscription)
        self._reconnected(subscription)
        self._touch(subscription)
        del self._portions[portion_of(dialog.call_id)][subscription]
        key = subscription.package.name, subscription.resource
        others = self._by_resource[key]
        others.discard(subscription)
        if not others:
            del self._by_resource[key]
        self._held[account] -= 1
        if not self._held[account]:
            del self._held[account]


def _acceptable(message: Message, content_type: str) -> bool:
    """Whether the phone takes what we would send; without an Accept header it takes the package's own type."""
    if "accept" not in message.headers:
        return True
    try:
        ranges = [value.partition(";")[0].strip(" \t").lower() for value in views.header_list(message, "accept")]
    except ParseError:
        return True
    kind = content_type.partition("/")[0]
    return not ranges or any(each in (content_type, f"{kind}/*", "*/*") for each in ranges)
