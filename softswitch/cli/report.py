"""`softswitch report`: what the records say."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from softswitch.cli.context import configuration
from softswitch.cli.output import config_option, emit, json_option, seconds, table
from softswitch.cli.report_tables import add_to
from softswitch.cli.wrapping import dispositions

if TYPE_CHECKING:
    from softswitch.acd.calibration import Calibration, Comparison

DAY: Final = 86_400.0
NAMES: Final = frozenset({"queue.ewt_told", "queue.left"})
TOO_FEW: Final = 30  # answers below which a share says little


@click.group()
def report() -> None:
    """What the records say."""


report.add_command(dispositions)


@report.command("ewt")
@click.option("--queue", default="", help="Only of this queue.")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 3660), help="How far back.")
@config_option
@json_option
def ewt(queue: str, days: int, config: Path | None, as_json: bool) -> None:
    """Compare the waits that callers were told with those that came true, day by day.

    Bias is what was told minus what came true: above zero, callers waited less than they were told. Coverage is the share
    of waits that were no longer than told: it should be near 65 %.
    """
    import asyncio

    found = asyncio.run(_compared(config, queue, days))
    result = {
        "days": [_row(name, day, one) for (name, day), one in found.by_day().items()],
        "queues": [_row(name, "all", one) for name, one in found.by_queue().items()],
    }
    emit(result, as_json, _show)


async def _compared(config: Path | None, queue: str, days: int) -> Comparison:
    from softswitch.acd.calibration import Comparison
    from softswitch.events import CallerLeft, EwtTold
    from softswitch.store.reports import Reports

    classes: dict[str, type[EwtTold] | type[CallerLeft]] = {EwtTold.name: EwtTold, CallerLeft.name: CallerLeft}
    now = datetime.datetime.now(datetime.UTC).timestamp()
    comparison = Comparison()
    reports = await Reports.open(configuration(config).paths.database)
    try:
        async for entry in reports.events_named(NAMES, since=now - days * DAY):
            if queue and entry.payload.get("queue") != queue:
                continue
            day = datetime.datetime.fromtimestamp(entry.wall, datetime.UTC).astimezone().date().isoformat()
            comparison.see(classes[entry.name](**entry.payload), day)
    finally:
        await reports.close()
    return comparison


def _row(queue: str, day: str, one: Calibration) -> dict[str, Any]:
    return {"queue": queue, "day": day, **asdict(one)}


def _show(result: dict[str, Any]) -> None:
    rows = [*result["days"], *result["queues"]]
    table(
        "", ["queue", "day", ">told", ">answered", ">gave up", ">bias", ">error (RMSE)", ">coverage", ">in minutes"],
        [
            [
                one["queue"], one["day"], one["told"], one["served"], one["gave_up"], _signed(one["bias"]),
                None if one["rmse"] is None else seconds(one["rmse"]), _percent(one["covered"]), _percent(one["kept"]),
            ]
            for one in rows
        ],
        empty="No caller was told a wait. Turn it on: [queue.NAME.announce] wait = true in the site.",
    )  # fmt: skip
    if any(one["served"] < TOO_FEW for one in result["queues"]):
        click.echo(f"Fewer than {TOO_FEW} answers of a queue say little about its coverage.")


def _signed(value: float | None) -> str | None:
    return None if value is None else f"{value:+.0f} s"


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.0f} %"


add_to(report)
