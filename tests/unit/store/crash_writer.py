"""A process that writes calls and queue visits as fast as it may and says what is on disk, until it is killed.

Lines: "ended CALL SEQ" when a call's end was handed over, "ack SEQ" when everything up to SEQ is durable.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from softswitch.effects import Flow
from softswitch.events import (
    BindingAdded,
    CallEnded,
    CallerJoined,
    CallerLeft,
    CallStarted,
    Event,
    LegEnded,
    LegStarted,
)
from softswitch.store import Store


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def main(path: Path) -> None:
    store = await Store.open(path, flush_interval=0.005)
    snapshot = await store.load()
    seq = snapshot.next_seq
    said = 0

    def publish(event: Event, wall: float | None = None) -> None:
        nonlocal seq
        store.publish(seq, time.time() if wall is None else wall, time.monotonic(), event)
        seq += 1

    recovery = await store.recover()
    for event in recovery.events:
        publish(event, recovery.at)
    say("recovered", len(recovery.events))
    visit = snapshot.last_visit
    while True:
        for _ in range(20):
            visit += 1
            call = f"{seq:x}"
            publish(CallStarted(call, "1000", "", "800", "1000"))
            publish(LegStarted(call, "a", "caller", "1000", "x@y"))
            publish(CallerJoined("queue", call, visit, "1000", 0, 1, 1))
            publish(
                BindingAdded(
                    f"{visit % 50}", "sip:x", time.monotonic() + 600.0, Flow("udp", "127.0.0.1", 5060), "i", visit
                )
            )
            if visit % 3:
                publish(CallerLeft("queue", call, visit, "answered", 1.0, 1, 1, "anna"))
                publish(LegEnded(call, "a", "caller", "1000", "x@y", 200, "normal", "remote", 0.1, 1.0))
                publish(CallEnded(call, "1000", "", "800", "1000", "answered", 200, "normal", 0.1, 1.0, 1.1))
                say("ended", call, seq - 1)
        await asyncio.sleep(0.002)
        if (durable := store.health().durable_seq) > said:
            said = durable
            say("ack", said)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
