"""What menus do for callers."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, table


@click.command()
@click.option("--days", default=7.0, type=click.FloatRange(min=0.0, min_open=True), help="Of the last so many days.")
@config_option
@json_option
def menus(days: float, config: Path | None, as_json: bool) -> None:
    """How many calls each menu has served by itself, and where callers hung up in it."""
    since = datetime.datetime.now().timestamp() - 86_400.0 * days
    with attached(config) as switch:
        found = switch.call("menus", since=since)
    emit(found, as_json, _show)


def _show(found: list[dict[str, Any]]) -> None:
    table(
        "", ["menu", ">calls", ">contained", ">gave up", ">seconds", "ended most often in"],
        [
            [
                one["menu"], one["calls"], f"{100 * one['rate']:.0f} %", one["gave_up"], f"{one['seconds'] / one['calls']:.0f}",
                ", ".join(f"{name} ({count})" for name, count in one["last"][:3]),
            ]
            for one in found
        ],
        empty="No call came to a menu.",
    )  # fmt: skip
