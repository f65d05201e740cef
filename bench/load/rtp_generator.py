"""RTP load: many phones, each at an address of its own, that send G.711 to a relay and judge what comes back.

    python -m bench.load.rtp_generator --calls 500 --seconds 5        own worker, bridged calls
    python -m bench.load.rtp_generator --listeners 1000 --seconds 5   own worker, music for everybody
    python -m bench.load.rtp_generator --direct --calls 500           no relay: what the generator itself costs
    python -m bench.load.rtp_generator --stdin                        a plan as JSON: {"phones": [[host, port, relay host,
                                                                      relay port, talks], ...], "seconds": 5}

All phones share one socket: sent and received in bulk (sendmmsg, recvmmsg), source and destination address by IP_PKTINFO, time
of arrival by the kernel. Every packet carries who sent it, which one it is, and when; so loss, order, destination and delay are
known packet by packet. Phones 2n and 2n+1 are the two sides of a call.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from media.client import MediaClient

PHONE_PORT = 4000
WORKER_HOST = "127.0.9.9"  # of the loopback addresses one that nobody else uses
PACKET = 172
SLOTS = 40  # a packet time of 20 ms, in steps of half a millisecond
PTIME = 0.020
LATE = 0.020  # seconds
BURST = 512  # packets per recvmmsg
MAGIC = 0x536F6674
MAX_DELAY_MS = 2000
ENOUGH = 0.995  # of fifty packets a second
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
IP_PKTINFO = 8

_libc = ctypes.CDLL(None, use_errno=True)

# struct mmsghdr of a 64-bit Linux
MMSGHDR = np.dtype(
    {
        "names": ["name", "namelen", "iov", "iovlen", "control", "controllen", "flags", "len"],
        "formats": ["<u8", "<u4", "<u8", "<u8", "<u8", "<u8", "<u4", "<u4"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56],
        "itemsize": 64,
    }
)
IOVEC = np.dtype([("base", "<u8"), ("len", "<u8")])
SOCKADDR_IN = np.dtype([("family", "<u2"), ("port", ">u2"), ("host", "V4"), ("zero", "V8")])
PKTINFO = np.dtype([("len", "<u8"), ("level", "<i4"), ("type", "<i4"), ("index", "<i4"), ("source", "V4"), ("dest", "V4"),
                    ("pad", "V4")])  # fmt: skip
STAMP = np.dtype([("len", "<u8"), ("level", "<i4"), ("type", "<i4"), ("seconds", "<i8"), ("nanoseconds", "<i8")])
# RTP header, then who, which and when, in the payload.
RTP = np.dtype([("first", ">u2"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4"), ("magic", ">u4"),
                ("phone", ">u4"), ("count", ">u4"), ("sent", ">u8"), ("rest", "V140")])  # fmt: skip
assert RTP.itemsize == PACKET


class Phone(NamedTuple):
    """One end of a call: where it is, where it sends, and whether it sends at all."""

    host: str
    port: int
    relay_host: str
    relay_port: int
    talks: bool = True


@dataclass(slots=True)
class Report:
    """What the phones found. Delays in milliseconds, from sendmmsg to the kernel's receive stamp."""

    phones: int
    seconds: float
    sent: int
    sent_percent: float  # of what the phones should have sent: less means that the generator was not fast enough
    received: int
    lost: int
    loss_percent: float
    misrouted: int
    reordered: int
    duplicated: int
    foreign: int  # packets that no phone of ours sent: music, tones, garbage
    foreign_gaps: int  # and holes in their sequence numbers
    foreign_short: int  # phones that got less than `ENOUGH` of the packets that were due
    foreign_least_percent: float  # the share of the phone that got the fewest
    foreign_jitter_p95_ms: float  # how far the time between two packets was from 20 ms
    delay_p50_ms: float
    delay_p95_ms: float
    delay_p99_ms: float
    delay_max_ms: float
    generator_cpu_percent: float
    handled: int  # all packets received, the warm-up included
    late_slots: int
    extra: dict[str, Any] = field(default_factory=dict)


def address(index: int) -> str:
    """The loopback address of phone number `index`."""
    return f"127.{1 + index // 40_000}.{1 + index // 200 % 200}.{10 + index % 200}"


def bind(port: int) -> socket.socket:
    """The socket of all phones, at all their addresses."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        bound.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    except PermissionError:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
    bound.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    bound.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    bound.bind(("0.0.0.0", port))
    return bound


class Generator:
    """All phones of one port, in one process."""

    def __init__(self, phones: Sequence[Phone], file: int | None = None) -> None:
        """`file`: a bound socket to be used; what it holds already is thrown away."""
        ports = {phone.port for phone in phones}
        if len(ports) != 1:
            raise ValueError("all phones of a generator share one port number; give each an address of its own")
        self.phones = list(phones)
        count = len(phones)
        self._socket = bind(ports.pop()) if file is None else socket.socket(fileno=file)
        self._file = self._socket.fileno()
        # Phones in order of their slot, so that those of one slot are sent by one call.
        slot = np.random.default_rng(1).integers(0, SLOTS, count)
        talking = np.array([phone.talks for phone in phones])
        self._order = np.array([i for i in np.argsort(slot, kind="stable").tolist() if talking[i]], np.int64)
        self._bounds = np.searchsorted(slot[self._order], np.arange(SLOTS + 1)).tolist()
        self._prepare_sending()
        self._prepare_receiving()
        self._index_hosts()

    def _prepare_sending(self) -> None:
        count = max(len(self._order), 1)
        self._packets = np.zeros(count, RTP)
        self._addresses = np.zeros(count, SOCKADDR_IN)
        self._sources = np.zeros(count, PKTINFO)
        for row, index in enumerate(self._order.tolist()):
            phone = self.phones[index]
            self._addresses[row] = (socket.AF_INET, phone.relay_port, socket.inet_aton(phone.relay_host), b"")
            source = socket.inet_aton(phone.host)
            self._sources[row] = (28, socket.IPPROTO_IP, IP_PKTINFO, 0, source, b"\0" * 4, b"")
            self._packets[row]["ssrc"] = 0x10000 + index
            self._packets[row]["phone"] = index
        self._packets["first"], self._packets["magic"] = 0x8000, MAGIC
        rest = np.frombuffer(bytes(range(140)), "V140")[0]
        self._packets["rest"] = rest
        self._vectors = _vectors(self._packets, PACKET)
        self._headers = _headers(self._vectors, self._sources, PKTINFO.itemsize)
        self._headers["name"] = _pointers(self._addresses)
        self._headers["namelen"] = SOCKADDR_IN.itemsize
        self._counts = np.zeros(count, np.int64)

    def _prepare_receiving(self) -> None:
        self._inbox = np.zeros((BURST, 256), np.uint8)
        self._controls = np.zeros((BURST, STAMP.itemsize + PKTINFO.itemsize), np.uint8)
        self._in_vectors = np.zeros(BURST, IOVEC)
        self._in_vectors["base"], self._in_vectors["len"] = _pointers(self._inbox), 256
        self._in_headers = _headers(self._in_vectors, self._controls, self._controls.shape[1])
        self._in_template = self._in_headers.copy()

    def _index_hosts(self) -> None:
        hosts = np.array([int.from_bytes(socket.inet_aton(phone.host), "little") for phone in self.phones], np.uint32)
        self._host_order = np.argsort(hosts)
        self._hosts = hosts[self._host_order]

    # --- the run -----------------------------------------------------------------------------------------------------

    def run(self, seconds: float, warm_up: float = 0.5, settle: float = 0.5) -> Report:
        """Send for `warm_up + seconds`; what was sent in the warm-up is not judged for loss and delay."""
        count = len(self.phones)
        self._first = np.full(count, -1, np.int64)
        self._last = np.full(count, -1, np.int64)
        self._arrived = np.zeros(count, np.int64)
        self._foreign_last = np.full(count, -1, np.int64)
        self._foreign_at = np.zeros(count, np.int64)
        self._foreign_count = np.zeros(count, np.int64)
        self._delays = np.zeros(MAX_DELAY_MS * 100, np.int64)
        self._jitter = np.zeros(MAX_DELAY_MS * 100, np.int64)
        self._handled = 0
        self._judged_to = 0
        self._discard()
        self._received = self._misrouted = self._reordered = self._duplicated = self._foreign = self._gaps = 0
        self._judged_from = 0
        gc.disable()
        late, slot = 0, 0
        start = due = time.clock_gettime(time.CLOCK_MONOTONIC)
        cpu = time.process_time()
        end = start + warm_up + seconds
        before = np.zeros(count, np.int64)
        while (now := time.clock_gettime(time.CLOCK_MONOTONIC)) < end:
            if now < due:
                time.sleep(due - now)  # The load is packets at their times.
            elif now > due + LATE:
                late += 1
                due = now  # What could not be sent in time is not sent in a burst: the load is less, and said to be.
            if not self._judged_from and now >= start + warm_up:
                self._judged_from = time.time_ns()
                self._judged_to = self._judged_from + int(seconds * 1e9)
                before = self._counts.copy()
            self._send(slot)
            self._drain()
            slot = (slot + 1) % SLOTS
            due += PTIME / SLOTS
        cpu = time.process_time() - cpu
        quiet = time.monotonic() + settle
        while (left := quiet - time.monotonic()) > 0:
            select.select([self._file], [], [], left)
            self._drain()
        gc.enable()
        sent = int((self._counts - before[: len(self._counts)]).sum()) if len(self._order) else 0
        return self._report(sent, seconds, 100 * cpu / (end - start), late)

    def _send(self, slot: int) -> None:
        low, high = self._bounds[slot], self._bounds[slot + 1]
        if low == high:
            return
        packets, counts = self._packets[low:high], self._counts[low:high]
        packets["count"] = counts
        packets["sequence"] = counts & 0xFFFF
        packets["timestamp"] = counts * 160 & 0xFFFFFFFF
        counts += 1
        packets["sent"] = time.time_ns()
        while low < high:
            done = _libc.sendmmsg(
                self._file, ctypes.c_void_p(self._headers.ctypes.data + 64 * low), ctypes.c_uint(high - low), 0
            )
            low += max(done, 1)  # One that the kernel refused is lost, and counted so.

    def _discard(self) -> None:
        while _libc.recv(self._file, ctypes.c_void_p(self._inbox.ctypes.data), 256, 0x40) > 0:
            pass

    def _drain(self) -> None:
        while True:
            self._in_headers["controllen"] = self._controls.shape[1]
            count = _libc.recvmmsg(
                self._file, ctypes.c_void_p(self._in_headers.ctypes.data), ctypes.c_uint(BURST), 0x40, None
            )
            if count <= 0:
                return
            self._judge(count)
            if count < BURST:
                return

    def _judge(self, count: int) -> None:
        self._handled += count
        packets = self._inbox[:count, :PACKET].copy().view(RTP)[:, 0]
        stamps = self._controls[:count, : STAMP.itemsize].copy().view(STAMP)[:, 0]
        hosts = self._controls[:count, STAMP.itemsize + 24 :][:, :4].copy().view(np.uint32)[:, 0]
        at = np.searchsorted(self._hosts, hosts)
        at = np.minimum(at, len(self._hosts) - 1)
        where = self._host_order[at]
        ours = packets["magic"] == MAGIC
        if not ours.all():
            self._judge_foreign(packets[~ours], where[~ours], stamps[~ours])
            packets, stamps, where = packets[ours], stamps[ours], where[ours]
            if not len(packets):
                return
        phone = packets["phone"].astype(np.int64)
        right = (phone ^ 1) == where
        sent = packets["sent"].astype(np.int64)
        judged = right & (sent >= self._judged_from) if self._judged_from else np.zeros(len(right), bool)
        self._misrouted += int(np.count_nonzero(~right))
        phone, number = phone[judged], packets["count"].astype(np.int64)[judged]
        self._received += len(phone)
        np.add.at(self._arrived, phone, 1)
        self._reordered += int(np.count_nonzero(number < self._last[phone]))
        self._duplicated += int(np.count_nonzero(number == self._last[phone]))
        np.maximum.at(self._last, phone, number)
        stamp = stamps["seconds"][judged] * 10**9 + stamps["nanoseconds"][judged]
        delay = np.clip((stamp - sent[judged]) // 10_000, 0, len(self._delays) - 1)
        np.add.at(self._delays, delay, 1)

    def _judge_foreign(self, packets: NDArray[Any], where: NDArray[np.int64], stamps: NDArray[Any]) -> None:
        """Music: compare each packet with the one before it at the same phone, in this batch or an earlier one."""
        self._foreign += len(packets)
        order = np.argsort(where, kind="stable")
        where = where[order]
        sequence = packets["sequence"].astype(np.int64)[order]
        at = (stamps["seconds"] * 10**9 + stamps["nanoseconds"])[order]
        new = where[1:] != where[:-1]
        first, final = np.concatenate(([True], new)), np.concatenate((new, [True]))
        last, since = np.roll(sequence, 1), np.roll(at, 1)
        last[first], since[first] = self._foreign_last[where[first]], self._foreign_at[where[first]]
        self._foreign_last[where[final]], self._foreign_at[where[final]] = sequence[final], at[final]
        judged = (at >= self._judged_from) & (at < self._judged_to) if self._judged_from else np.zeros(len(at), bool)
        np.add.at(self._foreign_count, where[judged], 1)
        known = judged & (last >= 0)
        self._gaps += int(np.count_nonzero(sequence[known] != (last[known] + 1 & 0xFFFF)))
        apart = np.abs(at[known] - since[known] - int(PTIME * 1e9)) // 10_000
        np.add.at(self._jitter, np.minimum(apart, len(self._jitter) - 1), 1)

    def _report(self, sent: int, seconds: float, cpu: float, late: int) -> Report:
        lost = max(0, sent - self._received)
        due = seconds / PTIME
        planned = len(self._order) * due
        got = self._foreign_count
        return Report(
            len(self.phones),
            seconds,
            sent,
            round(100 * sent / planned, 1) if planned else 100.0,
            self._received,
            lost,
            round(100 * lost / sent, 4) if sent else 0.0,
            self._misrouted,
            self._reordered,
            self._duplicated,
            self._foreign,
            self._gaps,
            int(np.count_nonzero(got < int(ENOUGH * due))) if self._foreign else 0,
            round(100 * float(got.min()) / due, 2) if self._foreign else 0.0,
            _percentile(self._jitter, 0.95),
            *(_percentile(self._delays, share) for share in (0.5, 0.95, 0.99, 1.0)),
            round(cpu, 1),
            self._handled,
            late,
        )

    @property
    def counts(self) -> list[int]:
        """Packets sent by each talking phone since it was made, warm-up included."""
        counts: list[int] = self._counts.tolist()
        return counts

    def close(self) -> None:
        self._socket.close()


def _percentile(histogram: NDArray[np.int64], share: float) -> float:
    """Milliseconds, from a histogram in steps of 10 us."""
    total = histogram.sum()
    if not total:
        return 0.0
    return round(float(np.searchsorted(np.cumsum(histogram), np.ceil(share * total))) / 100, 2)


def _pointers(rows: NDArray[Any]) -> NDArray[np.uint64]:
    return rows.ctypes.data + rows.strides[0] * np.arange(len(rows), dtype=np.uint64)


def _vectors(rows: NDArray[Any], size: int) -> NDArray[Any]:
    vectors = np.zeros(len(rows), IOVEC)
    vectors["base"], vectors["len"] = _pointers(rows), size
    return vectors


def _headers(vectors: NDArray[Any], controls: NDArray[Any], size: int) -> NDArray[Any]:
    headers = np.zeros(len(vectors), MMSGHDR)
    headers["iov"], headers["iovlen"] = _pointers(vectors), 1
    headers["control"], headers["controllen"] = _pointers(controls), size
    return headers


# --- a worker of our own to load --------------------------------------------------------------------------------------


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process, to the nanosecond."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def prefer() -> None:
    """Phones are many machines: their packets come in time however busy this one is. Takes effect only for the privileged."""
    with contextlib.suppress(OSError):
        os.setsid()  # Where the kernel schedules sessions, it is the session that must be preferred.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("-10")


def pin(pid: int, core: int) -> None:
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core % (os.cpu_count() or 1)})


def free_range(ports: int) -> int:
    """The first of that many UDP ports that are free."""
    for base in range(10_000 + os.getpid() % 10 * 100, 65_536 - ports, 1_000):
        held: list[socket.socket] = []
        try:
            for port in range(base, base + ports):
                held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                held[-1].bind((WORKER_HOST, port))
            return base
        except OSError:
            continue
        finally:
            for each in held:
                each.close()
    raise OSError("no range of free ports is long enough")


def until_open(client: MediaClient, legs: int) -> None:
    """Wait until a worker has performed what opens so many legs. It says how many are open once a second."""
    deadline = time.monotonic() + 30
    while client.gauges().get("open_legs", 0) < legs:
        if time.monotonic() > deadline:
            raise SystemExit(f"the worker has opened {client.gauges().get('open_legs', 0)} of {legs} legs")
        client.wait(0.05)
        client.events()


def load_worker(
    calls: int, listeners: int, seconds: float, *, codec: tuple[str, str] = ("PCMU", "PCMU"), relay: str = "auto",
    base_port: int = 0, pinned: bool = True, conferences: bool = False,
) -> Report:  # fmt: skip
    """Open calls (and listeners of music) on a worker, load it, and add what it used to the report."""
    from media.client import start_worker
    from media.control import Bridge, Close, Command, Join, Music, Open, Ready, Statistics

    types = {"PCMU": 0, "PCMA": 8}
    legs = 2 * calls + listeners
    base_port = base_port or free_range(2 * legs)
    phones = [
        Phone(address(leg), PHONE_PORT, WORKER_HOST, base_port + 2 * leg, talks=leg < 2 * calls) for leg in range(legs)
    ]
    with start_worker(hosts=(WORKER_HOST,), base_port=base_port, legs=legs, relay=relay) as client:
        answers = client.wait_for(Ready)
        ready = answers[0] if answers else None
        if not isinstance(ready, Ready):
            raise SystemExit(f"the worker did not start: {answers}")
        if pinned:
            pin(ready.pid, 0)
            pin(os.getpid(), 1)
        commands: list[Command] = []
        for leg, phone in enumerate(phones):
            name = codec[leg % 2] if leg < 2 * calls else "PCMU"
            # The generator sends type 0 only; a leg may expect another number than it is sent.
            commands.append(Open(leg, phone.host, phone.port, name, types[name], receive_type=0))
        if conferences:
            commands += [Join(leg, leg // 4) for leg in range(2 * calls)]
        else:
            commands += [Bridge(leg, leg + 1) for leg in range(0, 2 * calls, 2)]
        commands += [Music(leg, "bench") for leg in range(2 * calls, legs)]
        if listeners:
            from media.control import Load

            client.post(Load("bench", str(_music_file()), music=True))
        client.post_all(commands)
        generator = Generator(phones)
        until_open(client, legs)
        used = cpu_seconds(ready.pid)
        started = time.monotonic()
        report = generator.run(seconds, settle=0.1)
        used, elapsed = cpu_seconds(ready.pid) - used, time.monotonic() - started
        generator.close()
        client.post_all([Close(leg) for leg in range(legs)])
        statistics: list[Statistics] = []
        deadline = time.monotonic() + 5
        while len(statistics) < legs and time.monotonic() < deadline:
            client.wait(0.2)
            statistics += [event for event in client.events() if isinstance(event, Statistics)]
        moved = sum(each.packets_received for each in statistics) or sum(each.packets_sent for each in statistics)
        report.extra = {
            "calls": calls,
            "listeners": listeners,
            "relay": ready.relay,
            "codecs": "/".join(codec),
            "worker_cpu_percent": round(100 * used / elapsed, 1),
            "worker_us_per_packet": round(1e6 * used / moved, 2) if moved else 0.0,
            "cpu_ms_per_call_second": round(0.1 * 1e6 * used / moved, 3) if moved and calls else 0.0,
            "packets_sent_by_worker": sum(each.packets_sent for each in statistics),
            "lost_seen_by_worker": sum(each.lost for each in statistics),
            "gauges": client.gauges(),
        }
        if codec[0] != codec[1] or conferences:
            # What has been transcoded, or mixed, does not say any more who sent it: all that can be told is how much arrived.
            report.received, report.lost = report.foreign, max(0, sum(generator.counts) - report.foreign)
            report.loss_percent = round(100 * report.lost / max(1, sum(generator.counts)), 4)
    return report


def _music_file() -> Path:
    import tempfile
    import wave

    path = Path(tempfile.gettempdir()) / f"softswitch-bench-music-{os.getuid()}.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        noise = np.random.default_rng(2).normal(0, 3000, 80_000).clip(-32768, 32767).astype("<i2")
        file.writeframes(noise.tobytes())
    return path


def run_plan(plan: dict[str, Any]) -> Report:
    """What `--stdin` does: generate by a plan that somebody else (who placed the calls) has made."""
    generator = Generator([Phone(*phone) for phone in plan["phones"]], plan.get("file"))
    try:
        return generator.run(float(plan.get("seconds", 5)), float(plan.get("warm_up", 0.5)))
    finally:
        generator.close()


def in_process(
    phones: Sequence[Phone],
    seconds: float,
    warm_up: float = 0.5,
    bound: socket.socket | None = None,
    pin_to: int | None = None,
) -> subprocess.Popen[str]:
    """Run a generator beside us; its standard output is the report as one line of JSON (`read_report`).

    `bound`: a socket that `bind` made, so that the phones' port was open before. `pin_to`: the processor it is to use.
    """
    file = None if bound is None else bound.fileno()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load.rtp_generator", "--stdin"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=() if file is None else (file,),
        cwd=Path(__file__).resolve().parent.parent.parent,
    )  # fmt: skip
    if pin_to is not None:
        os.sched_setaffinity(process.pid, {pin_to})
    assert process.stdin is not None
    plan = {"phones": [list(phone) for phone in phones], "seconds": seconds, "warm_up": warm_up, "file": file}
    process.stdin.write(json.dumps(plan))
    process.stdin.close()
    return process


def read_report(process: subprocess.Popen[str]) -> Report:
    """Wait for a generator that `in_process` started."""
    assert process.stdout is not None
    text = process.stdout.read()
    if process.wait() != 0:
        raise RuntimeError(f"the generator ended with status {process.returncode}")
    return Report(**json.loads(text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=0)
    parser.add_argument("--listeners", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--relay", default="auto")
    parser.add_argument("--conferences", action="store_true", help="two calls at a time are one conference of four")
    parser.add_argument("--transcode", action="store_true", help="mu-law on one side, A-law on the other")
    parser.add_argument("--direct", action="store_true", help="phones send to each other, without a relay")
    parser.add_argument("--stdin", action="store_true", help="read a plan from standard input")
    parser.add_argument("--base-port", type=int, default=0, help="of the worker; 0: a range that is free")
    options = parser.parse_args()
    prefer()
    if options.stdin:
        report = run_plan(json.load(sys.stdin))
    elif options.direct:
        legs = range(2 * options.calls)
        report = run_plan(
            {"phones": [(address(i), PHONE_PORT, address(i ^ 1), PHONE_PORT) for i in legs], "seconds": options.seconds}
        )
    else:
        codecs = ("PCMU", "PCMA") if options.transcode else ("PCMU", "PCMU")
        report = load_worker(
            options.calls, options.listeners, options.seconds, codec=codecs, relay=options.relay,
            base_port=options.base_port, conferences=options.conferences,
        )  # fmt: skip
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    main()
