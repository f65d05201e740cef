"""`softswitch explain`: why a call went where it went, why an agent got nothing, why a queue decided as it did."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import rich_click as click

from softswitch.cli.attach import Attached, running
from softswitch.cli.context import configuration
from softswitch.cli.output import UNKNOWN, Failure, config_option, emit, json_option
from softswitch.cli.times import MOMENT, SPAN

BEFORE: Final = 4 * 3_600.0  # seconds of the journal before a call, for the state of the floor
AFTER: Final = 3_600.0
REACH: Final = 12 * 3_600.0  # seconds before an agent's or a queue's time


@click.group()
def explain() -> None:
    """Say why: for every decision the agents in question, everybody else with the one reason, and the callers behind.

    Of a running switch from its memory, of the past from its journal (records.journal_days).
    """


@explain.command("call")
@click.argument("call")
@click.option("--before", default="", metavar="CALL", help="Only: why it went before this one.")
@config_option
@json_option
def explain_call(call: str, before: str, config: Path | None, as_json: bool) -> None:
    """Show what the queues did for a call, and why; if it waits, why it still does."""
    import asyncio

    found = _live(config, "explain_call", call=call, before=before)
    if found is None:
        found = asyncio.run(_past_call(config, call, before))
    if found is None:
        raise Failure(
            f"The journal does not know of the call {call!r} in a queue.", "See the ids with: softswitch calls", UNKNOWN
        )
    emit(found, as_json, _show)


@explain.command("agent")
@click.argument("name")
@click.option("--since", "seconds", type=SPAN, default="20 min", show_default=True, help="How far to look back.")
@click.option("--from", "begin", type=MOMENT, help="A time of the past instead, such as 09:00 or 2026-11-20T09:00.")
@click.option("--to", "end", type=MOMENT, help="... until then.  [default: so long as --since says]")
@config_option
@json_option
def explain_agent(
    name: str, seconds: float, begin: float | None, end: float | None, config: Path | None, as_json: bool
) -> None:
    """Show where an agent's time went, and for each call that went to somebody else meanwhile why."""
    import asyncio

    found = _live(config, "explain_agent", agent=name, seconds=seconds) if begin is None else None
    if found is None:
        begin = begin if begin is not None else time.time() - seconds
        found = asyncio.run(_past_agent(config, name, begin, end if end is not None else begin + seconds))
    emit(found, as_json, _show)


@explain.command("queue")
@click.argument("name")
@click.option("--last", type=click.IntRange(1, 1_000), default=5, show_default=True, help="How many decisions.")
@click.option("--to", "end", type=MOMENT, help="The last ones before this time, such as 09:30 or 2026-11-20T09:30.")
@config_option
@json_option
def explain_queue(name: str, last: int, end: float | None, config: Path | None, as_json: bool) -> None:
    """Show the last decisions of a queue with their reasons, and why its first caller still waits."""
    import asyncio

    found = _live(config, "explain_queue", queue=name, last=last) if end is None else None
    if found is None:
        found = asyncio.run(_past_queue(config, name, last, end if end is not None else time.time()))
    emit(found, as_json, _show)


def _show(found: dict[str, Any]) -> None:
    for line in found["lines"]:
        click.echo(line)
    if not found["lines"]:
        click.echo("Nothing was decided then.")


def _live(config: Path | None, command: str, **arguments: Any) -> dict[str, Any] | None:
    """The answer of the running switch; None if none runs, or it does not remember."""
    path = configuration(config).paths.socket
    if not running(path):
        return None
    try:
        with Attached(path) as switch:
            found: dict[str, Any] = switch.call(command, **arguments)
            return found
    except Failure as error:
        if error.exit_code == UNKNOWN:
            return None
        raise


# --- the past ----------------------------------------------------------------------------------------------------------


def clock(wall: float) -> str:
    return datetime.fromtimestamp(wall).strftime("%Y-%m-%d %H:%M:%S.%f")[:-5]


async def _with(config: Path | None, use: Callable[[Any], Any]) -> Any:
    from softswitch.store.past import Past

    past = await Past.open(configuration(config).paths.database)
    try:
        return await use(past)
    finally:
        await past.close()


async def _entries(past: Any, begin: float, end: float) -> tuple[Sequence[Any], Any, Any]:
    """(events with wall-clock times, queues of then, agents before)"""
    from softswitch.acd.past import before
    from softswitch.sim.tape import told

    entries = told(await past.journal(begin, end))
    site = await past.site(end)
    return entries, (site.queues if site is not None else {}), before(entries)


async def _past_call(config: Path | None, call: str, before: str) -> dict[str, Any] | None:
    from softswitch.operations.explaining import answer_between, answer_call

    async def use(past: Any) -> dict[str, Any] | None:
        known = await past.call(call)
        if known is None:
            return None
        begun, ended = known
        entries, queues, agents = await _entries(past, begun - BEFORE, (ended or time.time()) + 1.0)
        if before:
            return answer_between(entries, call, before, queues, agents, clock)
        return answer_call(entries, call, queues, agents, clock)

    found: dict[str, Any] | None = await _with(config, use)
    return found


async def _past_agent(config: Path | None, name: str, begin: float, end: float) -> dict[str, Any]:
    from softswitch.operations.explaining import answer_agent

    async def use(past: Any) -> dict[str, Any]:
        entries, queues, agents = await _entries(past, begin - REACH, end + 1.0)
        if all(member.agent != name for queue in queues.values() for member in queue.members):
            raise Failure(f"There is no agent {name!r} in any queue of then.", "See: softswitch agent list", UNKNOWN)
        return answer_agent(entries, name, queues, begin, end, agents, clock)

    found: dict[str, Any] = await _with(config, use)
    return found


async def _past_queue(config: Path | None, name: str, last: int, end: float) -> dict[str, Any]:
    from softswitch.operations.explaining import answer_queue

    async def use(past: Any) -> dict[str, Any]:
        entries, queues, agents = await _entries(past, end - REACH, end)
        if name not in queues:
            raise Failure(f"There was no queue {name!r} then.", "See: softswitch queue show", UNKNOWN)
        kept = [(at, event) for at, event in entries if at <= end]
        return answer_queue(kept, name, queues, last, agents, clock)

    found: dict[str, Any] = await _with(config, use)
    return found
