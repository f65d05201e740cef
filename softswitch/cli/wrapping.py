"""What agents say that conversations were about: `softswitch disposition`, `softswitch report dispositions`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.context import configuration
from softswitch.cli.output import config_option, emit, json_option, seconds, table

if TYPE_CHECKING:
    from softswitch.store.dispositions import DispositionFigures

DAY: Final = 86_400.0


@click.group()
def disposition() -> None:
    """Dispositions: what agents say that conversations were about."""


@disposition.command("set")
@click.argument("call")
@click.argument("name")
@click.option("--agent", default="", help="Whose conversation it was, where several had one.")
@click.option("--note", default="", help="What there is to say about it.")
@config_option
@json_option
def set_(call: str, name: str, agent: str, note: str, config: Path | None, as_json: bool) -> None:
    """Say what a call was about; the last word counts. A wrap-up that waits for it ends."""
    with attached(config) as switch:
        result = switch.call("disposition", call=call, disposition=name, agent=agent, note=note)
    emit(result, as_json, lambda one: click.echo(f"{one['call']}, {one['agent']}: {one['disposition']}"))


@disposition.command("list")
@click.option("--queue", default="", help="Only of this queue.")
@click.option("--agent", default="", help="Only of this agent.")
@click.option("--call", default="", help="Only of this call.")
@click.option("--number", default="", help="Only of callers with this number.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@config_option
@json_option
def list_(
    queue: str, agent: str, call: str, number: str, limit: int, config: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Show what was said about calls, the newest first."""
    with attached(config) as switch:
        found = switch.call("disposition_list", limit=limit, queue=queue, agent=agent, call=call, number=number)
    emit(found, as_json, _show)


def _show(found: list[dict[str, Any]]) -> None:
    table(
        "", ["at", "call", "number", "queue", "agent", "disposition", "by", "note"],
        [
            [
                datetime.datetime.fromtimestamp(one["at"]).astimezone().strftime("%Y-%m-%d %H:%M"), one["call"],
                one["number"], one["queue"], one["agent"], one["disposition"], one["actor"], one["note"],
            ]
            for one in found
        ],
        empty="Nothing was said. Give a queue some to choose: dispositions = [...]",
    )  # fmt: skip


@click.command("dispositions")
@click.option("--queue", default="", help="Only of this queue.")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 3660), help="How far back.")
@click.option("--by-agent", is_flag=True, help="One line for each agent.")
@config_option
@json_option
def dispositions(queue: str, days: int, by_agent: bool, config: Path | None, as_json: bool) -> None:
    """Show why people call: how often each disposition was given, by queue.

    The share is of those that were chosen: "none", where nobody has said anything in time, is left out of it.
    """
    import asyncio
    from dataclasses import asdict

    found = asyncio.run(_figures(config, queue, days, by_agent))
    emit([asdict(one) for one in found], as_json, _show_figures)


async def _figures(config: Path | None, queue: str, days: int, by_agent: bool) -> list[DispositionFigures]:
    from softswitch.store.dispositions import DispositionFilter
    from softswitch.store.reports import Reports

    since = datetime.datetime.now(datetime.UTC).timestamp() - days * DAY
    reports = await Reports.open(configuration(config).paths.database)
    try:
        return await reports.disposition_figures(DispositionFilter(queue=queue, since=since), by_agent=by_agent)
    finally:
        await reports.close()


def _show_figures(found: list[dict[str, Any]]) -> None:
    table(
        "", ["queue", "agent", "disposition", ">calls", ">of", ">share", ">talk"],
        [
            [
                one["queue"], one["agent"], one["disposition"], one["count"], one["base"],
                None if one["share"] is None else f"{100 * one['share']:.1f} %", seconds(one["talk_seconds"]),
            ]
            for one in found
        ],
        empty="No call has a disposition. Give a queue some to choose: dispositions = [...]",
    )  # fmt: skip
