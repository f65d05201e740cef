"""The registrar and its location service (RFC 3261 section 10, RFC 3327 Path, RFC 5626 instances).

A binding is reached over the flow it was registered on. A stream flow that fails takes its binding along - unless the phone
named an address of its own that can be dialled, in which case the binding stays until dialling fails too. After a restart no
connection is left, so restored stream bindings are dialled in the same way. Binding changes come out as `Publish` of BindingAdded
and BindingRemoved, which a journal can hand back to `restore`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from softswitch.directory import Account
from softswitch.effects import DeviceReachable, Flow, Publish
from softswitch.errors import ParseError
from softswitch.events import BindingAdded, BindingRemoved
from softswitch.machine import Deadlines
from softswitch.sip import headers as views
from softswitch.sip.binding import Binding, Contact, dialled_flow, read_contacts
from softswitch.sip.listener import WILDCARDS, Listener, peer_flow
from softswitch.sip.message import Message
from softswitch.sip.uri import Uri, addr_uri, unescape, uri_user

__all__ = ["Binding", "Registrar"]

SUPPORTED: Final = "Supported: path\r\n"  # Outbound (RFC 5626) is not claimed: there is no STUN on our UDP ports.
MAX_PATH: Final = 8


class _Refused(Exception):
    """The request cannot be granted; nothing was changed."""

    def __init__(self, status: int, headers: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


class Registrar:
    """Bindings of all AORs of this site; an AOR is the user of an account."""

    def __init__(
        self,
        *,
        minimum: int = 60,
        default: int = 3_600,
        maximum: int = 7_200,
        listeners: Sequence[Listener] = (),
        epoch: float | None = None,
    ) -> None:
        """`listeners` are our own addresses, which nobody may register; `epoch` is the wall-clock time (Unix seconds) when
        the monotonic clock was 0, for the Date header of answers."""
        self._minimum = minimum
        self._default = min(max(default, minimum), maximum)
        self._maximum = maximum
        self._ours = frozenset(place for listener in listeners for place in _places(listener))
        self._epoch = epoch
        self._date = (-1, "")
        self._aors: dict[str, dict[str, Binding]] = {}  # AOR -> contact URI -> binding
        self._by_flow: dict[Flow, dict[tuple[str, str], Binding]] = {}  # stream flows only
        self._deadlines: Deadlines[tuple[str, str]] = Deadlines()
        self._out: list[object] = []

    # --- the machine's three verbs ---

    def next_deadline(self) -> float | None:
        return self._deadlines.next()

    def expire(self, now: float) -> None:
        for aor, contact in self._deadlines.due(now):
            self._remove(self._aors[aor][contact], "expired")

    def drain(self) -> list[object]:
        out, self._out = self._out, []
        return out

    # --- inputs ---

    def register(self, message: Message, account: Account, now: float) -> tuple[int, str]:
        """Process a REGISTER that the account has authenticated: (status, header lines of the answer)."""
        try:
            self._update(message, account, now)
        except _Refused as refused:
            return refused.status, refused.headers
        except ParseError:
            return 400, ""
        headers = self._contacts(account.user, now) + SUPPORTED
        path = message.headers.get("path")
        if path is not None:  # RFC 3327 section 5.3: the UA learns which path was stored.
            headers += "".join(f"Path: {value}\r\n" for value in path)
        return 200, headers + self._date_line(now)

    def remove(self, aor: str, cause: str = "admin", *, contact: str = "") -> int:
        """Remove one binding of an AOR, or all; how many there were."""
        found = [b for b in self._aors.get(aor, {}).values() if not contact or b.contact == contact]
        for binding in found:
            self._remove(binding, cause)
        return len(found)

    def restore(self, rows: Iterable[BindingAdded], now: float) -> None:
        """Take back what a journal kept, at start. Publishes nothing; the engine is told which devices are reachable."""
        for row in rows:
            if row.expires_at <= now:
                continue
            flow = Flow(*row.flow)
            binding = Binding(
                row.aor, row.contact, flow, row.expires_at, row.call_id, row.cseq, row.q, row.instance, row.reg_id,
                row.user_agent, tuple(row.path), (flow.host, flow.port), now, row.parameters,
            )  # fmt: skip
            if flow.transport != "udp":
                binding.flow = dialled_flow(binding) or flow._replace(connection=0)
            self._store(binding)

    def flow_failed(self, flow: Flow, now: float) -> None:
        """A connection was closed or could not be opened: its bindings move to an address that can be dialled, or end."""
        for binding in list(self._by_flow.get(flow, {}).values()):
            dialled = dialled_flow(binding)
            if dialled is None or dialled == flow:
                self._remove(binding, "flow_failed")
            else:
                self._unlink(binding)
                binding.flow = dialled
                self._link(binding)

    # --- questions ---

    def bindings(self, aor: str, now: float) -> list[Binding]:
        """The reachable contacts of an AOR: the preferred first (q), and among equals the newest."""
        found = [binding for binding in self._aors.get(aor, {}).values() if binding.expires_at > now]
        if len(found) > 1:
            found.sort(key=lambda binding: (-binding.q, -binding.updated_at))
        return found

    def aors(self) -> list[str]:
        """All AORs with a binding."""
        return list(self._aors)

    def __len__(self) -> int:
        """The number of bindings."""
        return len(self._deadlines)

    # --- RFC 3261 section 10.3 ---

    def _update(self, message: Message, account: Account, now: float) -> None:
        if _aor_user(message.header("to")) != account.user:
            raise _Refused(403)
        values = message.headers.get("contact")
        if values is None:
            return
        bound = self._aors.get(account.user, {})
        if "*" in values:
            self._remove_all(message, bound, values)
            return
        wanted = [contact for value in values for contact in read_contacts(value)]
        if any((contact.host, contact.port) in self._ours for contact in wanted):
            raise _Refused(403)  # A request for this contact would come back to us for ever.
        path = _path(message) if "path" in message.headers else ()
        # Nothing is changed before everything is known to be in order (step 7: all or nothing).
        plan = [(contact, self._interval(contact, message), self._match(contact, bound)) for contact in wanted]
        for _, _, known in plan:
            for binding in known:
                _check_order(binding, message)
        if len(plan) > 1 or len(bound) > 1 or not plan[0][2]:  # not the one phone that comes back
            self._make_room(plan, bound, account)
        for contact, seconds, known in plan:
            self._bind(contact, seconds, known, message, path, account.user, now)
        if not self._aors.get(account.user, True):
            self._forget(account.user)

    def _make_room(
        self, plan: list[tuple[Contact, int, list[Binding]]], bound: dict[str, Binding], account: Account
    ) -> None:
        """Refuse more contacts than the account may have, or give up its oldest."""
        replaced = {binding.contact for _, _, known in plan for binding in known}
        added = {contact.uri for contact, seconds, _ in plan if seconds}
        left = [binding for uri, binding in bound.items() if uri not in replaced]
        surplus = len(left) + len(added) - account.max_contacts
        if surplus <= 0 or not added:
            return
        if not account.replace_oldest or surplus > len(left):
            raise _Refused(403)
        for binding in sorted(left, key=lambda binding: binding.updated_at)[:surplus]:
            self._remove(binding, "replaced", quiet=True)

    def _interval(self, contact: Contact, message: Message) -> int:
        """Seconds that the binding may live (10.3 step 7); 0 asks for its removal."""
        seconds = views.expires(contact.expires or message.header("expires"), self._default)
        if 0 < seconds < self._minimum:
            raise _Refused(423, f"Min-Expires: {self._minimum}\r\n")
        return min(seconds, self._maximum)

    def _match(self, contact: Contact, bound: dict[str, Binding]) -> list[Binding]:
        """The bindings a contact replaces: the same URI (19.1.4), and the same instance of a phone that came back."""
        known = bound.get(contact.uri)
        found = [known] if known is not None else []
        if len(bound) == len(found):
            return found
        uri = None
        for binding in bound.values():
            if binding is known:
                continue
            if contact.instance and (binding.instance, binding.reg_id) == (contact.instance, contact.reg_id):
                found.append(binding)
                continue
            if known is None:
                uri = uri or Uri.parse(contact.uri)
                if Uri.parse(binding.contact) == uri:
                    found.append(binding)
        return found

    def _bind(
        self,
        contact: Contact,
        seconds: int,
        known: list[Binding],
        message: Message,
        path: tuple[str, ...],
        aor: str,
        now: float,
    ) -> None:
        refreshed = False
        for binding in known:
            if seconds and binding.contact == contact.uri:
                refreshed = True
                self._unlink(binding)  # The new one takes its place below.
            else:
                # Moved to another URI: the AOR stays reachable, so nobody hears of the moment between.
                self._remove(binding, "replaced" if seconds else "unregistered", quiet=True)
        if not seconds:
            return
        source = message.flow
        binding = Binding(
            aor, contact.uri, peer_flow(contact.uri, source), now + seconds, message.call_id, message.cseq, contact.q,
            contact.instance, contact.reg_id, message.header("user-agent"), path, (source.host, source.port), now,
            contact.parameters,
        )  # fmt: skip
        self._store(binding)
        self._out.append(
            Publish(
                BindingAdded(
                    aor, binding.contact, binding.expires_at, tuple(binding.flow), binding.call_id, binding.cseq, binding.q,
                    binding.instance, binding.user_agent, binding.path, refreshed, binding.reg_id, binding.parameters,
                )
            )
        )  # fmt: skip

    def _remove_all(self, message: Message, bound: dict[str, Binding], values: tuple[str, ...]) -> None:
        # 10.3 step 6: the star stands alone, and only with an Expires of zero.
        if len(values) != 1 or views.expires(message.header("expires"), self._default):
            raise _Refused(400)
        for binding in bound.values():
            _check_order(binding, message)
        for binding in list(bound.values()):
            self._remove(binding, "unregistered")

    def _contacts(self, aor: str, now: float) -> str:
        lines = []
        for binding in self.bindings(aor, now):
            q = f";q={binding.q:g}" if binding.q != 1.0 else ""
            left = max(1, round(binding.expires_at - now))
            lines.append(f"Contact: <{binding.contact}>{binding.parameters};expires={left}{q}\r\n")
        return "".join(lines)

    def _date_line(self, now: float) -> str:
        if self._epoch is None:
            return ""
        second = int(self._epoch + now)
        if second != self._date[0]:
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
            day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
            text = f"Date: {day}, {at.day:02d} {month} {at.year} {at.hour:02d}:{at.minute:02d}:{at.second:02d} GMT\r\n"
            self._date = (second, text)
        return self._date[1]

    # --- the location service ---

    def _store(self, binding: Binding) -> None:
        bound = self._aors.get(binding.aor)
        if bound is None:
            bound = self._aors[binding.aor] = {}
            self._out.append(DeviceReachable(binding.aor, True))
        bound[binding.contact] = binding
        self._deadlines.set((binding.aor, binding.contact), binding.expires_at)
        self._link(binding)

    def _remove(self, binding: Binding, cause: str, *, quiet: bool = False) -> None:
        """`quiet`: the caller tells whether the device is still reachable."""
        bound = self._aors[binding.aor]
        if bound.get(binding.contact) is not binding:
            return  # Two contacts of one request replaced the same binding.
        self._unlink(binding)
        self._deadlines.clear((binding.aor, binding.contact))
        del bound[binding.contact]
        self._out.append(Publish(BindingRemoved(binding.aor, binding.contact, cause)))
        if not bound and not quiet:
            self._forget(binding.aor)

    def _forget(self, aor: str) -> None:
        del self._aors[aor]
        self._out.append(DeviceReachable(aor, False))

    def _link(self, binding: Binding) -> None:
        if binding.flow.transport != "udp":
            self._by_flow.setdefault(binding.flow, {})[binding.aor, binding.contact] = binding

    def _unlink(self, binding: Binding) -> None:
        found = self._by_flow.get(binding.flow)
        if found is not None:
            found.pop((binding.aor, binding.contact), None)
            if not found:
                del self._by_flow[binding.flow]


_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _places(listener: Listener) -> list[tuple[str, int]]:
    """Every host and port that leads to a listener."""
    hosts = [listener.host, "127.0.0.1", "::1"] if listener.host in WILDCARDS else [listener.host]
    advertised = listener.advertised_host or listener.host, listener.advertised_port or listener.port
    return [(host, listener.port) for host in hosts] + [advertised]


def _aor_user(to: str) -> str:
    """The user of an address-of-record, as the account spells it."""
    user = unescape(uri_user(addr_uri(to)))
    return user if user.isascii() else user.encode("latin-1", "replace").decode("utf-8", "replace")


def _check_order(binding: Binding, message: Message) -> None:
    # 10.3 step 7: a request that was overtaken by a later one of the same UA must not undo it.
    if binding.call_id == message.call_id and message.cseq <= binding.cseq:
        raise _Refused(500)


def _path(message: Message) -> tuple[str, ...]:
    path = views.header_list(message, "path")
    if len(path) > MAX_PATH:
        raise _Refused(400)
    for value in path:
        addr_uri(value)
    return tuple(path)
