"""What a recording costs: the packet path, cutting off, and the thread that writes, for many recordings at once.

python -m bench.micro.record [--path /dev/shm] [--calls 1000] [--seconds 10] [--form wav]
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from bench.micro.relay import Nowhere, _ignore
from media.bank import Bank
from media.control import Bridge, Finish, Open, Record, Recorded
from media.engine import Engine
from media.legs import Legs
from media.relay.batch import Batch, Buffers
from media.writing import WritingDesk

PHASES = 10  # batches in 20 ms, as a relay that looks every two milliseconds has them


def run(folder: Path, calls: int, seconds: float, form: str, *, record: bool = True) -> dict[str, Any]:
    """Packets of `calls` two-way calls at the speed of real time."""
    legs = 2 * calls
    desk = WritingDesk(lambda: None)
    engine = Engine(Legs(legs), Bank(), Nowhere(legs), Random(1).getrandbits, _ignore, 0.0, desk=desk)
    now = time.monotonic()
    for leg in range(legs):
        engine.perform(Open(leg, "192.0.2.1", 4000, "PCMU", 0), now)
    for call in range(calls):
        engine.perform(Bridge(2 * call, 2 * call + 1), now)
        if record:
            engine.perform(Record(call, str(folder / f"{call}.{form}"), 2 * call, 2 * call + 1, form), now)
    order = np.random.default_rng(2).permutation(legs)
    groups = np.array_split(order, PHASES)
    buffers = Buffers(max(map(len, groups)))
    batch = Batch(engine.legs, buffers)
    batch.ears = engine.session.ears
    audio = np.random.default_rng(3).integers(0, 256, (len(buffers.octets), 160), np.uint8)
    began, cpu, loop, longest = time.monotonic(), time.process_time(), 0.0, 0.0
    packets = 0
    for tick in range(int(seconds * 1000 / 2)):
        due = began + tick * 0.002
        if (nap := due - time.monotonic()) > 0:
            time.sleep(nap)  # The load is packets at their times.
        group, number = groups[tick % PHASES], tick // PHASES
        count = len(group)
        head = np.empty((count, 3), np.uint32)
        head[:, 0] = 0x80000000 | number & 0xFFFF
        head[:, 1] = number * 160
        head[:, 2] = group + 1
        buffers.words[:count, :3] = head.byteswap()
        buffers.octets[:count, 12:172] = audio[:count]
        buffers.leg[:count], buffers.size[:count] = group, 172
        before, start = time.thread_time(), time.perf_counter()
        clock = int(time.monotonic() * 8000)
        _, _, slow = batch.relay(count, clock)
        for row in slow:
            engine.session.receive(int(group[row]), buffers.views[row], 172, clock)
        engine.run(time.monotonic())
        loop += time.thread_time() - before
        longest = max(longest, time.perf_counter() - start)
        packets += count
    elapsed = time.monotonic() - began
    used = time.process_time() - cpu
    engine.events.clear()
    for call in range(calls if record else 0):
        engine.perform(Finish(call), time.monotonic())
    desk.close(60.0)
    engine.run(time.monotonic())
    done = [event for event in engine.events if isinstance(event, Recorded)]
    ticks = packets or 1
    return {
        "calls": calls,
        "form": form if record else "none",
        "loop_us_per_packet": round(1e6 * loop / ticks, 3),
        "process_us_per_packet": round(1e6 * used / ticks, 3),
        "core_percent": round(100 * used / elapsed, 1),
        "longest_turn_ms": round(1000 * longest, 2),
        "files": len(done),
        "errors": sum(bool(event.error) for event in done),
        "lost_seconds": round(sum(event.lost for event in done), 2),
        "most_waiting_mb": round(desk.most / 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", default="/dev/shm")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--form", default="wav")
    options = parser.parse_args()
    for record in (False, True):
        folder = Path(tempfile.mkdtemp(prefix="softswitch-record-", dir=options.path))
        try:
            print(json.dumps(run(folder, options.calls, options.seconds, options.form, record=record)))
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
