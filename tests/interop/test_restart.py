"""A power cut in the busy hour: everything is killed, restarted on the same directory, and who notices what."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from .conftest import StartWirePhone
from .lab import Lab
from .wirecall import WireCall
from .wirephone import WirePhone

# Media workers die with the switch, as in a power cut; and it lasted longer than calls are taken back.
LAB = {"accounts": 130, "agents": 4, "tiers": 1, "environment": {"SOFTSWITCH_MEDIA_SURVIVE": "0"}}
CALLS, ENDED = 50, 5
QUEUED, ABANDONED, SERVED = 20, 3, 2
FLUSH = 2.0  # seconds after which whatever happened is on disk
SILENT = np.zeros(0)  # a hundred phones that speak would measure the test, not the switch


async def ready(phones: list[WirePhone]) -> list[WirePhone]:
    for phone in phones:
        phone.voice = SILENT
    return phones


def auto_answer(call: WireCall) -> None:
    call.ring()
    call.answer()


def read(database: Path, query: str) -> list[tuple]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def settled(database: Path, calls: int, visits: int) -> None:
    """Wait until that many calls and visits are in the books, and none is open. Raises TimeoutError."""
    async with asyncio.timeout(15):
        while read(database, "SELECT count(ended_at), count(*) FROM calls") != [(calls, calls)] or read(  # noqa: ASYNC110
            database, "SELECT count(left_at), count(*) FROM queue_visits"
        ) != [(visits, visits)]:
            await asyncio.sleep(0.1)  # the books are another process's: there is nothing to await


@pytest.mark.timeout(180)
async def test_kill_in_the_busy_hour(lab: Lab, wirephone: StartWirePhone) -> None:
    database = Path(lab.facts["database"])
    called = await ready([await wirephone(lab.account(number)) for number in range(CALLS)])
    callers = await ready([await wirephone(lab.account(number)) for number in range(CALLS, 2 * CALLS)])
    agents = await ready([await wirephone(lab.agent(number)) for number in range(SERVED)])
    queueing = [await wirephone(lab.account(2 * CALLS + number)) for number in range(SERVED + QUEUED + ABANDONED)]
    await ready(queueing)
    for phone in (*called, *agents):
        phone.on_call = auto_answer

    # The busy hour: calls in progress and ended, callers served, waiting and gone.
    calls = [caller.call(callee.user) for caller, callee in zip(callers, called, strict=True)]
    await asyncio.gather(*(call.answered() for call in calls))
    await asyncio.gather(*(call.hang_up() for call in calls[:ENDED]))
    visits = []
    for caller in queueing:
        visits.append(caller.call(lab.extensions["queue"]))
        await visits[-1].answered()
    for agent in agents:
        await (await agent.next_call()).answered()
    await asyncio.gather(*(visit.hang_up() for visit in visits[-ABANDONED:]))
    await asyncio.sleep(FLUSH)
    assert sum(call.alive for call in calls) == CALLS - ENDED
    assert sum(visit.alive for visit in visits) == SERVED + QUEUED

    lab.kill()
    for phone in (*called, *callers, *agents, *queueing):
        phone.forget()  # the phones' users hung up on the silence
    lab.start()

    # Every phone is reachable, and none registered again.
    again = [caller.call(callee.user) for caller, callee in zip(callers, called, strict=True)]
    await asyncio.gather(*(call.answered(timeout=10) for call in again))
    await asyncio.gather(*(call.hang_up() for call in again))
    # The agents are still there, and ready.
    visit = queueing[0].call(lab.extensions["queue"])
    await visit.answered()
    done, pending = await asyncio.wait(
        [asyncio.ensure_future(agent.next_call()) for agent in agents], return_when=asyncio.FIRST_COMPLETED
    )
    for task in (*done, *pending):
        task.cancel()
    assert not any(task.exception() for task in done)
    await visit.hang_up()

    # The books balance: every call and every visit is there once, with one outcome.
    placed = 2 * CALLS + len(visits) + 1
    await settled(database, placed, len(visits) + 1)
    rows = read(database, "SELECT outcome, count(*) FROM queue_visits GROUP BY outcome")
    outcomes = Counter(dict(rows))
    assert outcomes.total() == len(visits) + 1
    assert all(outcomes), outcomes
    assert sum(count for outcome, count in rows if outcome.startswith("abandon")) >= ABANDONED
    assert read(database, "SELECT count(*), count(DISTINCT call) FROM calls") == [(placed, placed)]
    by_call = dict(read(database, "SELECT dialled, count(*) FROM calls GROUP BY dialled"))
    assert all(by_call[callee.user] == 2 for callee in called)
    talked = read(database, "SELECT count(*) FROM calls WHERE talk_seconds > 0 AND queue = ''")
    assert talked == [(2 * CALLS,)]
