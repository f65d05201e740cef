"""The command `alerts`: what is wrong in the queues now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from softswitch.cli.context import attach as attached
from softswitch.cli.output import config_option, emit, json_option, seconds, table
from softswitch.directory.alerts import MEASURED


@click.command()
@config_option
@json_option
def alerts(config: Path | None, as_json: bool) -> None:
    """Show the alerts that are raised now: rules of the site (`[alert.NAME]`) that hold."""
    with attached(config) as switch:
        emit(switch.call("alerts"), as_json, _show)


def _show(rows: list[dict[str, Any]]) -> None:
    from softswitch.board.told import shown  # It knows the events, which take their time to import.

    table(
        "", ["alert", "severity", "about", "what", "value", "threshold", ">since"],
        [
            [
                one["alert"], one["severity"], one["queue"] or one["agent"] or one["trunk"],
                " ".join(part for part in (one["condition"].replace("_", " "), one["reason"]) if part),
                shown(one["condition"], one["value"]),
                shown(one["condition"], one["threshold"]) if one["condition"] in MEASURED else None,
                seconds(one["seconds"]),
            ]
            for one in rows
        ],
        empty="No alert is raised. Rules for them: [alert.NAME] of the site, see docs/supervisor.md",
    )  # fmt: skip
