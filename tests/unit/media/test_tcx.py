"""The relay inside the kernel at work: attached to interfaces, in front of a real worker, with real packets."""

from __future__ import annotations

import ctypes
import signal
import socket
import struct
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from media import g711, rtp
from media.client import start_worker
from media.control import (
    Bridge,
    Close,
    Digit,
    Finish,
    Load,
    Modify,
    Play,
    PlayDone,
    Ready,
    Record,
    Recorded,
    SendDigits,
    Statistics,
)
from media.relay import bpf
from media.relay.attachment import wanted
from media.relay.netlink import ETHERNET, LOOPBACK, Interface, Netlink
from media.relay.tcx import explain
from tests.unit.media.namespaces import Namespace, Network, why_not
from tests.unit.media.relays import needs_bpf
from tests.unit.media.rig import Bench, Phone, free_ports, share_of, tone, write_wav

LO = 1
LEGS = 16
NO_NAMESPACES = why_not()
needs_namespaces = pytest.mark.skipif(bool(NO_NAMESPACES), reason=NO_NAMESPACES)


def programs(interface: int) -> int:
    """How many TCX programs hang on an interface."""
    attributes = ctypes.create_string_buffer(
        struct.pack("<IIIIQIIQQQQ", interface, bpf.TCX_INGRESS, 0, 0, 0, 0, 0, 0, 0, 0, 0), 64
    )
    bpf._bpf(16, attributes, 64)  # BPF_PROG_QUERY
    return int(struct.unpack_from("<I", attributes.raw, 24)[0])


def filters(interface: int) -> list[str]:
    """The names of our classic filters on an interface."""
    talk = Netlink()
    try:
        return [each.name for each in talk.filters(interface) if each.name.startswith("softswitch-media:")]
    finally:
        talk.close()


def hanging(relay: str, interface: int = LO) -> int:
    return programs(interface) if relay == "tcx" else len(filters(interface))


class Call:
    """Two phones that talk without a pause: who spoke when can be read from what arrives."""

    def __init__(self, bench: Bench, legs: tuple[int, int], hosts: tuple[str, str]) -> None:
        self.bench, self.legs = bench, legs
        self.phones = [bench.phone(host) for host in hosts]
        for leg, phone in zip(legs, self.phones, strict=True):
            bench.open(leg, phone)
        bench.client.post(Bridge(*legs))
        bench.settle()
        self.said = [0, 0]
        self.heard: list[list[rtp.Packet]] = [[], []]

    def talk(self, packets: int, step: float = 0.01) -> None:
        """Both say something, a packet every `step` seconds, and listen."""
        for _ in range(packets):
            for side, phone in enumerate(self.phones):
                payload = self.said[side].to_bytes(4, "big") * 40
                phone.say(self.bench.port(self.legs[side]), payload)
                self.said[side] += 1
            time.sleep(step)
            self.listen()

    def listen(self, wait: float = 0.0) -> None:
        """Take in what has arrived."""
        for side, phone in enumerate(self.phones):
            phone.socket.settimeout(wait or 0.0001)
            while True:
                try:
                    self.heard[side].append(phone.hear())
                except (TimeoutError, BlockingIOError):
                    break

    def words(self, side: int) -> list[int]:
        """What this side heard the other say, and nobody else."""
        numbers = [int.from_bytes(each.payload[:4], "big") for each in self.heard[side] if each.payload_type == 0]
        return [number for number in numbers if number < self.said[1 - side]]

    def gauges(self) -> dict[str, int]:
        """What the worker counts, once it has counted anew."""
        before = self.bench.client.gauges()["heartbeat"]
        deadline = time.monotonic() + 5
        while (now := self.bench.client.gauges())["heartbeat"] == before:
            assert time.monotonic() < deadline
            self.talk(1)
        return now


def one_stream(packets: list[rtp.Packet]) -> None:
    """One SSRC; no number missing, none twice, none out of order."""
    assert len({packet.ssrc for packet in packets}) == 1
    assert {after.sequence - before.sequence & 0xFFFF for before, after in pairwise(packets)} == {1}


def worker(stack: ExitStack, relay: str, hosts: tuple[str, ...] = ("127.0.0.1",), legs: int = LEGS) -> Bench:
    base = free_ports(legs)
    client = stack.enter_context(start_worker(hosts=hosts, base_port=base, legs=legs, relay=relay))
    bench = Bench(client, base)
    ready = bench.wait(Ready)
    assert isinstance(ready, Ready) and ready.relay.startswith(f"{relay}+")
    return bench


@pytest.fixture(params=["tcx", "tc"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield worker(stack, request.param)
    assert hanging(request.param) == 0


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Nobody else's programs are on this loopback interface."""
    namespace = Namespace("alone")
    with namespace:
        yield
    namespace.delete()


pytestmark = [needs_bpf, needs_namespaces]


# --- moving live calls --------------------------------------------------------------------------------------------------


def test_a_call_moves_to_the_kernel_and_back_in_the_middle_of_speech(bench: Bench, tmp_path: Path) -> None:
    call = Call(bench, (0, 1), ("127.0.0.2", "127.0.0.3"))
    alice, bob = call.phones
    call.talk(60)
    gauges = call.gauges()
    assert gauges["kernel_legs"] == 2 and gauges["kernel_packets"] > 50
    # A key that is pressed during the call.
    alice.press(bench.port(0), 7)
    call.talk(60)
    assert bench.wait(Digit) == Digit(0, "7", 20)
    # Keys that the switch sends, in place of what alice says.
    bench.client.post(SendDigits(1, "12", 60))
    call.talk(60)
    # A clip for bob, and back: alice is not heard by him, he is by nobody.
    name = write_wav(tmp_path / "clip.wav", tone(440, 0.2))
    bench.client.post_all([Load("clip", name), Play(1, 5, ("clip",))])
    call.talk(30)
    assert bench.wait(PlayDone) == PlayDone(1, 5, "end")
    bench.client.post(Bridge(0, 1))
    call.talk(60)
    # A new answer moves bob to another port of his.
    before, bob.socket = bob.socket, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bob.socket.bind(("127.0.0.3", 0))
    bob.address = bob.socket.getsockname()
    bench.client.post(Modify(1, *bob.address, "PCMU", 0, 101))
    bench.settle()
    call.talk(60)
    gauges = call.gauges()
    assert gauges["kernel_legs"] == 2 and gauges["faults"] == 0
    call.listen(0.1)
    before.close()
    for side in (0, 1):
        one_stream(call.heard[side])
    words = call.words(0)
    assert words == sorted(set(words)) and words[-1] == call.said[1] - 1
    words = call.words(1)
    assert words == sorted(set(words)) and words[-1] == call.said[0] - 1
    bench.client.post_all([Close(0), Close(1)])
    for leg, side in ((0, 0), (1, 1)):
        statistics = bench.wait(Statistics, lambda event, leg=leg: event.leg == leg)
        assert isinstance(statistics, Statistics)
        assert statistics.packets_received == call.said[side] + (7 if leg == 0 else 0)
        assert statistics.packets_sent == len(call.heard[side]) and statistics.lost == statistics.dropped_invalid == 0


def test_nothing_is_lost_between_the_relays_however_often_a_call_moves(bench: Bench) -> None:
    call = Call(bench, (0, 1), ("127.0.0.2", "127.0.0.3"))
    call.talk(40)
    for _ in range(6):
        # The same answer again changes nothing that can be heard, but takes the call out of the kernel.
        bench.client.post_all([Modify(leg, *phone.address, "PCMU", 0, 101) for leg, phone in enumerate(call.phones)])
        call.talk(35)
    call.listen(0.1)
    for side in (0, 1):
        one_stream(call.heard[side])
        assert call.words(side) == list(range(call.said[1 - side]))
    assert call.gauges()["kernel_packets"] > 100


def test_what_a_stranger_sends_never_reaches_the_other_side(bench: Bench) -> None:
    call = Call(bench, (0, 1), ("127.0.0.2", "127.0.0.3"))
    call.talk(60)
    stranger = bench.phone("127.0.0.66")
    stranger.ssrc, stranger.sequence, stranger.timestamp = call.phones[0].ssrc, call.phones[0].sequence, 0
    for _ in range(50):
        stranger.say(bench.port(0), b"\xee" * 160)
        call.talk(1)
    assert call.gauges()["kernel_legs"] == 2, "and does not even bring the call back to user space"
    call.listen(0.1)
    assert call.words(1) == list(range(call.said[0]))
    one_stream(call.heard[1])


def test_loss_is_counted_as_user_space_counts_it(bench: Bench) -> None:
    call = Call(bench, (0, 1), ("127.0.0.2", "127.0.0.3"))
    call.talk(60)
    for _ in range(5):
        call.phones[0].sequence += 3
        call.talk(10)
    call.listen(0.1)
    bench.client.post(Close(0))
    statistics = bench.wait(Statistics, lambda event: event.leg == 0)
    assert isinstance(statistics, Statistics)
    assert (statistics.lost, statistics.packets_received) == (15, call.said[0])
    assert 0 < statistics.jitter_ms < 50


def test_a_recording_has_no_gap_while_its_call_moves_between_the_relays(bench: Bench, tmp_path: Path) -> None:
    phones = [bench.phone("127.0.0.2"), bench.phone("127.0.0.3")]
    for leg, phone in enumerate(phones):
        bench.open(leg, phone)
    bench.client.post(Bridge(0, 1))
    bench.settle()
    voices = [g711.encode(tone(frequency, 3.0), g711.Law.MU).tobytes() for frequency in (440, 700)]
    start = time.monotonic()
    for number in range(150):
        for leg, phone in enumerate(phones):
            phone.say(bench.port(leg), voices[leg][number * 160 : number * 160 + 160])
        if number == 40:
            bench.client.post(Record(1, str(tmp_path / "call.wav"), 0, 1))
        elif number in (70, 95):  # The same answer again: out of the kernel, and back.
            bench.client.post_all([Modify(leg, *phone.address, "PCMU", 0, 101) for leg, phone in enumerate(phones)])
        time.sleep(max(0.0, start + 0.02 * (number + 1) - time.monotonic()))
    bench.client.post(Finish(1))
    recorded = bench.wait(Recorded)
    assert isinstance(recorded, Recorded) and not recorded.error and recorded.lost == 0
    assert bench.client.gauges()["kernel_packets"] > 100
    with wave.open(recorded.path) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(np.float64)
    assert 1.9 < len(samples) / 8000 < 2.5
    for side, frequency in enumerate((440, 700)):
        # A gap or a duplicate would break the wave, and spread its power over other frequencies.
        assert share_of(samples[1600:-1600, side], frequency) > 0.99


# --- interfaces ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "relay, version, finished",
    [("tcx", version, (before, after)) for version in (4, 6) for before in (False, True) for after in (False, True)]
    + [("tc", 4, (False, True)), ("tc", 6, (True, False))],
)
def test_packets_cross_from_one_interface_to_another(relay: str, version: int, finished: tuple[bool, bool]) -> None:
    """With checksums left to the network card or not, on either side: the phones' kernels drop what is wrong."""
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        for name, phone in network.phones.items():
            phone.finish_checksums("cable", finished[0])
            network.switch.finish_checksums(f"to-{name}", finished[1])
        with network.switch:
            hosts = ("0.0.0.0", "::")
            bench = worker(stack, relay, hosts)
        phones = []
        for name, place in network.phones.items():
            with place:
                phones.append(Phone(network.ADDRESSES[name][version]))
            stack.callback(phones[-1].socket.close)
        switch = [(network.SWITCH[name][version], bench.base + 2 * leg) for leg, name in enumerate(network.SWITCH)]
        for leg, phone in enumerate(phones):
            bench.open(leg, phone)
        bench.client.post(Bridge(0, 1))
        bench.settle()
        count = 100
        for number in range(count):
            for phone, to in zip(phones, switch, strict=True):
                phone.say(to, number.to_bytes(4, "big") * 40)
            time.sleep(0.01)
        heard = [phone.listen(count) for phone in phones]
        for packets in heard:
            one_stream(packets)
            assert [int.from_bytes(packet.payload[:4], "big") for packet in packets] == list(range(count))
        deadline = time.monotonic() + 3
        while bench.client.gauges()["kernel_packets"] < count and time.monotonic() < deadline:
            time.sleep(0.05)
        assert bench.client.gauges()["kernel_packets"] >= count


def test_interfaces_that_come_and_go_and_routes_that_change_are_noticed() -> None:
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        with network.switch:
            bench = worker(stack, "tcx", ("0.0.0.0",))
        phones = []
        for name, place in network.phones.items():
            with place:
                phones.append(Phone(network.ADDRESSES[name][4]))
            stack.callback(phones[-1].socket.close)
        for leg, phone in enumerate(phones):
            bench.open(leg, phone)
        bench.client.post(Bridge(0, 1))
        bench.settle()
        to = [(network.SWITCH[name][4], bench.base + 2 * leg) for leg, name in enumerate(network.SWITCH)]

        def talk(count: int) -> None:
            for _ in range(count):
                for phone, where in zip(phones, to, strict=True):
                    phone.say(where)
                time.sleep(0.01)

        def kernel_legs(expected: int) -> bool:
            deadline = time.monotonic() + 5
            while bench.client.gauges()["kernel_legs"] != expected and time.monotonic() < deadline:
                talk(5)
            return bench.client.gauges()["kernel_legs"] == expected

        assert kernel_legs(2)
        # The cable to bob is moved to a bridge, as when a switch gets virtual machines: his packets now come by that one.
        network.switch.ip("link", "add", "name", "lan", "type", "bridge", "forward_delay", "0")
        network.switch.ip("link", "set", "lan", "up")
        network.switch.ip("address", "delete", "10.77.2.1/24", "dev", "to-bob")
        network.switch.ip("link", "set", "to-bob", "master", "lan")
        network.switch.ip("address", "add", "10.77.2.1/24", "dev", "lan")
        assert kernel_legs(2)
        for phone in phones:
            phone.waiting()
        talk(50)
        time.sleep(0.1)
        for phone in phones:
            assert phone.waiting() == 50
        # IPsec gets a say in what is sent to bob.
        network.switch.ip(
            "xfrm", "policy", "add", "src", "10.77.2.1", "dst", "10.77.2.2", "dir", "out", "action", "allow"
        )
        assert kernel_legs(0)
        network.switch.ip("xfrm", "policy", "flush")
        assert kernel_legs(2)


def test_which_interfaces_matter() -> None:
    lo = Interface(1, "lo", LOOPBACK, True, addresses={"127.0.0.1", "::1", "203.0.113.5"})
    lan = Interface(2, "eth0", ETHERNET, True, addresses={"192.0.2.1", "2001:db8::1"})
    wan = Interface(3, "eth1", ETHERNET, True, addresses={"198.51.100.1"})
    down = Interface(4, "eth2", ETHERNET, False, addresses={"192.0.2.9"})
    part = Interface(5, "eth3", ETHERNET, True, master=6)
    tunnel = Interface(7, "tun0", 65534, True, addresses={"10.8.0.1"})
    everything = [lo, lan, wan, down, part, tunnel]

    def names(*hosts: str) -> list[str]:
        import ipaddress

        return [each.name for each in wanted(everything, [ipaddress.ip_address(host) for host in hosts])]

    assert names("127.0.0.1") == names("127.3.2.1") == ["lo"]
    assert names("192.0.2.1") == ["lo", "eth0"]
    assert names("198.51.100.1", "2001:db8::1") == ["lo", "eth0", "eth1"]
    assert names("0.0.0.0") == names("203.0.113.5") == names("192.0.2.200") == ["lo", "eth0", "eth1"]


# --- leaving nothing behind ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("relay", ["tcx", "tc"])
def test_several_workers_share_an_interface(relay: str) -> None:
    with ExitStack() as stack:
        benches = [worker(stack, relay) for _ in range(3)]
        assert hanging(relay) == 3
        calls = [Call(bench, (2, 5), (f"127.0.7.{2 * n}", f"127.0.7.{2 * n + 1}")) for n, bench in enumerate(benches)]
        for _ in range(60):
            for call in calls:
                call.talk(1, 0.002)
        for call in calls:
            assert call.gauges()["kernel_legs"] == 2
            call.listen(0.1)
            for side in (0, 1):
                one_stream(call.heard[side])
                assert call.words(side) == list(range(call.said[1 - side]))
    assert hanging(relay) == 0


@pytest.mark.parametrize("relay", ["tcx", "tc"])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_attached(relay: str, end: signal.Signals) -> None:
    with ExitStack() as stack:
        bench = worker(stack, relay)
        other = worker(stack, relay)
        assert hanging(relay) == 2
        bench.client.process.send_signal(end)
        bench.client.process.wait(5)
        orphaned = relay == "tc" and end == signal.SIGKILL
        assert hanging(relay) == (2 if orphaned else 1)
        if orphaned:  # A filter outlives its process: the next one that starts removes it, but not that of the living.
            names = set(filters(LO))
            third = worker(stack, relay)
            assert len(filters(LO)) == 2 and len(names & set(filters(LO))) == 1
            Call(third, (0, 1), ("127.0.0.2", "127.0.0.3")).talk(3)
        Call(other, (0, 1), ("127.0.0.4", "127.0.0.5")).talk(3)
    assert hanging(relay) == 0
    shown = subprocess.run(["tc", "qdisc", "show", "dev", "lo"], capture_output=True, text=True, check=False).stdout
    assert "clsact" not in shown


# --- privileges ---------------------------------------------------------------------------------------------------------


def choice(relay: str, capabilities: str) -> str:
    """What a process with no capabilities but these chooses."""
    code = f"""
import sys
from media.legs import Legs
from media.ports import PortPool
from media.relay import RelayError, choose
base = {free_ports(4)}
from tests.unit.media.test_tcx import keep
keep({capabilities!r})
try:
    print(choose({relay!r}, PortPool(("127.0.0.1",), base, 4), Legs(4))[1])
except RelayError as error:
    print("refused:", error)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def keep(names: str) -> None:
    """Give up all capabilities of this process but these."""
    numbers = {"CAP_NET_ADMIN": 12, "CAP_BPF": 39}
    mask = sum(1 << numbers[name] for name in names.split())
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = struct.pack("<II", 0x20080522, 0)
    data = struct.pack("<6I", low, low, 0, high, high, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")


def test_exactly_two_capabilities_are_needed() -> None:
    assert choice("tcx", "CAP_NET_ADMIN CAP_BPF").startswith("tcx+")
    assert choice("tc", "CAP_NET_ADMIN CAP_BPF").startswith("tc+")


@pytest.mark.parametrize(
    "kept, missing", [("CAP_NET_ADMIN", "CAP_BPF"), ("CAP_BPF", "CAP_NET_ADMIN"), ("", "CAP_NET_ADMIN, CAP_BPF")]
)
def test_who_lacks_a_capability_is_told_which(kept: str, missing: str) -> None:
    assert f"tcx does not run here: the process lacks {missing} (" in choice("auto", kept)
    assert choice("tcx", kept).startswith(f"refused: the relay tcx does not run here: the process lacks {missing} (")


def test_a_refusal_for_another_reason_is_passed_on() -> None:
    assert explain(OSError(22, "Invalid argument; the verifier said:\nR1 is bad")) == (
        "the kernel refused it (Invalid argument; the verifier said:\nR1 is bad)"
    )


def test_the_verifier_says_what_it_does_not_like() -> None:
    asm = bpf.Assembler()
    asm.load(bpf.WORD, bpf.R0, bpf.R5, 0)
    asm.exit()
    with pytest.raises(bpf.BpfError, match=r"Permission denied; the verifier said:\n(?s:.*)R5 !read_ok"):
        bpf.load_program(asm.assemble(), "wrong")
