"""The registrar: what a REGISTER may ask for, and what becomes of it (RFC 3261 section 10).

With it RFC 3327 (Path), RFC 5626 (Outbound: several flows of one phone, each with a reg-id), RFC 5627 (public GRUUs, for phones
that ask for them) and RFC 5630 (a sips Contact only where the way is encrypted). What is bound is kept by `location`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from softswitch.directory import Account
from softswitch.effects import Publish
from softswitch.errors import ParseError
from softswitch.events import BindingAdded, BindingReachable
from softswitch.sip import headers as views
from softswitch.sip.binding import Binding, Contact, outbound_key, read_contacts
from softswitch.sip.grammar import MAX_LIST, number
from softswitch.sip.gruu import public_gruu
from softswitch.sip.listener import SECURE, WILDCARDS, Listener, peer_flow
from softswitch.sip.location import Location
from softswitch.sip.message import Message
from softswitch.sip.uri import Uri, addr_uri, unescape, uri_host_port, uri_user

__all__ = ["Binding", "Registrar"]

SUPPORTED: Final = "Supported: path, outbound, gruu\r\n"
MAX_PATH: Final = 8
MAX_REG_ID: Final = 2**31 - 1
FLOW_TIMER: Final = 120  # seconds: how often a phone with Outbound pings a stream (RFC 5626 section 6)


class _Refused(Exception):
    """The request cannot be granted; nothing was changed."""

    def __init__(self, status: int, headers: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


@dataclass(slots=True, frozen=True)
class _Asked:
    """What the phone understands, as its REGISTER says."""

    outbound: bool
    gruu: bool


class Registrar(Location):
    """Answers REGISTERs; the bindings are those of the location service that it is."""

    def __init__(
        self,
        *,
        minimum: int = 60,
        default: int = 3_600,
        maximum: int = 7_200,
        listeners: Sequence[Listener] = (),
        epoch: float | None = None,
        unreachable: str = "skip",
    ) -> None:
        """`listeners` are our own addresses, which nobody may register; `epoch` is the wall-clock time (Unix seconds) when
        the monotonic clock was 0, for the Date header of answers."""
        super().__init__(unreachable)
        self._minimum = minimum
        self._default = min(max(default, minimum), maximum)
        self._maximum = maximum
        self._ours = frozenset(place for listener in listeners for place in _places(listener))
        self._epoch = epoch
        self._date = (-1, "")

    # --- inputs ---

    def register(self, message: Message, account: Account, now: float) -> tuple[int, str]:
        """Process a REGISTER that the account has authenticated: (status, header lines of the answer)."""
        asked = _asked(message)
        try:
            outbound = self._update(message, account, asked, now)
        except _Refused as refused:
            return refused.status, refused.headers
        except ParseError:
            return 400, ""
        headers = self._contacts(account.user, message if asked.gruu else None, now) + SUPPORTED
        if outbound:
            headers += "Require: outbound\r\n"
            if message.flow.transport != "udp":
                headers += f"Flow-Timer: {FLOW_TIMER}\r\n"
        path = message.headers.get("path")
        if path is not None:  # RFC 3327 section 5.3: the UA learns which path was stored.
            headers += "".join(f"Path: {value}\r\n" for value in path)
        return 200, headers + self._date_line(now)

    # --- RFC 3261 section 10.3 ---

    def _update(self, message: Message, account: Account, asked: _Asked, now: float) -> bool:
        """Change what is bound; whether a flow of Outbound is among it."""
        if _aor_user(message.header("to")) != account.user:
            raise _Refused(403)
        values = message.headers.get("contact")
        if values is None:
            return False
        bound = self._aors.get(account.user, {})
        if "*" in values:
            self._remove_all(message, bound, values)
            return False
        wanted: list[Contact] = []
        for value in values:
            wanted += read_contacts(value)
            if len(wanted) > MAX_LIST:  # Reading thousands would hold up everybody else.
                raise _Refused(400)
        if any((contact.host, contact.port) in self._ours for contact in wanted):
            raise _Refused(403)  # A request for this contact would come back to us for ever.
        if message.flow.transport not in SECURE and any(contact.uri[:5].lower() == "sips:" for contact in wanted):
            raise _Refused(403, _warning(381, "SIPS Required"))  # RFC 5630: this way is not encrypted.
        path = _path(message) if "path" in message.headers else ()
        flows = [_key(contact, asked) for contact in wanted]
        outbound = any(flows)
        if outbound:
            self._check_outbound(message, path, flows)
        # Nothing is changed before everything is known to be in order (step 7: all or nothing).
        plan = [
            (contact, self._interval(contact, message), self._match(contact, key, message, bound))
            for contact, key in zip(wanted, flows, strict=True)
        ]
        for _, _, known in plan:
            for binding in known:
                _check_order(binding, message)
        if len(plan) > 1 or len(bound) > 1 or not plan[0][2]:  # not the one phone that comes back
            self._make_room(plan, bound, account)
        for (contact, seconds, known), key in zip(plan, flows, strict=True):
            self._bind(contact, key, seconds, known, message, path, account.user, now)
        self._tell(account.user)
        return outbound

    def _check_outbound(self, message: Message, path: tuple[str, ...], flows: list[str]) -> None:
        """RFC 5626 section 6: one flow in a request, and every proxy on the way must know what a flow is."""
        if sum(key != "" for key in flows) > 1:
            raise _Refused(400)
        if len(views.header_list(message, "via")) > 1 and not (path and _has_ob(path[-1])):
            raise _Refused(439)

    def _make_room(
        self, plan: list[tuple[Contact, int, list[Binding]]], bound: dict[str, Binding], account: Account
    ) -> None:
        """Refuse more contacts than the account may have, or give up its oldest."""
        replaced = {binding.key for _, _, known in plan for binding in known}
        added = {contact.uri for contact, seconds, _ in plan if seconds}
        left = [binding for key, binding in bound.items() if key not in replaced]
        surplus = len(left) + len(added) - account.max_contacts
        if surplus <= 0 or not added:
            return
        if not account.replace_oldest or surplus > len(left):
            raise _Refused(403)
        for binding in sorted(left, key=lambda binding: binding.updated_at)[:surplus]:
            self._remove(binding, "replaced")

    def _interval(self, contact: Contact, message: Message) -> int:
        """Seconds that the binding may live (10.3 step 7); 0 asks for its removal."""
        seconds = views.expires(contact.expires or message.header("expires"), self._default)
        if 0 < seconds < self._minimum:
            raise _Refused(423, f"Min-Expires: {self._minimum}\r\n")
        return min(seconds, self._maximum)

    def _match(self, contact: Contact, key: str, message: Message, bound: dict[str, Binding]) -> list[Binding]:
        """The bindings a contact replaces: the same flow, the same URI (19.1.4), the same instance of a phone that came back."""
        known = bound.get(key or contact.uri)
        if known is not None and (len(bound) == 1 and not _twin(known, contact, message)):
            return [known]
        uri = Uri.parse(contact.uri)
        return [one for one in bound.values() if _replaces(contact, key, uri, one) and not _twin(one, contact, message)]

    def _bind(
        self,
        contact: Contact,
        key: str,
        seconds: int,
        known: list[Binding],
        message: Message,
        path: tuple[str, ...],
        aor: str,
        now: float,
    ) -> None:
        before: Binding | None = None
        for binding in known:
            if seconds and binding.contact == contact.uri:
                before = binding
                self._unlink(binding)  # The new one takes its place below.
                self._aors[aor].pop(binding.key, None)
                self._deadlines.clear((aor, binding.key))
            else:
                # Moved to another URI: the AOR stays reachable, so nobody hears of the moment between.
                self._remove(binding, "replaced" if seconds else "unregistered")
        if not seconds:
            return
        source = message.flow
        there = self._aors.get(aor, {}).get(key or contact.uri)
        if there is not None and (there.call_id, there.cseq) == (message.call_id, message.cseq):
            self._unlink(there)  # The same contact twice in one request: the last one counts.
        elif there is not None:
            key = f"{contact.uri} {source.host}"  # The twin of another phone: see `_twin`.
        binding = Binding(
            aor, contact.uri, source if path else peer_flow(contact.uri, source), now + seconds, message.call_id, message.cseq,
            contact.q, contact.instance, contact.reg_id, message.header("user-agent"), path, (source.host, source.port), now,
            contact.parameters, key or contact.uri,
        )  # fmt: skip
        self._store(binding, now)
        self._tell(aor)
        for old in known:
            self._follow(old, binding)
        if before is not None:
            binding.rtt = before.rtt
        self.out.append(
            Publish(
                BindingAdded(
                    aor, binding.contact, binding.expires_at, tuple(binding.flow), binding.call_id, binding.cseq, binding.q,
                    binding.instance, binding.user_agent, binding.path, before is not None, binding.reg_id, binding.parameters,
                    "" if binding.key == binding.contact else binding.key,
                )
            )
        )  # fmt: skip
        if before is not None and before.unreachable:
            self.out.append(Publish(BindingReachable(aor, binding.contact, 0.0)))

    def _remove_all(self, message: Message, bound: dict[str, Binding], values: tuple[str, ...]) -> None:
        # 10.3 step 6: the star stands alone, and only with an Expires of zero.
        if len(values) != 1 or views.expires(message.header("expires"), self._default):
            raise _Refused(400)
        for binding in bound.values():
            _check_order(binding, message)
        for binding in list(bound.values()):
            self._remove(binding, "unregistered")
        self._tell(_aor_user(message.header("to")))

    def _contacts(self, aor: str, message: Message | None, now: float) -> str:
        """All that is bound; with GRUUs for the phone whose REGISTER is `message`, which has asked for them."""
        lines = []
        of = self._gruu_base(message) if message is not None else ""
        for binding in self.every(aor, now):
            q = f";q={binding.q:g}" if binding.q != 1.0 else ""
            left = max(1, round(binding.expires_at - now))
            gruu = public_gruu(of, binding.instance) if of and binding.instance else ""
            own = f';pub-gruu="{gruu}"' if gruu else ""
            lines.append(f"Contact: <{binding.contact}>{binding.parameters};expires={left}{q}{own}\r\n")
        return "".join(lines)

    def _gruu_base(self, message: Message) -> str:
        """The AOR that GRUUs are made of: as the phone writes it, if that leads to us; else ""."""
        aor = addr_uri(message.header("to")).partition(";")[0].partition("?")[0]
        return aor if uri_host_port(aor)[0].strip("[]") in self.domains else ""

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


_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _places(listener: Listener) -> list[tuple[str, int]]:
    """Every host and port that leads to a listener."""
    everywhere = listener.host in WILDCARDS
    hosts = [listener.host, "127.0.0.1", "::1", *listener.addresses] if everywhere else [listener.host]
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


def _asked(message: Message) -> _Asked:
    values = message.headers.get("supported")
    if values is None:
        return _Asked(False, False)
    options = {option.strip(" \t").lower() for value in values for option in value.split(",")}
    return _Asked("outbound" in options, "gruu" in options)


def _key(contact: Contact, asked: _Asked) -> str:
    """The key of a flow of Outbound (RFC 5626 section 6), "" for a contact that is none."""
    if not asked.outbound or not contact.reg_id or not contact.instance:
        return ""
    if not number(contact.reg_id, MAX_REG_ID):
        raise ParseError("reg-id is not positive")
    return outbound_key(contact.instance, contact.reg_id)


def _replaces(contact: Contact, key: str, uri: Uri, binding: Binding) -> bool:
    """Whether a contact takes the place of a binding."""
    same = contact.instance != "" and contact.instance == binding.instance
    if key or binding.outbound:
        # Flows of one phone stand beside each other; a phone that takes up Outbound, or gives it up, is still one phone.
        return binding.key == key if key and binding.outbound else same
    return (
        (same and contact.reg_id == binding.reg_id)
        or binding.contact == contact.uri
        or Uri.parse(binding.contact) == uri
    )


def _twin(binding: Binding, contact: Contact, message: Message) -> bool:
    """Whether a binding with the same URI is another phone's: two homes may use the same private addresses.

    It came from another NAT, with another Call-ID, and is not known to be the same instance.
    """
    return (
        binding.received[0] != message.flow.host
        and binding.behind_nat
        and binding.call_id != message.call_id
        and not (contact.instance and contact.instance == binding.instance)
    )


def _has_ob(route: str) -> bool:
    return any(one.partition("=")[0].strip(" \t").lower() == "ob" for one in addr_uri(route).split(";")[1:])


def _warning(code: int, text: str) -> str:
    return f'Warning: {code} softswitch "{text}"\r\n'
