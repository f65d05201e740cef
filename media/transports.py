"""Where the legs of one worker send and receive, and how that is protected: the media address policy.

A leg whose address is known is aimed at it: the kernel lets nobody else through. A leg behind a NAT listens until its latch has
found the address. A leg with ICE listens for checks all the time, and is aimed at the pair that they select. Between the
sockets and the packet path of a leg that is not plain RTP stands its `Transport`.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

from media import ice
from media.control import Latched, Modify, Open, Secured
from media.dtls import Fingerprint, FingerprintError, Identity
from media.handshakes import DtlsTerms, Handshakes
from media.ice import Agent, Credentials
from media.latch import Address, Latch, literal, remote
from media.session import Leg, Session
from media.sources import Sources, State
from media.srtp import Cipher, Keys, KeysError, keys
from media.transport import MAX_HELD, Aside, Protection, Transport


class Network(Protocol):
    """The sockets of the legs, as the relay keeps them."""

    def aim(self, leg: int, rtp: Address, rtcp: Address, *, keep: bool) -> None:
        """Send there and receive from there only. `keep`: what has arrived from there already still counts."""
        ...

    def listen(self, leg: int, host: str, rtp: Address | None) -> None:
        """Receive from anywhere, for `Engine.admit` to judge; send to `rtp` if given. `host` tells the address family."""
        ...

    def open_doors(self, leg: int) -> None:
        """Receive from anywhere, in every address family, for `Engine.admit` to judge."""
        ...

    def select(self, leg: int, rtp: Address) -> None:
        """Send RTP of a leg with open doors there, and take it from there; the doors stay open for everybody else."""
        ...

    def sift(self, leg: int) -> None:
        """Judge what came before `select`, by `Engine.admit`."""
        ...

    def quiet(self, leg: int) -> None:
        """Neither send nor receive."""
        ...

    def guard(self, leg: int, transport: Transport | None) -> None:
        """What is received goes through this transport from now on, and what is sent; None: is plain RTP."""
        ...

    def send_datagram(self, leg: int, data: bytes, to: Address | None = None) -> None:
        """Send from the RTP port, as it is, what is not RTP. None: where the leg is aimed at."""
        ...

    def send_rtcp(self, leg: int, data: bytes) -> None:
        """Send one RTCP packet, as it is, from the RTCP port to where the leg is aimed at."""
        ...


class Transports:
    """Aims the open legs, judges what comes to those that listen, and attends to what is not RTP."""

    def __init__(
        self,
        session: Session,
        sources: Sources,
        network: Network,
        hear_rtcp: Callable[[Leg, bytes, float], None],
        chance: Callable[[int], int],
        identity: Identity | None,
    ) -> None:
        """`hear_rtcp(leg, data, now)` is given what RTCP said, in plain. `chance(n)`: n random bits."""
        self.inbox: list[Aside] = []
        self._session = session
        self._sources = sources
        self._network = network
        self._hear_rtcp = hear_rtcp
        self._chance = chance
        self._identity = identity
        self._heap: list[tuple[float, int]] = []  # deadlines of legs; those that are not in `_due` any more are stale
        self._due: dict[int, float] = {}

    # --- commands ----------------------------------------------------------------------------------------------------

    def protection(self, command: Open | Modify) -> Protection | None:
        """How the leg is to be protected. None, and an Alarm, if that makes no sense: then it must not be opened at all."""
        secret, dtls, paths = None, None, None
        try:
            if command.suite == "DTLS":
                if self._identity is None:
                    raise KeysError("this worker has no certificate")
                fingerprint = Fingerprint.parse(command.fingerprint) if command.fingerprint else None
                dtls = DtlsTerms(command.setup == "active", fingerprint)
            elif command.suite:
                secret = keys(command.suite, command.send_key, command.receive_key)
            if command.ice:
                paths = ice.Terms(
                    _credentials(command.ice), _credentials(command.remote_ice) if command.remote_ice else None
                )
        except (KeysError, FingerprintError) as error:
            self._sources.alarm("bad keys", f"leg {command.leg}: {error}")
            return None
        return Protection(secret, dtls, paths, command.rtcp_mux)

    def open(self, leg: Leg, state: State, protection: Protection, now: float) -> None:
        """Aim a new leg."""
        self._protect(leg, state, protection, now)
        self._point(leg, state, now)

    def modify(self, leg: Leg, state: State, protection: Protection, now: float, *, moved: bool) -> None:
        """Take over what a new offer or answer says. `moved`: also where to send."""
        had_agent = state.transport is not None and state.transport.agent is not None
        self._protect(leg, state, protection, now)
        has_agent = state.transport is not None and state.transport.agent is not None
        if has_agent != had_agent or (moved and not has_agent):
            self._point(leg, state, now)
        else:
            self._progress(leg, state, now, changed=True)

    def close(self, leg: Leg, state: State) -> None:
        if state.transport is not None and state.transport.handshakes is not None:
            state.transport.handshakes.close()
            self._send_flights(leg, state, state.transport.handshakes)
        self._network.quiet(leg.number)
        self._network.guard(leg.number, None)
        self._due.pop(leg.number, None)

    def _protect(self, leg: Leg, state: State, protection: Protection, now: float) -> None:
        transport = state.transport
        if protection.plain:
            if transport is not None:
                state.transport = None
                self._network.guard(leg.number, None)
                self._due.pop(leg.number, None)
            return
        if transport is None:
            transport = state.transport = Transport(leg, protection, self.inbox)
            before = Protection()
        elif transport.protection == protection:
            return  # The same keys again must not begin anew: every packet so far could be sent once more.
        else:
            before, transport.protection = transport.protection, protection
        if protection.keys is not None:
            self._use(leg, transport, protection.keys)
        elif protection.dtls is None or before.dtls is None:
            transport.cipher = None
        self._arrange(transport, protection, now)
        self._network.guard(leg.number, transport)

    def _arrange(self, transport: Transport, protection: Protection, now: float) -> None:
        """What ICE and DTLS need to know."""
        if protection.ice is None:
            transport.agent = None
        elif transport.agent is None:
            transport.agent = Agent(protection.ice, self._chance)
        else:
            transport.agent.renew(protection.ice, now)
        if protection.dtls is None:
            transport.handshakes = None
        elif transport.handshakes is None:
            assert self._identity is not None, "there is no DTLS without"
            transport.handshakes = Handshakes(self._identity, protection.dtls, protection.ice is not None)
        else:
            transport.handshakes.renew(protection.dtls, with_ice=protection.ice is not None)

    def _use(self, leg: Leg, transport: Transport, new: Keys) -> None:
        if transport.cipher is None:
            transport.cipher = Cipher(new)
        else:
            legs, number = self._session.legs, leg.number
            stream = (legs.in_ssrc[number], legs.highest[number]) if leg.started else (0, 0)
            transport.cipher.rekey(new, *stream)

    def _point(self, leg: Leg, state: State, now: float) -> None:
        """Where the leg sends and from where it receives."""
        command = state.command
        state.latch = state.remote = None
        try:
            if state.transport is not None and state.transport.agent is not None:
                self._network.open_doors(leg.number)
            else:
                self._point_at(leg, state, remote(command.host, command.port))
        except OSError as error:
            state.remote = state.latch = None
            self._network.quiet(leg.number)
            self._sources.alarm("unreachable address", f"leg {leg.number}: {command.host} port {command.port}: {error}")
        self._progress(leg, state, now, changed=True)

    def _point_at(self, leg: Leg, state: State, stated: Address | None) -> None:
        command, latch_host = state.command, literal(state.command.latch_host)
        if command.latch_host and not latch_host:
            what = f"leg {leg.number}: latch_host {command.latch_host!r} is no address literal"
            self._sources.alarm("bad address", what)
        if latch_host:
            state.latch = Latch(latch_host, stated)
            state.remote = state.latch.reachable
            self._network.listen(leg.number, latch_host, state.remote)
        elif stated is not None:
            state.remote = stated
            rtcp = stated[0], command.rtcp_port or min(stated[1] + 1, 65535)
            self._network.aim(leg.number, stated, rtcp, keep=False)
        else:
            self._network.quiet(leg.number)

    # --- after anything has happened ---------------------------------------------------------------------------------

    def _progress(self, leg: Leg, state: State, now: float, *, changed: bool = False) -> None:
        """Send what ICE and DTLS have to say, follow the pair that was selected, take the keys that were agreed on."""
        transport = state.transport
        if transport is not None:
            if transport.agent is not None:
                self._follow(leg, state, transport.agent)
            if transport.handshakes is not None:
                self._shake_hands(leg, state, transport, transport.handshakes, now)
            self._set_deadline(leg.number, transport.next_deadline(now))
        address = state.remote if transport is None or transport.ready else None
        if changed or address != leg.address:
            leg.address = address
            self._sources.settle(leg)

    def _follow(self, leg: Leg, state: State, agent: Agent) -> None:
        """Send where the selected pair says."""
        if agent.remote is not None and agent.remote != state.remote:
            try:
                self._network.select(leg.number, agent.remote)
            except OSError as error:
                self._sources.alarm("unreachable address", f"leg {leg.number}: {agent.remote[0]}: {error}")
            else:
                state.remote = agent.remote
                self._network.sift(leg.number)
                self._session.events.append(Latched(leg.number, *agent.remote))
        outgoing, agent.outgoing = agent.outgoing, []
        for data, to in outgoing:
            self._network.send_datagram(leg.number, data, None if to == state.remote else to)

    def _set_deadline(self, number: int, deadline: float | None) -> None:
        if deadline is None:
            self._due.pop(number, None)
        elif self._due.get(number) != deadline:
            self._due[number] = deadline
            heappush(self._heap, (deadline, number))

    def next_deadline(self) -> float | None:
        """When `run` has something to do next."""
        heap = self._heap
        while heap and self._due.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def run(self, now: float) -> None:
        """Do what is due by now."""
        due: list[int] = []
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            due.append(heappop(self._heap)[1])
            del self._due[due[-1]]
        for number in due:
            state, leg = self._sources.states.get(number), self._session.open[number]
            if state is None or leg is None or state.transport is None:
                continue
            if state.transport.agent is not None:
                state.transport.agent.run(now)
            if state.transport.handshakes is not None:
                state.transport.handshakes.run(now)
            self._progress(leg, state, now)

    # --- what arrives ------------------------------------------------------------------------------------------------

    def admit(self, number: int, source: Address, packet: memoryview, size: int) -> int:
        """The size of the RTP packet that a packet which came to a listening leg is, unwrapped in place; 0: it must not be taken.

        May settle the remote address.
        """
        state, leg = self._sources.states.get(number), self._session.open[number]
        if state is None or leg is None:
            return 0
        if state.latch is None:
            # With ICE anybody may send checks; whose they are is found out when they are attended to.
            checks = state.transport is not None and state.transport.agent is not None and size and packet[0] < 64
            if source == state.remote or checks or _by_another_pair(state, source):
                return state.transport.unwrap(packet, size, source) if state.transport else size
            leg.foreign += 1
            return 0
        if state.latch.foreign(source):
            leg.foreign += 1
            return 0
        if state.transport is not None:
            size = state.transport.unwrap(packet, size, source)
        if not size or not state.latch.accepts(source, leg.terms.receive_type, packet, size):
            return 0
        return size if self._latch(leg, state, source) else 0

    def _latch(self, leg: Leg, state: State, source: Address) -> bool:
        """The remote address is this one, for good."""
        stated = state.latch is not None and source == state.latch.stated
        rtcp_port = state.command.rtcp_port if stated else 0
        state.latch, state.remote = None, source
        try:
            self._network.aim(leg.number, source, (source[0], rtcp_port or min(source[1] + 1, 65535)), keep=True)
        except OSError as error:
            state.remote = leg.address = None
            self._sources.alarm("unreachable address", f"leg {leg.number}: {source[0]} port {source[1]}: {error}")
            return False
        self._session.events.append(Latched(leg.number, *source))
        leg.address = source if state.transport is None or state.transport.ready else None
        self._sources.settle(leg)
        return True

    def attend(self, now: float) -> None:
        """Look at what was put aside."""
        while self.inbox:
            asides = self.inbox[:]
            self.inbox.clear()
            for number, data, source in asides:
                state, leg = self._sources.states.get(number), self._session.open[number]
                if state is not None and leg is not None and state.transport is not None:
                    self._attend(leg, state, state.transport, data, source or state.remote, now)

    def _attend(
        self, leg: Leg, state: State, transport: Transport, data: bytes, source: Address | None, now: float
    ) -> None:
        """RFC 7983: the first octet tells STUN from DTLS from RTCP."""
        if source is None:
            leg.foreign += 1
        elif data[0] < 4:
            if transport.agent is None or not transport.agent.receive(data, source, now):
                leg.invalid += 1
                return
            held, transport.held = transport.held, []
            self._progress(leg, state, now)
            for each, sender in held:
                self._receive_dtls(leg, state, transport, each, sender, now)
        elif data[0] < 64:
            self._receive_dtls(leg, state, transport, data, source, now)
        elif source == state.remote or _by_another_pair(state, source):
            self.receive_rtcp(leg.number, data, now)
        else:
            leg.foreign += 1

    # --- DTLS --------------------------------------------------------------------------------------------------------

    def _receive_dtls(
        self, leg: Leg, state: State, transport: Transport, data: bytes, source: Address, now: float
    ) -> None:
        """Only from an address that has been validated: by ICE, or as the SDP names it, or as the signalling came from it."""
        agent = transport.agent
        if agent is not None:
            if not agent.valid(source):
                if agent.knows(source) and len(transport.held) < MAX_HELD:
                    transport.held.append((data, source))  # The answer to our check is on its way.
                else:
                    leg.foreign += 1
                return
        elif source != state.remote and (state.latch is None or state.latch.foreign(source)):
            leg.foreign += 1
            return
        handshakes = transport.handshakes
        if handshakes is None or not handshakes.receive(data, source, now):
            leg.invalid += 1
            return
        # Whoever has the private key of the certificate that the SDP names is the phone.
        found = agent is None and state.latch is not None and handshakes.keys(source) is not None
        if found and self._latch(leg, state, source):
            self._network.sift(leg.number)
        self._progress(leg, state, now)

    def _shake_hands(self, leg: Leg, state: State, transport: Transport, handshakes: Handshakes, now: float) -> None:
        """Send what is to be sent; take the keys when they are there."""
        known = state.remote if transport.agent is None or transport.agent.remote is not None else None
        if known is not None:
            handshakes.start(known, now)
        told = handshakes.error
        self._send_flights(leg, state, handshakes)
        if handshakes.error and not told and state.latch is None and transport.cipher is None:
            # It may try again, but somebody should know.
            self._session.events.append(Secured(leg.number, error=handshakes.error))
        agreed = handshakes.keys(known) if known is not None and state.latch is None else None
        if agreed is not None and (transport.cipher is None or transport.cipher.keys != agreed):
            assert known is not None, "keys are agreed on with somebody"
            handshakes.settle(known)
            self._use(leg, transport, agreed)
            self._session.events.append(Secured(leg.number, agreed.suite.name))

    def _send_flights(self, leg: Leg, state: State, handshakes: Handshakes) -> None:
        for datagram, to in handshakes.drain(state.remote):
            aimed = to is None or (to == state.remote and state.latch is None)
            self._network.send_datagram(leg.number, datagram, None if aimed else to)

    # --- RTCP --------------------------------------------------------------------------------------------------------

    def receive_rtcp(self, number: int, data: bytes, now: float) -> None:
        """An RTCP packet from the address of the leg."""
        state, leg = self._sources.states.get(number), self._session.open[number]
        if state is None or leg is None:
            return
        if state.transport is not None:
            data = state.transport.unwrap_rtcp(data)
            if not data:
                leg.forged += 1
                return
        self._hear_rtcp(leg, data, now)

    def send_rtcp(self, number: int, data: bytes) -> None:
        """One RTCP packet to the leg, by its own port or by that of RTP."""
        state = self._sources.states.get(number)
        transport = state.transport if state is not None else None
        if transport is None:
            self._network.send_rtcp(number, data)
        elif wrapped := transport.wrap_rtcp(data):
            if transport.protection.rtcp_mux:
                self._network.send_datagram(number, wrapped)
            else:
                self._network.send_rtcp(number, wrapped)


def _by_another_pair(state: State, source: Address) -> bool:
    """RFC 8445 section 12.2: media may come by every pair that was validated, as from a browser that has changed its mind and
    not yet said so. Only where it is authenticated: what was the far end's address may be somebody else's by now.
    """
    transport = state.transport
    if transport is None or transport.agent is None or transport.cipher is None:
        return False
    return transport.agent.valid(source)


def _credentials(text: str) -> Credentials:
    found = Credentials.parse(text)
    if found is None:
        raise KeysError("the ICE credentials are not an ufrag and a password")
    return found
