"""kill -9 at random moments: what was acknowledged is there, once; the books balance; the file is whole."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

from softswitch.store.sqlite import Store

WRITER = Path(__file__).with_name("crash_writer.py")
ROOT = Path(__file__).resolve().parents[3]
# More of them: SOFTSWITCH_TEST_KILLS=1000 pytest tests/unit/store/test_crash.py --timeout 0
KILLS = int(os.environ.get("SOFTSWITCH_TEST_KILLS", "8"))


def one_life(path: Path, delay: float) -> tuple[dict[str, int], int]:
    """Run a writer, kill it `delay` seconds after it got going. (call -> seq of its end, last acknowledged seq)"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(WRITER), str(path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert writer.stdout and writer.stderr
    ended: dict[str, int] = {}
    acknowledged = 0
    timer: threading.Timer | None = None
    for line in writer.stdout:
        word, *rest = line.split()
        if word == "ended":
            ended[rest[0]] = int(rest[1])
        elif word == "ack":
            acknowledged = int(rest[0])
            if timer is None:
                timer = threading.Timer(delay, writer.send_signal, (signal.SIGKILL,))
                timer.start()
    assert writer.wait() == -signal.SIGKILL, writer.stderr.read()
    writer.stdout.close()
    writer.stderr.close()
    return ended, acknowledged


def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(tmp_path: Path, empty_database: Path) -> None:
    path = Path(shutil.copy(empty_database, tmp_path / "softswitch.sqlite"))
    moments = random.Random(2026)
    for _ in range(KILLS):
        ended, acknowledged = one_life(path, moments.random() * 0.15)
        assert acknowledged
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            calls = dict(connection.execute("SELECT call, outcome FROM calls WHERE ended_at IS NOT NULL"))
            seqs = [row[0] for row in connection.execute("SELECT seq FROM events")]
        assert len(set(seqs)) == len(seqs)
        sure = [call for call, seq in ended.items() if seq <= acknowledged]
        assert sure
        assert [call for call in sure if calls.get(call) != "answered"] == []
    asyncio.run(check_books(path))


async def check_books(path: Path) -> None:
    """After one more start everything is closed and the books balance, also when counted from the journal again."""
    store = await Store.open(path)
    snapshot = await store.load()
    assert len(snapshot.bindings) == 50
    recovery = await store.recover()
    assert recovery.visits and recovery.calls
    for seq, event in enumerate(recovery.events, snapshot.next_seq):
        store.publish(seq, recovery.at, 0.0, event)
    assert await store.flush(10.0)
    reports = await store.reports()
    (books,) = await reports.books()
    assert books.balanced and books.in_progress == 0 and set(books.outcomes) == {"answered", "system_shutdown"}
    journal = await reports.events(limit=10_000_000)
    left = [one.payload["outcome"] for one in journal if one.name == "queue.left"]
    assert {outcome: left.count(outcome) for outcome in set(left)} == books.outcomes
    assert sum(one.name == "queue.entered" for one in journal) == books.offered
    assert sum(one.name == "call.created" for one in journal) == sum(one.name == "call.ended" for one in journal)
    assert sum(one.name == "leg.created" for one in journal) == sum(one.name == "leg.ended" for one in journal)
    assert all(one.ended_at is not None for one in await reports.recent_calls(1_000_000))
    await store.close()
