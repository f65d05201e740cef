"""Text between accounts (RFC 3428, SIG-27): a MESSAGE goes on to every phone of the account that it is for.

Only accounts may send, and what they sent carries their own name, whatever From said. The sender is told 200 as soon as one phone
has it, and otherwise the best of the refusals. What is for somebody without a phone is kept for a while (`depot`), and
answered 202.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from softswitch.call.depot import KEPT_SECONDS, Depot, Text
from softswitch.call.fork import failure
from softswitch.call.headers import party
from softswitch.call.routing import Destination, route_uri
from softswitch.errors import ParseError
from softswitch.sip.grammar import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from softswitch.directory import Account, Directory
    from softswitch.events import Event
    from softswitch.machine import Entropy
    from softswitch.sip.binding import Binding
    from softswitch.sip.endpoint import Endpoint, RequestFailed, RequestReceived, ResponseReceived, ServerTransaction
    from softswitch.sip.message import Message

# Header lines that go along (RFC 3428 section 9; 3862 and 3994 need no more), each of at most so many characters.
PASSED: Final = (
    "Content-Type",
    "Content-Language",
    "Content-Disposition",
    "Subject",
    "Date",
    "In-Reply-To",
    "Reply-To",
)
MAX_PASSED: Final = 512
MAX_BODY: Final = 16_384  # octets
RATE, BURST = 5.0, 50  # messages a second of one account, and at once
IN_ALL: Final = 10_000  # deliveries under way


@dataclass(slots=True, eq=False)
class Delivery:
    """One message on its way to the phones of an account."""

    tx: ServerTransaction | None  # None: it was kept
    text: Text | None = None  # what was kept
    open: int = 0  # phones that have not answered
    done: bool = False  # the sender has been told
    statuses: list[int] = field(default_factory=list)


class Postman:
    """Delivers messages. `bindings(user, now)`: the phones of an account."""

    def __init__(
        self,
        directory: Directory,
        endpoint: Endpoint,
        bindings: Callable[[str, float], Sequence[Binding]],
        entropy: Entropy,
        publish: Callable[[Event], None],
    ) -> None:
        self.depot = Depot(bindings, self._bring, publish)
        self.delivered = self.failed = 0
        self._directory = directory
        self._endpoint = endpoint
        self._bindings = bindings
        self._entropy = entropy
        self._under_way = 0
        self._levels: dict[str, tuple[float, float]] = {}  # account -> messages lately, as of when

    def configure(self, directory: Directory) -> None:
        self._directory = directory

    def send(self, item: RequestReceived, account: Account, local: Collection[str], now: float) -> None:
        """A MESSAGE outside of dialogs, from an account. `local`: further hosts that are us."""
        message, tx = item.message, item.transaction
        found = route_uri(message.uri, self._directory, local)
        if not isinstance(found, Destination):
            self._refuse(tx, found.status, now)
        elif found.kind != "account":
            self._refuse(tx, 404, now)
        elif len(message.body) > MAX_BODY:
            self._refuse(tx, 513, now)
        elif self._hurried(account.user, now):
            self._refuse(tx, 503, now, "Retry-After: 10\r\n")
        else:
            self._deliver(Delivery(tx), message, account, found.name, now)

    def _deliver(self, delivery: Delivery, message: Message, account: Account, target: str, now: float) -> None:
        bindings = self._bindings(target, now)
        lines = "".join(
            f"{name}: {value}\r\n"
            for name in PASSED
            for value in message.headers.get(name.lower(), ())[:1]
            if len(value) <= MAX_PASSED
        )
        if not bindings:
            assert delivery.tx is not None
            kept = self.depot.put(account.user, account.name, target, lines, message.body, _lifetime(message), now)
            if kept:
                self._endpoint.respond(delivery.tx, 202, now)
            else:
                self._refuse(delivery.tx, 480, now)
            return
        if self._under_way >= IN_ALL:
            assert delivery.tx is not None
            self._refuse(delivery.tx, 480, now)
            return
        given = message.header("max-forwards")
        hops = min(number(given, 255), 70) - 1 if given else 69
        self._send(delivery, (account.user, account.name), target, bindings, lines, message.body, hops, now)

    def _bring(self, text: Text, bindings: Sequence[Binding], now: float) -> None:
        """A text that was kept, to the phones that are there now."""
        delivery = Delivery(None, text)
        self._send(delivery, (text.sender, text.name), text.target, bindings, text.lines, text.body, 69, now)

    def _send(
        self, delivery: Delivery, who: tuple[str, str], target: str, bindings: Sequence[Binding], lines: str, body: bytes,
        hops: int, now: float,
    ) -> None:  # fmt: skip
        domain = self._directory.domain
        sender, addressee = party(who[1], who[0], domain), party("", target, domain)
        delivery.open = len(bindings)
        self._under_way += 1
        for binding in bindings:
            routes = "".join(f"Route: {route}\r\n" for route in binding.path)
            tag = self._endpoint.tag()
            self._endpoint.request(
                "MESSAGE", binding.contact, binding.flow, now, from_=f"{sender};tag={tag}", to=addressee,
                call_id=f"{tag}{self._entropy.token()}", cseq=1, headers=routes + lines, body=body, owner=delivery,
                max_forwards=hops,
            )  # fmt: skip

    def on_response(self, item: ResponseReceived, now: float) -> None:
        """What a phone says."""
        if item.message.status >= 200:
            self._settled(item.transaction.owner, item.message.status, now)

    def on_failed(self, item: RequestFailed, now: float) -> None:
        """A phone says nothing."""
        self._settled(item.transaction.owner, 480, now)

    def _settled(self, delivery: Delivery, status: int, now: float) -> None:
        delivery.open -= 1
        delivery.statuses.append(status)
        if not delivery.done and (status < 300 or not delivery.open):
            delivery.done = True
            if status < 300:
                self.delivered += 1
            else:
                self.failed += 1
                status = failure(delivery.statuses)
            if delivery.tx is not None:
                self._endpoint.respond(delivery.tx, status, now)
            elif delivery.text is not None:
                self.depot.settled(delivery.text, status, now)
        if not delivery.open:
            self._under_way -= 1

    def _refuse(self, tx: ServerTransaction, status: int, now: float, headers: str = "") -> None:
        self.failed += 1
        self._endpoint.respond(tx, status, now, headers=headers)

    def _hurried(self, user: str, now: float) -> bool:
        """Whether an account sends more than a person can (a leaky bucket)."""
        level, at = self._levels.get(user, (0.0, now))
        level = max(0.0, level - (now - at) * RATE)
        if level >= BURST:
            return True
        self._levels[user] = level + 1, now
        return False


def _lifetime(message: Message) -> float:
    """For how long a text is of use, as its sender says (RFC 3428 section 7)."""
    given = message.header("expires")
    try:
        return float(number(given, 2**32 - 1)) if given else KEPT_SECONDS
    except ParseError:
        return KEPT_SECONDS
