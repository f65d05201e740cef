"""The location service (RFC 3261 section 10, RFC 5626, RFC 5627): which contacts an AOR has, and on which flow each is reached.

A binding is reached over the flow it was registered on. A stream flow that fails takes its binding along - unless the phone
named an address of its own that can be dialled, in which case the binding stays until dialling fails too. After a restart no
connection is left, so restored stream bindings are dialled in the same way. Changes come out as `Publish` of BindingAdded and
BindingRemoved, which a journal can hand back to `restore`.

A phone with Outbound has several flows, and is still one phone: `bindings` gives its best flow, the others are `spare`. A phone
that comes back on another flow (another port of its NAT, a new connection) is followed by what still goes to the old one (`way`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from softswitch.effects import DeviceReachable, Flow, Publish
from softswitch.errors import ParseError
from softswitch.events import BindingAdded, BindingReachable, BindingRemoved, BindingUnreachable
from softswitch.machine import Deadlines, take
from softswitch.sip.binding import Binding, dialled_flow
from softswitch.sip.gruu import instance_of
from softswitch.sip.uri import Uri, unescape

MAX_MOVED: Final = 20_000  # flows that were left for others, remembered


class Location:
    """Bindings of all AORs of this site; an AOR is the user of an account.

    `unreachable`: what becomes of a contact that does not answer OPTIONS: "skip" (not rung), "remove", or "ring" all the same.
    """

    def __init__(self, unreachable: str = "skip") -> None:
        self.domains: Collection[str] = frozenset()  # hosts of URIs that are ours
        self.watch: Callable[[Binding, float], None] | None = None  # is told of each binding that is made, or made anew
        self._unreachable = unreachable
        self._aors: dict[str, dict[str, Binding]] = {}  # AOR -> key -> binding
        self._by_flow: dict[Flow, tuple[Binding, ...]] = {}
        self._moved: dict[Flow, tuple[str, str]] = {}  # a flow that was left -> AOR and key of who left it
        self._told: set[str] = set()  # AORs that the engine knows to be reachable
        self._deadlines: Deadlines[tuple[str, str]] = Deadlines()
        self.out: list[object] = []

    # --- the machine's three verbs ---

    def next_deadline(self) -> float | None:
        return self._deadlines.next()

    def expire(self, now: float) -> None:
        for aor, key in self._deadlines.due(now):
            self._drop(self._aors[aor][key], "expired")

    def drain(self) -> list[object]:
        return take(self.out)

    # --- inputs ---

    def remove(self, aor: str, cause: str = "admin", *, contact: str = "") -> int:
        """Remove one binding of an AOR, or all; how many there were."""
        found = [b for b in self._aors.get(aor, {}).values() if not contact or b.contact == contact]
        for binding in found:
            self._drop(binding, cause)
        return len(found)

    def restore(self, rows: Iterable[BindingAdded], now: float) -> None:
        """Take back what a journal kept, at start. Publishes nothing; the engine is told which devices are reachable."""
        for row in rows:
            if row.expires_at <= now:
                continue
            flow = Flow(*row.flow)
            binding = Binding(
                row.aor, row.contact, flow, row.expires_at, row.call_id, row.cseq, row.q, row.instance, row.reg_id,
                row.user_agent, tuple(row.path), (flow.host, flow.port), now, row.parameters, row.key or row.contact,
            )  # fmt: skip
            if flow.transport != "udp":
                binding.flow = dialled_flow(binding) or flow._replace(connection=0)
            self._store(binding, now)
            self._tell(binding.aor)

    def flow_failed(self, flow: Flow, now: float) -> None:
        """A connection was closed or could not be opened: its bindings move to an address that can be dialled, or end."""
        for binding in self._by_flow.get(flow, ()):
            dialled = dialled_flow(binding)
            if dialled is None or dialled == flow:
                self._drop(binding, "flow_failed")
            else:
                self._unlink(binding)
                binding.flow = dialled
                self._link(binding)

    def failed(self, aor: str, key: str) -> None:
        """A proxy on the way says that the flow is gone (430): RFC 5626 section 5.3."""
        binding = self._aors.get(aor, {}).get(key)
        if binding is not None:
            self._drop(binding, "flow_failed")

    def answered(self, aor: str, key: str, seconds: float) -> None:
        """A contact has answered OPTIONS, after `seconds`."""
        binding = self._aors.get(aor, {}).get(key)
        if binding is None:
            return
        binding.rtt = seconds
        if binding.unreachable:
            binding.unreachable = False
            self.out.append(Publish(BindingReachable(aor, binding.contact, round(1000 * seconds, 1))))
            self._tell(aor)

    def silent(self, aor: str, key: str, missed: int) -> None:
        """A contact has not answered `missed` OPTIONS in a row."""
        binding = self._aors.get(aor, {}).get(key)
        if binding is None or binding.unreachable:
            return
        self.out.append(Publish(BindingUnreachable(aor, binding.contact, missed)))
        if self._unreachable == "remove":
            self._drop(binding, "unreachable")
            return
        binding.unreachable = True
        self._tell(aor)

    # --- questions ---

    def bindings(self, aor: str, now: float) -> list[Binding]:
        """The contacts of an AOR that are to be rung: the preferred first (q), and among equals the newest. One per phone."""
        skip = self._unreachable == "skip"
        found = [
            binding
            for binding in self._aors.get(aor, {}).values()
            if binding.expires_at > now and not (binding.unreachable and skip)
        ]
        if len(found) > 1:
            found.sort(key=_order)
            if any(binding.outbound for binding in found):
                found = _one_each(found)
        return found

    def every(self, aor: str, now: float) -> list[Binding]:
        """All bindings of an AOR: each flow, and those that do not answer."""
        found = [binding for binding in self._aors.get(aor, {}).values() if binding.expires_at > now]
        found.sort(key=_order)
        return found

    def binding(self, aor: str, key: str) -> Binding | None:
        return self._aors.get(aor, {}).get(key)

    def bound(self, aor: str, now: float) -> bool:
        """Whether an AOR has a binding now."""
        return any(binding.expires_at > now for binding in self._aors.get(aor, {}).values())

    def aors(self) -> list[str]:
        """All AORs with a binding."""
        return list(self._aors)

    def knows(self, flow: Flow) -> bool:
        """Whether somebody is registered on this very flow."""
        return flow in self._by_flow

    def __len__(self) -> int:
        """The number of bindings."""
        return len(self._deadlines)

    def gruu(self, uri: str, now: float) -> Binding | None:
        """The phone that a GRUU of ours means (RFC 5627 section 5); None if it is none, or the phone is not registered."""
        try:
            user, instance = self._dissect(uri)
        except ParseError:
            return None
        if not instance:
            return None
        found = [one for one in self.bindings(user, now) if instance_of(one.instance) == instance]
        return found[0] if found else None

    def _dissect(self, text: str) -> tuple[str, str]:
        """(user, instance) of a GRUU in our domain; ("", "") for anything else."""
        uri = Uri.parse(text)
        instance = unescape(uri.parameters.get("gr", ""))
        if not instance or uri.scheme == "tel" or uri.host.strip("[]") not in self.domains:
            return "", ""
        return unescape(uri.user), instance

    def way(self, uri: str, flow: Flow, now: float) -> tuple[str, Flow, str]:
        """How a request really goes: (Request-URI, flow, Route lines).

        A GRUU of ours becomes the contact of the phone it means, wherever that is now (RFC 5627 section 5.3); a flow that its
        phone has left becomes the one it has come back on.
        """
        if ";gr=" in uri and (binding := self.gruu(uri, now)) is not None:
            return binding.contact, binding.flow, "".join(f"Route: {route}\r\n" for route in binding.path)
        left = self._moved.get(flow)
        if left is None or flow in self._by_flow:
            return uri, flow, ""
        moved = self.binding(*left)
        return uri, flow if moved is None else moved.flow, ""

    # --- inside ---

    def _store(self, binding: Binding, now: float) -> None:
        self._aors.setdefault(binding.aor, {})[binding.key] = binding
        self._deadlines.set((binding.aor, binding.key), binding.expires_at)
        self._link(binding)
        if self.watch is not None:
            self.watch(binding, now)

    def _drop(self, binding: Binding, cause: str) -> None:
        self._remove(binding, cause)
        self._tell(binding.aor)

    def _remove(self, binding: Binding, cause: str) -> None:
        """Take a binding away; the caller tells whether the device is still reachable."""
        bound = self._aors[binding.aor]
        if bound.get(binding.key) is not binding:
            return  # Two contacts of one request replaced the same binding.
        self._unlink(binding)
        self._deadlines.clear((binding.aor, binding.key))
        del bound[binding.key]
        key = "" if binding.key == binding.contact else binding.key
        self.out.append(Publish(BindingRemoved(binding.aor, binding.contact, cause, key)))

    def _tell(self, aor: str) -> None:
        """Tell the engine if the device has become reachable, or has ceased to be."""
        bound = self._aors.get(aor)
        if bound is not None and not bound:
            del self._aors[aor]
            bound = None
        usable = bound is not None and (
            self._unreachable != "skip" or any(not binding.unreachable for binding in bound.values())
        )
        if usable is not (aor in self._told):
            self.out.append(DeviceReachable(aor, usable))
            if usable:
                self._told.add(aor)
            else:
                self._told.discard(aor)

    def _follow(self, before: Binding, after: Binding) -> None:
        """A phone has come back on another flow: what is still sent to the old one goes there."""
        old = before.flow
        # Only from where its own REGISTER came: a port that a Contact merely claims may be another phone's.
        if old == after.flow or (old.host, old.port) != before.received:
            return
        if len(self._moved) >= MAX_MOVED:
            del self._moved[next(iter(self._moved))]
        self._moved.pop(old, None)
        self._moved[old] = (after.aor, after.key)

    def _link(self, binding: Binding) -> None:
        self._by_flow[binding.flow] = (*self._by_flow.get(binding.flow, ()), binding)

    def _unlink(self, binding: Binding) -> None:
        left = tuple(one for one in self._by_flow.get(binding.flow, ()) if one is not binding)
        if left:
            self._by_flow[binding.flow] = left
        else:
            self._by_flow.pop(binding.flow, None)


def _order(binding: Binding) -> tuple[float, float]:
    return -binding.q, -binding.updated_at


def _one_each(found: Sequence[Binding]) -> list[Binding]:
    """One binding for each phone with Outbound, in the order of `found`; its other flows are the spare ones (RFC 5626 section 7).

    A stream is preferred to UDP: whatever the size of a message, it arrives whole (RFC 3261 section 18.1.1).
    """
    phones: dict[str, list[Binding]] = {}
    for binding in found:
        phones.setdefault(binding.instance if binding.outbound else f"={binding.key}", []).append(binding)
    chosen = []
    for flows in phones.values():
        if len(flows) > 1:
            flows.sort(key=lambda flow: flow.flow.transport == "udp")
            chosen.append(replace(flows[0], spare=tuple(flows[1:])))
        else:
            chosen.append(flows[0])
    return chosen
