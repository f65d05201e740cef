"""An engine on a relay in this process, on the loopback interface: packets move when the test says so."""

from __future__ import annotations

import secrets
import time

from media import rtp, srtp, stun
from media.bank import Bank
from media.control import Close, Command, Open, Statistics, WorkerEvent
from media.dtls import Association, Fingerprint, Identity
from media.engine import Engine
from media.ice import Credentials
from media.latch import Address
from media.legs import Legs
from media.ports import PortPool
from media.relay import choose
from media.rtp import Packet
from media.srtp import Cipher, Keys
from tests.unit.media.rig import Phone, free_ports
from tests.unit.media.test_transports import key, secret

LEGS = 8
HOST = "127.0.0.1"


class SecurePhone(Phone):
    """A phone whose packets are protected."""

    def __init__(self, number: int, host: str = "127.0.0.2") -> None:
        super().__init__(host)
        self.cipher = Cipher(srtp.keys("AES_CM_128_HMAC_SHA1_80", key(10 * number + 2), key(10 * number + 1)))

    def speak(self, to: tuple[str, int], packet: Packet) -> None:
        self.socket.sendto(self.cipher.protect(bytes(packet)), to)

    def hear(self) -> Packet:
        room = memoryview(bytearray(self.socket.recv(2048)))
        packet = rtp.parse(bytes(room[: self.cipher.unprotect(room, len(room))]))
        assert packet is not None
        return packet


class Switch:
    """An engine on a relay."""

    def __init__(self, name: str) -> None:
        self.base = free_ports(LEGS)
        pool, legs = PortPool((HOST,), self.base, LEGS), Legs(LEGS)
        self.relay, _ = choose(name, pool, legs)
        self.identity = Identity(b"cookies")
        self.engine = Engine(
            legs, Bank(1 << 17), self.relay, secrets.randbits, lambda command: None, 1.7e9, self.identity
        )
        self.relay.attach(self.engine)
        self.phones: list[Phone] = []

    def port(self, leg: int) -> tuple[str, int]:
        return HOST, self.base + 2 * leg

    def do(self, *commands: Command) -> None:
        for command in commands:
            self.engine.perform(command, time.monotonic())

    def phone(self, phone: Phone) -> Phone:
        self.phones.append(phone)
        return phone

    def secure(self, leg: int, **values: object) -> SecurePhone:
        """A leg with SRTP and its phone."""
        phone = SecurePhone(leg, f"127.0.0.{leg + 2}")
        self.phones.append(phone)
        self.do(Open(leg, *phone.address, "PCMU", 0, 101, **secret(leg), **values))  # type: ignore[arg-type]
        return phone

    def plain(self, leg: int, **values: object) -> Phone:
        phone = self.phone(Phone(f"127.0.0.{leg + 2}"))
        self.do(Open(leg, *phone.address, "PCMU", 0, 101, **values))  # type: ignore[arg-type]
        return phone

    def work(self, seconds: float = 0.0) -> None:
        """Move what is there; go on for a while."""
        end = time.monotonic() + seconds
        while self.relay.poll(max(0.0, min(0.005, end - time.monotonic()))) or time.monotonic() < end:
            self.engine.run(time.monotonic())

    def events(self) -> list[WorkerEvent]:
        events = list(self.engine.events)
        self.engine.events.clear()
        return events

    def statistics(self, leg: int) -> Statistics:
        self.events()
        self.do(Close(leg))
        (found,) = (event for event in self.events() if isinstance(event, Statistics))
        return found

    def close(self) -> None:
        self.relay.close()
        for phone in self.phones:
            phone.socket.close()


# --- ICE and DTLS, played by hand -------------------------------------------------------------------------------------

OURS, THEIRS = Credentials("ours", "o" * 22), Credentials("them", "t" * 22)
ICE = {"ice": ":".join(OURS), "remote_ice": ":".join(THEIRS)}


def check(phone: Phone, port: Address, *, nominate: bool = True, password: str = OURS.password) -> None:
    """The far end sends one check."""
    attributes = [
        (stun.USERNAME, f"{OURS.ufrag}:{THEIRS.ufrag}".encode()),
        (stun.PRIORITY, (1 << 24).to_bytes(4, "big")),
        (stun.ICE_CONTROLLING, bytes(8)),
    ]
    if nominate:
        attributes.append((stun.USE_CANDIDATE, b""))
    phone.socket.sendto(stun.build(stun.REQUEST, secrets.token_bytes(12), attributes, password.encode()), port)


def answer_checks(phone: Phone) -> list[int]:
    """The far end answers what it was asked; returns the kinds of messages that lay there."""
    kinds = []
    phone.socket.setblocking(False)
    try:
        while True:
            data, source = phone.socket.recvfrom(2048)
            message = stun.parse(data)
            if message is None:
                continue
            kinds.append(message.kind)
            if message.kind == stun.REQUEST:
                mapped = (stun.XOR_MAPPED_ADDRESS, stun.mapped_address(source, message.transaction))
                answer = stun.build(stun.SUCCESS, message.transaction, [mapped], THEIRS.password.encode())
                phone.socket.sendto(answer, source)
    except BlockingIOError:
        return kinds
    finally:
        phone.socket.settimeout(5.0)


def check_ice(switch: Switch, leg: int, phone: Phone) -> None:
    """A whole nomination: a check, its answer, the check back, and its answer."""
    check(phone, switch.port(leg))
    switch.work()
    kinds = answer_checks(phone)
    assert stun.SUCCESS in kinds and stun.REQUEST in kinds
    switch.work()
    opened = switch.engine.session.open[leg]
    state = switch.engine.sources.states[leg]
    assert opened is not None and state.remote == phone.address


def shake_hands(switch: Switch, leg: int, phone: Phone, identity: Identity) -> Keys | None:
    """The far end begins a handshake, and sees it through."""
    assert switch.identity is not None
    expected = Fingerprint.parse(switch.identity.fingerprint)
    association = Association(identity, True, switch.port(leg), expected, time.monotonic() + 30)
    association.start()
    for _ in range(6):
        for datagram in association.outgoing:
            phone.socket.sendto(datagram, switch.port(leg))
        association.outgoing.clear()
        switch.work()
        phone.socket.setblocking(False)
        try:
            while True:
                association.receive(phone.socket.recv(2048))
        except BlockingIOError:
            pass
        phone.socket.settimeout(5.0)
    return association.keys
