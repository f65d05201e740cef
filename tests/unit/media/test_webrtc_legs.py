"""Legs with ICE and DTLS in virtual time: when they are sent to, where, and under which keys."""

from __future__ import annotations

import secrets
import struct

import pytest

from media import rtp, stun
from media.control import Alarm, Close, Echo, Latched, Modify, Music, Open, Secured, Statistics, Tone
from media.dtls import Association, Fingerprint, Identity
from media.g711 import encode_both
from media.latch import Address
from media.library import Recording
from media.rtp import Packet
from media.srtp import Cipher
from tests.unit.media.loopback import ICE, OURS, THEIRS
from tests.unit.media.stage import RAMP
from tests.unit.media.test_transports import NAT, secret
from tests.unit.media.twins import World, audio

HOME, STREET, STRANGER = ("192.0.2.50", 5000), ("198.51.100.7", 6000), ("203.0.113.66", 7000)


@pytest.fixture(scope="module")
def ours() -> Identity:
    return Identity(b"ours")


@pytest.fixture(scope="module")
def theirs() -> Identity:
    return Identity(b"theirs")


class Far:
    """The far end of leg 0, which may sit at several addresses. It answers whatever it is asked."""

    def __init__(self, world: World, ours: Identity, theirs: Identity, *, client: bool = True) -> None:
        self.world = world
        self.at: Address = HOME
        self.reachable = {HOME, STREET}
        self.kinds: list[int] = []
        expected = Fingerprint.parse(ours.fingerprint)
        self.association = Association(theirs, client, HOME, expected, 1e9)
        self.cipher: Cipher | None = None

    def send(self, data: bytes, source: Address | None = None) -> bytes:
        """A datagram reaches the leg; returns what the packet path makes of it."""
        source = source or self.at
        world = self.world
        if world.network.aimed.get(0, (None,))[0] == source:
            out = world.arrive(0, data)
        else:
            room = memoryview(bytearray(data.ljust(1600, b"\0")))
            size = world.engine.admit(0, source, room, len(data))
            world.engine.attend(world.now)
            out = bytes(room[:size])
        self.collect()
        return out

    def collect(self) -> None:
        """Take what was sent to us, and answer it."""
        network = self.world.network
        while network.datagrams:
            leg, data, to = network.datagrams.pop(0)
            assert leg == 0
            address = to or network.aimed[0][0]
            if data[0] < 4:
                self._stun(data, address)
            elif data[0] < 64 and address in self.reachable:
                self.association.receive(data)
                self.fly()

    def _stun(self, data: bytes, address: Address) -> None:
        message = stun.parse(data)
        assert message is not None
        self.kinds.append(message.kind)
        if message.kind == stun.REQUEST and address in self.reachable:
            mapped = (stun.XOR_MAPPED_ADDRESS, stun.mapped_address(("192.0.2.1", 1), message.transaction))
            answer = stun.build(stun.SUCCESS, message.transaction, [mapped], THEIRS.password.encode())
            self.send(answer, address)

    def check(self, source: Address | None = None, *, nominate: bool = True) -> None:
        attributes = [
            (stun.USERNAME, f"{OURS.ufrag}:{THEIRS.ufrag}".encode()),
            (stun.PRIORITY, (1 << 24).to_bytes(4, "big")),
            *([(stun.USE_CANDIDATE, b"")] * nominate),
        ]
        self.send(stun.build(stun.REQUEST, secrets.token_bytes(12), attributes, OURS.password.encode()), source)

    def hello(self) -> None:
        self.association.start()
        self.fly()

    def fly(self) -> None:
        while self.association.outgoing:
            self.send(self.association.outgoing.pop(0))
        if self.association.keys is not None and self.cipher is None:
            self.cipher = Cipher(self.association.keys)

    def say(self, packet: Packet) -> bytes:
        assert self.cipher is not None
        return self.send(bytes(self.cipher.protect(bytes(packet))))

    def heard(self) -> list[Packet]:
        """What it was sent, which must all be authentic."""
        assert self.cipher is not None
        packets = []
        for number, data in self.world.network.sent:
            assert number == 0
            room = memoryview(bytearray(data))
            packet = rtp.parse(bytes(room[: self.cipher.unprotect(room, len(data))]))
            assert packet is not None
            packets.append(packet)
        self.world.network.sent.clear()
        return packets


def open_leg(world: World, theirs: Identity, **values: object) -> None:
    fields: dict[str, object] = {"suite": "DTLS", "fingerprint": theirs.fingerprint, "rtcp_mux": True, **ICE, **values}
    world.do(Open(0, "", 0, "PCMU", 0, 101, **fields))  # type: ignore[arg-type]


def modify(world: World, theirs: Identity, **values: object) -> None:
    fields: dict[str, object] = {"suite": "DTLS", "fingerprint": theirs.fingerprint, "rtcp_mux": True, **ICE, **values}
    world.do(Modify(0, "", 0, "PCMU", 0, 101, **fields))  # type: ignore[arg-type]


@pytest.fixture
def world(ours: Identity) -> World:
    world = World(identity=ours)
    world.engine.loaded(Recording("moh", True, encode_both(RAMP)), world.now)
    return world


@pytest.mark.parametrize("setup", ["passive", "active"])
def test_a_prompt_waits_for_the_keys_and_begins_at_its_beginning(
    world: World, ours: Identity, theirs: Identity, setup: str
) -> None:
    far = Far(world, ours, theirs, client=setup == "passive")
    open_leg(world, theirs, setup=setup)
    world.do(Music(0, "moh", from_start=True))
    world.pass_time(0.5)
    far.check()
    if setup == "passive":
        world.pass_time(0.2)
        assert world.network.sent == [], "validated, but without keys"
        far.hello()
    assert far.cipher is not None
    assert world.events() == [Latched(0, *HOME), Secured(0, "AEAD_AES_128_GCM")]
    world.pass_time(0.4)
    packets = far.heard()
    assert b"".join(packet.payload for packet in packets)[:2000] == encode_both(RAMP)[0, :2000].tobytes()
    world.do(Echo(0))
    assert far.say(audio(1)) and len(far.heard()) == 1


def test_dtls_that_overtakes_the_answer_to_our_check(world: World, ours: Identity, theirs: Identity) -> None:
    far = Far(world, ours, theirs)
    open_leg(world, theirs)
    far.reachable = set()
    far.check()
    far.hello()
    leg = world.engine.session.open[0]
    assert far.cipher is None and leg is not None and leg.foreign == 0
    far.reachable = {HOME, STREET}
    world.pass_time(0.2)  # Our check is sent again.
    far.collect()
    assert far.cipher is not None and Secured(0, "AEAD_AES_128_GCM") in world.events()


def test_nothing_but_checks_is_taken_from_an_address_that_is_not_validated(
    world: World, ours: Identity, theirs: Identity
) -> None:
    far = Far(world, ours, theirs)
    open_leg(world, theirs)
    stranger = Association(Identity(b"m"), True, STRANGER, None, 1e9)
    stranger.start()
    (hello,) = stranger.outgoing
    for data in (hello, bytes(audio(1)), b"\x80\xc9\0\x01\0\0\0\x05", b"\x00\x01" + bytes(18)):
        assert far.send(data, STRANGER) == b""
    assert world.network.datagrams == [] and far.kinds == []
    far.check()
    far.hello()
    assert far.cipher is not None
    world.do(Echo(0))
    for _ in range(10):
        assert far.send(hello, STRANGER) == b""
        assert far.send(bytes(audio(2)), STRANGER) == b""
    assert far.say(audio(3))
    leg = world.engine.session.open[0]
    assert leg is not None and (leg.foreign, leg.invalid) == (23, 1)


def test_a_certificate_that_the_sdp_does_not_name(world: World, ours: Identity, theirs: Identity) -> None:
    far = Far(world, ours, Identity(b"mallory"))
    open_leg(world, theirs)
    world.do(Tone(0, "dial"))
    far.check()
    far.hello()
    world.pass_time(1.0)
    events = world.events()
    assert [event.error for event in events if isinstance(event, Secured)] == [
        "the certificate is not the one of the fingerprint"
    ]
    assert world.network.sent == []


def test_the_far_end_walks_out_of_its_house(world: World, ours: Identity, theirs: Identity) -> None:
    """Another network in the middle of the call: a new check, a new nomination, the same keys."""
    far = Far(world, ours, theirs)
    open_leg(world, theirs)
    world.do(Echo(0))
    far.check()
    far.hello()
    world.pass_time(3.0)
    assert far.say(audio(1))
    world.events()
    far.check(STREET, nominate=False)
    assert world.network.aimed[0][0] == HOME
    far.check(STREET)
    assert world.network.aimed[0][0] == STREET and world.events() == [Latched(0, *STREET)]
    far.at = STREET
    assert far.say(audio(2))
    far.at = HOME
    assert far.say(audio(3)), "it may speak by every pair that was validated"
    assert world.network.aimed[0][0] == STREET and world.events() == [], "but that selects none"
    assert len(far.heard()) == 2
    far.reachable = {STREET}
    for _ in range(40):
        world.pass_time(1.0)
        far.collect()
    assert far.say(audio(4)) == b"", "and no longer than it is there"
    far.at = STREET
    assert far.say(audio(5))


def test_reports_by_a_pair_that_is_not_selected(world: World, ours: Identity, theirs: Identity) -> None:
    far = Far(world, ours, theirs)
    open_leg(world, theirs)
    world.do(Echo(0))
    far.check()
    far.hello()
    assert far.cipher is not None
    far.check(STREET, nominate=False)
    leave = struct.pack("!BBHI", 0x81, 203, 1, 7)
    far.send(bytes(far.cipher.protect_rtcp(leave)), STREET)
    far.send(bytes(far.cipher.protect_rtcp(leave)), STRANGER)
    world.do(Close(0))
    (statistics,) = [event for event in world.events() if isinstance(event, Statistics)]
    assert (statistics.dropped_foreign, statistics.dropped_forged) == (1, 0)


def test_consent_that_is_not_given_any_more_stops_what_we_send(world: World, ours: Identity, theirs: Identity) -> None:
    far = Far(world, ours, theirs)
    open_leg(world, theirs)
    world.do(Tone(0, "dial"))
    far.check()
    far.hello()
    for _ in range(60):
        world.pass_time(1.0)
        far.collect()
    assert len(far.heard()) > 2900
    far.reachable = set()
    for _ in range(40):
        world.pass_time(1.0)
        far.collect()
    far.heard()
    world.pass_time(5.0)
    assert far.heard() == []
    far.reachable = {HOME}
    far.check()
    world.pass_time(1.0)
    assert len(far.heard()) >= 45, "and goes on when it is given again, under the same keys"


def test_ice_without_encryption(world: World, ours: Identity, theirs: Identity) -> None:
    far = Far(world, ours, theirs)
    world.do(Open(0, "", 0, "PCMU", 0, 101, **ICE), Echo(0))
    assert far.send(bytes(audio(0))) == b""
    far.check()
    assert far.send(bytes(audio(1))) and far.send(bytes(audio(2)), STREET) == b""
    far.check(STREET, nominate=False)
    assert far.send(bytes(audio(3)), STREET) == b"", "nobody says that it is the same one"
    assert [rtp.parse(data).payload for _, data in world.network.sent] == [b"\x55" * 160]  # type: ignore[union-attr]


def test_checks_before_the_answer_of_the_far_end(world: World, ours: Identity, theirs: Identity) -> None:
    """We have offered; its checks and its hello are faster than its answer."""
    far = Far(world, ours, theirs)
    open_leg(world, theirs, remote_ice="", fingerprint="", setup="actpass")
    far.check()
    far.hello()
    assert far.cipher is None and stun.SUCCESS in far.kinds
    modify(world, theirs, setup="passive")
    far.collect()
    far.fly()
    if far.cipher is None:  # Its hello was early; it says it again.
        far.association._connection.DTLSv1_handle_timeout()
        far.association = Association(theirs, True, HOME, far.association.expected, 1e9)
        far.hello()
    assert far.cipher is not None and Secured(0, "AEAD_AES_128_GCM") in world.events()


def test_the_same_answer_again_changes_nothing(world: World, ours: Identity, theirs: Identity) -> None:
    far = Far(world, ours, theirs)
    open_leg(world, theirs)
    world.do(Echo(0))
    far.check()
    far.hello()
    assert far.say(audio(1))
    world.events()
    modify(world, theirs, send=False)
    modify(world, theirs)
    assert far.say(audio(2)) and world.events() == [] and len(far.heard()) == 2


def test_a_restart_of_ice_keeps_the_media(world: World, ours: Identity, theirs: Identity) -> None:
    far = Far(world, ours, theirs)
    open_leg(world, theirs)
    world.do(Echo(0))
    far.check()
    far.hello()
    modify(world, theirs, ice="mine:" + "m" * 22, remote_ice="hers:" + "h" * 22)
    assert far.say(audio(1)) and len(far.heard()) == 1


def test_a_new_certificate_is_a_new_handshake_and_the_old_keys_serve_until_then(
    world: World, ours: Identity, theirs: Identity
) -> None:
    far = Far(world, ours, theirs)
    open_leg(world, theirs)
    world.do(Echo(0))
    far.check()
    far.hello()
    assert far.say(audio(1))
    other = Identity(b"other")
    modify(world, other)
    assert far.say(audio(2)) and len(far.heard()) == 2
    far.association, far.cipher = Association(other, True, HOME, far.association.expected, 1e9), None
    far.hello()
    assert far.cipher is not None and far.say(audio(3)) and len(far.heard()) == 1


def test_from_dtls_to_keys_by_sdp_and_to_plain_rtp(world: World, ours: Identity, theirs: Identity) -> None:
    far = Far(world, ours, theirs)
    open_leg(world, theirs)
    world.do(Echo(0))
    far.check()
    far.hello()
    world.do(Modify(0, *HOME, "PCMU", 0, 101, **secret(0)))  # type: ignore[arg-type]
    assert far.say(audio(1)), "under way when the keys changed"
    assert world.network.aimed[0] == (HOME, (HOME[0], HOME[1] + 1)) and 0 not in world.network.listening
    world.do(Modify(0, *HOME, "PCMU", 0, 101))
    assert far.send(bytes(audio(2))) != b""
    assert world.engine.next_deadline() is None and world.network.transports[0] is None


def test_the_end_is_told(world: World, ours: Identity, theirs: Identity) -> None:
    far = Far(world, ours, theirs)
    open_leg(world, theirs)
    far.check()
    far.hello()
    world.do(Close(0))
    ((_, _, to),) = [each for each in world.network.datagrams if each[1][0] == 21]
    assert to is None and world.engine.next_deadline() is None
    world.pass_time(60.0)


# --- DTLS without ICE -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setup", ["passive", "active"])
def test_dtls_with_the_address_of_the_sdp(world: World, ours: Identity, theirs: Identity, setup: str) -> None:
    far = Far(world, ours, theirs, client=setup == "passive")
    fields = {"suite": "DTLS", "fingerprint": theirs.fingerprint, "setup": setup}
    world.do(Open(0, *HOME, "PCMU", 0, 101, **fields), Echo(0))  # type: ignore[arg-type]
    if setup == "passive":
        far.hello()
    else:
        far.collect()
    assert far.cipher is not None and far.say(audio(1)) and len(far.heard()) == 1
    assert world.network.aimed[0] == (HOME, (HOME[0], HOME[1] + 1))


def test_dtls_from_behind_a_nat(world: World, ours: Identity, theirs: Identity) -> None:
    """No packet of RTP will come before the handshake: it is the handshake that settles the address."""
    far = Far(world, ours, theirs)
    far.at, far.reachable = (NAT, 61_000), {(NAT, 61_000)}
    fields = {"suite": "DTLS", "fingerprint": theirs.fingerprint, "setup": "passive", "latch_host": NAT}
    world.do(Open(0, "10.0.0.5", 4000, "PCMU", 0, 101, **fields), Echo(0))  # type: ignore[arg-type]
    thief = Far(world, ours, Identity(b"m"))
    thief.at, thief.reachable = (NAT, 61_001), {(NAT, 61_001)}
    thief.hello()
    world.network.datagrams.clear()
    assert world.events() == [] and 0 in world.network.listening
    for source in ((NAT, 61_002), STRANGER):
        assert far.send(b"\x16\xfe\xfd" + bytes(60), source) == b""
        assert far.send(bytes(audio(1)), source) == b""
    far.hello()
    assert world.events() == [Latched(0, NAT, 61_000), Secured(0, "AEAD_AES_128_GCM")]
    assert far.cipher is not None and far.say(audio(1)) and len(far.heard()) == 1


def test_a_handshake_that_is_not_answered(world: World, ours: Identity, theirs: Identity) -> None:
    far = Far(world, ours, theirs, client=False)
    far.reachable = set()
    fields = {"suite": "DTLS", "fingerprint": theirs.fingerprint, "setup": "active"}
    world.do(Open(0, *HOME, "PCMU", 0, 101, **fields))  # type: ignore[arg-type]
    far.collect()
    for _ in range(100):
        world.pass_time(2.0)
        far.collect()
    events = [event for event in world.events() if isinstance(event, Secured)]
    assert events == [Secured(0, error="no handshake in time")]
    assert world.engine.next_deadline() is None


@pytest.mark.parametrize(
    "values",
    [
        {"fingerprint": "sha-1 " + ":".join(["00"] * 20)},
        {"fingerprint": "nonsense"},
        {"ice": "no"},
        {"remote_ice": "abcd:short"},
    ],
)
def test_terms_that_are_not_good_enough(world: World, theirs: Identity, values: dict[str, str]) -> None:
    open_leg(world, theirs, **values)
    assert [type(event) for event in world.events()] == [Alarm] and world.engine.open_legs == 0


def test_without_a_certificate_there_is_no_dtls(theirs: Identity) -> None:
    world = World()
    open_leg(world, theirs)
    (event,) = world.events()
    assert isinstance(event, Alarm) and "certificate" in event.detail
